"""Cross-entropy over the catalogue with several targets per moment, fused so that logits are never kept."""

from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor

from core.models.batch import Repeats
from core.models.recommender import Answer

LOGITS_AT_ONCE = 4_000_000  # moments x columns in memory, 16 MB
FULL_UP_TO = 50_000  # items; a larger catalogue is sampled
SAMPLED_ITEMS = 8_192


@dataclass(frozen=True)
class Targets:
    """What each moment's user took next: one entry per (moment, item), sorted by moment.

    Attributes:
        moments, items: int64 (P,); weights: float32 (P,), summing to moment_weights within each moment.
        moment_weights: float32 (N,), summing to 1; 0 for a moment without targets.
        offsets: int64 (N+1,), entries of each moment; stays on the CPU.
    """

    moments: Tensor
    items: Tensor
    weights: Tensor
    moment_weights: Tensor
    offsets: Tensor

    def to(self, device: torch.device) -> "Targets":
        """The same targets on a device."""
        parts = (self.moments, self.items, self.weights, self.moment_weights)
        return Targets(*(part.to(device) for part in parts), offsets=self.offsets)


def softmax_loss(
    answer: Answer, repeats: Repeats | None, targets: Targets, *, rng: np.random.Generator
) -> Tensor:
    """Mean over moments of the cross-entropy between the model's softmax over items and the targets.

    loss = sum_n w_n logsumexp_i s_ni  -  sum_(n,i) w_ni s_ni, with s as in AttentionRecommender. Above FULL_UP_TO
    items the sum over items runs over all targets and repeats of the batch plus SAMPLED_ITEMS others drawn
    uniformly, each counted by the inverse of its chance to be drawn, which leaves the partition sum unbiased
    (Bengio & Senécal, 2008).
    """
    items, bias = answer.items, answer.bias
    target_items, repeat_items = targets.items, repeats.items if answer.repeats is not None else None
    if len(items) > FULL_UP_TO:
        columns, correction, target_items, repeat_items = _sampled_columns(
            len(items), target_items, repeat_items, rng
        )
        items, bias = items[columns], bias[columns] + correction
    sparse = None
    if repeat_items is not None:
        sparse = (repeats.moments, repeat_items, repeats.offsets)
    positive = (targets.moments, target_items, targets.offsets)
    return _FusedCrossEntropy.apply(
        answer.states, items, bias, answer.repeats, sparse, positive, targets.weights, targets.moment_weights
    )


def _sampled_columns(
    n_items: int, target_items: Tensor, repeat_items: Tensor | None, rng: np.random.Generator
):
    """Columns (C,) to sum over, the log weight of each, and the items' positions among them."""
    kept = target_items if repeat_items is None else torch.cat([target_items, repeat_items])
    forced = torch.unique(kept)
    drawn = torch.from_numpy(rng.choice(n_items, min(SAMPLED_ITEMS, n_items), replace=False)).to(
        forced.device
    )
    drawn = drawn[~torch.isin(drawn, forced)]
    columns, order = torch.cat([forced, drawn]).sort()
    chance = len(drawn) / max(n_items - len(forced), 1)
    correction = torch.cat([torch.zeros(len(forced)), torch.full((len(drawn),), -np.log(max(chance, 1e-12)))])
    place = [torch.searchsorted(columns, part) for part in (target_items, repeat_items) if part is not None]
    return columns, correction.to(forced.device)[order], place[0], place[1] if len(place) > 1 else None


class _FusedCrossEntropy(torch.autograd.Function):
    """The loss and its gradient in one pass over chunks of moments; memory is one chunk of logits."""

    @staticmethod
    def forward(ctx, states, items, bias, repeats, sparse, positive, weights, moment_weights):
        kind = torch.promote_types(states.dtype, torch.float32)
        grads = [torch.zeros_like(part, dtype=kind) for part in (states, items, bias)]
        repeat_grad = None if repeats is None else torch.zeros_like(repeats, dtype=kind)
        loss = states.new_zeros((), dtype=kind)
        rows = max(1, LOGITS_AT_ONCE // max(len(items), 1))
        for begin in range(0, len(states), rows):
            end = min(begin + rows, len(states))
            logits = torch.nn.functional.linear(states[begin:end], items, bias).to(kind)  # (n, C)
            if repeats is not None:
                at, part = _cells(sparse, begin, end)
                logits[at] = repeats[part].to(kind)
            wanted, chosen = _cells(positive, begin, end)
            weight, row_weight = weights[chosen].to(kind), moment_weights[begin:end, None].to(kind)
            loss = loss - (logits[wanted] * weight).sum()
            top = logits.amax(dim=1, keepdim=True)
            total = logits.sub_(top).exp_().sum(dim=1, keepdim=True)
            loss = loss + (row_weight * (top + total.log())).sum()
            slope = logits.mul_(row_weight / total)  # d loss / d logits, (n, C)
            slope.index_put_(wanted, -weight, accumulate=True)
            if repeats is not None:
                repeat_grad[part] = slope[at]
                slope[at] = 0  # taste has no say there
            grads[0][begin:end] = slope @ items
            grads[1] += slope.T @ states[begin:end]
            grads[2] += slope.sum(dim=0)
        ctx.save_for_backward(*grads, *([] if repeats is None else [repeat_grad]))
        return loss

    @staticmethod
    def backward(ctx, grad):
        scaled = [grad * part for part in ctx.saved_tensors]
        return *scaled, *([None] * (8 - len(scaled)))


def _cells(
    entries: tuple[Tensor, Tensor, Tensor], begin: int, end: int
) -> tuple[tuple[Tensor, Tensor], slice]:
    """Index of the entries of moments begin..end into their chunk of logits, and which entries those are."""
    moments, items, offsets = entries
    part = slice(int(offsets[begin]), int(offsets[end]))
    return (moments[part] - begin, items[part]), part
