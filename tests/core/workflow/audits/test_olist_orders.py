"""Who waits and who answers in real orders (Olist): the same numbers from the publisher's tables and another library."""

import warnings
from pathlib import Path
from typing import NamedTuple

import numpy as np
import pandas as pd
import pytest
from pyfixest import feols
from scipy.optimize import minimize
from statsmodels.api import OLS

from core.data.dataset import table
from core.data.prepare import prepare
from core.fairness.service.adjusted import design
from core.schema.settings import AuditSettings, DatasetSettings
from core.store.workspace import Workspace
from core.workflow.audits.orders import answers, circumstances, deliveries, delivery, read_orders
from core.workflow.audits.section import Section
from core.workflow.audits.shop import Shop, read_shop
from tests.core.data.conftest import shared_data
from tests.core.workflow.audits.served import gap, mean

SETTINGS = AuditSettings(by=(("region",),), draws=100, permutations=100)
FAR, HOME = "Northeast", "Southeast"
NUMBERS = ("freight", "price", "pieces", "sellers", "weight_g", "volume_cm3", "instalments")
LABELS = ("seller_state", "payment", "purchase_time_known", "same_state", "month")
FEWEST = 10


class Sold(NamedTuple):
    """A sample of real customers: their shop and orders, and the publisher's rows of the same orders."""

    shop: Shop
    orders: pd.DataFrame
    published: pd.DataFrame


@pytest.fixture(scope="module")
def sold(tmp_path_factory) -> Sold:
    real = shared_data("olist")
    root = tmp_path_factory.mktemp("olist")
    workspace = Workspace.open(root, f"sqlite:///{root}/evenhand.db")
    dataset = prepare(workspace, "olist", DatasetSettings(sample_users=5000), path=real)
    shop, orders = read_shop(workspace, dataset), read_orders(workspace, dataset)
    regions = table(workspace, dataset, "users").set_index("user_id")["region"].astype(str)
    workspace.close()
    return Sold(shop, orders, published(real, orders, regions))


def published(real: Path, orders: pd.DataFrame, regions: pd.Series) -> pd.DataFrame:
    """The same orders as the publisher tells them: person, region, days, late and score."""
    told = pd.read_parquet(real / "orders_sample.parquet").merge(
        pd.read_parquet(real / "customers.parquet")[["customer_id", "customer_unique_id"]], on="customer_id"
    )
    reviews = pd.read_parquet(real / "order_reviews_sample.parquet")
    told = told[told["order_id"].isin(orders["order_id"])].assign(
        region=lambda rows: rows["customer_unique_id"].map(regions)
    )
    ordered, came, promised, answered = (
        pd.to_datetime(column)
        for column in (
            told["order_purchase_timestamp"].fillna(told["order_approved_at"]),
            told["order_delivered_customer_date"],
            told["order_estimated_delivery_date"],
            reviews["review_answer_timestamp"],
        )
    )
    told = told.assign(
        ordered=ordered, days=(came - ordered).dt.total_seconds() / 86400, late=(came > promised) * 1.0
    )
    scores = reviews.assign(answered=answered).merge(told[["order_id", "ordered"]], on="order_id")
    scores = scores[scores["answered"] >= scores["ordered"]].sort_values("answered")
    last = scores.drop_duplicates("order_id", keep="last").set_index("order_id")["review_score"]
    return told.assign(score=told["order_id"].map(last))


def delivered(sold: Sold) -> pd.DataFrame:
    """The publisher's delivered orders that were drawn at random."""
    kept = sold.published["in_random_20k"] & sold.published["days"].notna()
    return sold.published[kept]


def regression_frame(sold: Sold) -> pd.DataFrame:
    """Delivered orders of the random sample, with circumstances brought to numbers and categories by hand."""
    orders = sold.orders[sold.orders["in_random_20k"] & sold.orders["delivered_at"].notna()]
    frame = pd.DataFrame(
        {
            "user": orders["user"],
            "region": sold.shop.users["region"].astype(str).to_numpy()[orders["user"]],
            "days": (orders["delivered_at"] - orders["timestamp"]).dt.total_seconds() / 86400,
        }
    )
    for name in NUMBERS:
        value = orders[name].astype(float)
        frame[name] = value.fillna(value.mean())
        frame[f"{name}_missing"] = value.isna().astype(float)
        if value.nunique() > 10:
            frame[f"{name}_tenth"] = common(pd.qcut(value, 10, labels=False, duplicates="drop"))
    month = orders["timestamp"].dt.tz_localize("UTC").dt.tz_convert(sold.shop.zone).dt.strftime("%Y-%m")
    for name, labels in (orders[[*LABELS[:-1]]].assign(month=month)).items():
        frame[name] = common(labels)
    return frame.reset_index(drop=True)


def common(labels: pd.Series) -> pd.Series:
    """Labels as text; what is missing is one of its own, rare ones share one."""
    text = labels.astype(object).where(labels.notna(), "none").astype(str)
    return text.where(text.map(text.value_counts()) >= FEWEST, "rare")


def terms(frame: pd.DataFrame) -> tuple[list[str], list[str]]:
    """Numbers that vary, and categories, beside the region."""
    numbers = [name for name in frame if name.startswith(NUMBERS) and not name.endswith("_tenth")]
    numbers = [name for name in numbers if frame[name].std() > 0]
    return numbers, [name for name in frame if name.endswith("_tenth") or name in LABELS]


@pytest.fixture(scope="module")
def waiting(sold) -> Section:
    return delivery(sold.shop, sold.orders, SETTINGS)


def test_observed_days_and_lateness_are_the_publishers(sold, waiting):
    given = delivered(sold)
    assert (
        f"{len(given):,} delivered orders of {given['customer_unique_id'].nunique():,} users"
        in waiting.notes[0]
    )
    own = given["region"] == FAR
    for metric, column in (("days_waited", "days"), ("late", "late")):
        value = given.loc[own, column].mean()
        assert mean(waiting.rows, f"{metric}_observed", FAR) == pytest.approx(value, abs=1e-6)
        row = gap(waiting.rows, f"{metric}_observed", FAR)
        assert row["value"] == pytest.approx(value - given.loc[~own, column].mean(), abs=1e-6)
        assert row["n"] == given.loc[own, "customer_unique_id"].nunique()
    assert gap(waiting.rows, "days_waited_observed", FAR)["verdict"] == "unequal"
    left_out = (~sold.published["in_random_20k"]).sum()
    assert left_out > 100
    assert any(
        f"{left_out:,} orders were not drawn at random (in_random_20k)" in note for note in waiting.notes
    )


def test_the_adjusted_gap_is_that_of_a_regression_with_fixed_effects(sold, waiting):
    frame = regression_frame(sold)
    numbers, effects = terms(frame)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # of pandas on pyfixest, and of collinear columns
        fit = feols(
            f"days ~ i(region, ref='{HOME}') + {' + '.join(numbers)} | {' + '.join(effects)}",
            frame,
            vcov="hetero",
        )
    coefficient = {
        region: next(
            value for name, value in fit.coef().items() if f"[{region}]" in name or f"::{region}" in name
        )
        for region in frame["region"].unique()
        if region != HOME
    } | {HOME: 0.0}
    others = frame.loc[frame["region"] != FAR, "region"].map(coefficient)
    row = gap(waiting.rows, "days_waited_adjusted", FAR)
    assert row["value"] == pytest.approx(coefficient[FAR] - others.mean(), abs=1e-6)
    to_home = delivery(sold.shop, sold.orders, SETTINGS.model_copy(update={"reference": HOME}))
    assert gap(to_home.rows, "days_waited_adjusted", FAR)["value"] == pytest.approx(
        coefficient[FAR], abs=1e-6
    )
    assert row["value"] < gap(waiting.rows, "days_waited_observed", FAR)["value"]
    assert any(note.startswith("Held equal: freight, price,") for note in waiting.notes)


def test_its_interval_is_about_that_of_the_jackknife_of_orders(sold, waiting):
    """Nearly every customer has one order: leaving out users is leaving out orders, which is HC3."""
    frame = regression_frame(sold)
    numbers, effects = terms(frame)
    columns = [pd.get_dummies(frame[name], dtype=float, drop_first=True) for name in effects]
    own = (frame["region"] == FAR).to_numpy(float)
    rest = pd.get_dummies(frame["region"], dtype=float).drop(columns=[FAR, HOME])
    # coded so that the coefficient of the region is its gap to the others, weighted by their orders
    share = rest.mean() / (1 - own.mean())
    rest = rest.sub(np.outer(1 - own, share))
    x = np.column_stack([np.ones(len(frame)), own, rest, frame[numbers], *columns])
    scale = np.linalg.norm(x, axis=0)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # some columns make up others
        fit = OLS(frame["days"].to_numpy(), x[:, scale > 0] / scale[scale > 0]).fit(cov_type="HC3")
    row = gap(waiting.rows, "days_waited_adjusted", FAR)
    assert fit.params[1] / scale[1] == pytest.approx(row["value"], abs=1e-6)
    assert 1.96 * fit.bse[1] / scale[1] == pytest.approx((row["high"] - row["low"]) / 2, rel=0.05)


def test_answers_are_the_publishers_and_weights_those_of_another_optimiser(sold):
    found = answers(sold.shop, sold.orders, SETTINGS)
    given = sold.published[sold.published["in_random_5k"]]
    own = given["region"] == FAR
    rate = given["score"].notna()
    assert mean(found.rows, "satisfaction_response_rate", FAR) == pytest.approx(rate[own].mean(), abs=1e-6)
    row = gap(found.rows, "satisfaction_naive_mean", FAR)
    scores = given["score"]
    assert row["value"] == pytest.approx(scores[own].mean() - scores[~own].mean(), abs=1e-6)
    assert f"{rate.sum():,} of {len(given):,} orders" in found.notes[0]
    orders = sold.orders[sold.orders["in_random_5k"]].reset_index(drop=True)
    weights = 1 / np.maximum(chances(orders, sold.shop), 0.05)
    north_east = (sold.shop.users["region"] == FAR).to_numpy()[orders["user"]]
    stars = orders["satisfaction"]
    chosen = north_east & stars.notna()
    assert mean(found.rows, "satisfaction_weighted_mean", FAR) == pytest.approx(
        np.average(stars[chosen], weights=weights[chosen]), abs=1e-3
    )


def chances(orders: pd.DataFrame, shop: Shop) -> np.ndarray:
    """The chance of an answer by ridge logistic regression, minimised by another optimiser."""
    came = deliveries(orders)
    columns = design(circumstances(orders, shop).assign(arrived=came["days_waited"].notna(), **came))
    sign = np.where(orders["satisfaction"].notna(), 1.0, -1.0)
    x = np.column_stack([columns, np.ones(len(orders))])

    def loss(beta: np.ndarray) -> tuple[float, np.ndarray]:
        margin = sign * (x @ beta)
        ridge = np.append(beta[:-1], 0.0)
        slope = -sign / (1 + np.exp(margin))
        return np.logaddexp(0, -margin).sum() + ridge @ ridge / 2, x.T @ slope + ridge

    found = minimize(loss, np.zeros(x.shape[1]), jac=True, method="BFGS", options={"maxiter": 500})
    return 1 / (1 + np.exp(-(x @ found.x)))
