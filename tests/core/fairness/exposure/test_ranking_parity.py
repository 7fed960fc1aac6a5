"""Intervals of spreads of chances: they hold, also where chances are equal or few users tell."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from core.fairness.exposure.ranking_parity import relative_spread, spread_of_chances


def hits_of(rng, n, chances, wanted):
    """Hits and wanted items of users who differ in activity and taste."""
    below = rng.poisson(np.array(wanted) * rng.gamma(2, 0.5, (n, len(chances))))
    return rng.binomial(below, np.clip(np.array(chances) * rng.gamma(5, 0.2, (n, 1)), 0, 1)), below


def spread_of(above, below, *, seed=0, draws=300, confidence=0.95):
    options = {"draws": draws, "confidence": confidence, "rng": np.random.default_rng(seed)}
    return spread_of_chances(above, below, **options)


@pytest.mark.parametrize(
    ("chances", "wanted", "n"),
    [
        ([0.2] * 8, [1] * 8, 200),
        ([0.05] * 3, [1, 1, 2], 60),
        ([0.1, 0.2, 0.3], [0.3, 1, 3], 60),
        ([0.03, 0.05, 0.08], [1, 1, 2], 60),
        ([0.2, 0.3], [2, 2], 200),
    ],
)
def test_intervals_hold_the_true_spread(chances, wanted, n):
    """150 audits; measured over 800, 94 to 99 % of 95 % intervals hold it."""
    truth, held = relative_spread(np.array(chances)), 0
    for seed in range(1000, 1150):
        found = spread_of(*hits_of(np.random.default_rng(seed), n, chances, wanted), seed=seed).interval
        held += found.low[0] <= truth + 1e-12 and truth <= found.high[0]
    assert held >= 135


def test_the_null_band_is_where_equal_chances_lie_and_a_planted_difference_is_above_it():
    inside = 0
    for seed in range(100):
        found = spread_of(*hits_of(np.random.default_rng(seed), 150, [0.2] * 4, [1] * 4), seed=seed)
        low, high = np.quantile(found.null, [0.025, 0.975])
        inside += low <= found.interval.value[0] <= high
    assert inside >= 88
    planted = spread_of(*hits_of(np.random.default_rng(1), 600, [0.1, 0.2, 0.4], [1, 1, 1]))
    assert planted.interval.value[0] > planted.interval.low[0] > np.quantile(planted.null, 0.975)


@given(seed=st.integers(0, 2**31), groups=st.integers(2, 5))
def test_intervals_are_ordered_bounded_and_blind_to_the_order_of_users(seed, groups):
    rng = np.random.default_rng(seed)
    above, below = hits_of(rng, 30, rng.uniform(0.1, 0.5, groups), np.ones(groups))
    above[0], below[0] = 1, 1
    found = spread_of(above, below, draws=100).interval
    assert 0 <= found.low[0] <= found.value[0] <= found.high[0] <= np.sqrt(groups - 1) + 1e-9
    again = spread_of(above[::-1], below[::-1], draws=100).interval
    np.testing.assert_allclose([again.low, again.high], [found.low, found.high], atol=1e-6)
    wider = spread_of(above, below, draws=100, confidence=0.99).interval
    assert wider.low[0] <= found.low[0] + 1e-9
    assert wider.high[0] >= found.high[0] - 1e-9


def test_the_same_list_for_everybody_is_no_certainty():
    found = spread_of(np.tile([2.0, 3.0, 5.0], (40, 1)), np.tile([30.0, 30.0, 70.0], (40, 1)))
    assert found.interval.value[0] > 0
    assert np.isnan([found.interval.low[0], found.interval.high[0]]).all()
    assert np.isnan(found.null).all()


def test_a_group_whose_few_wanted_items_were_all_missed_is_not_sure_to_be_missed():
    rng = np.random.default_rng(2)
    above, below = hits_of(rng, 100, [0.3, 0.3, 0.3], [2, 2, 0])
    below[:6, 2] = 1
    found = spread_of(above, below).interval
    assert found.value[0] > 0.65
    assert found.low[0] < 0.3


def test_chances_that_happen_to_be_the_same_may_well_differ():
    above, below = np.array([[1, 0], [0, 1]] * 20), np.ones((40, 2))
    found = spread_of(above, below).interval
    assert found.value[0] == found.low[0] == 0
    assert found.high[0] > 0.1
