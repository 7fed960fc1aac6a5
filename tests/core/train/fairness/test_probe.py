"""The probe: AUC and interval against other ways, one half where nothing can be told, honest where all can."""

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from sklearn.metrics import roc_auc_score

from core.models.history import index_history
from core.train.fairness.probe import auc_influence, history_vectors, probe, user_vectors
from tests.core.train.fairness.made_groups import grouped_inputs, started

CPU = torch.device("cpu")


@given(st.lists(st.tuples(st.integers(0, 5), st.booleans()), min_size=2, max_size=40))
def test_the_auc_is_scikit_learns_and_influences_cancel(rows):
    scores, positive = np.array([row[0] for row in rows]), np.array([row[1] for row in rows])
    if positive.all() or not positive.any():
        return
    auc, influence = auc_influence(scores, positive)
    assert auc == pytest.approx(roc_auc_score(positive, scores))
    assert influence.sum() == pytest.approx(0, abs=1e-9)


def test_the_interval_is_about_as_wide_as_the_bootstraps():
    rng = np.random.default_rng(0)
    positive = rng.random(300) < 0.3
    scores = rng.normal(size=300) + positive
    _, influence = auc_influence(scores, positive)
    draws = [auc_influence(scores[rows], positive[rows])[0] for rows in rng.integers(300, size=(500, 300))]
    assert np.sqrt(np.mean(influence**2) / 300) == pytest.approx(np.std(draws), rel=0.15)


def test_noise_tells_nothing_and_the_group_itself_everything():
    rng = np.random.default_rng(0)
    groups = rng.integers(1, 4, 300)
    noise = probe(rng.normal(size=(300, 4)), groups, seed=0)
    assert noise.low < 0.5 < noise.high
    told = probe(np.eye(4)[groups] + rng.normal(size=(300, 4)) / 10, groups, seed=0)
    assert told.auc > 0.99
    assert told.high <= 1


def test_groups_may_be_called_otherwise():
    rng = np.random.default_rng(0)
    vectors, groups = rng.normal(size=(120, 3)), rng.integers(1, 3, 120)
    assert probe(vectors, groups, seed=0).auc == pytest.approx(probe(vectors, groups * 7, seed=0).auc)


def test_too_few_of_a_group_are_refused():
    with pytest.raises(ValueError, match="at least 5 users"):
        probe(np.zeros((20, 2)), np.array([1] * 16 + [2] * 4), seed=0)


def test_vectors_are_the_models_in_the_order_of_the_users():
    run = started()
    users = np.array([17, 3, 30])
    options = {"task": run.task, "device": CPU}
    u, states = user_vectors(run.model, run.history, users, **options)
    for place, user in enumerate(users):
        one, state = user_vectors(run.model, run.history, np.array([user]), **options)
        np.testing.assert_allclose(u[place], one[0], atol=1e-5)
        np.testing.assert_allclose(states[place], state[0], atol=1e-5)


def test_histories_tell_groups_that_take_different_things():
    inputs = grouped_inputs(n_users=80)
    users = np.arange(10, 80)
    vectors = history_vectors(index_history(inputs), users, width=8, seed=0)
    assert probe(vectors, inputs.groups.users[users], seed=0).auc > 0.95
