"""The adversary: the best linear one, whose gradient comes back reversed, and which training with it defeats."""

import numpy as np
import pytest
import torch
from sklearn.linear_model import Ridge

from core.models.history import index_history
from core.train.fairness.adversary import RIDGE, Adversary, balanced, ridge
from core.train.fairness.probe import probe, user_vectors
from core.train.fit import fit
from tests.core.models.made import later_positives
from tests.core.train.fairness.made_groups import SETTINGS, grouped_inputs, started, step_of


def test_every_group_there_weighs_the_same():
    assert balanced(torch.tensor([1, 1, 1, 3]), 3).tolist() == pytest.approx([1 / 6, 1 / 6, 1 / 6, 1 / 2])


def test_the_head_is_a_weighted_ridge_regression():
    rng = np.random.default_rng(0)
    inputs, codes = rng.normal(size=(90, 5)), rng.integers(0, 3, 90)
    codes[:50] = 0
    found = ridge(torch.from_numpy(inputs), torch.from_numpy(codes), 3).numpy()
    weights = balanced(torch.from_numpy(codes) + 1, 3).numpy()
    other = Ridge(alpha=RIDGE).fit(inputs, np.eye(3)[codes], sample_weight=weights)
    np.testing.assert_allclose(found[:-1], other.coef_.T, atol=1e-6)
    np.testing.assert_allclose(found[-1], other.intercept_, atol=1e-6)


def test_the_gradient_makes_the_adversary_err_more():
    run, adversary = started(), Adversary(2, width=SETTINGS.width)
    torch.nn.init.normal_(run.model.product.item.weight)
    users = np.arange(10, 40)
    adversary(step_of(run, users))
    before = adversary(step_of(run, users))
    assert before > 0
    before.backward()
    with torch.no_grad():
        weight = run.model.product.item.weight
        assert weight.grad.abs().sum() > 0
        weight -= 0.05 * weight.grad / weight.grad.norm()
    unmoved = Adversary(2, width=SETTINGS.width)
    unmoved.load_state_dict(adversary.state_dict())
    assert unmoved(step_of(run, users)) > before


def test_users_of_no_group_teach_nothing():
    adversary = Adversary(2, width=SETTINGS.width)
    found = adversary(step_of(started(), np.arange(10)))
    assert found == 0
    assert not adversary.codes.any()


def test_a_fresh_probe_finds_less_after_training_against_the_adversary():
    inputs = grouped_inputs(n_users=120, taste=0.6)
    history, users, found = index_history(inputs), np.arange(10, 120), []
    for weight in (0.0, 10.0):
        settings = SETTINGS.model_copy(
            update={"adversary_weight": weight, "epochs": 6, "learning_rate": 0.01}
        )
        trained = fit(inputs, later_positives(inputs), settings)
        _, states = user_vectors(trained.model, history, users, task=trained.task, device=torch.device("cpu"))
        found.append(probe(states, inputs.groups.users[users], seed=0).auc)
    assert found[1] < found[0] - 0.05
