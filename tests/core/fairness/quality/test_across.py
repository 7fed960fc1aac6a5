"""One number for all groups: mean absolute difference, worst group, share of inequality between groups."""

from itertools import combinations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from core.fairness.quality.across import across_rows, explained_rows, mean_difference, worst_interval
from core.fairness.stats import bootstrap
from core.schema.settings import Statistics
from tests.core.fairness.parts import FAST, part_of, row_of

SHORT = Statistics(draws=200, permutations=199)


def test_mean_difference_by_hand():
    np.testing.assert_allclose(mean_difference(np.array([[0.1], [0.4], [0.2]])), [0.2])
    assert np.isnan(mean_difference(np.ones((1, 1))))[0]


@given(arrays(float, (5, 2), elements=st.floats(0, 1)))
def test_mean_difference_is_the_mean_over_all_pairs_and_at_most_the_range(means):
    brute = np.mean([np.abs(means[a] - means[b]) for a, b in combinations(range(5), 2)], axis=0)
    found = mean_difference(means)
    np.testing.assert_allclose(found, brute, atol=1e-12)
    assert (found <= np.ptp(means, axis=0) + 1e-12).all()
    np.testing.assert_allclose(mean_difference(means[::-1]), found, atol=1e-12)


def test_across_rows_name_the_worst_group_and_tell_the_null():
    rng = np.random.default_rng(1)
    strata = rng.integers(0, 3, 600)
    values = rng.random(600) - 0.3 * (strata == 1)
    rows = across_rows(values[:, None], ["x"], part_of(strata), FAST, section="users")
    worst, spread = row_of(rows, "x_worst"), row_of(rows, "x_madr")
    assert worst.reference == "b"
    assert worst.value == pytest.approx(values[strata == 1].mean())
    assert worst.value < worst.null_low
    assert spread.low > spread.null_high
    assert worst.p_value == spread.p_value == pytest.approx(1 / 301)


def test_no_difference_is_covered_and_seldom_alarms():
    rng = np.random.default_rng(2)
    covered = alarms = 0
    for _ in range(60):
        values = rng.beta(0.3, 1, (200, 1))
        rows = across_rows(values, ["x"], part_of(rng.integers(0, 4, 200)), SHORT, section="users")
        spread, worst = row_of(rows, "x_madr"), row_of(rows, "x_worst")
        covered += spread.low == 0 and worst.low <= 0.3 / 1.3 <= worst.high
        alarms += worst.p_value <= 0.05
    assert covered >= 53
    assert alarms <= 8


def test_intervals_cover_a_planted_difference():
    rng = np.random.default_rng(3)
    means = np.array([0.2, 0.5, 0.5, 0.8])
    truth = mean_difference(means[:, None])[0]
    covered = 0
    for _ in range(60):
        strata = rng.integers(0, 4, 240)
        values = rng.normal(means[strata], 0.3)[:, None]
        rows = across_rows(values, ["x"], part_of(strata), SHORT, section="users")
        spread, worst = row_of(rows, "x_madr"), row_of(rows, "x_worst")
        covered += spread.low <= truth <= spread.high and worst.low <= 0.2 <= worst.high
    assert covered >= 53


def test_groups_explain_nothing_or_everything():
    rng = np.random.default_rng(4)
    strata = rng.integers(0, 2, 300)
    noise = explained_rows(rng.random(300), "x", part_of(strata), FAST, section="users")[0]
    assert noise.low == 0
    assert noise.value < 0.02
    whole = explained_rows(1.0 + strata, "x", part_of(strata), FAST, section="users")[0]
    assert whole.metric == "x_between_share"
    assert whole.value == pytest.approx(1)
    assert explained_rows(np.zeros(300), "x", part_of(strata), FAST, section="users") == []


def test_intervals_go_no_further_than_the_metric():
    strata = np.repeat([0, 1], [10, 300])
    values = np.concatenate([np.r_[np.zeros(9), 0.2], np.random.default_rng(5).random(300)])[:, None]
    rows = across_rows(values, ["x"], part_of(strata), FAST, section="users", bounds=(0.0, 1.0))
    assert row_of(rows, "x_worst").low >= 0
    assert row_of(rows, "x_madr").high <= 1
    free = across_rows(values, ["x"], part_of(strata), FAST, section="users")
    assert row_of(free, "x_worst").low < 0


@pytest.mark.parametrize("n", [12, 30])
def test_the_worst_of_small_groups_with_many_zeros_is_covered_without_endless_intervals(n):
    rng, covered, widest = np.random.default_rng(6), 0, 0.0
    for _ in range(100):
        strata = np.repeat(np.arange(5), n)
        values = np.where(rng.random(5 * n) < 0.6, 0.0, rng.beta(0.3, 1, 5 * n))[:, None]
        moments = bootstrap(values, strata, n_groups=5, draws=200, rng=rng)
        found = worst_interval(moments, np.arange(5), confidence=0.95)
        covered += found.low[0, 0] <= 0.4 * 0.3 / 1.3 <= found.high[0, 0]
        widest = max(widest, found.high[0, 0] - found.low[0, 0])
    assert covered >= 88
    assert widest < 1.5
