"""Moments of the past with what followed them: the examples of one epoch, drawn afresh each time."""

from dataclasses import dataclass

import numpy as np
import torch

from core.models.batch import Batch, collate
from core.models.history import History, Moments, ranges
from core.models.task import Task
from core.train.objective import Targets

MOMENTS_PER_USER = 12  # drawn from each user's past in one epoch, when a window is predicted
LENGTH_JITTER = 0.25  # users are batched with others of like history length, up to this much off


@dataclass(frozen=True)
class Examples:
    """Draws training examples from a history.

    With task "window": moments drawn uniformly from a user's life, targets the distinct items of the following
    `task.horizon` seconds, all of which lies before `history.at`. With task "next": the moment after every
    basket, targets the items of the next one.

    Attributes:
        users: int64, those with anything to learn from.
        targeted: bool (E,), lines that can be targets: purchases, or all where there are none.
    """

    history: History
    task: Task
    length: int
    with_repeats: bool
    users: np.ndarray
    targeted: np.ndarray

    def batches(self, size: int, rng: np.random.Generator) -> list[np.ndarray]:
        """All users in shuffled batches of like history length."""
        jitter = rng.uniform(1 - LENGTH_JITTER, 1 + LENGTH_JITTER, len(self.users))
        order = self.users[np.argsort(self.history.tokens[self.users] * jitter, kind="stable")]
        parts = np.split(order, range(size, len(order), size))
        return [np.sort(parts[number]) for number in rng.permutation(len(parts))]

    def draw(self, users: np.ndarray, rng: np.random.Generator) -> tuple[Batch, Targets]:
        """Examples of one batch of users."""
        moments, ends = self._window(users, rng) if self.task.predict == "window" else self._next(users, rng)
        batch = collate(self.history, moments, length=self.length, with_repeats=self.with_repeats)
        return batch, self._targets(moments, ends, batch)

    def _window(self, users: np.ndarray, rng: np.random.Generator) -> tuple[Moments, np.ndarray]:
        begin, end = self._tokens(users, rng)
        first, last = self.history.token_times[begin], self.history.token_times[end - 1]
        latest = self.history.at - self.task.horizon
        whole = end == self.history.token_offsets[users + 1]
        last = np.where(whole, latest, np.minimum(last, latest))
        first = np.minimum(first, last)
        share = rng.random((len(users), MOMENTS_PER_USER))
        times = first[:, None] + 1 + np.floor(share * (last - first)[:, None]).astype(np.int64)
        moments = self.history.known(np.repeat(users, MOMENTS_PER_USER), times.ravel())
        return moments, self.history.known(moments.users, moments.times + self.task.horizon).lines

    def _next(self, users: np.ndarray, rng: np.random.Generator) -> tuple[Moments, np.ndarray]:
        begin, end = self._tokens(users, rng, spare=1)
        count = end - begin
        tokens = ranges(begin, count)
        moments = self.history.after_token(np.repeat(users, count), tokens)
        return moments, self.history.token_lines[tokens + 2]

    def _tokens(self, users: np.ndarray, rng: np.random.Generator, spare: int = 0):
        """A stretch of at most `length` baskets of each user, leaving `spare` after it: begin and end tokens."""
        low, high = self.history.token_offsets[users], self.history.token_offsets[users + 1] - spare
        extra = np.maximum(high - low - self.length, 0)
        end = high - np.floor(rng.random(len(users)) * (extra + 1)).astype(np.int64)
        return np.maximum(low, end - self.length), end

    def _targets(self, moments: Moments, ends: np.ndarray, batch: Batch) -> Targets:
        """The distinct items between each moment and its end, equally weighted within a moment."""
        count = np.maximum(ends - moments.lines, 0)
        moment = np.repeat(np.arange(len(count)), count)
        line = ranges(moments.lines, count)
        wanted = self.targeted[line] & (batch.moment_slots.numpy() >= 0)[moment]
        pairs = moment[wanted] * self.history.n_items + self.history.items[line[wanted]]
        moment, items = np.divmod(np.unique(pairs), self.history.n_items)
        found = np.bincount(moment, minlength=len(count))
        weight = (found > 0) / max(np.count_nonzero(found), 1)
        return Targets(
            moments=torch.from_numpy(moment),
            items=torch.from_numpy(items),
            weights=torch.from_numpy((weight[moment] / found[moment]).astype(np.float32)),
            moment_weights=torch.from_numpy(weight.astype(np.float32)),
            offsets=torch.from_numpy(np.searchsorted(moment, np.arange(len(count) + 1))),
        )


def examples_of(history: History, task: Task, *, length: int, with_repeats: bool) -> Examples:
    """The examples that a history holds; `users` is empty where nobody came twice."""
    purchases = history.events == 0
    targeted = purchases if purchases.any() else np.ones(len(history.events), bool)
    several = history.tokens >= 2
    if task.predict == "window":
        known = np.flatnonzero(history.tokens)
        first = np.full(history.n_users, history.at, dtype=np.int64)
        first[known] = history.token_times[history.token_offsets[known]]
        several &= first < history.at - task.horizon
    return Examples(history, task, length, with_repeats, np.flatnonzero(several), targeted)
