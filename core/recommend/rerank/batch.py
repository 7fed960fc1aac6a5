"""Everyone's candidates as one batch, which every re-ranker takes and gives back."""

import hashlib
import threading
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import TypeVar

import numpy as np
import pandas as pd

from core.errors import InputError
from core.metrics import NOTHING
from core.recommend.rerank.order import best_first, parts
from core.schema.tables import ITEM, RANK, SCORE, USER

EMPTY = np.float32(-np.inf)  # relevance of a place without an item
KEPT = 4  # things that `Candidates.keep` holds at a time
_MAKING = threading.RLock()  # sessions of one server share candidates
Made = TypeVar("Made")


@dataclass(frozen=True)
class Candidates:
    """The best C items of each of U users, best first. Row u is user code u.

    Attributes:
        items: (U, C) int32 item codes; NOTHING at the end of a row where a user has fewer.
        relevance: (U, C) float32, never rising along a row; the chance that the user takes the item, or another
            number from 0 to 1 (see `as_batch`), to which re-rankers add; EMPTY where there is no item.
        kept, made: what was made of these candidates and may be asked for again, by the content that it depends on.
    """

    items: np.ndarray
    relevance: np.ndarray
    kept: dict = field(default_factory=dict, compare=False, repr=False)
    made: dict = field(default_factory=dict, compare=False, repr=False)

    @property
    def n_users(self) -> int:
        return self.items.shape[0]

    @property
    def filled(self) -> np.ndarray:
        """Which places hold an item, bool (U, C)."""
        return self.items != NOTHING

    def some(self, users: slice) -> "Candidates":
        """Those of some users."""
        return Candidates(self.items[users], self.relevance[users])

    def keep(self, what: str, of: Sequence[np.ndarray], make: Callable[[], Made]) -> Made:
        """What `make` makes of these candidates and of arrays of this content; the same object as before, unless `KEPT`
        others were made since."""
        key = hashlib.blake2b(b"|".join((what.encode(), *(part.tobytes() for part in of)))).digest()
        with _MAKING:
            if key not in self.made:
                while len(self.made) >= KEPT:
                    self.made.pop(next(iter(self.made)))
                self.made[key] = make()
            return self.made[key]

    def first(self, width: int) -> "Candidates":
        """The best `width` of everyone; the same object each time, so that what is kept of it is found again."""
        if width >= self.items.shape[1]:
            return self
        cut = Candidates(
            np.ascontiguousarray(self.items[:, :width]), np.ascontiguousarray(self.relevance[:, :width])
        )
        return self.kept.setdefault(("first", width), cut)

    def lists(self, k: int) -> np.ndarray:
        """The first k items of everyone, (U, k) int32; NOTHING where there are fewer."""
        width = self.items.shape[1]
        if width >= k:
            return self.items[:, :k]
        return np.pad(self.items, ((0, 0), (0, k - width)), constant_values=NOTHING)


def as_batch(
    table: pd.DataFrame,
    *,
    n_users: int,
    width: int,
    relevance: Callable[[np.ndarray], np.ndarray] | None = None,
) -> Candidates:
    """Candidates of a run as a batch.

    Args:
        table: `user`, `item`, `rank`, `score`, sorted by user and rank as a run keeps them. width: C.
        relevance: rising, from scores to relevance; None: see `scaled`.

    Raises:
        InputError: a score is missing, or rises with the rank.
    """
    items, scores = as_matrices(table, n_users=n_users, width=width)
    filled = items != NOTHING
    if np.isnan(scores[filled]).any() or (np.diff(scores, axis=1) > 0).any():
        raise InputError("Lists without a score for each item, best first, cannot be re-ranked.")
    return Candidates(items, np.where(filled, (relevance or scaled)(scores), EMPTY).astype(np.float32))


def as_matrices(table: pd.DataFrame, *, n_users: int, width: int) -> tuple[np.ndarray, np.ndarray]:
    """Items, (U, C) int32, and scores, float32, of the first candidates; NOTHING and NaN where there are fewer."""
    kept = table[table[RANK] <= width]
    users = kept[USER].to_numpy()
    place = np.arange(len(users)) - np.searchsorted(users, users)
    items = np.full((n_users, width), NOTHING, dtype=np.int32)
    scores = np.full((n_users, width), np.nan, dtype=np.float32)
    items[users, place], scores[users, place] = kept[ITEM], kept[SCORE]
    return items, scores


def scaled(scores: np.ndarray) -> np.ndarray:
    """Scores of each user as shares of the way from the last candidate (0) to the best (1); 1 where all are equal.

    For lists whose scores are comparable within one user only.

    Args:
        scores: (U, C), NaN where there is none.
    """
    there = np.isfinite(scores)
    best = np.max(scores, axis=1, where=there, initial=-np.inf, keepdims=True)
    last = np.min(scores, axis=1, where=there, initial=np.inf, keepdims=True)
    with np.errstate(invalid="ignore"):
        return np.where(best > last, (scores - last) / (best - last), np.where(there, 1.0, np.nan))


def in_new_order(candidates: Candidates, order: np.ndarray) -> Candidates:
    """Candidates in an order that follows from more than a number per item, such as lists built item by item.

    The item at place r gets the r-th highest relevance of its user, so that what comes next sees the new order and the
    user's own scale.

    Args:
        order: (U, C) places of the old order, each once; empty ones last.
    """
    return Candidates(np.take_along_axis(candidates.items, order, axis=1), candidates.relevance)


def by_relevance(candidates: Candidates, relevance: Callable[[slice], np.ndarray]) -> Candidates:
    """Candidates with other relevances, in their order; equal ones stay as they were.

    Args:
        relevance: gives those of some users, a new float32 (u, C); whatever stands at empty places does not matter.
    """
    items, found = np.empty_like(candidates.items), np.empty_like(candidates.relevance)
    for here in parts(*items.shape):
        values = relevance(here)
        values[candidates.items[here] == NOTHING] = EMPTY
        at = best_first(values)
        at += np.arange(len(at))[:, None] * at.shape[1]
        items[here], found[here] = candidates.items[here].take(at), values.take(at)
    return Candidates(items, found)
