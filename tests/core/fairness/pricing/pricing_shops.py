"""Synthetic shops whose prices are known to treat two groups alike, or not."""

import numpy as np
import pandas as pd

from core.fairness.partition import Partition
from core.fairness.pricing.purchases import Purchases, priced_lines
from core.fairness.suppression import SHOWN
from core.schema.settings import Statistics

PRODUCTS, WEEKS, STORES = 24, 4, 2
MONDAY = pd.Timestamp("2024-01-01 12:00")
QUICK = Statistics(draws=300, permutations=300)


def shop(seed: int, *, users: int = 90, gap: float = 0.0, dearer: float = 0.0, share: float = 0.4):
    """Events, items and the group (0: a, 1: b) of each user.

    A product's shelf price differs by week and store; each purchase is charged its price less a discount that depends
    on chance and, a little, on the user.

    Args:
        gap: how much more group b is charged for the same product in the same week and store.
        dearer: how strongly group b leans to dear products; the higher the more.
    """
    rng = np.random.default_rng(seed)
    group = (rng.random(users) < share).astype(int)
    lines = 5 + rng.geometric(0.04, users)  # skewed: some buy much
    user = np.repeat(np.arange(users), lines)
    base = np.exp(rng.normal(1.0, 0.6, PRODUCTS))
    popular = 1 / (1 + rng.permutation(PRODUCTS))
    weights = np.stack([popular, popular * base**dearer])
    cumulative = np.cumsum(weights / weights.sum(axis=1, keepdims=True), axis=1)
    item = (rng.random((len(user), 1)) > cumulative[group[user]]).sum(axis=1).clip(0, PRODUCTS - 1)
    home = rng.integers(0, STORES, users)
    store = np.where(rng.random(len(user)) < 0.8, home[user], rng.integers(0, STORES, len(user)))
    week = rng.integers(0, WEEKS, len(user))
    shelf = base[item] * np.exp(rng.normal(0, 0.1, (PRODUCTS, WEEKS, STORES)))[item, week, store]
    habit = rng.beta(2, 5, users)
    cut = np.where(rng.random(len(user)) < habit[user], rng.uniform(0.05, 0.3, len(user)), 0.0)
    charged = shelf * (1 - cut) * (1 + gap * group[user])
    events = pd.DataFrame(
        {
            "user": user.astype(np.int32),
            "item": item.astype(np.int32),
            "timestamp": (MONDAY + pd.to_timedelta(7 * week, unit="D")).astype("datetime64[us]"),
            "event": pd.Categorical.from_codes(np.zeros(len(user), np.int8), ["purchase"]),
            "quantity": rng.integers(1, 4, len(user)).astype(float),
            "list_price": shelf * (1 + gap * group[user]),
            "paid_price": charged,
            "loyalty_discount": shelf * cut * (1 + gap * group[user]),
            "coupon_discount": 0.0,
            "coupon_match_discount": 0.0,
            "channel": pd.Categorical.from_codes(store, [f"store {number}" for number in range(STORES)]),
        }
    )
    items = pd.DataFrame({"item_id": [f"i{i}" for i in range(PRODUCTS)]})
    items["category"] = pd.Categorical([f"c{i % 4}" for i in range(PRODUCTS)])
    items["list_price"] = base
    return events, items, group


def priced(events: pd.DataFrame, items: pd.DataFrame | None = None, **options) -> Purchases:
    return priced_lines(events, items, **{"zone": "UTC"} | options)


def two_groups(group: np.ndarray, *, reference: int | None = 0) -> Partition:
    """Groups a, b, .. of users as they are audited; b and further are compared with a, or with the rest."""
    names = tuple("abcdefgh"[: int(group.max()) + 1])
    return Partition("group", names, np.full(len(names), SHOWN), group, reference)
