"""Statistics of totals against brute force, an independent library and simulated truth."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy import stats

from core.fairness.stats import MULTINOMIAL_UP_TO
from core.fairness.totals import permuted_totals, total_intervals


def ratio(totals):
    """First contribution over the second, of each group, (..., G, 2) -> (..., G)."""
    with np.errstate(invalid="ignore", divide="ignore"):
        return totals[..., 0] / totals[..., 1]


def relative_gap(totals):
    """How much larger the first group's ratio is than the second's, (..., 2, 2) -> (..., 1)."""
    found = ratio(totals)
    return found[..., :1] / found[..., 1:] - 1


def spending(n, rng, *, price=1.0):
    """What each user paid, and for how many things: both skewed, and more things cost more, (n, 2)."""
    things = rng.geometric(0.2, n)
    return np.column_stack([price * things * rng.gamma(2.0, 0.5, n), things])


def of_one_group(values, statistic, *, draws=1000, seed=0):
    groups = np.zeros(len(values), int)
    options = {"n_groups": 1, "draws": draws, "confidence": 0.95, "rng": np.random.default_rng(seed)}
    return total_intervals(values, groups, statistic, **options)


def both_totals(totals):
    return totals.reshape(*totals.shape[:-2], -1)


@pytest.mark.parametrize("n", [200, MULTINOMIAL_UP_TO + 500])
def test_totals_themselves_have_the_error_of_sums_of_independent_users(n):
    values = spending(n, np.random.default_rng(1))
    found = of_one_group(values, both_totals)
    np.testing.assert_allclose(found.value, values.sum(axis=0))
    np.testing.assert_allclose(found.error, values.std(axis=0, ddof=1) * np.sqrt(n), rtol=1e-4)
    widths = (found.high - found.low) / found.error
    np.testing.assert_allclose(widths, 2 * 1.96, rtol=0.12)


def test_intervals_agree_with_scipys_where_both_are_good():
    values = spending(1500, np.random.default_rng(2))
    found = of_one_group(values, ratio, draws=10_000)

    def of_sample(paid, things, axis):
        return paid.sum(axis=axis) / things.sum(axis=axis)

    reference = stats.bootstrap(
        tuple(values.T), of_sample, n_resamples=5000, paired=True, method="BCa", rng=4
    )
    expected = reference.confidence_interval
    assert found.value[0] == pytest.approx(values[:, 0].sum() / values[:, 1].sum())
    width = expected.high - expected.low
    np.testing.assert_allclose(
        [found.low[0], found.high[0]], [expected.low, expected.high], atol=0.06 * width
    )
    assert found.error[0] == pytest.approx(reference.standard_error, rel=0.05)


@pytest.mark.parametrize("n", [100, 400])
def test_intervals_of_a_relative_gap_cover_the_truth(n):
    # 400 simulated shops: the standard error of a coverage of 95 % is 1.1 points; four of them.
    covered = np.zeros(400, bool)
    for seed in range(len(covered)):
        rng = np.random.default_rng(seed)
        values = np.vstack([spending(n, rng, price=1.1), spending(400, rng)])
        groups = np.repeat([0, 1], [n, 400])
        options = {"n_groups": 2, "draws": 400, "confidence": 0.95, "rng": rng}
        found = total_intervals(values, groups, relative_gap, **options)
        covered[seed] = found.low[0] <= 0.1 <= found.high[0]
    assert abs(covered.mean() - 0.95) <= 0.044, covered.mean()


def test_what_is_undefined_has_no_interval():
    values = np.column_stack([np.ones(20), np.zeros(20)])
    values[0, 1] = 1  # one user alone makes the ratio: a third of the draws lack it
    found = of_one_group(values, ratio)
    assert found.value[0] == 20
    assert np.isnan([found.low[0], found.high[0], found.error[0]]).all()
    values[0, 1] = 0
    found = of_one_group(values, ratio)
    assert not np.isfinite([found.value[0], found.low[0], found.high[0]]).any()


def test_equal_users_leave_no_doubt():
    found = of_one_group(np.tile([3.0, 2.0], (30, 1)), ratio)
    assert [found.low[0], found.value[0], found.high[0]] == pytest.approx([1.5, 1.5, 1.5])


def test_an_empty_group_leaves_the_others_their_intervals():
    values = spending(60, np.random.default_rng(0))
    options = {"n_groups": 3, "draws": 200, "confidence": 0.95, "rng": np.random.default_rng(0)}
    found = total_intervals(values, np.repeat([0, 2], 30), ratio, **options)
    assert np.isfinite(found.low).tolist() == [True, False, True]


@given(st.integers(0, 10_000))
def test_permuting_labels_keeps_the_totals_of_every_stratum(seed):
    rng = np.random.default_rng(seed)
    values = rng.normal(size=(50, 2))
    groups, strata = rng.permutation(np.arange(50) % 3), rng.integers(0, 2, 50)
    found = permuted_totals(values, groups, n_groups=3, permutations=20, rng=rng, strata=strata)
    np.testing.assert_allclose(found.sum(axis=1), np.tile(values.sum(axis=0), (20, 1)), atol=1e-4)
    assert found.std(axis=0).min() > 0
    alone = permuted_totals(values, groups, n_groups=3, permutations=5, rng=rng, strata=groups)
    of_groups = np.stack([values[groups == group].sum(axis=0) for group in range(3)])
    np.testing.assert_allclose(alone, np.tile(of_groups, (5, 1, 1)), atol=1e-4)
