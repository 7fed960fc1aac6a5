"""Ratings of real clothing reviews by age, observed and predicted by a plain rule: as other libraries count them."""

from typing import NamedTuple

import numpy as np
import pandas as pd
import pytest
from scipy import stats
from sklearn.metrics import mean_absolute_error, root_mean_squared_error

from core.data.dataset import table
from core.data.prepare import prepare
from core.data.service import OUTCOMES
from core.data.splits import TEST
from core.schema.settings import AuditSettings, DatasetSettings
from core.schema.tables import RATING
from core.store.workspace import Workspace
from core.workflow.audits.service import residual_distributions, service
from core.workflow.audits.shop import Shop, read_shop
from tests.core.data.conftest import shared_data
from tests.core.workflow.audits.served import gap, mean

SETTINGS = AuditSettings(by=(("age",),), draws=100, permutations=100)
OLD = "65+"
OUTCOME = next(each for each in OUTCOMES if each.name == RATING)


class Rated(NamedTuple):
    shop: Shop
    predictions: pd.DataFrame
    published: pd.DataFrame  # the test rows as the publisher tells them, with what the rule says


@pytest.fixture(scope="module")
def rated(tmp_path_factory) -> Rated:
    """What is said of a review is the mean rating of its department among the reviews that are not tested."""
    real = shared_data("womens_clothing_reviews")
    root = tmp_path_factory.mktemp("clothes")
    workspace = Workspace.open(root, f"sqlite:///{root}/evenhand.db")
    dataset = prepare(workspace, "reviews", DatasetSettings(), path=real)
    shop, reviews = read_shop(workspace, dataset), table(workspace, dataset, "reviews")
    events = table(workspace, dataset, "events")
    workspace.close()
    raw = pd.read_parquet(real / "reviews.parquet")
    tested = np.isin(np.arange(len(raw)), events.loc[events["split"] == TEST, "user"])
    department = raw["Department Name"].fillna("none")
    raw["said"] = department.map(raw[~tested].groupby(department)["Rating"].mean())
    predictions = reviews[["user", "item", "timestamp"]].assign(
        outcome=RATING,
        observed=raw["Rating"].to_numpy(float),
        predicted=raw["said"].to_numpy(),
        expected=raw["said"].to_numpy(),
        low=raw["said"].to_numpy() - 2,
        high=raw["said"].to_numpy() + 1,
        split=np.where(tested, 2, 0),
        unbiased=True,
    )
    return Rated(shop, predictions, raw[tested])


def test_observed_predicted_and_errors_by_age_are_those_of_the_publishers_table(rated):
    rows = service(rated.shop, rated.predictions, OUTCOME, SETTINGS).section.rows
    old = rated.published["Age"] >= 65
    for metric, count in (
        ("observed", lambda one: one["Rating"].mean()),
        ("predicted", lambda one: one["said"].mean()),
        ("residual", lambda one: (one["Rating"] - one["said"]).mean()),
        ("mae", lambda one: mean_absolute_error(one["Rating"], one["said"])),
        ("rmse", lambda one: root_mean_squared_error(one["Rating"], one["said"])),
        ("coverage", lambda one: one["Rating"].between(one["said"] - 2, one["said"] + 1).mean()),
    ):
        own, others = count(rated.published[old]), count(rated.published[~old])
        assert mean(rows, f"rating_{metric}", OLD) == pytest.approx(own, abs=1e-6)
        row = gap(rows, f"rating_{metric}", OLD)
        assert (row["n"], row["value"]) == (old.sum(), pytest.approx(own - others, abs=1e-6))


def test_whole_distributions_of_errors_by_age_are_scipys(rated):
    rows = residual_distributions(rated.shop, rated.predictions, OUTCOME, SETTINGS).rows
    off = rated.published["Rating"] - rated.published["said"]
    old = rated.published["Age"] >= 65
    ks, w1 = (gap(rows, f"rating_residual_{name}", OLD)["value"] for name in ("ks", "w1"))
    assert ks == pytest.approx(stats.ks_2samp(off[old], off[~old]).statistic, abs=1e-6)
    assert w1 == pytest.approx(stats.wasserstein_distance(off[old], off[~old]), abs=1e-6)
