"""What objectives share of a step: parts agree with the whole, and with the model asked directly."""

import numpy as np
import pytest
import torch

from core.models.scoring import scores
from core.train.fairness.step import at_running_mean
from core.train.objectives import NEXT_ITEM, losses
from tests.core.train.fairness.made_groups import SETTINGS, started, step_of

KEEP = SETTINGS.model_copy(update={"seen_items": "keep"})
NO_TERM = SETTINGS.model_copy(update={"seen_items": "keep", "repeat_term": False})
EXCLUDE = SETTINGS.model_copy(update={"seen_items": "exclude"})
USERS = np.arange(6, 26)


@pytest.fixture(params=[KEEP, NO_TERM, EXCLUDE], ids=["repeats", "nothing seen", "seen left out"])
def run(request):
    run = started(request.param)
    torch.nn.init.normal_(run.model.product.item.weight)
    return run


def test_the_loss_of_a_group_is_that_of_its_users_alone(run):
    step = step_of(run, USERS)
    found, counts = step.group_losses
    for code in (1, 2):
        members = [user for user in USERS if user >= 10 and user % 2 + 1 == code]
        alone = step_of(run, np.array(members))
        expected = losses(run.model, alone.example, None, rng=np.random.default_rng(0))[NEXT_ITEM]
        torch.testing.assert_close(found[code - 1], expected)
        assert counts[code - 1] == (alone.example.targets.moment_weights > 0).sum()


def test_a_group_that_is_not_in_the_batch_has_no_loss(run):
    found, counts = step_of(run, np.array([10, 12])).group_losses
    assert counts.tolist()[1] == 0
    assert found[1] == 0


def test_log_shares_are_the_models_own_over_what_may_be_listed(run):
    step = step_of(run, USERS)
    dense = scores(step.answer, step.example.batch)[step.asked]
    seen, targets = step.example.batch.seen, step.example.targets
    if step.answer.repeats is None and seen is not None:
        hidden = torch.zeros(len(step.answer.states), dense.shape[1], dtype=torch.bool)
        hidden[seen.moments, seen.items] = True
        hidden[targets.moments, targets.items] = False
        dense = dense.masked_fill(hidden[step.asked], -torch.inf)
    torch.testing.assert_close(step.log_shares.exp(), dense.softmax(dim=1))


def test_the_mean_score_is_the_next_item_loss_where_every_moment_is_asked(run):
    step = step_of(run, USERS[:6])
    weights = step.example.targets.moment_weights
    assert len(step.asked) == (weights > 0).sum()
    expected = losses(run.model, step.example, None, rng=np.random.default_rng(0))[NEXT_ITEM]
    torch.testing.assert_close(-(step.scores * weights[step.asked]).sum(), expected)


def test_a_running_mean_has_its_own_value_and_the_batchs_gradient():
    batch = torch.tensor([1.0, 2.0], requires_grad=True)
    found = at_running_mean(batch, torch.tensor([5.0, 7.0]))
    assert found.tolist() == [5, 7]
    found.square().sum().backward()
    assert batch.grad.tolist() == [10, 14]
