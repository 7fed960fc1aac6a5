"""Observed and predicted service by group, from made predictions."""

import numpy as np
import pandas as pd
import pytest

from core.data.dataset import load, table
from core.data.service import OUTCOMES
from core.schema.documents import Measured, ModelReport
from core.workflow.showing_service import COVERED, DIFFERENCE, ERROR, outcomes_told, service_of_groups
from tests.core.workflow.made_runs import prepared_tables, run_with

RATING = next(each for each in OUTCOMES if each.name == "rating")
TOLD = ModelReport(metrics={"mae": Measured(value=1.0, n=60)})


def predictions(n_users: int) -> pd.DataFrame:
    """Two test rows of every user, and rows that must not count: of training, not drawn at random, of another outcome."""
    users = np.tile(np.arange(n_users), 5)
    part = np.repeat(np.arange(5), n_users)
    rng = np.random.default_rng(2)
    rows = pd.DataFrame({"user": users, "outcome": np.where(part == 4, "other", "rating")})
    rows["observed"] = np.where(part < 2, 1.0 + part + users % 2, 99.0)
    rows["predicted"] = rows["observed"] + np.where(users % 3 == 0, 1.0, -1.0)
    rows["expected"] = rows["observed"] + 0.5 * (users % 2) + rng.normal(0, 0.01, len(rows))
    rows["low"], rows["high"] = rows["observed"] - 1, rows["observed"] + np.where(part == 1, -0.5, 1)
    return rows.assign(split=np.where(part == 2, 0, 2), unbiased=part != 3)


@pytest.fixture(scope="module")
def given(tmp_path_factory):
    with prepared_tables(tmp_path_factory.mktemp("service")) as (workspace, dataset):
        rows = predictions(dataset.counts["users"])
        yield workspace, run_with(workspace, dataset, {"service_predictions": rows}, {"rating": TOLD}), rows


def test_numbers_are_means_over_users_of_their_random_test_rows(given):
    workspace, run, rows = given
    dataset = load(workspace, run.dataset)
    found = service_of_groups(workspace, run, by=("sex",), outcome=RATING)
    counted = rows[(rows["outcome"] == "rating") & (rows["split"] == 2) & rows["unbiased"]]
    assert found.rows == len(counted) == 2 * dataset.counts["users"]
    sexes = table(workspace, dataset, "users")["sex"].astype(str)
    own = counted.assign(
        difference=counted["expected"] - counted["observed"],
        mae=(counted["predicted"] - counted["observed"]).abs(),
        coverage=(counted["high"] >= counted["observed"]).astype(float),
    )
    by_hand = own.groupby("user")[["observed", "expected", "difference", "mae", "coverage"]].mean()
    by_hand = by_hand.groupby(sexes).mean()
    for row in found.means.rows.itertuples(index=False):
        assert row.value == pytest.approx(by_hand.loc[row.group, row.name], abs=1e-6)
        assert row.n == (sexes == row.group).sum()
    overall = found.overall.rows.set_index("name")["value"]
    assert overall[COVERED] == pytest.approx(0.5)
    assert overall[ERROR] == pytest.approx(1.0)


def test_a_prediction_that_is_off_for_everyone_is_shown_to_be(given):
    workspace, run, _ = given
    found = service_of_groups(workspace, run, by=(), outcome=RATING)
    assert found.means.groups == ("everyone",)
    (row,) = found.means.rows[found.means.rows["name"] == DIFFERENCE].itertuples()
    assert row.low > 0


def test_small_groups_are_hidden(given):
    workspace, run, _ = given
    found = service_of_groups(workspace, run, by=("city",), outcome=RATING)
    assert found.means.rows.empty
    assert found.means.hidden


def test_only_outcomes_with_a_measured_model_are_offered(given):
    _, run, _ = given
    assert outcomes_told(run) == [RATING]
    lacking = run.model_copy(update={"reports": {"rating": ModelReport(metrics={}, notes=["Too few."])}})
    assert outcomes_told(lacking) == []
    assert outcomes_told(run.model_copy(update={"artefacts": {}})) == []


def test_the_interval_of_a_share_ends_at_all_and_that_of_an_error_at_none(given):
    workspace, run, rows = given
    rows = rows.assign(
        high=rows["observed"] + np.where(rows["user"] == 3, -0.5, 1.0), predicted=rows["observed"]
    )
    rows.loc[rows["user"] == 5, "predicted"] += 9
    dataset = load(workspace, run.dataset)
    nearly = run_with(workspace, dataset, {"service_predictions": rows}, {"rating": TOLD})
    found = service_of_groups(workspace, nearly, by=(), outcome=RATING).means.rows.set_index("name")
    assert found.loc[COVERED, "low"] < found.loc[COVERED, "value"] < found.loc[COVERED, "high"] <= 1
    assert 0 <= found.loc[ERROR, "low"] < found.loc[ERROR, "value"]
    assert found.loc[DIFFERENCE, "low"] < found.loc[DIFFERENCE, "high"]
