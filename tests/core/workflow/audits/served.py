"""Made shops whose orders take as long as distance, weight and seller say, and what a region waits besides."""

from typing import NamedTuple

import numpy as np
import pandas as pd

from core.schema.settings import AuditSettings
from core.workflow.audits.shop import Shop
from tests.core.workflow.made_shops import dataset_with

REGIONS = ("north", "south", "west")
SMALL = "isle"  # five users
BY_REGION = AuditSettings(by=(("region",),), draws=200, permutations=200)
START = pd.Timestamp("2024-01-01T12:00:00")


class Served(NamedTuple):
    """A shop, its orders, and predictions of satisfaction for them."""

    shop: Shop
    orders: pd.DataFrame
    predictions: pd.DataFrame


def served(
    n: int = 500, *, seed: int = 1, later: float = 0.0, promised_too_much: float = 0.0, small: bool = False
) -> Served:
    """One order of each user; the north lies far away, so that it waits longer anyway.

    Args:
        later: days that the north waits besides. promised_too_much: points by which predictions for the south are too
            high. small: five of the users are of an isle.
    """
    rng = np.random.default_rng(seed)
    region = rng.choice(REGIONS, n, p=[0.3, 0.3, 0.4]).astype(object)
    if small:
        region[:5] = SMALL
    far = region == "north"
    distance = rng.gamma(3, 100, n) + 500 * far
    weight, seller = rng.gamma(2, 500, n), rng.choice(["SP", "RJ"], n)
    ordered = START + pd.to_timedelta(np.sort(rng.uniform(0, 90, n)), unit="D").floor("s")
    days = 2 + 0.01 * distance + 0.001 * weight + 2 * (seller == "RJ") + later * far + rng.gamma(2, 1, n)
    stars = np.clip(np.round(4.4 - 0.1 * days + rng.normal(0, 0.8, n)), 1, 5)
    item = rng.integers(0, 6, n)
    orders = pd.DataFrame(
        {
            "user": np.arange(n),
            "item": item,
            "order_id": [f"o{user}" for user in range(n)],
            "timestamp": ordered,
            "promised_at": ordered + pd.Timedelta(days=12),
            "delivered_at": ordered + pd.to_timedelta(days, unit="D"),
            "satisfaction": stars,
            "freight": 5 + 0.02 * distance,
            "weight_g": weight,
            "seller_state": seller,
            "distance_km": distance,
        }
    )
    expected = stars.mean() + 0.3 * rng.normal(size=n) + promised_too_much * (region == "south")
    predictions = pd.DataFrame(
        {
            "user": orders["user"],
            "item": item,
            "timestamp": ordered,
            "outcome": "satisfaction_at_order",
            "observed": stars.astype(np.float32),
            "predicted": np.round(expected).astype(np.float32),
            "expected": expected.astype(np.float32),
            "low": (expected - 1.5).astype(np.float32),
            "high": (expected + 1.5).astype(np.float32),
            "split": np.int8(2),
            "unbiased": True,
        }
    )
    return Served(shop_with(region), orders, predictions)


def shop_with(region: np.ndarray) -> Shop:
    """A shop of these customers, of six products in two categories, with nothing bought."""
    none = pd.DataFrame({"user": [], "item": [], "split": []}, dtype=int)
    return Shop(
        dataset=dataset_with(["region"]),
        users=pd.DataFrame({"user_id": [f"u{user}" for user in range(len(region))], "region": region}),
        items=pd.DataFrame({"category": pd.Categorical(["toys", "tools"] * 3)}),
        offers=None,
        events=none,
        bought=none,
        zone="UTC",
    )


def gap(rows: pd.DataFrame, metric: str, group: str) -> pd.Series:
    """The only gap row of a metric and group."""
    (found,) = rows[(rows["metric"] == f"{metric}_gap") & (rows["group"] == group)].to_dict("records")
    return pd.Series(found)


def mean(rows: pd.DataFrame, metric: str, group: str) -> float:
    """The value of a metric of a group."""
    (found,) = rows.loc[(rows["metric"] == metric) & (rows["group"] == group), "value"]
    return found


def numbers_of(rows: pd.DataFrame, group: str) -> pd.DataFrame:
    """Whatever is told of a group."""
    return rows.loc[rows["group"] == group, ["value", "low", "high", "p_value", "null_low", "null_high"]]
