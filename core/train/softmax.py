"""Cross-entropy over the catalogue with several targets per moment, fused so that logits are never kept."""

from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor

from core.models.batch import Seen
from core.models.product import Products
from core.models.recommender import NEVER

LOGITS_AT_ONCE = 2_000_000  # moments x columns in memory, 8 MB: what a processor's cache holds
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
    states: Tensor,
    products: Products,
    targets: Targets,
    *,
    rng: np.random.Generator,
    seen: Seen | None = None,
    repeats: Tensor | None = None,
) -> Tensor:
    """Mean over moments of the cross-entropy between the model's softmax over items and the targets.

    loss = sum_n w_n logsumexp_i s_ni  -  sum_(n,i) w_ni s_ni, with s_ni = state_n . item_i + bias_i. What `seen` names
    has its logit in `repeats` (R,) instead, as in AttentionRecommender; without `repeats` it is left out of the sum
    over items, as it will be left out of the lists, unless it is a target. Above FULL_UP_TO items that sum runs
    over all targets and seen items of the batch plus SAMPLED_ITEMS others drawn uniformly, each counted by the
    inverse of its chance to be drawn, which leaves the partition sum unbiased (Bengio & Senécal, 2008).
    """
    items, bias = products
    target_items, seen_items = targets.items, None if seen is None else seen.items
    if len(items) > FULL_UP_TO:
        columns, correction, target_items, seen_items = _sampled_columns(
            len(items), target_items, seen_items, rng
        )
        items, bias = items[columns], bias[columns] + correction
    before = None if seen is None else (seen.moments, seen_items, seen.offsets)
    positive = (targets.moments, target_items, targets.offsets)
    return _FusedCrossEntropy.apply(
        states, items, bias, repeats, before, positive, targets.weights, targets.moment_weights
    )


def _sampled_columns(n_items: int, target_items: Tensor, seen_items: Tensor | None, rng: np.random.Generator):
    """Columns (C,) to sum over, the log weight of each, and the items' positions among them."""
    kept = target_items if seen_items is None else torch.cat([target_items, seen_items])
    forced = torch.unique(kept)
    drawn = torch.from_numpy(rng.choice(n_items, min(SAMPLED_ITEMS, n_items), replace=False)).to(
        forced.device
    )
    drawn = drawn[~torch.isin(drawn, forced)]
    columns, order = torch.cat([forced, drawn]).sort()
    chance = len(drawn) / max(n_items - len(forced), 1)
    correction = torch.cat([torch.zeros(len(forced)), torch.full((len(drawn),), -np.log(max(chance, 1e-12)))])
    place = [torch.searchsorted(columns, part) for part in (target_items, seen_items) if part is not None]
    return columns, correction.to(forced.device)[order], place[0], place[1] if len(place) > 1 else None


class _FusedCrossEntropy(torch.autograd.Function):
    """The loss and its gradient in one pass over chunks of moments; memory is one chunk of logits.

    The bias rides along as one more coordinate of the items, so that a chunk is three matrix products and one
    softmax, all in the same buffer.
    """

    @staticmethod
    def forward(ctx, states, items, bias, repeats, before, positive, weights, moment_weights):
        kind = torch.promote_types(states.dtype, torch.float32)
        wide = torch.cat([states.to(kind), states.new_ones(len(states), 1, dtype=kind)], dim=1)  # (N, D + 1)
        table = torch.cat([items.to(kind), bias.to(kind)[:, None]], dim=1)  # (C, D + 1)
        wide_grad, table_grad = torch.empty_like(wide), torch.zeros_like(table)
        repeat_grad = None if repeats is None else torch.zeros_like(repeats, dtype=kind)
        loss = wide.new_zeros(())
        rows = max(1, LOGITS_AT_ONCE // max(len(table), 1))
        buffer = wide.new_empty(min(rows, len(wide)), len(table))
        transposed = table.T.contiguous()
        for begin in range(0, len(wide), rows):
            end = min(begin + rows, len(wide))
            chunk = torch.mm(wide[begin:end], transposed, out=buffer[: end - begin])  # (n, C)
            wanted, chosen = _cells(positive, begin, end)
            if before is not None:
                at, part = _cells(before, begin, end)
                if repeats is not None:
                    chunk[at] = repeats[part].to(kind)
                else:
                    kept = chunk[wanted]
                    chunk[at] = NEVER
                    chunk[wanted] = kept
            weight, row_weight = weights[chosen].to(kind), moment_weights[begin:end].to(kind)
            loss = loss - (chunk[wanted] * weight).sum()
            top = chunk.amax(dim=1)
            torch.softmax(chunk, dim=1, out=chunk)
            loss = (
                loss + (row_weight * (top - chunk.amax(dim=1).log())).sum()
            )  # log of the sum of exponentials
            chunk *= row_weight[:, None]
            chunk.index_put_(wanted, -weight, accumulate=True)  # d loss / d logits
            if repeats is not None:
                repeat_grad[part] = chunk[at]
                chunk[at] = 0  # taste has no say there
            torch.mm(chunk, table, out=wide_grad[begin:end])
            table_grad.addmm_(chunk.T, wide[begin:end])
        grads = wide_grad[:, :-1], table_grad[:, :-1], table_grad[:, -1]
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
