"""Weights of users and items: by hand, and they reach every loss exactly as copies of a user would."""

from dataclasses import replace

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from core.data.inputs import SECONDS_PER_DAY, Ratings
from core.schema.settings import TrainSettings
from core.train.device import choose_device
from core.train.objectives import INTENT, NEXT_ITEM, RATING, RECONSTRUCTION, losses
from core.train.setup import set_up
from core.train.weighting import group_balanced, inverse_propensity, popularity_balanced, reweighing, weighted
from tests.core.models.made import inputs_of, later_positives
from tests.core.train.fairness.made_groups import grouped_inputs

SETTINGS = TrainSettings(
    width=16,
    layers=1,
    heads=2,
    history_length=16,
    predict="next",
    seen_items="keep",
    intent_days=2,
    reconstruction_weight=1,
)
LOSSES = (NEXT_ITEM, RECONSTRUCTION, INTENT)
TWIN = 2  # has the history of the user before


def twins_run(weights=None, items=None):
    """Users of two baskets each, so that nothing is drawn; the users 1 and 2 have the same past."""
    rng, rows = np.random.default_rng(0), []
    for user in range(6):
        if user == TWIN:
            rows += [(TWIN, *row[1:]) for row in rows if row[0] == 1]
            continue
        for basket in range(2):
            rows += [
                (user, item, basket * SECONDS_PER_DAY, basket) for item in rng.choice(8, 2, replace=False)
            ]
    inputs = inputs_of(rows, n_users=6, n_items=8, at=9 * SECONDS_PER_DAY)
    run = set_up(inputs, later_positives(inputs), SETTINGS, choose_device("cpu"))
    run.examples = replace(run.examples, user_weights=weights, item_weights=items)
    with torch.no_grad():
        run.model.product.item.weight.normal_()
        run.model.from_behaviour.weight.normal_()
    run.model.eval()  # no chance in it
    return run


def gradients(run, users, name):
    rng = np.random.default_rng(0)
    found = losses(run.model, run.examples.draw(np.array(users), rng), None, rng=rng)[name]
    run.model.zero_grad()
    found.backward()
    return found.detach(), {n: p.grad for n, p in run.model.named_parameters() if p.grad is not None}


def assert_same(one, other):
    torch.testing.assert_close(one[0], other[0])
    assert one[1].keys() == other[1].keys()
    for name, gradient in one[1].items():
        torch.testing.assert_close(gradient, other[1][name], msg=name)


@pytest.fixture(autouse=True)
def _same_model():
    with torch.random.fork_rng():
        torch.manual_seed(0)
        yield


@pytest.mark.parametrize("name", LOSSES)
def test_a_user_of_weight_zero_is_not_learnt_from(name):
    with_it = twins_run(np.array([1, 1, 1, 0, 1, 1], np.float32))
    without = twins_run()
    without.model.load_state_dict(with_it.model.state_dict())
    assert_same(gradients(with_it, [0, 1, 3], name), gradients(without, [0, 1], name))


@pytest.mark.parametrize("name", LOSSES)
def test_a_user_of_double_weight_counts_like_two(name):
    doubled, twice = twins_run(np.array([1, 2, 1, 1, 1, 1], np.float32)), twins_run()
    twice.model.load_state_dict(doubled.model.state_dict())
    assert_same(gradients(doubled, [0, 1, 3], name), gradients(twice, [0, 1, TWIN, 3], name))


@pytest.mark.parametrize("name", LOSSES)
def test_equal_weights_are_no_weights(name):
    all_twice, plain = twins_run(np.full(6, 2, np.float32)), twins_run()
    plain.model.load_state_dict(all_twice.model.state_dict())
    assert_same(gradients(all_twice, [0, 1, 3], name), gradients(plain, [0, 1, 3], name))


@pytest.mark.parametrize(("value", "counts"), [(0.0, False), (1.0, True)])
def test_ratings_count_by_the_weight_of_who_gave_them(value, counts):
    inputs = replace(
        grouped_inputs(),
        ratings=Ratings(
            np.array([12, 13]),
            np.array([1, 2]),
            np.array([5, 5]) * SECONDS_PER_DAY,
            np.array([1.0, 5.0], np.float32),
        ),
    )
    settings = SETTINGS.model_copy(update={"user_weights": "group_balanced", "rating_weight": 1.0})
    run = set_up(inputs, later_positives(inputs), settings, choose_device("cpu"))
    assert run.ratings.user_weights is run.examples.user_weights
    weights = np.ones(40, np.float32)
    weights[13] = value
    ratings = replace(run.ratings, user_weights=weights)
    run.model.eval()
    products = run.model.product()
    found = ratings.loss(run.model, products, 50, np.random.default_rng(0))
    alone = replace(ratings, rated=Ratings(*(part[:1] for part in vars(inputs.ratings).values())))
    expected = alone.loss(run.model, products, 50, np.random.default_rng(0))
    assert torch.isclose(found, expected).item() is not counts
    assert RATING in losses(
        run.model,
        run.examples.draw(np.arange(12, 16), np.random.default_rng(0)),
        ratings,
        rng=np.random.default_rng(0),
    )


def test_an_item_of_weight_zero_is_no_target():
    run = twins_run(items=np.array([0, 1, 1, 1, 1, 1, 1, 1], np.float32))
    targets = run.examples.draw(np.arange(6), np.random.default_rng(0)).targets
    assert targets.weights.sum().item() == pytest.approx(1)
    assert not targets.weights[targets.items == 0].any()
    assert (targets.items == 0).any()
    summed = torch.zeros_like(targets.moment_weights).index_add(0, targets.moments, targets.weights)
    torch.testing.assert_close(summed, targets.moment_weights)


def test_weights_that_are_all_zero_leave_no_loss():
    targets = twins_run().examples.draw(np.arange(6), np.random.default_rng(0)).targets
    none = weighted(targets, np.zeros(len(targets.moment_weights), np.float32), None)
    assert not none.weights.any()
    assert not none.moment_weights.any()


def test_reweighing_by_hand():
    """Of four active ones three are of group 1; of four others one is. Expected 2 in each cell."""
    groups = np.array([1, 1, 1, 2, 1, 2, 2, 2, 0])
    labels = np.array([True] * 4 + [False] * 4 + [True])
    assert reweighing(groups, labels).tolist() == pytest.approx([2 / 3] * 3 + [2, 2] + [2 / 3] * 3 + [1])


@given(st.lists(st.tuples(st.integers(0, 3), st.booleans()), min_size=1, max_size=60))
def test_reweighing_makes_group_and_label_independent(rows):
    groups, labels = np.array([row[0] for row in rows]), np.array([row[1] for row in rows])
    weights = reweighing(groups, labels).astype(float)
    assert (weights[groups == 0] == 1).all()
    known = groups > 0
    cells = {(g, y): weights[known & (groups == g) & (labels == y)].sum() for g in (1, 2, 3) for y in (0, 1)}
    if all(value > 0 for value in cells.values()):
        assert sum(cells.values()) == pytest.approx(known.sum(), rel=1e-5)
        for (group, label), value in cells.items():
            shares = (groups[known] == group).mean() * (labels[known] == label).mean()
            assert value == pytest.approx(shares * known.sum(), rel=1e-5)


def test_balanced_groups_weigh_the_same_and_users_of_none_one():
    weights = group_balanced(np.array([0, 1, 1, 1, 4]))
    assert weights.tolist() == pytest.approx([1, 2 / 3, 2 / 3, 2 / 3, 2])


def test_rare_items_weigh_more_up_to_a_bound_and_one_on_average():
    counts = np.array([10000.0, 400, 100, 1, 0])
    weights = inverse_propensity(counts)
    assert weights / weights[0] == pytest.approx([1, 5, 10, 10, 10])
    assert (weights * counts).sum() == pytest.approx(counts.sum(), rel=1e-5)


def test_every_third_of_the_items_by_popularity_weighs_the_same():
    counts = np.array([100.0, 1, 50, 2, 3, 0, 6])
    weights = popularity_balanced(counts) * counts
    thirds = [weights[[1, 3]].sum(), weights[[4, 6]].sum(), weights[[0, 2]].sum()]
    assert thirds == pytest.approx([162 / 3] * 3, rel=1e-5)


@pytest.mark.parametrize(
    "asked",
    [
        {"user_weights": "reweighing"},
        {"user_weights": "group_balanced"},
        {"item_weights": "inverse_propensity"},
        {"item_weights": "popularity_balanced"},
    ],
)
def test_what_the_settings_ask_for_reaches_the_targets(asked):
    inputs = grouped_inputs()
    inputs.groups.users[20:] = 1
    plain, other = (
        set_up(inputs, later_positives(inputs), SETTINGS.model_copy(update=changed), choose_device("cpu"))
        for changed in ({}, asked)
    )
    users = np.arange(8, 16)
    one, two = (run.examples.draw(users, np.random.default_rng(0)).targets for run in (plain, other))
    assert torch.equal(one.items, two.items)
    if asked != {"user_weights": "reweighing"}:  # everybody here is as active as everybody else
        assert not torch.allclose(one.weights, two.weights)
