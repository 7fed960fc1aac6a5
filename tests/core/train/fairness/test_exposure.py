"""Attention on groups of items, and its spread over categories: by hand, and at their ends."""

import math
from types import SimpleNamespace

import pytest
import torch

from core.train.fairness.exposure import DiversityLoss, ExposureLoss, attention

SHARES = torch.tensor([[0.5, 0.3, 0.2, 0.0], [0.1, 0.1, 0.1, 0.7]])
CODES = torch.tensor([1, 1, 2, 0])


def step(shares, *, codes=CODES, target=(0.0, 0.5, 0.5)):
    logs = shares.clamp(min=1e-30).log().requires_grad_()
    groups = SimpleNamespace(items=codes, categories=codes, shares=torch.tensor(target))
    return SimpleNamespace(log_shares=logs, groups=groups)


def test_attention_is_the_sum_over_a_groups_items():
    torch.testing.assert_close(
        attention(SHARES.log(), CODES, 3), torch.tensor([[0.0, 0.8, 0.2], [0.7, 0.2, 0.1]])
    )


def test_exposure_is_the_divergence_of_known_groups_from_the_target():
    given = torch.tensor([0.5, 0.15]) / 0.65
    expected = (0.5 * (0.5 / given).log()).sum()
    torch.testing.assert_close(ExposureLoss(3)(step(SHARES)), expected)


def test_exposure_is_zero_at_the_target_and_pushes_what_is_short_of_it():
    at_target = torch.tensor([[0.25, 0.25, 0.5, 0.0]])
    assert ExposureLoss(3)(step(at_target)).item() == pytest.approx(0, abs=1e-6)
    asked = step(torch.tensor([[0.4, 0.4, 0.2, 0.0]]))
    ExposureLoss(3)(asked).backward()
    short, over = asked.log_shares.grad[0, 2], asked.log_shares.grad[0, 0]
    assert short < 0 < over


def test_exposure_is_of_the_mean_over_steps_not_of_one_batch():
    objective = ExposureLoss(3)
    objective(step(torch.tensor([[0.5, 0.5, 0.0, 0.0]])))
    second = objective(step(torch.tensor([[0.0, 0.0, 1.0, 0.0]])))
    mean = torch.tensor([0.9 * 0.1, 0.1]) / (1 - 0.9**2)
    torch.testing.assert_close(second, (0.5 * (0.5 / mean).log()).sum())


def test_a_group_without_items_that_training_knows_has_no_target():
    assert torch.isfinite(ExposureLoss(3)(step(SHARES, target=(0.0, 1.0, 0.0))))


def test_diversity_runs_from_zero_evenly_spread_to_one_on_a_single_category():
    codes = torch.tensor([0, 1, 2, 2])
    even = torch.tensor([[1 / 3, 1 / 3, 1 / 6, 1 / 6]])
    one = torch.tensor([[0.0, 0.0, 0.4, 0.6]])
    assert DiversityLoss(3)(step(even, codes=codes)).item() == pytest.approx(0, abs=1e-6)
    assert DiversityLoss(3)(step(one, codes=codes)).item() == pytest.approx(1, abs=1e-6)
    half = DiversityLoss(2)(step(torch.tensor([[0.25, 0.75]]), codes=torch.tensor([0, 1]))).item()
    assert half == pytest.approx(1 + (0.25 * math.log(0.25) + 0.75 * math.log(0.75)) / math.log(2))
