"""Small shops in memory with lists, and how good these are: nothing is prepared or trained."""

from typing import NamedTuple

import numpy as np
import pandas as pd

from core.data.inputs import positives
from core.recommend.lists import accuracy
from core.schema.documents import Dataset
from core.workflow.audits.shop import Shop

N_ITEMS, K, CATEGORIES = 30, 5, 6


class Asked(NamedTuple):
    """A shop, its lists, and the accuracy of each user."""

    shop: Shop
    lists: pd.DataFrame
    per_user: pd.DataFrame


def random_shop(users: pd.DataFrame, *, seed: int = 1) -> Asked:
    """Everybody buys and is shown items at random, whatever the attributes say."""
    rng = np.random.default_rng(seed)
    bought = rng.integers(0, N_ITEMS, (len(users), 3, 8))
    shown = np.argsort(rng.random((len(users), N_ITEMS)), axis=1)[:, :K]
    return shop_of(users, bought, shown, stores=rng.integers(0, 2, (len(users), 3)))


def twin_shop(n_pairs: int = 60) -> Asked:
    """Users in pairs, one of each group, who bought and are shown the same."""
    alone = random_shop(pd.DataFrame({"group": ["a"] * n_pairs}))
    bought = alone.shop.bought["item"].to_numpy().reshape(n_pairs, 3, -1)
    shown = alone.lists["item"].to_numpy().reshape(n_pairs, K)
    users = pd.DataFrame({"group": ["a", "b"] * n_pairs})
    return shop_of(users, bought.repeat(2, axis=0), shown.repeat(2, axis=0))


def shop_of(
    users: pd.DataFrame, bought: np.ndarray, shown: np.ndarray, *, stores: np.ndarray | None = None
) -> Asked:
    """The shop of users 0..U-1; the last item is outside of the catalogue.

    Args:
        bought: (U, 3, n) items in training, validation and test. shown: (U, K) lists, best first. stores: (U, 3).
    """
    n_users, splits, lines = bought.shape
    stores = np.zeros((n_users, splits), int) if stores is None else stores
    split = np.tile(np.repeat(np.arange(splits), lines), n_users)
    events = pd.DataFrame({"user": np.repeat(np.arange(n_users), splits * lines), "item": bought.ravel()})
    events["split"], events["day"] = split, 30 * split
    events["timestamp"] = pd.Timestamp("2024-01-01") + pd.to_timedelta(events["day"], unit="D")
    events["event"] = pd.Categorical.from_codes(np.zeros(len(events), int), ["purchase"])
    events["channel"] = pd.Categorical.from_codes(stores.repeat(lines, axis=1).ravel(), ["north", "south"])
    items = pd.DataFrame({"category": pd.Categorical([f"c{i % CATEGORIES}" for i in range(N_ITEMS)])})
    items["in_catalogue"] = np.arange(N_ITEMS) < N_ITEMS - 1
    codes = {
        "channel": events["channel"].cat.codes,
        "category": items["category"].cat.codes.to_numpy()[events["item"]],
    }
    lists = pd.DataFrame({"user": np.repeat(np.arange(n_users), shown.shape[1]), "item": shown.ravel()})
    lists["rank"] = np.tile(np.arange(1, shown.shape[1] + 1), n_users)
    shop = Shop(
        dataset=dataset_with(list(users.columns)),
        users=users.assign(user_id=[f"u{user}" for user in range(n_users)]),
        items=items,
        offers=None,
        events=events,
        bought=events[["user", "item", "split", "day"]].assign(**codes),
        zone="UTC",
    )
    return Asked(shop, lists, accuracy(lists, positives(events, N_ITEMS - 1, n_users, "test"), ks=(K,)))


def dataset_with(attributes: list[str]) -> Dataset:
    """The document of a dataset with these user attributes."""
    return Dataset(
        _id="ds-made",
        name="made",
        source="tables",
        settings={"maximum_quantity": 50, "split": "temporal"},
        created_at="2024-01-01T00:00:00+00:00",
        quality=[],
        counts={},
        period={},
        attributes=attributes,
        protected=[],
        missing={},
        tables={},
    )
