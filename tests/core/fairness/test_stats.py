"""The engine against theory, exhaustive enumeration and independent libraries."""

from itertools import permutations as orders

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy import stats

from core.fairness.stats import (
    MULTINOMIAL_UP_TO,
    _poisson_weights,
    bootstrap,
    intervals,
    normal_means,
    null_means,
    p_values,
    permuted_means,
    range_interval,
    ratio_intervals,
    sign_flipped_means,
)
from tests.core.fairness.shops import skewed

GAP = np.array([[1.0, -1.0]])


def two_groups(n_first, n_second, rng, **options):
    groups = np.repeat([0, 1], [n_first, n_second])
    return skewed((n_first + n_second, 1), rng, **options), groups


@pytest.mark.parametrize(("n", "zeros"), [(30, 0.5), (30, 0.75), (200, 0.5), (200, 0.75)])
def test_intervals_cover_the_truth_of_skewed_metrics_in_small_groups(n, zeros):
    # 400 simulated audits: the standard error of a coverage of 95 % is 1.1 points; four of them either way.
    truth = (1 - zeros) * 1.2 / 4.2
    covered = np.zeros((400, 3), bool)
    for seed in range(len(covered)):
        rng = np.random.default_rng(seed)
        values, groups = two_groups(n, 500, rng, zeros=zeros)
        moments = bootstrap(values, groups, n_groups=2, draws=400, rng=rng)
        mean = intervals(moments, np.array([[1.0, 0.0]]), confidence=0.95)
        gap = intervals(moments, GAP, confidence=0.95)
        ratio = ratio_intervals(moments, np.array([[1.0, 0.0]]), np.array([[0.0, 1.0]]), confidence=0.95)
        covered[seed] = [
            one.low[0, 0] <= value <= one.high[0, 0] for one, value in ((mean, truth), (gap, 0), (ratio, 1))
        ]
    assert (np.abs(covered.mean(axis=0) - 0.95) <= 0.044).all(), covered.mean(axis=0)


def test_poisson_weights_have_mean_and_variance_one_and_the_poisson_frequencies():
    weights = _poisson_weights(100, 10_000, np.random.default_rng(1)).ravel()
    assert weights.mean() == pytest.approx(1, abs=0.005)
    assert weights.var() == pytest.approx(1, abs=0.01)
    for count in range(5):
        assert (weights == count).mean() == pytest.approx(stats.poisson.pmf(count, 1), abs=0.002)


@pytest.mark.parametrize("n", [300, MULTINOMIAL_UP_TO + 500])
def test_the_spread_of_the_draws_is_the_standard_error_for_small_and_large_groups(n):
    rng = np.random.default_rng(2)
    values = skewed((n, 3), rng)
    moments = bootstrap(values, np.zeros(n, int), n_groups=1, draws=4000, rng=rng)
    expected = values.std(axis=0, ddof=1) / np.sqrt(n)
    assert np.sqrt(moments.variance[0]) == pytest.approx(expected)
    assert moments.mean_draws[:, 0].std(axis=0) == pytest.approx(expected, rel=0.05)
    assert np.sqrt(moments.variance_draws[:, 0]).mean(axis=0) == pytest.approx(expected, rel=0.02)
    assert moments.mean_draws[:, 0].mean(axis=0) == pytest.approx(values.mean(axis=0), rel=0.01)


def test_intervals_agree_with_the_studentised_formula_worked_by_hand():
    values = np.array([[0.0], [0.2], [0.4], [0.9]])
    moments = bootstrap(values, np.zeros(4, int), n_groups=1, draws=300, rng=np.random.default_rng(0))
    assert moments.mean[0, 0] == pytest.approx(0.375)
    error = np.sqrt(((values - 0.375) ** 2).sum() / 3 / 4)
    assert moments.variance[0, 0] == pytest.approx(error**2)
    draw_errors = np.maximum(np.sqrt(moments.variance_draws[:, 0, 0]), 0.25 * error)
    t = (moments.mean_draws[:, 0, 0] - 0.375) / draw_errors
    found = intervals(moments, np.ones((1, 1)), confidence=0.9)
    assert found.low[0, 0] == pytest.approx(0.375 - np.quantile(t, 0.95) * error)
    assert found.high[0, 0] == pytest.approx(0.375 - np.quantile(t, 0.05) * error)


def test_a_group_of_equal_values_gets_everybodys_spread_not_certainty():
    values = np.concatenate([np.zeros(12), np.linspace(0, 1, 200)])[:, None]
    groups = np.repeat([0, 1], [12, 200])
    moments = bootstrap(values, groups, n_groups=2, draws=1000, rng=np.random.default_rng(0))
    mean = intervals(moments, np.array([[1.0, 0.0]]), confidence=0.95)
    half = stats.norm.isf(0.025) * values.std() / np.sqrt(12)
    assert mean.high[0, 0] == pytest.approx(half, rel=0.15)
    assert mean.low[0, 0] == pytest.approx(-half, rel=0.15)


def test_a_metric_that_never_varies_has_an_interval_of_no_width():
    moments = bootstrap(
        np.full((50, 1), 0.3), np.repeat([0, 1], 25), n_groups=2, draws=100, rng=np.random.default_rng(0)
    )
    gap = intervals(moments, GAP, confidence=0.95)
    assert (gap.value[0, 0], gap.low[0, 0], gap.high[0, 0]) == (0, 0, 0)


def test_the_ratio_over_a_mean_of_zero_is_missing():
    values = np.concatenate([np.linspace(0, 1, 20), np.zeros(20)])[:, None]
    moments = bootstrap(values, np.repeat([0, 1], 20), n_groups=2, draws=100, rng=np.random.default_rng(0))
    found = ratio_intervals(moments, np.array([[1.0, 0]]), np.array([[0, 1.0]]), confidence=0.95)
    assert np.isnan([found.value, found.low, found.high]).all()


@given(st.integers(0, 2**31), st.integers(10, 60), st.integers(10, 60))
def test_swapping_two_groups_turns_the_gap_and_its_interval_around(seed, n_first, n_second):
    values, groups = two_groups(n_first, n_second, np.random.default_rng(seed))
    moments = bootstrap(values, groups, n_groups=2, draws=200, rng=np.random.default_rng(1))
    one, other = (intervals(moments, contrast, confidence=0.9) for contrast in (GAP, -GAP))
    assert one.value == pytest.approx(-other.value)
    assert one.low == pytest.approx(-other.high)
    assert one.high == pytest.approx(-other.low)


def test_permutation_p_value_agrees_with_every_order_and_with_scipy():
    values = np.array([0.1, 0.9, 0.4, 0.8, 0.95, 0.0, 0.3])[:, None]
    groups = np.array([0, 1, 0, 1, 1, 0, 0])
    observed = GAP @ [values[groups == g].mean(axis=0) for g in (0, 1)]
    gaps = [values[list(o)][:4].mean() - values[list(o)][4:].mean() for o in orders(range(7))]
    exact = np.mean(np.abs(gaps) >= abs(observed[0, 0]) - 1e-12)
    null = GAP @ permuted_means(values, groups, n_groups=2, permutations=20_000, rng=np.random.default_rng(3))
    assert p_values(observed, null)[0, 0] == pytest.approx(exact, abs=0.01)
    independent = stats.permutation_test(
        (values[groups == 0, 0], values[groups == 1, 0]),
        lambda a, b: abs(a.mean() - b.mean()),
        alternative="greater",
        n_resamples=np.inf,
    )
    assert exact == pytest.approx(independent.pvalue)


def test_labels_are_permuted_within_control_strata_only():
    rng = np.random.default_rng(0)
    strata = np.repeat([0, 1, 2], 30)
    values = strata[:, None] + 0.01 * rng.random((90, 1))
    groups = np.where(rng.random(90) < 0.2 + 0.3 * strata, 1, 0)  # the group's gap is all the stratum's
    shuffled = rng.permutation(90)
    free, controlled = (
        GAP
        @ permuted_means(
            values[shuffled],
            groups[shuffled],
            n_groups=2,
            permutations=500,
            rng=np.random.default_rng(1),
            strata=control,
        )
        for control in (None, strata[shuffled])
    )
    observed = GAP @ [values[groups == g].mean(axis=0) for g in (0, 1)]
    assert controlled.std() < 0.01 < free.std()
    assert controlled.mean() == pytest.approx(observed[0, 0], abs=0.01)
    assert free.mean() == pytest.approx(0, abs=0.05)


def test_permutation_keeps_group_sizes_and_the_total():
    rng = np.random.default_rng(0)
    values, groups = rng.random((500, 2)), np.sort(rng.integers(0, 5, 500))
    null = permuted_means(values, groups, n_groups=5, permutations=50, rng=rng)
    assert np.bincount(groups) @ null == pytest.approx(0, abs=1e-3)
    constant_and_indicator = np.column_stack([np.ones(500), groups == 2])
    null = permuted_means(constant_and_indicator, groups, n_groups=5, permutations=50, rng=rng)
    assert null[..., 0] == pytest.approx(0, abs=1e-6)
    assert null[..., 1].std() > 0


def test_sign_flips_agree_with_scipy():
    differences = np.array([0.3, -0.1, 0.25, 0.05, 0.4, 0.2, -0.05, 0.15])
    null = sign_flipped_means(
        differences[:, None],
        np.zeros(8, int),
        n_groups=1,
        permutations=20_000,
        rng=np.random.default_rng(0),
    )
    independent = stats.permutation_test(
        (differences,), np.mean, permutation_type="samples", n_resamples=np.inf
    )
    observed = differences.mean().reshape(1, 1)
    assert p_values(observed, null)[0, 0] == pytest.approx(independent.pvalue, abs=0.01)


def test_p_values_are_never_zero():
    assert p_values(np.array([[9.0]]), np.zeros((99, 1, 1)))[0, 0] == pytest.approx(0.01)


@pytest.mark.parametrize(
    ("n", "mean", "point"), [(50, 0.107, 0.169), (200, 0.053, 0.085), (1000, 0.024, 0.038)]
)
def test_the_range_of_six_identical_groups_has_the_known_null(n, mean, point):
    rng = np.random.default_rng(5)
    values = 0.5 + 0.3 * rng.standard_normal((6 * n, 1))
    null = permuted_means(values, np.repeat(np.arange(6), n), n_groups=6, permutations=1500, rng=rng)
    ranges = np.ptp(null[..., 0], axis=1)
    assert ranges.mean() == pytest.approx(mean, rel=0.06)
    assert np.quantile(ranges, 0.95) == pytest.approx(point, rel=0.08)


def test_the_range_interval_covers_no_disparity_and_finds_a_large_one():
    holds_zero = 0
    for seed in range(200):
        rng = np.random.default_rng(seed)
        groups = np.repeat(np.arange(4), [15, 40, 80, 300])
        values = skewed((435, 1), rng)
        moments = bootstrap(values, groups, n_groups=4, draws=300, rng=rng)
        found = range_interval(moments, np.arange(4), confidence=0.95)
        assert found.low[0, 0] <= found.value[0, 0] <= found.high[0, 0]
        holds_zero += found.low[0, 0] == 0
    assert holds_zero >= 0.9 * 200
    moments = bootstrap(values + (groups == 2)[:, None], groups, n_groups=4, draws=300, rng=rng)
    assert range_interval(moments, np.arange(4), confidence=0.95).low[0, 0] > 0.7


@given(st.integers(0, 2**31), st.permutations(range(4)))
def test_renaming_groups_renames_the_null_and_nothing_else(seed, names):
    rng = np.random.default_rng(seed)
    groups = np.repeat(np.arange(4), [12, 15, 20, 30])
    values = rng.random((77, 2))
    renamed = np.asarray(names)[groups]
    own = [values[groups == g].mean(axis=0) for g in range(4)]
    moments = bootstrap(values, renamed, n_groups=4, draws=50, rng=rng)
    assert moments.mean[list(names)] == pytest.approx(np.array(own))
    assert moments.n[list(names)].tolist() == [12, 15, 20, 30]


def large_groups(seed: int = 3) -> tuple[np.ndarray, np.ndarray]:
    """Skewed metrics of 40,000 users, many of them zero, in groups of at least 6,000."""
    rng = np.random.default_rng(seed)
    groups = rng.choice(3, 40_000, p=[0.2, 0.3, 0.5])
    zeros = rng.random(len(groups)) < 0.7
    return np.column_stack(
        [np.where(zeros, 0, rng.random(len(groups))), rng.exponential(size=len(groups))]
    ), groups


def test_normal_means_are_what_permutations_tend_to():
    values, groups = large_groups()
    shuffled = permuted_means(values, groups, n_groups=3, permutations=1500, rng=np.random.default_rng(1))
    normal = normal_means(values, groups, n_groups=3, draws=20_000, rng=np.random.default_rng(2))
    np.testing.assert_allclose(normal.std(axis=0), shuffled.std(axis=0), rtol=0.08)
    n = np.bincount(groups)
    exact = values.std(axis=0, ddof=1) * np.sqrt(1 / n[:, None] - 1 / n.sum())
    np.testing.assert_allclose(normal.std(axis=0), exact, rtol=0.03)
    np.testing.assert_allclose(np.einsum("g,bgk->bk", n / n.sum(), normal), 0, atol=1e-9)
    for metric in range(2):
        own, others = (np.corrcoef(part[:, :, metric].T) for part in (normal, shuffled))
        np.testing.assert_allclose(own, others, atol=0.08)


def test_the_null_is_shuffled_where_a_shown_group_is_small_or_strata_hold_labels():
    values, groups = large_groups()
    options = {"n_groups": 3, "n_shown": 3, "permutations": 20}

    def drawn(**more):
        return null_means(values, more.pop("groups", groups), **options, rng=np.random.default_rng(5), **more)

    normal = normal_means(values, groups, n_groups=3, draws=20, rng=np.random.default_rng(5))
    np.testing.assert_array_equal(drawn(), normal)
    small = np.where(np.arange(len(groups)) < 100, 0, 1 + (groups > 1))
    for found, asked in (
        (drawn(groups=small), {"groups": small}),
        (drawn(strata=groups), {"groups": groups, "strata": groups}),
    ):
        shuffled = permuted_means(
            values,
            asked["groups"],
            n_groups=3,
            permutations=20,
            rng=np.random.default_rng(5),
            strata=asked.get("strata"),
        )
        np.testing.assert_array_equal(found, shuffled)
