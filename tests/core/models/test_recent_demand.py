"""Popularity that follows what people began to take lately."""

from dataclasses import replace

import numpy as np
import pytest
import torch
from scipy.stats import nbinom

from core.data.inputs import SECONDS_PER_DAY
from core.models import recent_demand as module
from core.models.batch import collate
from core.models.history import index_history
from core.models.rank import rank
from core.models.recent_demand import recent_demand
from core.models.scoring import scores
from tests.core.models.made import inputs_of, made_inputs, rows_of
from tests.core.models.test_recommender import CPU, KEEP, made_model

SINCE = (120 - 14) * SECONDS_PER_DAY  # two horizons of a week before the end


def follower(inputs, **options):
    model = made_model(inputs, **options)
    model.follow_recent_demand(True)
    return model


def counted(model, inputs):
    """Observed and expected first takes of each item since SINCE, one user and one purchase after another."""
    history = index_history(inputs)
    observed, expected = np.zeros(inputs.n_items), np.zeros(inputs.n_items)
    first_sold = {}
    for _, item, time, _ in rows_of(inputs):
        first_sold[item] = min(time, first_sold.get(item, time))
    for user in range(inputs.n_users):
        rows = [row for row in rows_of(inputs) if row[0] == user]
        before = {item for _, item, time, _ in rows if time < SINCE}
        new = {item for _, item, time, _ in rows if time >= SINCE} - before
        if not before or not new:
            continue
        moment = history.known(np.array([user]), np.array([SINCE]))
        past = "features" if model.repeat is not None else "items"
        batch = collate(history, moment, length=model.shape.length, past=past)
        with torch.no_grad():
            odds = scores(model(batch), batch)[0].double().exp().numpy()
        odds[list(before)] = 0.0
        observed[list(new)] += 1
        expected += len(new) * odds / odds.sum()
    on_offer = [(inputs.at - max(first_sold.get(i, inputs.at), SINCE)) for i in range(inputs.n_items)]
    expected *= np.array(on_offer)
    return observed, expected * observed.sum() / expected.sum()


@pytest.mark.parametrize("repeat_term", [True, False])
@pytest.mark.parametrize("seed", [0, 1])
def test_it_is_the_observed_over_the_expected_with_the_likeliest_prior(seed, repeat_term):
    inputs = made_inputs(n_users=24, n_items=40, habit=0.2, seed=seed)
    model = follower(inputs, repeat_term=repeat_term)
    observed, expected = counted(model, inputs)
    assert observed.sum() > 20
    found = recent_demand(model, index_history(inputs), task=KEEP).numpy()
    shapes = np.geomspace(1, 1e6, 4001)
    likely = [nbinom.logpmf(observed, shape, shape / (shape + expected)).sum() for shape in shapes]
    shape = shapes[int(np.argmax(likely))]
    np.testing.assert_allclose(found, np.log((observed + shape) / (expected + shape)), atol=0.01)


def test_only_what_is_new_to_a_user_is_scored_otherwise():
    inputs = made_inputs(n_users=20)
    plain, model = made_model(inputs), follower(inputs)
    history = index_history(inputs)
    demand = recent_demand(model, history, task=KEEP).numpy()
    assert demand.any()
    for user in (3, 9):
        taken = np.unique(history.items[slice(*history.line_offsets[user : user + 2])])
        ((_, items, values),) = rank(plain, history, np.array([user]), task=KEEP, k=20, device=CPU)
        before = dict(zip(items[0].tolist(), values[0], strict=True))
        ((_, items, values),) = rank(model, history, np.array([user]), task=KEEP, k=20, device=CPU)
        for item, value in zip(items[0].tolist(), values[0], strict=True):
            added = 0.0 if item in taken else demand[item]
            assert value == pytest.approx(before[item] + added, abs=1e-4)


def test_a_model_that_does_not_follow_it_is_not_corrected():
    inputs = made_inputs(n_users=20)
    assert not recent_demand(made_model(inputs), index_history(inputs), task=KEEP).any()


def with_rows(inputs, rows):
    return inputs_of(
        sorted(rows, key=lambda row: (row[0], row[2], row[3])),
        n_users=inputs.n_users,
        n_items=inputs.n_items,
        at=inputs.at,
    )


def test_what_became_popular_rises_and_what_is_gone_falls():
    inputs = made_inputs(n_users=24, n_items=20, habit=0.3)
    rows = [row for row in rows_of(inputs) if row[2] < SINCE or row[1] != 5]  # 5 is gone
    rows = [row for row in rows if row[1] not in (3, 7) or row[2] < SINCE - 60 * SECONDS_PER_DAY]
    late = SINCE + 3 * SECONDS_PER_DAY
    rows += [(user, 3, late, 900) for user in range(1, 24)]  # everybody takes 3
    changed = with_rows(inputs, rows)
    model = follower(inputs)  # which learnt none of it
    demand = recent_demand(model, index_history(changed), task=KEEP).numpy()
    plain = recent_demand(model, index_history(inputs), task=KEEP).numpy()
    assert demand[3] > max(plain[3], 0) + 0.5
    assert demand[5] < min(plain[5], 0)


def test_a_purchase_after_a_first_look_is_a_first_take_as_well():
    inputs = made_inputs(n_users=24, n_items=20)
    rows = [row for row in rows_of(inputs) if row[1] not in (3, 4)]
    seconds = SINCE + SECONDS_PER_DAY
    looks = [(user, 3, seconds, 900) for user in range(1, 24)]
    buys = [(user, item, seconds + 60, 901) for user in range(1, 24) for item in (3, 4)]
    changed = with_rows(inputs, rows + looks + buys)
    looked = (changed.history.items == 3) & (changed.history.times == seconds)
    events = looked.astype(np.int8)  # 1: no purchase
    history = index_history(replace(changed, history=replace(changed.history, events=events)))
    _, items = module._first_takes(history, SINCE)
    assert np.bincount(items, minlength=20)[3] == np.bincount(items, minlength=20)[4] >= 20
    only_looked = replace(history, events=np.where(history.items == 3, 1, history.events))
    assert 3 not in module._first_takes(only_looked, SINCE)[1]


def test_what_nobody_took_yet_and_users_who_just_came_say_nothing():
    inputs = made_inputs(n_users=24, n_items=20)
    rows = [row for row in rows_of(inputs) if row[1] != 4 and row[0] < 20]
    smaller = with_rows(inputs, rows)
    model = follower(inputs)
    demand = recent_demand(model, index_history(smaller), task=KEEP)
    assert demand[4] == 0.0
    came = [(user, item, SINCE + user, 1) for user in range(20, 24) for item in range(10) if item != 4]
    assert torch.equal(recent_demand(model, index_history(with_rows(inputs, rows + came)), task=KEEP), demand)


def test_an_item_is_expected_from_when_it_was_first_sold():
    history = index_history(
        inputs_of([(0, 0, 10, 0), (1, 1, 60, 0), (1, 0, 90, 1)], n_users=2, n_items=3, at=100)
    )
    np.testing.assert_allclose(module._share_on_offer(history, 20), [1.0, 0.5, 0.0])


def test_nothing_new_leaves_everything_as_it_is():
    inputs = made_inputs(n_users=20)
    before = with_rows(inputs, [row for row in rows_of(inputs) if row[2] < SINCE])
    demand = recent_demand(follower(inputs), index_history(before), task=KEEP)
    assert demand.shape == (20,)
    assert not demand.any()


def test_the_number_of_users_asked_at_once_changes_nothing(monkeypatch):
    inputs = made_inputs(n_users=24)
    model, history = follower(inputs), index_history(inputs)
    whole = recent_demand(model, history, task=KEEP)
    monkeypatch.setattr("core.models.scoring.USERS_AT_ONCE", 4)
    torch.testing.assert_close(recent_demand(model, history, task=KEEP), whole, atol=1e-4, rtol=1e-4)


def test_many_users_are_counted_in_part(monkeypatch):
    inputs = made_inputs(n_users=24, n_items=40, habit=0.2)
    model, history = follower(inputs), index_history(inputs)
    whole = module._first_takes(history, SINCE)
    monkeypatch.setattr(module, "MOST_USERS", 10)
    users, items = module._first_takes(history, SINCE)
    assert len(np.unique(users)) == 10 < len(np.unique(whole[0]))
    assert set(zip(users, items, strict=True)) < set(zip(*whole, strict=True))
    again = module._first_takes(history, SINCE)
    assert all(map(np.array_equal, again, (users, items)))  # the same ones again
    assert recent_demand(model, history, task=KEEP).any()


@pytest.mark.parametrize("shape", [1.5, 3.0, 8.0])
def test_the_prior_is_found_and_its_estimates_are_nearer_the_truth(shape):
    """Against what was observed alone, and against leaving everything as expected."""
    rng = np.random.default_rng(0)
    expected = rng.lognormal(0.5, 1.2, 5_000)
    rates = rng.gamma(shape, 1 / shape, 5_000)
    observed = rng.poisson(rates * expected).astype(float)
    found = module._prior_shape(observed, expected)
    assert found == pytest.approx(shape, rel=0.12)

    def error(told):
        return np.mean((told - rates) ** 2)

    estimated = error((observed + found) / (expected + found))
    assert estimated < 0.9 * min(error(observed / expected), error(1.0))


@pytest.mark.parametrize("takes", [1, 2])
def test_single_takes_change_little(takes):
    """Where hardly anything was taken the likeliest prior alone would follow it without bounds."""
    expected = np.full(2_000, takes / 2_000)
    observed = np.zeros(2_000)
    observed[7] = takes
    shape = module._prior_shape(observed, expected)
    assert np.abs(np.log((observed + shape) / (expected + shape))).max() < np.log(1 + takes) + 1e-6


def test_counts_that_are_as_expected_are_left_alone():
    rng = np.random.default_rng(1)
    expected = rng.lognormal(1.0, 1.0, 5_000)
    observed = rng.poisson(expected).astype(float)
    shape = module._prior_shape(observed, expected)
    assert np.abs(np.log((observed + shape) / (expected + shape))).max() < 0.25
