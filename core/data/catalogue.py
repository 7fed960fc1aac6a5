"""The catalogue: what may be recommended, and what the training window says about its items."""

from dataclasses import dataclass

import numpy as np
import pandas as pd

from core.data.purchases import purchases
from core.data.splits import TRAIN
from core.errors import SettingsError
from core.schema.settings import DatasetSettings
from core.schema.tables import (
    IN_CATALOGUE,
    ITEM,
    LIST_PRICE,
    POPULARITY_BAND,
    PRICE_BAND,
    SPLIT,
    UNKNOWN,
    USER,
)

PRICE_BANDS = ("lowest fifth", "second fifth", "middle fifth", "fourth fifth", "highest fifth")
POPULARITY_BANDS = ("head", "middle", "tail")
HEAD_SHARE, TAIL_SHARE = 0.2, 0.2  # of all training purchases


@dataclass(frozen=True)
class Core:
    """The k-core of the training window: bool masks over item codes and user codes."""

    items: np.ndarray
    users: np.ndarray


def training_purchases(events: pd.DataFrame) -> pd.DataFrame:
    """`user`, `item` of what counts as a purchase in the training window."""
    return events.loc[(events[SPLIT] == TRAIN) & purchases(events), [USER, ITEM]]


def choose(events: pd.DataFrame, settings: DatasetSettings, *, n_users: int, n_items: int) -> Core:
    """The k-core of the training window; with minimum_item_users 0, every item that is bought in any window.

    Published accuracy benchmarks rank every item of the data set, also those whose only purchase is held out; to
    leave those out would make the task easier.

    Args:
        events: coded events with their split.

    Raises:
        SettingsError: nothing is left.
    """
    core = k_core(training_purchases(events), settings, n_users=n_users, n_items=n_items)
    if settings.minimum_item_users > 0:
        return core
    bought = np.bincount(events.loc[purchases(events), ITEM], minlength=n_items) > 0
    return Core(bought, core.users)


def k_core(bought: pd.DataFrame, settings: DatasetSettings, *, n_users: int, n_items: int) -> Core:
    """Items with enough distinct users, and users with enough purchases of those items, until both hold.

    Args:
        bought: `user`, `item` codes of the purchases of the training window.

    Raises:
        SettingsError: nothing is left.
    """
    users, items = bought[USER].to_numpy(), bought[ITEM].to_numpy()
    pairs = np.unique(users.astype(np.int64) * n_items + items)
    pair_users, pair_items = pairs // n_items, pairs % n_items
    kept_users, kept_items = np.ones(n_users, bool), np.ones(n_items, bool)
    while True:
        buyers = np.bincount(pair_items[kept_users[pair_users]], minlength=n_items)
        new_items = buyers >= settings.minimum_item_users
        counts = np.bincount(users[new_items[items]], minlength=n_users)
        new_users = counts >= settings.minimum_user_events
        if np.array_equal(new_items, kept_items) and np.array_equal(new_users, kept_users):
            break
        kept_users, kept_items = new_users, new_items
    if not kept_items.any() or not kept_users.any():
        raise SettingsError(
            f"Nothing can be recommended: no item was bought by {settings.minimum_item_users} users with "
            f"{settings.minimum_user_events} purchases each before the validation window ({n_items:,} items, "
            f"{n_users:,} users). Lower minimum_item_users or minimum_user_events, or bring more data."
        )
    return Core(kept_items, kept_users)


def describe(items: pd.DataFrame, events: pd.DataFrame, category: pd.Series) -> pd.DataFrame:
    """Add `list_price` (median of the training window), `price_band` and `popularity_band` to the item table.

    Args:
        items: row r is item code r, with `in_catalogue`.
        events: coded events with their split.
        category: label of each item within which prices are compared.
    """
    items = items.copy()
    if LIST_PRICE in events:
        training = events[events[SPLIT] == TRAIN]
        median = training.groupby(ITEM)[LIST_PRICE].median()
        given = items.get(LIST_PRICE, pd.Series(np.nan, items.index))
        items[LIST_PRICE] = median.reindex(items.index).fillna(given).astype(float)
    if LIST_PRICE in items:
        items[PRICE_BAND] = price_bands(items[LIST_PRICE], category)
    counts = np.bincount(training_purchases(events)[ITEM], minlength=len(items))
    items[POPULARITY_BAND] = popularity_bands(counts, items[IN_CATALOGUE].to_numpy())
    return items


def price_bands(prices: pd.Series, category: pd.Series) -> pd.Categorical:
    """Fifths of the shelf price within each category; an item alone in its category is in the middle one."""
    by_category = prices.groupby(category, observed=True)
    place = (by_category.rank(method="average") - 0.5) / by_category.transform("count")
    band = np.floor(place * len(PRICE_BANDS)).fillna(-1).astype(int).to_numpy()
    return _banded(band, PRICE_BANDS)


def popularity_bands(counts: np.ndarray, in_catalogue: np.ndarray) -> pd.Categorical:
    """Head: the most bought items with a fifth of all training purchases; tail: the least bought fifth.

    Items bought equally often share a band: the one in which the first of them falls. Items outside the
    catalogue are Unknown.

    Args:
        counts: training purchases of each item, int (n_items,).
    """
    bought = np.where(in_catalogue, counts, 0)
    levels, level = np.unique(-bought, return_inverse=True)  # most bought first
    taken = np.bincount(level, weights=bought, minlength=len(levels))
    share_above = (np.cumsum(taken) - taken) / max(bought.sum(), 1)
    band = np.select([share_above < HEAD_SHARE, share_above < 1 - TAIL_SHARE], [0, 1], 2)[level]
    return _banded(np.where(in_catalogue, band, -1), POPULARITY_BANDS)


def _banded(codes: np.ndarray, names: tuple[str, ...]) -> pd.Categorical:
    return pd.Categorical.from_codes(np.where(codes < 0, len(names), codes), [*names, UNKNOWN], ordered=True)
