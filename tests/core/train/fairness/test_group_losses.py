"""Objectives on groups' losses: by hand, and unmoved by users of no group."""

from types import SimpleNamespace

import pytest
import torch

from core.train.fairness.group_losses import KEPT, STEP_SIZE, GroupDRO, LossGap, WorstGroup


def step(losses, counts):
    return SimpleNamespace(
        group_losses=(torch.tensor(losses, requires_grad=True), torch.tensor(counts)),
    )


def gradient(objective, asked):
    objective(asked).backward()
    return asked.group_losses[0].grad.tolist()


def test_the_worst_group_alone_is_learnt_from():
    asked = step([2.0, 3.0, 1.0], [4, 2, 2])
    assert WorstGroup(3)(asked) == 3
    assert gradient(WorstGroup(3), asked) == [0, 1, 0]


def test_the_gap_is_the_mean_over_pairs_and_pulls_both_ends():
    asked = step([2.0, 3.5, 1.0], [4, 2, 2])
    assert LossGap(3)(asked).item() == pytest.approx((1.5**2 + 1 + 2.5**2) / 3)
    assert gradient(LossGap(3), asked) == pytest.approx([-1 / 3, 8 / 3, -7 / 3])


def test_equal_groups_have_no_gap_and_one_group_alone_neither():
    assert LossGap(2)(step([2.0, 2.0], [3, 3])) == 0
    assert LossGap(2)(step([2.0, 0.0], [3, 0])) == 0
    assert WorstGroup(2)(step([0.0, 0.0], [0, 0])) == 0


def test_dro_weighs_groups_by_the_exponential_of_their_losses_so_far():
    dro = GroupDRO(2)
    first = dro(step([1.0, 3.0], [5, 5]))
    weights = torch.tensor([1.0, 3.0]).mul(STEP_SIZE).softmax(dim=0)
    assert first.item() == pytest.approx((weights * torch.tensor([1.0, 3.0])).sum().item())
    means = torch.tensor([(KEPT * 5 + 10) / (KEPT * 5 + 5), 3.0])
    weights = (torch.tensor([1.0, 3.0]) + means).mul(STEP_SIZE).softmax(dim=0)
    second = dro(step([2.0, 3.0], [5, 5]))
    assert second.item() == pytest.approx((weights * means).sum().item())
    assert second.item() > means.mean()


def test_a_rare_groups_gradient_counts_by_its_share_of_the_batch_over_its_usual_one():
    worst = WorstGroup(2)
    for _ in range(9):
        worst(step([1.0, 0.0], [8, 0]))
    asked = step([1.0, 9.0], [4, 4])
    worst(asked).backward()
    running = sum(8 * KEPT**power for power in range(1, 10)) + 4
    assert asked.group_losses[0].grad.tolist() == pytest.approx([0, 0.5 / (4 / (running + 4))])


@pytest.mark.parametrize("objective", [GroupDRO, WorstGroup, LossGap])
def test_groups_may_be_called_otherwise(objective):
    one, other = step([1.0, 4.0, 2.0], [3, 5, 7]), step([2.0, 1.0, 4.0], [7, 3, 5])
    torch.testing.assert_close(objective(3)(one), objective(3)(other))
