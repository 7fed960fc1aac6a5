"""Every metric of exposure: by hand, by property, and against SciPy or a plain loop."""

from itertools import product

import numpy as np
import pytest
from hypothesis import assume, given
from hypothesis import strategies as st
from scipy import stats
from scipy.spatial.distance import jensenshannon

from core.fairness.exposure import (
    concentration,
    divergence,
    expected,
    inequity,
    parity,
    popularity,
    ranking_parity,
)
from core.fairness.exposure.attention import NOTHING, exposure, position_weights

SEEDS = st.integers(0, 2**31)


def positive(seed, n):
    return np.random.default_rng(seed).gamma(1.0, 1.0, n) + 1e-3


def test_exposure_parity_by_hand():
    attention, sizes = np.array([3.0, 1.0]), np.array([3, 2])
    np.testing.assert_allclose(parity.exposure_per_item(attention, sizes), [1, 0.5])
    np.testing.assert_allclose(parity.exposure_parity_ratio(attention, sizes), [2, 0.5])
    np.testing.assert_allclose(parity.disparate_treatment_ratio(attention, np.array([1, 1])), [3, 1 / 3])
    np.testing.assert_allclose(parity.disparate_impact_ratio(np.array([2, 1]), np.array([4, 4])), [2, 0.5])
    three = parity.exposure_parity_ratio(np.array([2.0, 1.0, 1.0]), np.array([1, 1, 2]))
    np.testing.assert_allclose(three[0], 2 / (2 / 3))


def test_a_ratio_that_cannot_be_told_is_not_a_number():
    found = parity.disparate_treatment_ratio(np.array([1.0, 0.0]), np.array([1.0, 0.0]))
    assert np.isnan(found).all()
    nobody_wanted = opportunity(np.array([[0.0, 0.3]]), np.array([[0, 2]]))
    assert np.isnan(nobody_wanted).all()


def opportunity(attended, wanted):
    return parity.equal_opportunity_ratio(
        parity.equal_opportunity_contributions(attended, wanted).sum(axis=0)
    )


def test_equal_opportunity_counts_users_alike_and_disparate_impact_their_purchases():
    attended, wanted = np.array([[0.6, 0.2], [0.1, 0.0]]), np.array([[2, 1], [1, 0]])
    np.testing.assert_allclose(opportunity(attended, wanted), [1, 1])  # (0.3 + 0.1) / 2 against 0.2
    impact = parity.disparate_impact_ratio(attended.sum(axis=0), wanted.sum(axis=0))
    np.testing.assert_allclose(impact[0], (0.7 / 3) / 0.2)


def test_values_of_log_ratios_have_them_for_a_mean_and_tell_what_leaving_a_user_out_does():
    by_hand = parity.log_ratio_values(np.array([[1.0, 1, 1, 1], [3, 1, 1, 1]]))
    np.testing.assert_allclose(by_hand[:, 0], np.log(2) + np.array([-0.5, 0.5]))
    rng = np.random.default_rng(3)
    wanted = rng.integers(0, 4, (400, 3))
    attended = wanted * rng.random((400, 3))
    for contributions in (
        parity.impact_contributions(attended, wanted),
        parity.equal_opportunity_contributions(attended, wanted),
    ):
        whole, values = contributions.sum(axis=0), parity.log_ratio_values(contributions)
        ratio = parity.equal_opportunity_ratio(whole)
        np.testing.assert_allclose(np.exp(values.mean(axis=0)), ratio)
        without = parity.equal_opportunity_ratio(whole - contributions)
        change = 399 * np.log(ratio / without)
        np.testing.assert_allclose(change, values - values.mean(axis=0), atol=0.1 * values.std())
    impact = parity.equal_opportunity_ratio(parity.impact_contributions(attended, wanted).sum(axis=0))
    np.testing.assert_allclose(
        impact, parity.disparate_impact_ratio(attended.sum(axis=0), wanted.sum(axis=0))
    )
    assert np.isnan(parity.log_ratio_values(np.zeros((5, 4)))).all()


@given(seed=SEEDS, n=st.integers(2, 5))
def test_equal_opportunity_is_a_plain_mean_of_means_and_one_where_all_attention_is_alike(seed, n):
    rng = np.random.default_rng(seed)
    wanted = rng.integers(0, 3, (12, n))
    wanted[0] = 1
    attended = wanted * rng.random((12, n))
    found = opportunity(attended, wanted)
    own = np.mean([a[0] / w[0] for a, w in zip(attended, wanted, strict=True) if w[0]])
    rest = np.mean([a[1:].sum() / w[1:].sum() for a, w in zip(attended, wanted, strict=True) if w[1:].sum()])
    assert found[0] == pytest.approx(own / rest)
    np.testing.assert_allclose(opportunity(attended[:, ::-1], wanted[:, ::-1]), found[::-1])
    np.testing.assert_allclose(opportunity(0.3 * wanted, wanted), 1)
    as_many = np.full((12, n), 2)
    impact = parity.disparate_impact_ratio(attended.sum(axis=0), as_many.sum(axis=0))
    np.testing.assert_allclose(opportunity(attended, as_many), impact)


@given(seed=SEEDS, n=st.integers(2, 6))
def test_parity_ratios_are_one_exactly_when_attention_follows_the_yardstick(seed, n):
    sizes = positive(seed, n)
    np.testing.assert_allclose(parity.exposure_parity_ratio(7 * sizes, sizes), 1)
    attention = positive(seed + 1, n)
    found = parity.exposure_parity_ratio(attention, sizes)
    np.testing.assert_allclose(parity.exposure_parity_ratio(5 * attention, sizes), found)
    of_share = parity.parity_ratio_of_share(attention / attention.sum(), sizes / sizes.sum())
    np.testing.assert_allclose(of_share, found)


@given(seed=SEEDS, users=st.integers(1, 6))
def test_with_binary_relevance_disparate_impact_is_the_mean_over_pairs(seed, users):
    rng = np.random.default_rng(seed)
    relevant = rng.random((users, 8)) < 0.6
    relevant[0] = True
    attention, codes = rng.random((users, 8)), np.array([0, 0, 0, 1, 1, 1, 1, 1])
    of_pairs = [attention[:, codes == h][relevant[:, codes == h]].mean() for h in (0, 1)]
    clicks = np.array([(attention * relevant)[:, codes == h].sum() for h in (0, 1)])
    count = np.array([relevant[:, codes == h].sum() for h in (0, 1)])
    np.testing.assert_allclose(parity.disparate_impact_ratio(clicks, count)[0], of_pairs[0] / of_pairs[1])
    sizes = np.bincount(codes)
    clicks_per_item, merit_per_item = clicks / sizes, count / sizes
    published = (clicks_per_item[0] / merit_per_item[0]) / (clicks_per_item[1] / merit_per_item[1])
    np.testing.assert_allclose(parity.disparate_impact_ratio(clicks, count)[0], published)


def test_ranking_parity_by_hand():
    assert spread_of([[1, 2], [1, 4]], [[10, 10], [10, 10]]).value[0] == pytest.approx(0.5)
    assert np.isnan(spread_of([[1, 0], [0, 0]], [[5, 0], [5, 0]]).value[0])
    assert spread_of([[1, 2], [0, 1]], [[5, 20], [5, 10]]).value[0] == 0


def spread_of(above, below, seed=0):
    options = {"draws": 200, "confidence": 0.95, "rng": np.random.default_rng(seed)}
    return ranking_parity.spread_of_chances(np.array(above), np.array(below), **options).interval


@given(seed=SEEDS, n=st.integers(2, 6))
def test_relative_spread_is_scipys_variation_and_blind_to_order(seed, n):
    chances = positive(seed, n)
    found = ranking_parity.relative_spread(chances)
    assert found == pytest.approx(stats.variation(chances), abs=1e-9)
    assert ranking_parity.relative_spread(chances[::-1]) == pytest.approx(found)
    assert 0 <= found <= np.sqrt(n - 1) + 1e-9


@given(seed=SEEDS, n=st.integers(2, 8))
def test_divergences_agree_with_scipy(seed, n):
    shares, target = (values / values.sum() for values in (positive(seed, n), positive(seed + 1, n)))
    assert divergence.js_divergence(shares, target) == pytest.approx(
        jensenshannon(shares, target, base=2) ** 2, abs=1e-9
    )
    assert divergence.kl_divergence(shares, target) == pytest.approx(stats.entropy(shares, target), abs=1e-9)
    assert divergence.awrf_js(target, target) == 1


def test_divergences_by_hand():
    assert divergence.js_divergence(np.array([1, 0]), np.array([0.5, 0.5])) == pytest.approx(0.3113, abs=1e-4)
    assert divergence.awrf_js(np.array([1.0, 0]), np.array([0, 1.0])) == 0
    target, z = np.array([0.5, 0.5]), 1 + 1 / np.log2(3)
    lists = np.array([[0, 1], [1, 0]])
    np.testing.assert_allclose(divergence.list_ndkl(lists, target), np.log(2) / z)
    assert divergence.pooled_ndkl(lists, target) == 0
    empty_second = divergence.list_ndkl(np.array([[0, NOTHING]]), target)
    np.testing.assert_allclose(empty_second, np.log(2))
    assert divergence.list_ndkl(np.array([[0, 1]]), np.array([1.0, 0.0]))[0] == np.inf


@given(seed=SEEDS)
def test_ndkl_agrees_with_a_plain_loop(seed):
    rng = np.random.default_rng(seed)
    lists, target = rng.integers(0, 3, (4, 6)), np.array([0.2, 0.3, 0.5])
    weights = 1 / np.log2(np.arange(2, 8))

    def of_prefixes(rows):
        prefixes = [np.bincount(rows[:, :k].ravel(), minlength=3) / rows[:, :k].size for k in range(1, 7)]
        return (
            sum(w * stats.entropy(p, target) for w, p in zip(weights, prefixes, strict=True)) / weights.sum()
        )

    np.testing.assert_allclose(divergence.list_ndkl(lists, target), [of_prefixes(row[None]) for row in lists])
    assert divergence.pooled_ndkl(lists, target) == pytest.approx(of_prefixes(lists))


@given(seed=SEEDS)
def test_pooled_awrf_is_never_below_the_mean_of_the_lists(seed):
    rng = np.random.default_rng(seed)
    shares = rng.dirichlet([0.5, 0.5, 0.5], 20)
    target = np.array([0.2, 0.3, 0.5])
    lists = divergence.awrf_js(shares, target)
    assert ((lists >= 0) & (lists <= 1)).all()
    assert divergence.awrf_js(shares.mean(axis=0), target) >= lists.mean() - 1e-12


def test_random_lists_follow_the_target_and_keep_empty_places():
    groups = np.array([[0, 0, NOTHING]])
    found = divergence.random_lists(
        groups, np.array([0.2, 0.8]), n_lists=20_000, rng=np.random.default_rng(0)
    )
    assert (found[:, 2] == NOTHING).all()
    assert found[:, :2].mean() == pytest.approx(0.8, abs=0.01)


def test_means_of_random_lists_are_those_of_all_lists_there_are():
    target, weights = np.array([0.7, 0.3, 0.0]), position_weights(4)
    lists = np.array([[0, 1, 0, 1], [1, 1, NOTHING, 0], [0, NOTHING, NOTHING, NOTHING]])
    expected = []
    for one in lists:
        every = np.array(list(product([0, 1], repeat=4)))
        chance = np.where(one == NOTHING, 0.5, target[every]).prod(
            axis=1
        )  # what an empty place holds does not matter
        found = divergence.list_divergences(np.where(one == NOTHING, NOTHING, every), weights, target)
        expected.append(chance @ found)
    found = divergence.random_means(lists, weights, target)
    np.testing.assert_allclose(found, np.mean(expected, axis=0), atol=1e-6)


@given(seed=SEEDS, places=st.integers(1, 6))
def test_long_lists_on_the_grid_are_as_all_choices_say(seed, places):
    rng = np.random.default_rng(seed)
    weights, target = rng.dirichlet(np.ones(places)), rng.dirichlet(np.ones(3))
    expected = sum(
        target[list(picked)].prod()
        * divergence.js_divergence(np.bincount(picked, weights, minlength=3), target)
        for picked in product(range(3), repeat=places)
    )
    # A place that weighs less than a step of the grid is the worst there is: 4e-5 in 3,000 draws.
    for shares_of, error in ((divergence._every_share, 1e-9), (divergence._shares_on_grid, 1e-4)):
        shares, chances = shares_of(weights, target)
        np.testing.assert_allclose(chances.sum(axis=1), 1)
        np.testing.assert_allclose(chances @ shares, target, atol=1e-9)
        assert divergence._divergence_of(shares, chances, target) == pytest.approx(expected, abs=error)


def test_concentration_by_hand():
    assert concentration.gini(np.array([1, 3])) == pytest.approx(0.25)
    assert concentration.gini(np.array([0, 0, 0, 5])) == pytest.approx(0.75)
    assert concentration.entropy(np.array([1, 1])) == pytest.approx(np.log(2))
    assert concentration.coverage(np.array([0, 2, 1, 0])) == 0.5
    assert concentration.min_max(np.array([1, 4])) == 0.25
    assert concentration.lowest_share(np.array([5, 1, 2]), 2) == pytest.approx(3 / 8)
    nobody = np.zeros(3)
    for undefined in (
        concentration.gini,
        concentration.entropy,
        concentration.min_max,
        lambda values: concentration.lowest_share(values, 1),
    ):
        assert np.isnan(undefined(nobody))


@given(seed=SEEDS, n=st.integers(2, 9))
def test_concentration_is_bounded_blind_to_order_and_scale_and_right_when_all_are_equal(seed, n):
    totals = positive(seed, n)
    totals[: n // 3] = 0
    shuffled = 3 * np.random.default_rng(seed).permutation(totals)
    differences = np.abs(totals[:, None] - totals[None]).sum() / (
        2 * n * totals.sum()
    )  # Gini by its definition
    assert concentration.gini(totals) == pytest.approx(differences)
    assert concentration.entropy(totals) == pytest.approx(stats.entropy(totals))
    assert 0 <= concentration.gini(totals) <= (n - 1) / n
    for metric in (concentration.gini, concentration.entropy, concentration.min_max, concentration.coverage):
        assert metric(shuffled) == pytest.approx(metric(totals))
    assert concentration.lowest_share(shuffled, 1) == pytest.approx(concentration.lowest_share(totals, 1))
    equal = np.full(n, 2.0)
    assert concentration.gini(equal) == pytest.approx(0)
    assert concentration.entropy(equal) == pytest.approx(np.log(n))
    assert concentration.min_max(equal) == 1
    assert concentration.lowest_share(equal, 1) == pytest.approx(1 / n)


@given(seed=SEEDS)
def test_slopes_are_the_derivatives(seed):
    totals, step = positive(seed, 6), 1e-6
    totals /= totals.sum()
    assume(np.diff(np.sort(totals)).min() > 10 * step)  # the Gini index has a kink where two change places
    own = totals[2] * np.eye(6)[2] - totals * totals[2]  # a move that keeps the sum
    for statistic, slopes in (
        (concentration.gini, concentration.gini_slopes),
        (concentration.entropy, concentration.entropy_slopes),
    ):
        rise = (statistic(totals + step * own) - statistic(totals - step * own)) / (2 * step)
        assert slopes(totals) @ own == pytest.approx(rise, rel=1e-3, abs=1e-6)


def test_popularity_by_hand():
    items, sold = np.array([[0, 1], [2, NOTHING]]), np.array([10, 2, 4])
    tail = np.array([False, True, True])
    np.testing.assert_allclose(popularity.average_popularity(items, sold), [6, 4])
    np.testing.assert_allclose(popularity.tail_share(items, tail), [0.5, 1])
    np.testing.assert_array_equal(popularity.tail_count(items, tail), [1, 1])
    assert popularity.popularity_lift(np.array([12.0, 10.0])) == pytest.approx(0.2)
    assert np.isnan(popularity.popularity_lift(np.array([1.0, 0.0])))
    had = popularity.profile_popularity(
        np.array([5, 0, 9]), np.array([5, 5, 5, 0]), np.array([0, 0, 1, 2]), sold
    )
    np.testing.assert_allclose(had, [6, 4, np.nan])


@given(seed=SEEDS)
def test_lists_that_repeat_the_history_have_no_lift_and_shares_of_the_tail_are_bounded(seed):
    rng = np.random.default_rng(seed)
    items = np.array([rng.permutation(12)[:4] for _ in range(5)])
    sold, users = rng.integers(1, 50, 12), np.arange(5)
    listed = popularity.average_popularity(items, sold)
    had = popularity.profile_popularity(users, np.repeat(users, 4), items.ravel(), sold)
    np.testing.assert_allclose(listed, had)
    assert popularity.popularity_lift(np.array([listed.sum(), had.sum()])) == pytest.approx(0)
    share = popularity.tail_share(items, sold < 20)
    assert ((share >= 0) & (share <= 1)).all()
    np.testing.assert_allclose(4 * share, popularity.tail_count(items, sold < 20))


def test_expected_exposure_by_hand_and_targets_in_closed_form():
    gamma, n = 0.5, 3
    weights = gamma ** np.arange(n)
    items, hits = np.array([[0, 1, 2]]), np.array([[True, True, False]])
    found = expected.expected_exposure(items, hits, weights, np.array([2]), n)
    np.testing.assert_allclose(
        [found.disparity[0], found.relevance[0], found.loss[0]], [1.3125, 1.1875, 0.125]
    )
    gamma, n = 0.8, 9
    m = np.arange(1, n)
    relevant, others = expected.target_exposure(gamma ** np.arange(n), m, n)
    np.testing.assert_allclose(relevant, (1 - gamma**m) / (m * (1 - gamma)))
    np.testing.assert_allclose(others, (gamma**m - gamma**n) / ((n - m) * (1 - gamma)))


@given(seed=SEEDS, m=st.integers(0, 7))
def test_expected_exposure_is_the_distance_of_full_vectors_and_its_target_has_all_attention(seed, m):
    rng = np.random.default_rng(seed)
    n, k = 7, 4
    weights = position_weights(k)
    items = rng.permutation(n)[None, :k]
    relevant = np.zeros(n, bool)
    relevant[rng.permutation(n)[:m]] = True
    given_, wanted = np.zeros(n), np.zeros(n)
    given_[items[0]] = weights
    first, after = expected.target_exposure(weights, np.array([m]), n)
    wanted[:] = np.where(relevant, first, after)
    assert wanted.sum() == pytest.approx(1)
    found = expected.expected_exposure(items, relevant[items], weights, np.array([m]), n)
    assert found.loss[0] == pytest.approx(((given_ - wanted) ** 2).sum())
    assert found.loss[0] == pytest.approx(found.disparity[0] - 2 * found.relevance[0] + (wanted**2).sum())
    codes = np.array([0, 0, 1, 1, 1, 2, 2])
    by_group = np.bincount(codes, weights=relevant, minlength=3)[None].astype(int)
    target = expected.group_target_exposure(weights, by_group, np.bincount(codes))
    np.testing.assert_allclose(target[0], np.bincount(codes, weights=wanted))
    grouped = expected.group_expected_exposure(exposure(codes[items], weights, 3), target)
    assert grouped.loss[0] >= -1e-12


def test_group_exposure_and_inequity_by_hand():
    found = expected.group_expected_exposure(np.array([1, 0.5]), np.array([0.75, 0.75]))
    np.testing.assert_allclose([found.loss, found.disparity, found.relevance], [0.125, 1.25, 1.125])
    assert inequity.amortised_inequity(np.array([0.7, 0.3]), np.array([0.5, 0.5])) == pytest.approx(0.4)
    assert inequity.amortised_inequity(np.array([1, 0]), np.array([0, 1])) == 2
