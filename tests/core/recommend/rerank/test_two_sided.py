"""Two-sided calibration: targets of users against a general solver, and what its knobs move."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy.optimize import minimize

from core.errors import InputError, SettingsError
from core.fairness.exposure.attention import exposure_shares, placed_groups, position_weights
from core.recommend.rerank.calibrated import SMOOTHING, calibrated
from core.recommend.rerank.two_sided import TwoSidedSettings, system_target, two_sided, user_targets
from core.schema.settings import settings_from
from tests.core.recommend.rerank.greedy_reference import (
    CODES,
    GROUPS,
    assert_reordered,
    batches,
    drawn,
    shares,
    tastes,
)

TARGETS = st.sampled_from([(1 / 3, 1 / 3, 1 / 3), (0.0, 0.5, 0.5), (0.0, 0.0, 1.0), (0.98, 0.01, 0.01)]).map(
    np.array
)
TOWARDS = (0.0, 0.25, 0.5, 1.0)


def test_odds_are_divided_by_the_same_number_for_everybody():
    """Odds 9 and 1 divided by 3 are 3 and 1/3: shares of 0.75 and 0.25, on average one half."""
    found = user_targets(np.array([[0.9, 0.1], [0.5, 0.5]]), np.array([0.5, 0.5]), towards=1.0)
    np.testing.assert_allclose(found, [[0.75, 0.25], [0.25, 0.75]], atol=SMOOTHING)


@given(tastes(users=9), TARGETS, st.sampled_from([*TOWARDS, 1e-3]))
def test_shares_of_all_users_come_to_the_system_target(taste, target, towards):
    found = user_targets(taste, target, towards=towards)
    known = np.isfinite(taste).all(axis=1)
    np.testing.assert_array_equal(np.isfinite(found).all(axis=1), known)
    if known.any():
        mean = (1 - towards) * taste[known].mean(axis=0) + towards * target
        np.testing.assert_allclose(found[known].mean(axis=0), mean, atol=1e-6)
        np.testing.assert_allclose(system_target(taste, target, towards=towards), mean, atol=1e-12)
        np.testing.assert_allclose(found[known].sum(axis=1), 1, atol=1e-9)
        assert found[known].min() >= 0


def test_targets_of_many_uneven_groups_are_met():
    rng = np.random.default_rng(2)
    taste = rng.dirichlet(np.full(150, 0.02), 2000)
    target = rng.dirichlet(np.full(150, 0.3))
    for towards in (0.1, 0.9, 1.0):
        found = user_targets(taste, target, towards=towards)
        np.testing.assert_allclose(
            found.mean(axis=0), system_target(taste, target, towards=towards), atol=1e-6
        )


def test_no_shares_are_nearer_to_taste():
    """The same problem by scipy's SLSQP over all users' shares at once."""
    taste = shares(np.random.default_rng(4), 5, 3) * 0.9 + 0.1 / 3
    target = np.array([0.2, 0.3, 0.5])
    lent = (1 - SMOOTHING) * taste + SMOOTHING * target

    def distance(flat):
        q = np.maximum(flat.reshape(5, 3), 1e-12)
        return (q * np.log(q / lent)).sum()

    solved = minimize(
        distance,
        np.full(15, 1 / 3),
        method="SLSQP",
        bounds=[(0, 1)] * 15,
        constraints=[
            {"type": "eq", "fun": lambda flat: flat.reshape(5, 3).sum(axis=1) - 1},
            {"type": "eq", "fun": lambda flat: flat.reshape(5, 3)[:, :2].mean(axis=0) - target[:2]},
        ],
        options={"ftol": 1e-14, "maxiter": 1000},
    )
    found = user_targets(taste, target, towards=1.0)
    assert solved.success
    assert distance(found.ravel()) <= solved.fun + 1e-9
    np.testing.assert_allclose(found, solved.x.reshape(5, 3), atol=1e-4)


@given(batches(), tastes(), TARGETS, st.integers(1, 8))
def test_towards_nothing_it_is_calibration_to_taste(batch, taste, target, k):
    weights = position_weights(k)
    found = two_sided(batch, CODES, taste, target, weights=weights, strength=0.4, towards=0)
    one_sided = calibrated(batch, CODES, taste, weights=weights, strength=0.4)
    np.testing.assert_array_equal(found.items, one_sided.items)


@given(batches(), tastes(), TARGETS, st.sampled_from(TOWARDS), st.integers(1, 8))
def test_without_strength_nothing_moves(batch, taste, target, towards, k):
    weights = position_weights(k)
    found = two_sided(batch, CODES, taste, target, weights=weights, strength=0, towards=towards)
    np.testing.assert_array_equal(found.items, batch.items)


@given(batches(), tastes(), TARGETS, st.sampled_from(TOWARDS), st.integers(1, 8))
def test_everyone_keeps_their_candidates(batch, taste, target, towards, k):
    found = two_sided(batch, CODES, taste, target, weights=position_weights(k), strength=0.5, towards=towards)
    assert_reordered(found, batch, k)


def test_more_towards_the_target_and_more_strength_bring_exposure_nearer_to_it():
    rng = np.random.default_rng(3)
    batch, codes = drawn(rng, users=500, short=False), rng.integers(0, 4, 100)
    taste, target, weights = (
        shares(rng, 500, 4) ** 2 + 1e-3,
        np.array([0.1, 0.2, 0.3, 0.4]),
        position_weights(8),
    )
    taste /= taste.sum(axis=1, keepdims=True)

    def miss(strength, towards):
        found = two_sided(batch, codes, taste, target, weights=weights, strength=strength, towards=towards)
        seen = exposure_shares(placed_groups(found.lists(8), codes), weights, 4).mean(axis=0)
        return np.abs(seen - target).sum() / 2

    assert (np.diff([miss(0.8, towards) for towards in TOWARDS]) < 0).all()
    assert (np.diff([miss(strength, 1.0) for strength in (0, 0.1, 0.3, 0.6, 1)]) < 0).all()


@pytest.mark.parametrize("target", [np.ones(2) / 2, np.ones(3), np.array([1.5, -0.5, 0.0])])
def test_a_target_that_is_no_shares_of_these_groups_is_refused(target):
    with pytest.raises(InputError, match="target"):
        user_targets(np.full((4, GROUPS), 1 / GROUPS), target, towards=0.5)


@pytest.mark.parametrize("bad", [{"strength": 2}, {"towards": -1}, {"target": "mine"}])
def test_settings_have_bounds(bad):
    with pytest.raises(SettingsError, match=next(iter(bad))):
        settings_from(TwoSidedSettings, bad)
