"""Forecasts watched over time: right ones raise no alarm, planted errors are found for the group that has them."""

import numpy as np
import pandas as pd
import pytest

from core.fairness.groups import Groups
from core.figures.groups import group_styles
from core.figures.monitoring import forecast_sentence, forecast_table, forecasts_over_time
from core.figures.text import unmarked
from core.schema.documents import Artefact
from core.schema.settings import ALL, Statistics
from core.workflow.forecasts import watched_forecasts

USERS, MOMENTS = 600, 6
GROUPS = Groups("sex", ("f", "m", "other", "few"), np.repeat([0, 1, 2, 3], [300, 245, 50, 5]), (4,))


def run_with(workspace, shop_run, *, off: float, seed: int = 0):
    """The run with forecasts that are right but for women, who buy more often by `off`."""
    rng = np.random.default_rng(seed)
    chance = rng.uniform(0.2, 0.6, (MOMENTS, USERS))
    bought = rng.random((MOMENTS, USERS)) < chance + off * (GROUPS.codes == 0)
    moments = pd.date_range("2024-03-01", periods=MOMENTS, freq="7D")
    table = pd.DataFrame(
        {
            "user": np.tile(np.arange(USERS), MOMENTS),
            "timestamp": np.repeat(moments, USERS),
            "horizon_days": 7,
            "probability": chance.ravel(),
            "observed": bought.ravel(),
        }
    )
    longer = table.assign(horizon_days=28, observed=True)
    artefact = workspace.artefacts.write_table("runs/made/intent.parquet", pd.concat([table, longer]))
    assert isinstance(artefact, Artefact)
    return shop_run.model_copy(update={"artefacts": {"intent": artefact}})


def test_right_forecasts_raise_no_alarm_and_a_planted_error_does(shop, workspace):
    right = watched_forecasts(workspace, run_with(workspace, shop.run, off=0.0), GROUPS, Statistics())
    wrong = watched_forecasts(workspace, run_with(workspace, shop.run, off=0.15), GROUPS, Statistics())
    assert (right.days, len(right.starts)) == (7, MOMENTS)
    assert "not shown to differ from their forecast" in forecast_sentence(right.rows, days=7)
    said = unmarked(forecast_sentence(wrong.rows, days=7))
    assert "do not come as they were forecast" in said
    assert "f (" in said
    assert " m (" not in said
    last = wrong.rows[wrong.rows["group"] == "f"].iloc[-1]
    assert last["low"] < 0.15 < last["high"]


def test_all_means_hold_together_at_every_look(shop, workspace):
    """Of 60 histories of right forecasts, looked at after every moment, about one in twenty may raise any alarm."""
    alarms = 0
    for seed in range(60):
        run = run_with(workspace, shop.run, off=0.0, seed=seed)
        rows = watched_forecasts(workspace, run, GROUPS, Statistics()).rows
        told = rows[~rows["suppressed"].astype(bool)]
        alarms += bool(((told["low"] > 0) | (told["high"] < 0)).any())
    assert alarms <= 7


def test_small_groups_are_hidden_and_nothing_is_told_of_them(shop, workspace):
    found = watched_forecasts(workspace, run_with(workspace, shop.run, off=0.1), GROUPS, Statistics())
    hidden = found.rows[found.rows["group"] == "few"]
    assert hidden["suppressed"].all()
    assert hidden["value"].isna().all()
    assert forecast_table(found.rows, found.starts).set_index("Group").loc["few", "Users"] == "hidden"
    told = found.rows[~found.rows["suppressed"].astype(bool)]
    drawn = forecasts_over_time(told, group_styles([ALL, "f", "m"]), found.starts, days=7)
    assert {trace.name for trace in drawn.data} == {"everyone", "f", "m"}


def test_a_run_without_forecasts_has_none(shop, workspace):
    run = shop.run.model_copy(update={"artefacts": {}})
    assert watched_forecasts(workspace, run, GROUPS, Statistics()) is None


@pytest.mark.parametrize("missing", [0.3])
def test_outcomes_that_are_not_known_yet_do_not_count(shop, workspace, missing):
    run = run_with(workspace, shop.run, off=0.0)
    table = workspace.artefacts.read_table(run.artefacts["intent"])
    unknown = np.random.default_rng(1).random(len(table)) < missing
    table["observed"] = table["observed"].astype("boolean").mask(unknown)
    artefact = workspace.artefacts.write_table("runs/made/intent.parquet", table)
    run = run.model_copy(update={"artefacts": {"intent": artefact}})
    found = watched_forecasts(workspace, run, GROUPS, Statistics())
    assert "not shown to differ from their forecast" in forecast_sentence(found.rows, days=7)
