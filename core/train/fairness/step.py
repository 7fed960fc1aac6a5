"""What fairness objectives share of one training step, computed once and only if it is asked for."""

from dataclasses import dataclass
from functools import cached_property

import numpy as np
import torch
from torch import Tensor
from torch.nn.functional import linear

from core.models.batch import Seen
from core.models.recommender import NEVER, Answer, AttentionRecommender
from core.train.examples import Example
from core.train.softmax import LOGITS_AT_ONCE, Targets, softmax_loss

FEWEST_MOMENTS, MOST_MOMENTS = 8, 96  # of a batch that are asked about the whole catalogue


@dataclass(frozen=True)
class Groups:
    """FairGroups as tensors, codes from 1, 0 for none; None for what was not asked for.

    Attributes:
        users: int64 (n_users,); n: number of groups of users.
        items, categories: int64 (n_items,). shares: float32 (H + 1,), of each group of items in the known catalogue.
    """

    users: Tensor | None
    n: int
    items: Tensor | None
    categories: Tensor | None
    shares: Tensor | None


@dataclass
class Step:
    """One batch with the model's answer to it."""

    model: AttentionRecommender
    answer: Answer
    example: Example
    groups: Groups
    rng: np.random.Generator

    @cached_property
    def user_groups(self) -> Tensor:
        """The group of each of the batch's users, int64 (B,)."""
        return self.groups.users[self.example.users]

    @cached_property
    def moment_groups(self) -> Tensor:
        """The group of the user of each moment, int64 (N,)."""
        return self.user_groups[self.example.batch.moment_rows]

    @cached_property
    def group_losses(self) -> tuple[Tensor, Tensor]:
        """Next-item loss of each group's moments, (G,), and how many those are, (G,); 0 where there are none."""
        codes = self.moment_groups * (self.example.targets.moment_weights > 0)
        counts = torch.bincount(codes, minlength=self.groups.n + 1)[1:]
        zero = self.answer.states.float().sum() * 0
        found = [
            _part_loss(self.answer, self.example, codes == code, self.rng) if count else zero
            for code, count in enumerate(counts.tolist(), start=1)
        ]
        return torch.stack(found), counts

    @cached_property
    def asked(self) -> Tensor:
        """Moments with targets that are asked about the whole catalogue, in order, int64 (M,)."""
        with_targets = torch.nonzero(self.example.targets.moment_weights > 0)[:, 0]
        most = LOGITS_AT_ONCE // max(len(self.answer.products.bias), 1)
        most = min(max(most, FEWEST_MOMENTS), MOST_MOMENTS)
        drawn = self.rng.permutation(len(with_targets))[:most]
        return with_targets[torch.from_numpy(np.sort(drawn)).to(with_targets.device)]

    @cached_property
    def log_shares(self) -> Tensor:
        """Logarithm of the model's softmax over the catalogue at the moments asked, float32 (M, n_items)."""
        answer, batch, asked = self.answer, self.example.batch, self.asked
        vectors, bias = (part.float() for part in answer.products)
        dense = linear(answer.states[asked].float(), vectors, bias)
        if batch.seen is None:
            return dense.log_softmax(dim=1)
        rows, kept = _places(batch.seen.moments, asked, len(answer.states))
        cells = rows[kept], batch.seen.items[kept]
        if answer.repeats is not None:
            return dense.index_put(cells, answer.repeats[kept].float()).log_softmax(dim=1)
        rows, kept = _places(self.example.targets.moments, asked, len(answer.states))
        wanted = rows[kept], self.example.targets.items[kept]
        hidden = dense.index_put(cells, dense.new_tensor(NEVER))
        return hidden.index_put(wanted, dense[wanted]).log_softmax(dim=1)

    @cached_property
    def scores(self) -> Tensor:
        """Mean logarithm of the share that the model gave to what was taken, at each moment asked, (M,)."""
        targets, asked = self.example.targets, self.asked
        rows, kept = _places(targets.moments, asked, len(self.answer.states))
        weights = targets.weights[kept] / targets.moment_weights[asked][rows[kept]]
        each = self.log_shares[rows[kept], targets.items[kept]] * weights
        return torch.zeros_like(self.log_shares[:, 0]).index_add(0, rows[kept], each)


def _places(moments: Tensor, asked: Tensor, n: int) -> tuple[Tensor, Tensor]:
    """Row of each entry's moment among those asked (M,), and whether it is among them."""
    place = torch.full((n,), -1, device=asked.device)
    place[asked] = torch.arange(len(asked), device=asked.device)
    rows = place[moments]
    return rows, rows >= 0


def _part_loss(answer: Answer, example: Example, kept: Tensor, rng: np.random.Generator) -> Tensor:
    """The next-item loss of some moments alone, bool (N,), by their weights."""
    place = torch.cumsum(kept, 0) - 1
    targets, seen = example.targets, example.batch.seen
    inside = kept[targets.moments]
    total = targets.moment_weights[kept].sum()
    moments = place[targets.moments[inside]]
    part = Targets(
        moments=moments,
        items=targets.items[inside],
        weights=targets.weights[inside] / total,
        moment_weights=targets.moment_weights[kept] / total,
        offsets=_offsets(moments, int(kept.sum())),
    )
    repeats = answer.repeats
    if seen is not None:
        known = kept[seen.moments]
        at = place[seen.moments[known]]
        seen = Seen(at, seen.items[known], None, _offsets(at, int(kept.sum())))
        repeats = None if repeats is None else repeats[known]
    return softmax_loss(answer.states[kept], answer.products, part, rng=rng, seen=seen, repeats=repeats)


def _offsets(moments: Tensor, n: int) -> Tensor:
    return torch.searchsorted(moments.cpu(), torch.arange(n + 1))


def at_running_mean(batch: Tensor, running: Tensor) -> Tensor:
    """The running mean's value with the batch's gradient.

    A function f of a mean over everybody has the gradient f'(mean) times the mean gradient; f of a small batch's
    mean would be biased by its noise (stochastic compositional gradient: Wang, Fang & Liu, Mathematical
    Programming 161, 2017).
    """
    return running + (batch - batch.detach())
