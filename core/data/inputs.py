"""What a model sees of a prepared dataset: histories, positives, item attributes, recency and frequency."""

from dataclasses import dataclass
from typing import Literal

import numpy as np
import pandas as pd

from core.data.purchases import purchases
from core.schema.settings import SPLITS
from core.schema.tables import (
    BASKET,
    BASKETS,
    COUNT,
    DAYS_SINCE_FIRST,
    DAYS_SINCE_LAST,
    EVENT,
    IN_CATALOGUE,
    ITEM,
    LIST_PRICE,
    POPULARITY_BAND,
    SPLIT,
    TIMESTAMP,
    UNKNOWN,
    USER,
)

SECONDS_PER_DAY = 86_400


@dataclass(frozen=True)
class Sequences:
    """Histories of all users as one array per field (CSR), each user's in time order.

    User u's events are `offsets[u]:offsets[u + 1]`; a user without history has an empty range.

    Attributes:
        offsets: int64 (U+1,).
        items: int32 (E,), catalogue codes.
        times: int64 (E,), seconds since 1970 in UTC.
        baskets: int32 (E,), equal within one basket.
        events: int8 (E,), code of the kind of event; 0 is a purchase.
    """

    offsets: np.ndarray
    items: np.ndarray
    times: np.ndarray
    baskets: np.ndarray
    events: np.ndarray

    @property
    def lengths(self) -> np.ndarray:
        """Events of each user, int64 (U,)."""
        return np.diff(self.offsets)

    @property
    def users(self) -> np.ndarray:
        """The user of each event, int32 (E,)."""
        return np.repeat(np.arange(len(self.offsets) - 1, dtype=np.int32), self.lengths)


@dataclass(frozen=True)
class ModelInputs:
    """All that a recommender may know at one moment.

    Attributes:
        n_users: users of the dataset, with or without history.
        n_items: size of the catalogue.
        history: catalogue events up to the moment.
        item_attributes: by name, int32 (n_items,) dense codes; 0 is Unknown.
        item_prices: float32 (n_items,), median shelf price in the training window, NaN where there is
            none; None for data without prices.
        at: seconds since 1970 in UTC, when the next purchase is predicted; later than all of the history.
    """

    n_users: int
    n_items: int
    history: Sequences
    item_attributes: dict[str, np.ndarray]
    item_prices: np.ndarray | None
    at: int


@dataclass(frozen=True)
class Positives:
    """The distinct catalogue items that each user took in one split (CSR).

    Attributes:
        offsets: int64 (U+1,).
        items: int32 (E,), catalogue codes; those of one user in ascending order.
    """

    offsets: np.ndarray
    items: np.ndarray


def model_inputs(
    events: pd.DataFrame, items: pd.DataFrame, *, n_users: int, until: Literal["train", "validation"]
) -> ModelInputs:
    """What a recommender knows at the end of a window.

    Args:
        events: `user`, `item`, `basket`, `timestamp`, `event`, `split` of a prepared dataset, in its order.
        items: the item table of that dataset.
        until: "train" ends history where validation begins (to fit and tune); "validation" where test begins
            (to report). Nothing later is read, except the time of the first later event.
    """
    n_items = int(items[IN_CATALOGUE].sum())
    catalogue = items.iloc[:n_items]
    last = SPLITS.index(until)
    known = (events[SPLIT] <= last) & (events[ITEM] < n_items)
    history = _sequences(events[known], n_users)
    return ModelInputs(
        n_users=n_users,
        n_items=n_items,
        history=history,
        item_attributes=_attributes(catalogue),
        item_prices=_prices(catalogue),
        at=_moment(history, events.loc[events[SPLIT] == last + 1, TIMESTAMP]),
    )


def positives(
    events: pd.DataFrame, n_items: int, n_users: int, split: Literal["validation", "test"]
) -> Positives:
    """The right answers of one split: what each user purchased (see core.data.purchases).

    Args:
        events: `user`, `item`, `event`, `split` of a prepared dataset.
    """
    wanted = (events[SPLIT] == SPLITS.index(split)) & (events[ITEM] < n_items) & purchases(events)
    pairs = events.loc[wanted, USER].to_numpy(np.int64) * n_items + events.loc[wanted, ITEM].to_numpy(
        np.int64
    )
    users, taken = np.divmod(np.unique(pairs), max(n_items, 1))
    return Positives(_offsets(users, n_users), taken.astype(np.int32))


def recency_frequency(history: Sequences, at: int) -> pd.DataFrame:
    """How often and how lately each user took each item of the history.

    Args:
        at: seconds since 1970 from which days are counted back.

    Returns:
        One row per (user, item), sorted: `user`, `item` (int32), `count` of events and of distinct `baskets`
        (int32), `days_since_last`, `days_since_first` (float32 days).
    """
    users = history.users
    order = np.lexsort((history.baskets, history.items, users))
    users, items, baskets = users[order], history.items[order], history.baskets[order]
    days = ((at - history.times[order]) / SECONDS_PER_DAY).astype(np.float32)
    new_pair = _changes(users) | _changes(items)
    starts = np.flatnonzero(new_pair)
    new_basket = (new_pair | _changes(baskets)).astype(np.int32)
    return pd.DataFrame(
        {
            USER: users[starts],
            ITEM: items[starts],
            COUNT: np.diff(starts, append=len(users)).astype(np.int32),
            BASKETS: np.add.reduceat(new_basket, starts) if len(starts) else new_basket,
            DAYS_SINCE_LAST: np.minimum.reduceat(days, starts) if len(starts) else days,
            DAYS_SINCE_FIRST: np.maximum.reduceat(days, starts) if len(starts) else days,
        }
    )


def _sequences(events: pd.DataFrame, n_users: int) -> Sequences:
    users = events[USER].to_numpy()
    if np.any(users[1:] < users[:-1]):
        raise ValueError("events must be sorted by user, as in a prepared dataset")
    return Sequences(
        offsets=_offsets(users, n_users),
        items=events[ITEM].to_numpy(np.int32),
        times=events[TIMESTAMP].to_numpy("datetime64[s]").astype(np.int64),
        baskets=events[BASKET].to_numpy(np.int32),
        events=events[EVENT].cat.codes.to_numpy(np.int8),
    )


def _offsets(sorted_users: np.ndarray, n_users: int) -> np.ndarray:
    return np.searchsorted(sorted_users, np.arange(n_users + 1)).astype(np.int64)


def _changes(values: np.ndarray) -> np.ndarray:
    """Whether each element differs from the one before; the first does."""
    return np.concatenate([np.ones(min(len(values), 1), bool), values[1:] != values[:-1]])


def _attributes(catalogue: pd.DataFrame) -> dict[str, np.ndarray]:
    """Every categorical column but popularity (the model has the events for that)."""
    names = catalogue.select_dtypes("category").columns.drop(POPULARITY_BAND, errors="ignore")
    return {str(name): _codes(catalogue[name]) for name in names}


def _codes(labels: pd.Series) -> np.ndarray:
    """Dense codes from 1 in the order of the categories; missing and Unknown are 0."""
    known = labels.where(labels != UNKNOWN).cat.remove_unused_categories()
    return (known.cat.codes + 1).to_numpy(np.int32)


def _prices(catalogue: pd.DataFrame) -> np.ndarray | None:
    if LIST_PRICE not in catalogue or catalogue[LIST_PRICE].isna().all():
        return None
    return catalogue[LIST_PRICE].to_numpy(np.float32)


def _moment(history: Sequences, later: pd.Series) -> int:
    """The first later event; just after the history where windows overlap in time (leave-one-out)."""
    after_history = int(history.times.max()) + 1 if len(history.times) else 0
    first_later = int(later.min().timestamp()) if len(later) else 0
    return max(after_history, first_later)
