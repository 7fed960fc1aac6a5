"""Partial pooling of group means, and the smallest gap that can be found."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays
from scipy import stats

from core.fairness.shrinkage import detectable_of_interval, minimum_detectable_gap, shrink

MEANS = arrays(float, 6, elements=st.floats(-5, 5))
ERRORS = arrays(float, 6, elements=st.floats(0.1, 2))


def test_two_means_by_hand():
    found = shrink(np.array([0.0, 2.0]), np.ones(2))
    np.testing.assert_allclose(found.mean, [0.5, 1.5])
    assert (found.centre, found.between) == (1.0, 1.0)


@given(MEANS, ERRORS)
def test_means_move_towards_the_centre_and_never_past_it(means, errors):
    found = shrink(means, errors)
    low, high = np.minimum(means, found.centre), np.maximum(means, found.centre)
    assert ((found.mean >= low - 1e-9) & (found.mean <= high + 1e-9)).all()
    assert means.min() - 1e-9 <= found.centre <= means.max() + 1e-9
    moved = shrink(3 + 2 * means, 2 * errors)
    np.testing.assert_allclose(moved.mean, 3 + 2 * found.mean, atol=1e-6)


def test_equal_means_stay_and_one_group_stays():
    found = shrink(np.full(4, 0.3), np.array([0.1, 0.2, 0.1, 0.4]))
    np.testing.assert_allclose(found.mean, 0.3)
    assert found.between == 0
    assert shrink(np.array([0.7]), np.array([0.1])).mean == pytest.approx(0.7)


def test_shrunk_means_are_closer_to_the_truth_and_the_spread_is_found():
    rng = np.random.default_rng(1)
    raw = pooled = between = 0.0
    for _ in range(200):
        truth = rng.normal(0.5, 0.1, 30)
        errors = rng.uniform(0.05, 0.3, 30)
        means = rng.normal(truth, errors)
        found = shrink(means, errors)
        raw += ((means - truth) ** 2).mean() / 200
        pooled += ((found.mean - truth) ** 2).mean() / 200
        between += found.between**2 / 200
    assert pooled < 0.35 * raw
    assert np.sqrt(between) == pytest.approx(0.1, rel=0.1)


def test_posterior_errors_cover():
    rng = np.random.default_rng(2)
    covered = []
    for _ in range(200):
        truth, errors = rng.normal(0, 0.2, 40), np.full(40, 0.2)
        found = shrink(rng.normal(truth, errors), errors)
        covered.append((np.abs(found.mean - truth) <= 1.96 * found.error).mean())
    assert 0.92 <= np.mean(covered) <= 0.97


def test_detectable_gap_is_that_of_the_usual_sample_size():
    error = 0.3 * np.sqrt(2 / 3532)
    assert minimum_detectable_gap(error, confidence=0.95) == pytest.approx(0.02, abs=1e-5)


def test_a_gap_that_is_detectable_is_detected_in_four_of_five_samples():
    rng = np.random.default_rng(3)
    gap = minimum_detectable_gap(0.1, confidence=0.95)
    assert (np.abs(rng.normal(gap, 0.1, 20_000)) > 1.96 * 0.1).mean() == pytest.approx(0.8, abs=0.01)


@pytest.mark.parametrize("confidence", [0.8, 0.95])
def test_of_an_interval_it_is_what_its_error_says(confidence):
    reach = stats.norm.isf((1 - confidence) / 2) * 0.1
    found = detectable_of_interval(0.3 - reach, 0.3 + reach, confidence=confidence)
    assert found == pytest.approx(minimum_detectable_gap(0.1, confidence=confidence))
