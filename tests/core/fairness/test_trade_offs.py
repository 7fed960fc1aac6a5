"""Which points are beaten, and which surely differ: against brute force and SciPy."""

import numpy as np
from hypothesis import given
from hypothesis import strategies as st
from scipy.stats import false_discovery_control

from core.fairness.trade_offs import adjusted_together, dominated, enough_draws
from core.schema.settings import Statistics

POINTS = st.lists(st.tuples(st.integers(0, 6), st.integers(0, 6)), min_size=1, max_size=25)


def test_beaten_points_by_hand():
    accuracy, disparity = np.array([0.4, 0.4, 0.3, 0.5, 0.4]), np.array([0.2, 0.3, 0.2, 0.5, np.nan])
    np.testing.assert_array_equal(dominated(accuracy, disparity), [False, True, True, False, False])


@given(POINTS)
def test_beaten_points_are_those_of_brute_force(points):
    expected = [
        any(a >= own[0] and d <= own[1] and (a > own[0] or d < own[1]) for a, d in points) for own in points
    ]
    accuracy, disparity = np.array(points, dtype=float).T
    np.testing.assert_array_equal(dominated(accuracy / 7, disparity / 7), expected)


@given(POINTS)
def test_what_is_best_in_one_respect_is_beaten_by_its_equals_alone(points):
    accuracy, disparity = np.array(points, dtype=float).T
    kept = ~dominated(accuracy, disparity)
    assert kept.any()
    assert disparity[kept & (accuracy == accuracy.max())].min() == disparity[accuracy == accuracy.max()].min()


def test_rounding_beats_nobody():
    np.testing.assert_array_equal(
        dominated(np.array([0.3, 0.3 + 1e-13]), np.array([0.1, 0.1])), [False, False]
    )


@given(st.lists(st.floats(0, 1), min_size=4, max_size=40).filter(lambda p: len(p) % 2 == 0))
def test_all_tests_are_corrected_as_one_family(p_values):
    both = np.array(p_values).reshape(-1, 2)
    holed = np.vstack([both, [np.nan, np.nan]])
    found = adjusted_together(holed, Statistics())
    np.testing.assert_allclose(found[:-1].ravel(), false_discovery_control(both.ravel()))
    assert np.isnan(found[-1]).all()


def test_there_are_draws_enough_for_a_single_finding():
    settings = Statistics(draws=100, permutations=100)
    found = enough_draws(200, settings)
    assert found.draws >= 200 / 0.05
    assert found.permutations >= 200 / 0.05
    assert enough_draws(1, Statistics(draws=3000)).draws == 3000
