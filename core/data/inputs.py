"""What a model sees of a prepared dataset: histories, answers, item content, user attributes and ratings."""

from dataclasses import dataclass, field, replace
from typing import Literal

import numpy as np
import pandas as pd

from core.data.content import ItemContent, item_attributes, item_content
from core.data.fair_groups import FairGroups
from core.data.purchases import purchases
from core.data.reactions import Dismissed, Reactions, dismissed, reactions
from core.schema.settings import SPLITS, Split
from core.schema.tables import (
    BASKET,
    EVENT,
    IN_CATALOGUE,
    ITEM,
    RATING,
    SPLIT,
    TIMESTAMP,
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
class Ratings:
    """What users thought of items: int64 (R,) `users`, `items` (catalogue codes), `times` (seconds since 1970),
    and float32 (R,) `values` on the scale of the data."""

    users: np.ndarray
    items: np.ndarray
    times: np.ndarray
    values: np.ndarray


@dataclass(frozen=True)
class ModelInputs:
    """All that a recommender may know at one moment.

    Attributes:
        n_users: users of the dataset, with or without history.
        n_items: size of the catalogue.
        history: catalogue events up to the moment.
        content: what describes each item of the catalogue.
        at: seconds since 1970 in UTC, when the next purchase is predicted; later than all of the history.
        user_attributes: by name, int32 (n_users,) dense codes of what the model may know of users; 0 is Unknown.
        ratings: those given before the moment, None for data without.
        timed: whether times are real; otherwise they are an order, and nothing may be asked in days.
        user_features: float32 (n_users, F), numbers about users, in place of `user_attributes`; None for codes.
        groups: what fairness in training goes by; the model reads none of it.
        reactions: those to lists shown before the moment, None for data without.
        dismissed: what lists must leave out, None where nothing.
    """

    n_users: int
    n_items: int
    history: Sequences
    content: ItemContent
    at: int
    user_attributes: dict[str, np.ndarray] = field(default_factory=dict)
    ratings: Ratings | None = None
    timed: bool = True
    user_features: np.ndarray | None = None
    groups: FairGroups | None = None
    reactions: Reactions | None = None
    dismissed: Dismissed | None = None


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
    events: pd.DataFrame,
    items: pd.DataFrame,
    *,
    n_users: int,
    until: Split,
    users: pd.DataFrame | None = None,
    ratings: pd.DataFrame | None = None,
    impressions: pd.DataFrame | None = None,
    judgements: pd.DataFrame | None = None,
    timed: bool = True,
    content: ItemContent | None = None,
) -> ModelInputs:
    """What a recommender knows at the end of a window.

    Args:
        events: `user`, `item`, `basket`, `timestamp`, `event`, `split` of a prepared dataset, in its order.
        items: the item table of that dataset.
        until: "train" ends history where validation begins (to fit and tune); "validation" where test begins
            (to report); "test" with the data (for questions about earlier moments). Nothing later is read,
            except the times of the first later events.
        users: row r is user code r; the attributes that the model may know, as categories.
        ratings: `user`, `item`, `timestamp`, `rating`; those given later are left out.
        impressions: `user`, `item`, `rank`, `timestamp` and what came of them; later ones are left out.
        judgements: `user`, `item`, `rating`, `dismissed`, of analysts: they hold whenever the model is asked.
        content: what describes the catalogue; unset: what the item table says alone.
    """
    n_items = int(items[IN_CATALOGUE].sum())
    catalogue = items.iloc[:n_items]
    last = SPLITS.index(until)
    known = (events[SPLIT] <= last) & (events[ITEM] < n_items)
    history = _sequences(events[known], n_users)
    at = _moment(history, events.loc[events[SPLIT] == last + 1, TIMESTAMP])
    later = events.loc[events[SPLIT] > last, [USER, TIMESTAMP]]
    shown, bought = None, events.iloc[:0]
    if impressions is not None:
        shown = _in_time(impressions, later, n_items=n_items, at=at)
        bought = events[known & purchases(events)]
    return ModelInputs(
        n_users=n_users,
        n_items=n_items,
        history=history,
        content=item_content(catalogue) if content is None else content,
        at=at,
        user_attributes={} if users is None else item_attributes(users),
        ratings=_ratings(ratings, judgements, later, n_items=n_items, at=at),
        timed=timed,
        reactions=None if shown is None else reactions(shown),
        dismissed=dismissed(shown, bought, judgements, n_items=n_items),
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


def new_to_users(answers: Positives, users: np.ndarray, items: np.ndarray, *, n_items: int) -> Positives:
    """The answers that their users had not taken before.

    Args:
        users, items: who took what, codes (E,).
    """
    owners = np.repeat(np.arange(len(answers.offsets) - 1), np.diff(answers.offsets))
    width = np.int64(n_items)
    new = ~np.isin(owners * width + answers.items, users * width + items)
    return Positives(_offsets(owners[new], len(answers.offsets) - 1), answers.items[new])


def without_users(answers: Positives, users: np.ndarray) -> Positives:
    """The same answers but for some users, codes (N,), who have none."""
    counts = np.diff(answers.offsets)
    silent = np.isin(np.arange(len(counts)), users)
    kept = ~np.repeat(silent, counts)
    return Positives(np.append(0, np.cumsum(np.where(silent, 0, counts))), answers.items[kept])


def without_items(inputs: ModelInputs, items: np.ndarray) -> ModelInputs:
    """The same inputs as if nobody had ever met some items, bool (n_items,); they stay in the catalogue."""
    past, rated, met = inputs.history, inputs.ratings, inputs.reactions
    kept = ~items[past.items]
    before = np.append(0, np.cumsum(kept))
    history = Sequences(
        offsets=before[past.offsets],
        **{name: getattr(past, name)[kept] for name in ("items", "times", "baskets", "events")},
    )
    if rated is not None:
        left = ~items[rated.items]
        rated = Ratings(rated.users[left], rated.items[left], rated.times[left], rated.values[left])
    if met is not None:
        met = met.among(~items[met.items])
    return replace(inputs, history=history, ratings=rated, reactions=met)


def _sequences(events: pd.DataFrame, n_users: int) -> Sequences:
    users = events[USER].to_numpy()
    if np.any(users[1:] < users[:-1]):
        raise ValueError("events must be sorted by user, as in a prepared dataset")
    return Sequences(
        offsets=_offsets(users, n_users),
        items=events[ITEM].to_numpy(np.int32),
        times=_seconds(events[TIMESTAMP]),
        baskets=events[BASKET].to_numpy(np.int32),
        events=events[EVENT].cat.codes.to_numpy(np.int8),
    )


def _offsets(sorted_users: np.ndarray, n_users: int) -> np.ndarray:
    return np.searchsorted(sorted_users, np.arange(n_users + 1)).astype(np.int64)


def _changes(values: np.ndarray) -> np.ndarray:
    """Whether each element differs from the one before; the first does."""
    return np.concatenate([np.ones(min(len(values), 1), bool), values[1:] != values[:-1]])


def _in_time(rows: pd.DataFrame, later: pd.DataFrame, *, n_items: int, at: int) -> pd.DataFrame:
    """Rows of catalogue items before `at`, and before the user's own first later event."""
    rows = rows[rows[ITEM].between(0, n_items - 1)]
    first_later = later.groupby(USER)[TIMESTAMP].min().reindex(rows[USER]).to_numpy()
    in_time = pd.isna(first_later) | (rows[TIMESTAMP].to_numpy() < first_later)
    return rows[in_time & (_seconds(rows[TIMESTAMP]) < at)]


def _ratings(
    ratings: pd.DataFrame | None,
    judgements: pd.DataFrame | None,
    later: pd.DataFrame,
    *,
    n_items: int,
    at: int,
) -> Ratings | None:
    """Users' ratings up to the moment and, as if given just before it, those of analysts; None for data without either."""
    parts = []
    if ratings is not None:
        given = _in_time(ratings[ratings[RATING].notna()], later, n_items=n_items, at=at)
        parts.append((given, _seconds(given[TIMESTAMP])))
    if judgements is not None:
        judged = judgements[judgements[RATING].notna() & judgements[ITEM].between(0, n_items - 1)]
        parts.append((judged, np.full(len(judged), at - 1)))
    if not parts:
        return None
    rows = pd.concat([rows[[USER, ITEM, RATING]] for rows, _ in parts])
    return Ratings(
        users=rows[USER].to_numpy(np.int64),
        items=rows[ITEM].to_numpy(np.int64),
        times=np.concatenate([times for _, times in parts]),
        values=rows[RATING].to_numpy(np.float32),
    )


def _seconds(times: pd.Series) -> np.ndarray:
    return times.to_numpy("datetime64[s]").astype(np.int64)


def _moment(history: Sequences, later: pd.Series) -> int:
    """The first later event; just after the history where windows overlap in time (leave-one-out)."""
    after_history = int(history.times.max()) + 1 if len(history.times) else 0
    first_later = int(later.min().timestamp()) if len(later) else 0
    return max(after_history, first_later)
