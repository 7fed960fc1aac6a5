"""Moments of the past with what followed them: the examples of one epoch, drawn afresh each time."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import torch

from core.data.fair_groups import FairGroups
from core.data.inputs import SECONDS_PER_DAY
from core.models.batch import Batch, Past, collate
from core.models.history import History, Moments, ranges
from core.models.task import Task
from core.schema.settings import TrainSettings
from core.train.augment import Augmentation, augmentation_of
from core.train.counterfactual import flip_of
from core.train.softmax import Targets
from core.train.weighting import item_weights, user_weights, weighted

MOMENTS_PER_USER = 12  # drawn from each user's past in one epoch, when a window is predicted
LENGTH_JITTER = 0.25  # users are batched with others of like history length, up to this much off


@dataclass(frozen=True)
class Told:
    """What the behaviour vectors at some moments, int64 (M,), must be able to tell again."""

    moments: torch.Tensor
    targets: Targets


@dataclass(frozen=True)
class Example:
    """One batch with the right answers to every objective; None for objectives that are off.

    `buys`: float32 (N,), 1 where the user purchases soon, NaN where that is not known. `users`: codes of the batch's
    users, int64 (B,). `weights`: float32 (N,), what each moment counts for; None where all count the same.
    """

    batch: Batch
    targets: Targets
    told: Told | None
    buys: torch.Tensor | None
    users: torch.Tensor
    weights: torch.Tensor | None

    def to(self, device: torch.device) -> "Example":
        """The same example on a device."""
        told = self.told and Told(self.told.moments.to(device), self.told.targets.to(device))
        buys, weights = (part if part is None else part.to(device) for part in (self.buys, self.weights))
        users = self.users.to(device)
        return Example(self.batch.to(device), self.targets.to(device), told, buys, users, weights)


@dataclass(frozen=True)
class Examples:
    """Draws training examples from a history.

    With task "window": moments drawn uniformly from a user's life, targets the distinct items of the following
    `task.horizon` seconds, all of which lies before `history.at`. With task "next": the moment after every
    basket, targets the items of the next one.

    Attributes:
        users: int64, those with anything to learn from.
        targeted: bool (E,), lines that can be targets.
        augmentation: how what is read is varied.
        reconstruct: whether the past is to be told again.
        intent_seconds: length of the question whether a user buys; 0 where it is not asked.
        user_weights: float32 (n_users,). item_weights: float32 (n_items,). None where all count the same.
    """

    history: History
    task: Task
    length: int
    past: Past
    users: np.ndarray
    targeted: np.ndarray
    augmentation: Augmentation
    reconstruct: bool
    intent_seconds: int
    user_weights: np.ndarray | None = None
    item_weights: np.ndarray | None = None

    def batches(self, size: int, rng: np.random.Generator) -> list[np.ndarray]:
        """All users in shuffled batches of like history length."""
        jitter = rng.uniform(1 - LENGTH_JITTER, 1 + LENGTH_JITTER, len(self.users))
        order = self.users[np.argsort(self.history.tokens[self.users] * jitter, kind="stable")]
        parts = np.split(order, range(size, len(order), size))
        return [np.sort(parts[number]) for number in rng.permutation(len(parts))]

    def draw(self, users: np.ndarray, rng: np.random.Generator) -> Example:
        """Examples of one batch of users."""
        begin, end = self._stretch(users, rng)
        history = self.augmentation.shuffled(self.history, begin, end, rng)
        ask = self._window if self.task.predict == "window" else self._next
        moments, ends = ask(history, users, begin, end, rng)
        batch = collate(history, moments, length=self.length, past=self.past, oldest=begin)
        weights = None if self.user_weights is None else self.user_weights[moments.users]
        targets = weighted(self._targets(history, moments, ends, batch), weights, self.item_weights)
        told = self._past(history, moments, batch, rng, weights) if self.reconstruct else None
        buys = self._buys(moments) if self.intent_seconds else None
        return Example(
            self.augmentation.applied(batch, rng),
            targets,
            told,
            buys,
            users=torch.from_numpy(np.unique(moments.users)),
            weights=None if weights is None else torch.from_numpy(weights),
        )

    def _window(self, history, users, begin, end, rng) -> tuple[Moments, np.ndarray]:
        """Moments drawn from each user's stretch, and the lines where the windows after them end."""
        first, last = history.token_times[begin], history.token_times[end - 1]
        latest = history.at - self.task.horizon
        whole = end == history.token_offsets[users + 1]
        last = np.where(whole, latest, np.minimum(last, latest))
        first = np.minimum(first, last)
        share = rng.random((len(users), MOMENTS_PER_USER))
        times = first[:, None] + 1 + np.floor(share * (last - first)[:, None]).astype(np.int64)
        moments = history.known(np.repeat(users, MOMENTS_PER_USER), times.ravel())
        return moments, history.known(moments.users, moments.times + self.task.horizon).lines

    def _next(self, history, users, begin, end, rng) -> tuple[Moments, np.ndarray]:
        """The moments after each basket of the stretch but the last, and the lines where the next ones end."""
        count = end - begin - 1
        tokens = ranges(begin, count)
        moments = history.after_token(np.repeat(users, count), tokens)
        return moments, history.token_lines[tokens + 2]

    def _stretch(self, users: np.ndarray, rng: np.random.Generator) -> tuple[np.ndarray, np.ndarray]:
        """First and last token of what this epoch reads of each user: what fits, and what is to be predicted."""
        length = self.length + (self.task.predict == "next")
        low, high = self.history.token_offsets[users], self.history.token_offsets[users + 1]
        low, high = self.augmentation.cropped(low, high, rng)
        extra = np.maximum(high - low - length, 0)
        end = high - np.floor(rng.random(len(users)) * (extra + 1)).astype(np.int64)
        return np.maximum(low, end - length), end

    def _past(
        self,
        history: History,
        moments: Moments,
        batch: Batch,
        rng: np.random.Generator,
        weights: np.ndarray | None,
    ) -> Told:
        """The distinct items that one moment of each user has behind it, as far as the batch reads back."""
        rows = batch.moment_rows.numpy()
        first = np.searchsorted(rows, np.arange(batch.users + 1))
        chosen = first[:-1] + np.floor(rng.random(batch.users) * np.diff(first)).astype(np.int64)
        slots = batch.moment_slots.numpy()[chosen]
        tokens = moments.tokens[chosen]
        oldest = np.maximum(tokens - 1 - slots % batch.length, 0)
        begin = np.where(slots >= 0, history.token_lines[oldest], moments.lines[chosen])
        targets = _distinct(history, begin, moments.lines[chosen], np.ones(len(history.items), bool))
        targets = weighted(targets, None if weights is None else weights[chosen], None)
        return Told(torch.from_numpy(chosen), targets)

    def _buys(self, moments: Moments) -> torch.Tensor:
        """Whether each moment's user purchases within the days asked about, float32 (N,); NaN where not known yet."""
        until = moments.times + self.intent_seconds
        ends = self.history.known(moments.users, until).lines
        bought = np.append(0, np.cumsum(self.targeted))
        buys = (bought[ends] > bought[moments.lines]).astype(np.float32)
        return torch.from_numpy(np.where(until <= self.history.at, buys, np.float32(np.nan)))

    def _targets(self, history: History, moments: Moments, ends: np.ndarray, batch: Batch) -> Targets:
        """The distinct items between each moment and its end."""
        seen = batch.moment_slots.numpy() >= 0
        return _distinct(history, moments.lines, np.where(seen, ends, moments.lines), self.targeted)


def _distinct(history: History, begin: np.ndarray, end: np.ndarray, wanted: np.ndarray) -> Targets:
    """The distinct items of the wanted lines from `begin` to `end` (N,), equally weighted within each moment."""
    count = np.maximum(end - begin, 0)
    moment = np.repeat(np.arange(len(count)), count)
    line = ranges(begin, count)
    kept = wanted[line]
    pairs = moment[kept] * history.n_items + history.items[line[kept]]
    moment, items = np.divmod(np.unique(pairs), history.n_items)
    found = np.bincount(moment, minlength=len(count))
    weight = (found > 0) / max(np.count_nonzero(found), 1)
    return Targets(
        moments=torch.from_numpy(moment),
        items=torch.from_numpy(items),
        weights=torch.from_numpy((weight[moment] / found[moment]).astype(np.float32)),
        moment_weights=torch.from_numpy(weight.astype(np.float32)),
        offsets=torch.from_numpy(np.searchsorted(moment, np.arange(len(count) + 1))),
    )


def examples_of(
    history: History,
    task: Task,
    settings: TrainSettings,
    *,
    past: Past,
    timed: bool,
    groups: FairGroups | None = None,
    attributes: Sequence[str] = (),
) -> Examples:
    """The examples that a history holds; `users` is empty where nobody came twice.

    Args:
        groups: that weights and counterfactuals go by. attributes: names of the history's user attributes.
    """
    several = history.tokens >= 2
    if task.predict == "window":
        known = np.flatnonzero(history.tokens)
        first = np.full(history.n_users, history.at, dtype=np.int64)
        first[known] = history.token_times[history.token_offsets[known]]
        several &= first < history.at - task.horizon
    asks = timed and settings.intent_weight > 0
    return Examples(
        history=history,
        task=task,
        length=settings.history_length,
        past=past,
        users=np.flatnonzero(several),
        targeted=history.targets,
        augmentation=augmentation_of(
            history,
            settings,
            reorder=task.predict == "next" and past != "features",
            flipped=flip_of(groups, attributes, settings),
        ),
        reconstruct=settings.reconstruction_weight > 0,
        intent_seconds=settings.intent_days * SECONDS_PER_DAY if asks else 0,
        user_weights=user_weights(settings, groups, history),
        item_weights=item_weights(settings, history),
    )
