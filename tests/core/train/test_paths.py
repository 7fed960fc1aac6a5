"""Training of the step model: learns what follows what, repeatably, and from nothing after the split."""

from dataclasses import replace

import numpy as np
import pytest
import torch

from core.data.splits import TEST, VALIDATION
from core.data.steps import Steps, shopping_steps
from core.errors import TrainingError
from core.models.step_rules import StepRule
from core.train import paths
from core.train.paths import fit_steps
from core.train.step_batches import READ, asked_in, asked_when, training_users, vectors_between
from core.train.step_scores import LOG_LIKELIHOOD, path_hits, step_rules, step_scores, step_transitions
from tests.core.data.made_visits import CATEGORIES, made_visits


@pytest.fixture(scope="module")
def steps() -> Steps:
    """Steps that mostly follow a cycle: how often a user took what tells little, the step before tells much."""
    events, items = made_visits(n_users=120)
    return shopping_steps(events, items, n_users=120, hold_out=None).by_main()


@pytest.fixture
def brief(monkeypatch):
    """A few steps of training: what is tested does not need a good model."""
    monkeypatch.setattr(paths, "FEWEST_STEPS", 0)


@pytest.fixture(scope="module")
def rules(steps) -> dict[str, StepRule]:
    return step_rules(steps, seed=0)


def judged(steps: Steps) -> np.ndarray:
    begin, end = steps.ends(VALIDATION), steps.ends(TEST)
    return np.flatnonzero((end > begin) & (begin > steps.offsets[:-1]))


def likelihood(model, steps: Steps, vectors=None) -> float:
    return step_scores(model, steps, TEST, users=judged(steps), vectors=vectors)[LOG_LIKELIHOOD].mean()


def test_it_learns_what_follows_what(steps, rules):
    model = fit_steps(steps, rules, seed=0)
    assert likelihood(model, steps) > likelihood(rules["own_frequency"], steps) + 0.5
    assert likelihood(model, steps) > likelihood(rules["markov"], steps) - 0.1
    assert likelihood(rules["markov"], steps) > likelihood(rules["popularity"], steps) + 0.5
    users = judged(steps)
    long = users[(steps.ends(TEST) - steps.ends(VALIDATION))[users] >= 2]
    hits = path_hits(model, steps, users=long, length=2, ks=(1, 5))
    assert hits["path_hit@1"].mean() > 0.5
    assert (hits["path_hit@5"] >= hits["path_hit@1"]).all()


def test_scores_are_those_of_asking_step_by_step(steps, rules):
    rule = rules["markov"]
    found = step_scores(rule, steps, TEST, users=judged(steps)[:5])
    matrix = rule.transitions + rule.smoothing * rule.shares
    matrix = (matrix / matrix.sum(dim=1, keepdim=True)).log().numpy()
    for user in found.index:
        places = np.arange(steps.ends(VALIDATION)[user], steps.ends(TEST)[user])
        before, after = steps.main[places - 1], steps.main[places]
        assert found.loc[user, LOG_LIKELIHOOD] == pytest.approx(matrix[before, after].mean(), abs=1e-4)
        best = matrix[before].argmax(axis=1)
        assert found.loc[user, "hit@1"] == pytest.approx((best == after).mean())


def test_transitions_are_counted_within_training_and_within_users(steps):
    counts = np.zeros((len(steps.names),) * 2)
    users = steps.users
    for place in range(1, len(steps.main)):
        if users[place] == users[place - 1] and steps.split[place] == 0:
            counts[steps.main[place - 1], steps.main[place]] += 1
    np.testing.assert_allclose(step_transitions(steps).numpy(), counts)


def test_the_same_seed_gives_the_same_weights_and_another_others(steps, rules, brief):
    first, again, other = (fit_steps(steps, rules, seed=seed).state_dict() for seed in (3, 3, 4))
    for name, tensor in first.items():
        torch.testing.assert_close(again[name], tensor, rtol=0, atol=0, msg=name)
    assert not torch.equal(first["enter.weight"], other["enter.weight"])


def test_exchanging_all_test_steps_leaves_training_as_it_was(brief):
    events, items = made_visits(n_users=60)
    exchanged = events.copy()
    later = exchanged["split"] == 2
    assert later.sum() > 100
    exchanged.loc[later, "item"] = 17 - exchanged.loc[later, "item"]
    expected = trained(events, items)
    for changed in (exchanged, events[~later]):
        for name, tensor in trained(changed, items).items():
            torch.testing.assert_close(tensor, expected[name], rtol=0, atol=0, msg=name)
    earlier = events.assign(item=np.where(events["split"] == 0, 17 - events["item"], events["item"]))
    assert not torch.equal(trained(earlier, items)["enter.weight"], expected["enter.weight"])


def trained(events, items) -> dict[str, torch.Tensor]:
    steps = shopping_steps(events, items, n_users=60, hold_out=None)
    return fit_steps(steps, step_rules(steps, seed=0), seed=0).state_dict()


def test_each_step_asked_about_has_its_own_answer(steps):
    seen = 0
    for batch in asked_in(steps, TEST, judged(steps)):
        there = batch.weights.bool().numpy()
        answers = batch.answers.view(*there.shape, -1).argmax(dim=2).numpy()
        np.testing.assert_array_equal(answers[there], steps.main[batch.places[there]])
        seen += there.sum()
    assert seen == (steps.split[np.isin(steps.users, judged(steps))] == TEST).sum()


def test_asked_when_the_test_begins_nothing_of_the_test_is_there(steps):
    for batch in asked_when(steps, TEST, judged(steps)):
        n = (batch.contents.sum(dim=2) > 0).sum(dim=1).numpy()
        known = (steps.ends(VALIDATION) - steps.offsets[:-1])[batch.users]
        np.testing.assert_array_equal(n, np.minimum(known, READ))


def telling(steps: Steps):
    """Vectors that know the step to come at each moment."""
    users, places = steps.users, np.arange(len(steps.main))
    answers = dict(zip(zip(users, steps.asked_at(users, places), strict=True), steps.main, strict=True))

    def vectors(users: np.ndarray, times: np.ndarray) -> np.ndarray:
        known = [answers.get(pair, 0) for pair in zip(users, times, strict=True)]
        return np.eye(len(steps.names), dtype=np.float32)[known]

    return vectors


def test_user_vectors_stay_where_they_help_and_go_where_not(steps, rules, brief):
    model = fit_steps(steps, rules, seed=0, vectors=telling(steps))
    assert model.user is not None
    users = judged(steps)
    asked = vectors_between(telling(steps), steps, users, steps.ends(VALIDATION), steps.ends(TEST))
    assert likelihood(model, steps, asked) > likelihood(fit_steps(steps, rules, seed=0), steps) + 0.1
    flat = fit_steps(steps, rules, seed=0, vectors=lambda users, times: np.ones((len(users), 3), np.float32))
    assert flat.user is None


def test_a_loss_that_is_no_number_stops_training(steps, rules, monkeypatch):
    monkeypatch.setattr(paths, "RATE", 1e30)
    with pytest.raises(TrainingError, match="no longer finite"):
        fit_steps(steps, rules, seed=0)


def test_nobody_with_two_steps_cannot_be_learnt_from(steps, rules):
    lonely = replace(steps, split=np.full(len(steps.split), TEST, np.int8))
    assert not len(training_users(lonely))
    with pytest.raises(TrainingError, match="two occasions"):
        fit_steps(lonely, rules, seed=0)


def test_the_made_steps_are_what_the_tests_take_them_for(steps):
    assert set(steps.names) == set(CATEGORIES)
