"""Histories indexed so that "what was known of user u at moment t" is two binary searches for a whole batch."""

from dataclasses import dataclass
from itertools import pairwise

import numpy as np

from core.data.inputs import SECONDS_PER_DAY, ModelInputs, Sequences
from core.models.trends import Trends, trends

HALF_LIVES = (5.0, 21.0, 83.0)  # days; decayed counts at time constants of about 7, 30 and 120 days


@dataclass(frozen=True)
class History:
    """Everybody's events as flat arrays (CSR by user, in time order), with running counts per user and item.

    A line is one event; a token is one basket (a run of lines with the same basket code) and is what the
    attention reads. A line happens when its basket begins, so a moment never cuts a basket in two.

    Attributes:
        n_users, n_items: as in ModelInputs.
        at: seconds; the moment after all of the history.
        line_offsets: int64 (U+1,); items, times, events: int64 (E,); time in seconds.
        next_same: int64 (E,); the line where the same user takes the same item again, or E.
        first_times: int64 (E,); when the same user first took the same item.
        counts: float32 (E, 1 + H); times taken so far, and the same decayed with each half-life, this one included.
        token_offsets: int64 (U+1,); token_times: int64 (K,); token_lines: int64 (K+1,), where each token begins.
        user_attributes: int64 (U, A), codes of the attributes that the model may see.
        user_features: float32 (U, F), numbers in their place.
    """

    n_users: int
    n_items: int
    at: int
    line_offsets: np.ndarray
    items: np.ndarray
    times: np.ndarray
    events: np.ndarray
    next_same: np.ndarray
    first_times: np.ndarray
    counts: np.ndarray
    token_offsets: np.ndarray
    token_times: np.ndarray
    token_lines: np.ndarray
    user_attributes: np.ndarray
    user_features: np.ndarray
    trends: Trends

    @property
    def tokens(self) -> np.ndarray:
        """Baskets of each user, int64 (U,)."""
        return np.diff(self.token_offsets)

    @property
    def owners(self) -> np.ndarray:
        """The user of each line, int64 (E,)."""
        return np.repeat(np.arange(self.n_users), np.diff(self.line_offsets))

    @property
    def targets(self) -> np.ndarray:
        """Lines that are to be predicted, bool (E,): purchases, or all where there are none."""
        purchases = self.events == 0
        return purchases if purchases.any() else np.ones(len(self.events), bool)

    def known(self, users: np.ndarray, times: np.ndarray) -> "Moments":
        """What lies strictly before `times` (seconds, (N,)) of `users` (N,)."""
        return Moments(
            users,
            times,
            lines=_before(self.times, self.line_offsets, users, times),
            tokens=_before(self.token_times, self.token_offsets, users, times),
        )

    def after_token(self, users: np.ndarray, tokens: np.ndarray) -> "Moments":
        """The moments right after the given tokens (positions in `token_times`, (N,)) of `users` (N,)."""
        return Moments(users, self.token_times[tokens], lines=self.token_lines[tokens + 1], tokens=tokens + 1)

    def now(self, users: np.ndarray, *, at_last_event: bool) -> "Moments":
        """All that is known of `users` (N,), asked at `at` or right after their last basket."""
        tokens = self.token_offsets[users + 1]
        times = np.full(len(users), self.at, dtype=np.int64)
        if at_last_event and len(self.token_times):
            has_any = tokens > self.token_offsets[users]
            times = np.where(has_any, self.token_times[np.maximum(tokens - 1, 0)], times)
        return Moments(users, times, lines=self.line_offsets[users + 1], tokens=tokens)


@dataclass(frozen=True)
class Moments:
    """Instants in users' lives: of `users[n]`, everything before line `lines[n]` (token `tokens[n]`) is known.

    All int64 (N,); `lines` and `tokens` are positions in the arrays of History, `times` seconds.
    """

    users: np.ndarray
    times: np.ndarray
    lines: np.ndarray
    tokens: np.ndarray


def index_history(inputs: ModelInputs) -> History:
    """Index the histories of a model's inputs; about a second per million events."""
    past = inputs.history
    users, items = past.users.astype(np.int64), past.items.astype(np.int64)
    times = _begin(past)[2]
    return indexed(
        past,
        n_items=inputs.n_items,
        at=inputs.at,
        user_attributes=_columns(inputs.user_attributes, inputs.n_users),
        user_features=np.zeros((inputs.n_users, 0), np.float32)
        if inputs.user_features is None
        else inputs.user_features,
        trends=trends(users, items, times, n_items=inputs.n_items, at=inputs.at),
    )


def indexed(
    past: Sequences,
    *,
    n_items: int,
    at: int,
    user_attributes: np.ndarray,
    user_features: np.ndarray,
    trends: Trends,
) -> History:
    """Histories with what else is known of their users, and of the items at all times."""
    users, items = past.users.astype(np.int64), past.items.astype(np.int64)
    token_lines, token_times, times = _begin(past)
    next_same, first_times, counts = _running_counts(users, items, times)
    return History(
        n_users=len(past.offsets) - 1,
        n_items=n_items,
        at=at,
        line_offsets=past.offsets,
        items=items,
        times=times,
        events=past.events.astype(np.int64),
        next_same=next_same,
        first_times=first_times,
        counts=counts,
        token_offsets=np.searchsorted(token_lines[:-1], past.offsets).astype(np.int64),
        token_times=token_times,
        token_lines=token_lines,
        user_attributes=user_attributes,
        user_features=user_features,
        trends=trends,
    )


def _begin(past: Sequences) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Where baskets begin, (K+1,), when, (K,), and when each line's basket did, (E,)."""
    begins = _changes(past.users) | _changes(past.baskets)
    token_lines = np.append(np.flatnonzero(begins), len(past.items))
    token_times = past.times[token_lines[:-1]]
    times = token_times[np.cumsum(begins) - 1] if len(past.items) else past.times
    return token_lines, token_times, times


def _columns(attributes: dict[str, np.ndarray], n_users: int) -> np.ndarray:
    """Attributes by name as columns, int64 (U, A)."""
    return np.array([*attributes.values()], dtype=np.int64).reshape(-1, n_users).T


def ranges(starts: np.ndarray, lengths: np.ndarray) -> np.ndarray:
    """Concatenated `arange(start, start + length)` of each pair, int64."""
    begin = np.cumsum(lengths) - lengths
    return np.arange(lengths.sum(), dtype=np.int64) + np.repeat(starts - begin, lengths)


def _before(times: np.ndarray, offsets: np.ndarray, users: np.ndarray, moments: np.ndarray) -> np.ndarray:
    """Position of each user's first entry at or after a moment; `times` ascend within each user."""
    low, high = offsets[users], offsets[users + 1]
    while (open_ := low < high).any():  # bisection of all at once
        middle = (low + high) // 2
        earlier = open_ & (times[np.minimum(middle, len(times) - 1)] < moments)
        low, high = np.where(earlier, middle + 1, low), np.where(open_ & ~earlier, middle, high)
    return low


def _running_counts(users: np.ndarray, items: np.ndarray, times: np.ndarray):
    """`next_same`, `first_times` and `counts` of History, each computed from the past of its line alone."""
    total = len(users)
    order = np.lexsort((np.arange(total), items, users))  # each user's item in a row, in time order
    new = _changes(users[order]) | _changes(items[order])
    start = np.maximum.accumulate(np.where(new, np.arange(total), 0)) if total else np.zeros(0, np.int64)
    number = np.arange(total) - start  # 0 at the first time
    next_same = np.full(total, total, dtype=np.int64)
    again = np.flatnonzero(~new)
    next_same[order[again - 1]] = order[again]
    first_times = np.empty(total, dtype=np.int64)
    first_times[order] = times[order][start]
    counts = np.empty((total, 1 + len(HALF_LIVES)), dtype=np.float32)
    counts[order] = np.column_stack([number + 1, _decayed(times[order] / SECONDS_PER_DAY, number)])
    return next_same, first_times, counts


def _decayed(days: np.ndarray, number: np.ndarray) -> np.ndarray:
    """D_n = 1 + D_(n-1) 2^(-gap / half-life) along each run; `number` counts from 0 in a run. (E,) -> (E, H)."""
    decayed = np.ones((len(days), len(HALF_LIVES)))
    by_number = np.argsort(number, kind="stable")
    ends = np.cumsum(np.bincount(number)) if len(number) else np.zeros(0, np.int64)
    for begin, end in pairwise(ends):  # all second times, all third times, ...
        here = by_number[begin:end]
        gap = (days[here] - days[here - 1])[:, None]
        decayed[here] += decayed[here - 1] * np.exp2(-gap / np.array(HALF_LIVES))
    return decayed


def _changes(values: np.ndarray) -> np.ndarray:
    """Whether each element differs from the one before; the first does."""
    return np.concatenate([np.ones(min(len(values), 1), bool), values[1:] != values[:-1]])
