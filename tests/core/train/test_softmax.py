"""The fused loss against a plain dense one, in value and gradient."""

from dataclasses import dataclass

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from torch import Tensor

from core.models.batch import Seen
from core.models.product import Products
from core.train import softmax
from core.train.softmax import Targets, softmax_loss


@dataclass(frozen=True)
class Case:
    """What a loss is computed from; without `repeats`, what was seen is left out."""

    states: Tensor
    vectors: Tensor
    bias: Tensor
    repeats: Tensor | None


def made_case(seed: int, *, n: int = 9, items: int = 13, width: int = 4, repeats: bool = True):
    """Random states, items, repeats and targets in float64, gradients wanted."""
    rng = torch.Generator().manual_seed(seed)

    def random(*size):
        return torch.randn(*size, generator=rng, dtype=torch.float64, requires_grad=True)

    taken = torch.rand(n, items, generator=rng) < 0.3
    wanted = torch.rand(n, items, generator=rng) < 0.2
    wanted[0] = False  # a moment that nothing followed
    moments, chosen = wanted.nonzero(as_tuple=True)
    count = wanted.sum(dim=1)
    weight = (count > 0) / max(int((count > 0).sum()), 1)
    targets = Targets(moments, chosen, (weight / count.clamp(min=1))[moments], weight, offsets_of(count))
    entries = taken.nonzero(as_tuple=True)
    before = Seen(*entries, None, offsets_of(taken.sum(dim=1)))
    habit = random(len(entries[0])) if repeats else None
    return Case(random(n, width), random(items, width), random(items), habit), before, targets


def offsets_of(count):
    return torch.cat([torch.zeros(1, dtype=torch.int64), count.cumsum(0)])


def fused_loss(case: Case, before: Seen, targets: Targets, rng=None):
    products = Products(case.vectors, case.bias)
    rng = rng or np.random.default_rng(0)
    return softmax_loss(case.states, products, targets, rng=rng, seen=before, repeats=case.repeats)


def dense_loss(answer: Case, before: Seen, targets: Targets):
    logits = answer.states @ answer.vectors.T + answer.bias
    at = (before.moments, before.items)
    if answer.repeats is not None:
        logits = logits.index_put(at, answer.repeats)
    else:
        hidden = torch.zeros_like(logits, dtype=torch.bool)
        hidden[at] = True
        hidden[targets.moments, targets.items] = False
        logits = logits.masked_fill(hidden, -torch.inf)
    log_share = logits.log_softmax(dim=1)
    return -(log_share[targets.moments, targets.items] * targets.weights).sum()


def leaves(answer: Case):
    return [part for part in (answer.states, answer.vectors, answer.bias, answer.repeats) if part is not None]


@given(st.integers(0, 10_000), st.booleans(), st.integers(1, 80))
def test_value_and_gradients_agree_with_the_dense_loss_however_it_is_cut(seed, repeats, at_once):
    answer, before, targets = made_case(seed, repeats=repeats)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(softmax, "LOGITS_AT_ONCE", at_once)
        fused = fused_loss(answer, before, targets)
    expected = dense_loss(answer, before, targets)
    torch.testing.assert_close(fused, expected)
    found = torch.autograd.grad(3 * fused, leaves(answer))
    for gradient, reference in zip(found, torch.autograd.grad(3 * expected, leaves(answer)), strict=True):
        torch.testing.assert_close(gradient, reference)


def test_gradients_agree_with_finite_differences():
    answer, before, targets = made_case(1)

    def loss(*parts):
        return fused_loss(Case(*parts), before, targets)

    assert torch.autograd.gradcheck(loss, leaves(answer))


@pytest.mark.parametrize("repeats", [True, False])
def test_sampling_everything_is_the_full_softmax(monkeypatch, repeats):
    answer, before, targets = made_case(2, repeats=repeats)
    monkeypatch.setattr(softmax, "FULL_UP_TO", 5)
    monkeypatch.setattr(softmax, "SAMPLED_ITEMS", 13)
    sampled = fused_loss(answer, before, targets)
    torch.testing.assert_close(sampled, dense_loss(answer, before, targets))


def test_sampling_some_items_leaves_the_partition_sum_unbiased(monkeypatch):
    answer, before, _ = made_case(3, items=60, n=4)
    monkeypatch.setattr(softmax, "FULL_UP_TO", 5)
    monkeypatch.setattr(softmax, "SAMPLED_ITEMS", 30)
    one = Targets(
        torch.tensor([2]),
        torch.tensor([5]),
        torch.ones(1),
        torch.tensor([0.0, 0, 1, 0]),
        offsets_of(torch.tensor([0, 0, 1, 0])),
    )
    full = dense_loss(answer, before, one).exp()
    rng = np.random.default_rng(0)
    drawn = torch.stack([fused_loss(answer, before, one, rng).exp() for _ in range(600)])
    error = drawn.std() / len(drawn) ** 0.5
    assert drawn.std() > 0
    assert (drawn.mean() - full).abs() < 4 * error


def test_extreme_scores_stay_finite():
    answer, before, targets = made_case(4)
    far = Case(answer.states * 1e3, answer.vectors * 1e3, answer.bias, answer.repeats)
    loss = fused_loss(far, before, targets)
    loss.backward()
    assert loss.isfinite()
    assert answer.states.grad.isfinite().all()
