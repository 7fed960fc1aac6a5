"""Greedy exposure against all lists, against the bound of the dual, and what it must not change."""

from itertools import permutations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from core.errors import InputError, SettingsError
from core.metrics import NOTHING
from core.recommend.rerank.batch import Candidates
from core.recommend.rerank.greedy_exposure import GreedyExposureSettings, greedy_exposure
from core.schema.settings import settings_from
from tests.core.recommend.rerank.greedy_reference import CODES, GROUPS, batch_of, batches, drawn

STRENGTHS = (0.1, 0.5, 1.0, 3.0, 10.0)
TARGET = np.array([0.5, 0.3, 0.2])
WEIGHTS = np.array([1, 0.63, 0.5])


def again(batch, groups, target, weights, strength):
    return greedy_exposure(
        batch, groups, target, weights=weights, strength=strength, rng=np.random.default_rng(0)
    )


def exposure_of(lists, groups, weights, n_groups):
    """Mean attention to each group, in plain NumPy; empty places give none."""
    v = weights / weights.sum()
    codes = np.where(lists == NOTHING, n_groups, groups[lists])
    return np.stack([(codes == code) @ v for code in range(n_groups)]).mean(axis=1)


def worth_of(batch, lists, groups, target, weights, strength):
    """The objective as the paper writes it, float64, and the exposure."""
    v = weights / weights.sum()
    reached = 0.0
    for items, relevance, shown in zip(batch.items, batch.relevance.astype(float), lists, strict=True):
        by_item = dict(zip(items.tolist(), relevance, strict=True))
        reached += sum(
            weight * by_item[i] for weight, i in zip(v, shown.tolist(), strict=True) if i != NOTHING
        )
    exposure = exposure_of(lists, groups, weights, len(target))
    there = batch.filled[:, : len(v)]
    possible = (there @ v[: there.shape[1]]).mean()
    return reached / batch.n_users - strength * ((exposure - target * possible) ** 2).sum(), exposure


def test_by_hand():
    """Two users, two items, one place: at l = 1 showing both items costs 0.1 / 2 and saves 2 x 0.5^2."""
    batch = batch_of(np.array([[0.5, 0.4], [0.5, 0.4]]), np.array([2, 2]), np.array([[0, 1], [0, 1]]))
    found = again(batch, np.array([0, 1]), np.array([0.5, 0.5]), np.ones(1), 1.0)
    assert sorted(found.lists(1).ravel().tolist()) == [0, 1]
    found = again(batch, np.array([0, 1]), np.array([0.5, 0.5]), np.ones(1), 0.05)
    assert found.lists(1).ravel().tolist() == [0, 0]  # 0.05 against 0.05 x 0.5


def test_near_the_best_of_all_lists():
    """Four users, so that the objective is far from smooth: what is missing is at most a tenth of what there is to gain."""
    weights, width, users = np.array([1, 0.63]), 5, 4
    v = weights / weights.sum()
    missing = gain = 0.0
    for seed in range(12):
        rng = np.random.default_rng(seed)
        batch = drawn(rng, users=users, width=width, items=12, short=False)
        groups, target = rng.integers(0, 3, 12), rng.dirichlet(np.ones(3))
        orders = np.array(list(permutations(range(width), 2)))
        of_one = [
            (
                batch.relevance[u][orders] @ v,
                np.stack([(groups[batch.items[u][orders]] == code) @ v for code in range(3)], axis=-1),
            )
            for u in range(users)
        ]
        pairs = [(a[0][:, None] + b[0], a[1][:, None] + b[1]) for a, b in (of_one[:2], of_one[2:])]
        (r1, e1), (r2, e2) = ((r.ravel(), e.reshape(-1, 3)) for r, e in pairs)
        for strength in STRENGTHS:
            off = ((e1[:, None] + e2) / users - target) ** 2
            best = ((r1[:, None] + r2) / users - strength * off.sum(axis=-1)).max()
            found = again(batch, groups, target, weights, strength)
            before, _ = worth_of(batch, batch.lists(2), groups, target, weights, strength)
            after, _ = worth_of(batch, found.lists(2), groups, target, weights, strength)
            assert before - 1e-6 <= after <= best + 1e-6
            missing, gain = missing + best - after, gain + best - before
    assert missing <= 0.1 * gain


@pytest.mark.parametrize("strength", STRENGTHS)
def test_near_the_bound_where_users_are_many(strength):
    """No lists are above mean best(mu) - mu . t + |mu|^2 / 4 l, for any prices mu (weak duality)."""
    rng = np.random.default_rng(4)
    batch, groups = drawn(rng, users=3000), rng.integers(0, 3, 100)
    found = again(batch, groups, TARGET, WEIGHTS, strength)
    worth, exposure = worth_of(batch, found.lists(3), groups, TARGET, WEIGHTS, strength)
    v = WEIGHTS / WEIGHTS.sum()
    goal = TARGET * (batch.filled[:, :3] @ v).mean()
    price = -2 * strength * (exposure - goal)
    values = np.where(batch.filled, batch.relevance + price[groups[batch.items]], 0.0)
    values = np.where(batch.filled, values, -np.inf)
    top = -np.sort(-values, axis=1)[:, :3]
    best = (np.where(np.isfinite(top), top, 0) @ v).mean()
    bound = best - price @ goal + price @ price / (4 * strength)
    assert worth <= bound + 1e-9
    assert bound - worth < 2e-4 * bound


@settings(max_examples=40, deadline=None)
@given(batches(), st.sampled_from(STRENGTHS), st.integers(1, 8))
def test_everyone_keeps_their_items_and_groups_their_order(batch, strength, k):
    weights = 1 / np.log2(np.arange(2, k + 2))
    found = again(batch, CODES, TARGET, weights, strength)
    np.testing.assert_array_equal(np.sort(found.items, axis=1), np.sort(batch.items, axis=1))
    np.testing.assert_array_equal(found.filled, batch.filled)
    with np.errstate(invalid="ignore"):
        assert not (np.diff(found.relevance, axis=1) > 0).any()
    for old, new in zip(batch.items, found.items, strict=True):
        for code in range(GROUPS):
            mine = [items[(items != NOTHING) & (CODES[items] == code)].tolist() for items in (old, new)]
            assert mine[0] == mine[1]
    before, _ = worth_of(batch, batch.lists(k), CODES, TARGET, weights, strength)
    after, _ = worth_of(batch, found.lists(k), CODES, TARGET, weights, strength)
    assert after >= before - 1e-6


@given(batches(), st.integers(1, 8))
def test_without_strength_nothing_moves(batch, k):
    found = again(batch, CODES, TARGET, np.ones(k), 0.0)
    np.testing.assert_array_equal(found.items, batch.items)
    np.testing.assert_array_equal(found.relevance, batch.relevance)


def test_new_relevance_is_the_old_one_and_the_price_of_the_group():
    rng = np.random.default_rng(5)
    batch, groups = drawn(rng, users=300), rng.integers(0, 3, 100)
    found = again(batch, groups, TARGET, WEIGHTS, 2.0)
    for u in np.flatnonzero(batch.filled.any(axis=1)):
        old = dict(zip(batch.items[u].tolist(), batch.relevance[u].tolist(), strict=True))
        items = found.items[u][found.items[u] != NOTHING]
        price = found.relevance[u, : len(items)] - [old[item] for item in items.tolist()]
        for code in range(3):
            mine = price[groups[items] == code]
            assert np.ptp(mine) < 1e-6 if len(mine) else True


def test_more_strength_comes_nearer_to_the_target():
    rng = np.random.default_rng(6)
    batch, groups = drawn(rng, users=2000, short=False), rng.integers(0, 3, 100)
    found = [again(batch, groups, TARGET, WEIGHTS, strength) for strength in (0.0, 0.1, 0.3, 1.0, 3.0, 30.0)]
    away = [np.square(exposure_of(one.lists(3), groups, WEIGHTS, 3) - TARGET).sum() for one in found]
    assert (np.diff(away) < 0).all()
    assert away[-1] < 1e-4 < away[0]


def test_names_of_groups_do_not_matter_and_the_same_seed_gives_the_same():
    rng = np.random.default_rng(7)
    batch, groups = drawn(rng, users=400), rng.integers(0, 3, 100)
    other = np.array([2, 0, 1])
    target = np.empty(3)
    target[other] = TARGET
    one = again(batch, groups, TARGET, WEIGHTS, 1.0)
    np.testing.assert_array_equal(again(batch, groups, TARGET, WEIGHTS, 1.0).items, one.items)
    two = again(batch, other[groups], target, WEIGHTS, 1.0)
    worth = [worth_of(batch, found.lists(3), groups, TARGET, WEIGHTS, 1.0)[0] for found in (one, two)]
    assert worth[0] == pytest.approx(worth[1], abs=1e-5)


def test_nobody():
    empty = Candidates(np.empty((0, 4), np.int32), np.empty((0, 4), np.float32))
    assert again(empty, CODES, TARGET, WEIGHTS, 1.0).n_users == 0
    nothing = Candidates(np.full((2, 4), NOTHING, np.int32), np.full((2, 4), -np.inf, np.float32))
    assert (again(nothing, CODES, TARGET, WEIGHTS, 1.0).items == NOTHING).all()


def test_bad_input():
    batch = batch_of(np.ones((1, 2)), np.array([2]), np.array([[0, 1]]))
    for target in (np.array([0.5, 0.4]), np.array([1.5, -0.5])):
        with pytest.raises(InputError, match="sum to 1"):
            again(batch, np.array([0, 1]), target, WEIGHTS, 1.0)
    with pytest.raises(InputError, match="none of the 2"):
        again(batch, np.array([0, 2]), np.array([0.5, 0.5]), WEIGHTS, 1.0)
    with pytest.raises(SettingsError, match="strength"):
        settings_from(GreedyExposureSettings, {"strength": -1})
