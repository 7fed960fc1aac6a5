"""What groups and one user do next, from made tables."""

import numpy as np
import pandas as pd
import pytest

from core.data.dataset import table
from core.schema.documents import Measured, ModelReport
from core.workflow.behaviour_groups import categories_of_groups, intent_of_groups, paths_of_groups
from core.workflow.showing_behaviour import horizons, user_next
from tests.core.workflow.made_runs import prepared_tables, run_with

N = 60
TOLD = ModelReport(
    metrics={
        name: Measured(value=0.8, n=N)
        for name in ("auc@28", "brier@28", "auc@7", "auc@7_difference", "ece@7")
    }
)
BINS = pd.DataFrame(
    {
        "model": ["model", "model", "recency_frequency", "model"],
        "horizon_days": [7, 7, 7, 28],
        "predicted": [0.1, 0.9, 0.2, 0.2],
        "observed": [0.15, 0.8, 0.0, 0.3],
        "low": [0.1, 0.7, 0.0, 0.2],
        "high": [0.2, 0.9, 0.1, 0.4],
        "n": [40, 50, 60, 70],
    }
)


def tables() -> dict[str, pd.DataFrame]:
    users = np.arange(N)
    intent = pd.DataFrame(
        {
            "user": np.tile(users, 3),
            "timestamp": pd.to_datetime(np.repeat(["2024-04-01", "2024-04-08", "2024-04-01"], N)),
            "horizon_days": np.repeat([7, 7, 28], N),
            "probability": np.repeat([0.2, 0.8, 0.9], N),
            "baseline_probability": 0.5,
            "observed": np.tile(users % 4 == 0, 3),
        }
    )
    ranks = pd.DataFrame({"user": np.repeat(users, 2), "rank": np.tile([1, 2], N)})
    names = [f"c{user % 10}" if rank == 1 else "second" for user, rank in ranks.to_numpy()]
    own = ranks.assign(category=pd.Categorical(names), probability=np.tile([0.4, 0.1], N))
    texts = ["a → a → a", "a → b → c", "b → b → b"]
    common = pd.DataFrame(
        {
            "user": np.repeat(users, 3),
            "path": pd.Categorical.from_codes(np.tile([0, 1, 2], N), texts),
            "probability": np.tile([0.01, 0.03, 0.02], N),
        }
    )
    paths = ranks.assign(path=np.tile(texts[:2], N), probability=np.tile([0.03, 0.01], N))
    return {
        "intent": intent,
        "intent_reliability": BINS,
        "next_categories": own,
        "paths": paths.sample(frac=1.0, random_state=1),
        "common_paths": common,
    }


@pytest.fixture(scope="module")
def given(tmp_path_factory):
    with prepared_tables(tmp_path_factory.mktemp("behaviour")) as (workspace, dataset):
        yield workspace, run_with(workspace, dataset, tables(), {"intent": TOLD}), dataset


def test_a_user_asked_twice_counts_once_and_the_difference_is_forecast_less_bought(given):
    workspace, run, dataset = given
    found = intent_of_groups(workspace, run, by=("sex",), days=7)
    rows = found.rows.set_index(["group", "name"])["value"]
    sexes = table(workspace, dataset, "users")["sex"].astype(str)
    for group in found.shown:
        bought = (np.flatnonzero(sexes == group) % 4 == 0).mean()
        assert rows[group, "probability"] == pytest.approx(0.5)
        assert rows[group, "observed"] == pytest.approx(bought)
        assert rows[group, "difference"] == pytest.approx(0.5 - bought)
    assert found.rows["n"].sum() == 4 * N


def test_shares_stay_between_none_and_all_but_a_difference_may_be_negative(given):
    workspace, run, _ = given
    rows = intent_of_groups(workspace, run, by=("sex",), days=28).rows
    shares = rows[rows["name"] != "difference"]
    assert shares[["low", "high"]].min(axis=None) >= 0
    assert shares[["low", "high"]].max(axis=None) <= 1
    flat = rows[rows["name"] == "difference"]
    assert (flat["low"] < flat["value"]).all()


def test_likeliest_categories_add_up_to_all_users_with_the_rare_ones_together(given):
    workspace, run, _ = given
    rows = categories_of_groups(workspace, run, by=("sex",)).rows
    assert rows["name"].nunique() == 9
    assert "second" not in set(rows["name"])
    assert np.allclose(rows.groupby("group")["value"].sum(), 1)


def test_paths_of_a_group_come_best_first_and_no_more_than_asked(given):
    workspace, run, _ = given
    found = paths_of_groups(workspace, run, by=("sex",), k=2)
    for _, own in found.rows.groupby("group"):
        assert own["name"].tolist() == ["a → b → c", "b → b → b"]
        assert own["value"].tolist() == pytest.approx([0.03, 0.02])


def test_small_groups_have_no_path(given):
    workspace, run, _ = given
    assert paths_of_groups(workspace, run, by=("city",)).rows.empty


def test_horizons_are_those_that_a_model_was_measured_on(given):
    workspace, run, dataset = given
    assert horizons(run) == (7, 28)
    assert horizons(run_with(workspace, dataset, {}, {"intent": TOLD})) == ()


def test_one_users_forecasts_stand_beside_what_came_of_those_like_them(given):
    workspace, run, _ = given
    own = user_next(workspace, run.model_copy(), user=4)
    assert own.categories["category"].tolist() == ["c4", "second"]
    assert own.paths["rank"].tolist() == [1, 2]
    first = own.intent.iloc[0]
    assert (first["horizon_days"], first["probability"], first["observed"]) == (7, 0.2, True)
    assert (first["alike"], first["low"], first["high"], first["n"]) == (0.15, 0.1, 0.2, 40)


def test_a_user_of_whom_nothing_is_known_gets_empty_tables(given):
    workspace, run, dataset = given
    own = user_next(workspace, run, user=N - 1)
    assert len(own.intent) == 3
    nothing = user_next(workspace, run_with(workspace, dataset, {}), user=0)
    assert all(part.empty for part in (nothing.intent, nothing.categories, nothing.paths))
