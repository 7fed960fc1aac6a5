"""A run watched over time: windows are the shop's days, numbers are those of the audit, drift is found where it was planted."""

import json

import numpy as np
import pandas as pd
import pytest

from core.cli import main
from core.data.dataset import load, table
from core.errors import InputError
from core.figures.groups import group_styles
from core.figures.monitoring import (
    drift_lines,
    drift_sentence,
    gaps_over_time,
    runs_figure,
    watch_sentence,
    watch_table,
)
from core.schema.settings import ALL, AuditSettings
from core.schema.tables import SPLIT, TIMESTAMP
from core.workflow.auditing import per_user_of_run
from core.workflow.monitoring import TITLES, gaps_of, monitor, runs_over_time, windows_of
from tests.conftest import copied
from tests.core.workflow.conftest import WINDOWS, made_tables, trained_shop

SEX = AuditSettings(by=(("sex",),), draws=200, permutations=200)


@pytest.fixture(scope="module")
def found(shop):
    return monitor(shop.workspace, shop.run.id, SEX, days=2)


def test_windows_are_calendar_days_of_the_shop_from_the_first_of_the_test_split(shop):
    events = table(shop.workspace, shop.dataset, "events")
    window = windows_of(events, shop.dataset, 1)
    test = events[SPLIT] == 2
    assert (window[~test] == -1).all()
    days = (
        events.loc[test, TIMESTAMP].dt.normalize() - pd.Timestamp(shop.dataset.period["test_start"])
    ).dt.days
    np.testing.assert_array_equal(window[test], days)
    assert days.max() == WINDOWS.test_days - 1
    np.testing.assert_array_equal(windows_of(events, shop.dataset, 5)[test], days // 5)
    late = events.assign(timestamp=pd.Timestamp(shop.dataset.period["test_start"]) + pd.Timedelta(hours=30))
    there = shop.dataset.model_copy(
        update={"settings": shop.dataset.settings | {"timezone": "America/New_York"}}
    )
    assert (windows_of(late, there, 1)[test] == 1).all()
    early = events.assign(timestamp=pd.Timestamp(shop.dataset.period["test_start"]) + pd.Timedelta(hours=26))
    assert (windows_of(early, shop.dataset, 1)[test] == 1).all()
    assert (windows_of(early, there, 1)[test] == 0).all()  # 26 hours later it is still the same day there


def test_one_window_of_the_whole_split_has_the_means_of_the_audit(shop):
    whole = monitor(shop.workspace, shop.run.id, SEX, days=366)
    assert len(whole.starts) == 1
    per_user = per_user_of_run(shop.workspace, shop.run, 10, "test")
    rows = whole.rows[(whole.rows["group"] == ALL)].set_index("metric")
    for metric in ("ndcg@10", "recall@10", "mrr@10"):
        assert rows.loc[metric, "value"] == pytest.approx(per_user[metric].mean())
        assert rows.loc[metric, "low"] < rows.loc[metric, "value"] < rows.loc[metric, "high"]
    assert whole.users == len(per_user) == rows.loc["ndcg@10", "n"]


def test_looks_follow_each_other_and_hold_more_and_more_users(found):
    everybody = found.rows[(found.rows["group"] == ALL) & (found.rows["metric"] == "ndcg@10")]
    assert len(everybody) > 1
    assert everybody["window"].is_monotonic_increasing
    assert everybody["n"].astype(int).is_monotonic_increasing
    assert (everybody["high"] - everybody["low"]).iloc[-1] < (everybody["high"] - everybody["low"]).iloc[0]
    assert list(found.starts) == sorted(found.starts)
    assert found.starts[0] == found.starts[0][:10]


def test_small_groups_have_no_number_anywhere(shop):
    by_city = monitor(shop.workspace, shop.run.id, SEX.model_copy(update={"by": (("city",),)}), days=5)
    assert by_city.rows["suppressed"].any()
    hidden = by_city.rows[by_city.rows["suppressed"].astype(bool)]
    assert hidden[["value", "low", "high"]].isna().all(axis=None)
    assert set(hidden["n"]) == {"hidden"}
    drift = by_city.drift[by_city.drift["suppressed"]]
    assert len(drift)
    assert drift[["value", "low", "high", "p_value", "null_high"]].isna().all(axis=None)


def drifted(prices: float, category_share: float):
    """The made shop with prices and categories, both as before until the test window begins, and others from then on."""
    events, users = made_tables()
    rng = np.random.default_rng(0)
    new = events["timestamp"] >= events["timestamp"].max() - pd.Timedelta(days=9)
    price = rng.gamma(4, 1, len(events))
    events["paid_price"] = events["list_price"] = np.round(np.where(new, prices * price, price), 2)
    events["quantity"] = 1
    events["channel"] = np.where(rng.random(len(events)) < np.where(new, category_share, 0.3), "web", "store")
    return events, users


def test_drift_is_found_where_it_was_planted_and_nowhere_else(tmp_path):
    calm = trained_shop(tmp_path / "calm", *drifted(1.0, 0.3))
    moved = trained_shop(tmp_path / "moved", *drifted(1.6, 0.3))
    rate = SEX.false_discovery_rate
    for shop, changed in ((calm, set()), (moved, {"price"})):
        rows = monitor(shop.workspace, shop.run.id, SEX).drift
        assert {"price", "channel", "group", "score"} <= set(rows["what"])
        of_all = rows[(rows["group"] == ALL) & (rows["p_adjusted"] <= rate)]
        assert set(of_all["what"]) == changed
        said = drift_sentence(rows, TITLES, rate=rate)
        assert ("Nothing is shown to have changed" in said) == (not changed)
        lines = drift_lines(rows, TITLES, rate=rate)
        assert ("◆ changed" in set(lines["Verdict"])) == bool(changed)
        shop.workspace.close()


def test_the_sentence_and_the_table_say_since_when_a_gap_is_shown():
    base = {"metric": "ndcg@10_gap", "statistic": "gap", "suppressed": False, "reference": "rest"}
    rows = pd.DataFrame(
        [
            base | {"group": "<b>a", "window": 0, "value": -0.1, "low": -0.3, "high": 0.1, "n": 40},
            base | {"group": "<b>a", "window": 1, "value": -0.1, "low": -0.2, "high": -0.01, "n": 60},
            base | {"group": "<b>a", "window": 2, "value": -0.09, "low": -0.19, "high": 0.01, "n": 70},
            base | {"group": "b", "window": 2, "value": 0.01, "low": -0.1, "high": 0.1, "n": 90},
            base | {"group": "c", "suppressed": True, "n": "hidden"},
        ]
    )
    starts = ("2025-01-01", "2025-01-08", "2025-01-15")
    said = watch_sentence(rows, starts, by=("town",), metric="NDCG@10")
    assert r"\<b\>a (town) is shown" in said
    assert "worse than everyone else, since the window of 8 Jan 2025" in said
    lines = watch_table(rows, starts).set_index("Group")
    assert lines["Shown since"].to_dict() == {"<b>a": "8 Jan 2025", "b": "not shown", "c": ""}
    assert lines.loc["c", "Gap"] == "hidden"
    quiet = watch_sentence(rows[rows["group"] != "<b>a"], starts, by=("town",), metric="NDCG@10")
    assert "no group by town is shown to be served otherwise" in quiet


def test_figures_hold_every_shown_group_with_whiskers_and_escaped_names(found, shop):
    rows = gaps_of(found, "ndcg@10")
    told = rows[~rows["suppressed"].astype(bool)]
    drawn = gaps_over_time(told, group_styles(["f", "m"]), found.starts, metric="NDCG@10")
    lines = [trace for trace in drawn.data if trace.mode == "lines+markers"]
    assert [trace.name for trace in lines] == ["f", "m"]
    for trace in lines:
        own = told[told["group"] == trace.name].sort_values("window")
        np.testing.assert_allclose(np.asarray(trace.y, float), 100 * own["value"])
        np.testing.assert_allclose(np.asarray(trace.error_y.array, float), 100 * (own["high"] - own["value"]))
    runs = runs_over_time(shop.workspace, shop.dataset.id, SEX)
    assert set(runs["run"]) == {shop.run.id}
    names = dict.fromkeys(runs["group"])
    assert len(runs_figure(runs, group_styles(list(names)), metric="NDCG@10").data) == len(names)


def test_data_without_dates_cannot_be_watched_and_a_shell_says_so(shop, tmp_path, capsys):
    undated = load(shop.workspace, shop.dataset.id).model_copy(update={"period": {}})
    with pytest.raises(InputError, match="no dates"):
        windows_of(table(shop.workspace, shop.dataset, "events"), undated, 7)
    root = copied(shop.workspace.root, tmp_path / "copy")
    asked = ["--workspace", str(root), "monitor", shop.run.id]
    for more, said in (
        ([], "names no protected attributes"),
        (["--by", "sex", "--days", "0"], "between 1 and 366"),
        (["--by", "sex,city"], "one grouping of users at a time"),
        (["--by", "height"], "height"),
    ):
        assert main([*asked, *more]) == 2
        errors = [line for line in capsys.readouterr().err.splitlines() if line.startswith("error")]
        assert len(errors) == 1
        assert said in errors[0]


def test_a_shell_gets_every_number_as_json(shop, capsys):
    asked = ["--workspace", str(shop.workspace.root), "monitor", shop.run.id, "--by", "sex", "--days", "2"]
    assert main([*asked, "--set", "draws=200", "--set", "permutations=200", "--json"]) == 0
    told = json.loads(capsys.readouterr().out)
    assert (told["run"], told["by"], told["days"]) == (shop.run.id, ["sex"], 2)
    assert {row["group"] for row in told["rows"]} >= {ALL, "f", "m"}
    assert {row["what"] for row in told["drift"]} <= set(TITLES)
