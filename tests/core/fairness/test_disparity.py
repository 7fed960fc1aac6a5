"""Disparities of several ways to make lists: by hand, against the comparison of groups, and what must hold of any."""

from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy import stats

from core.fairness.comparison import compare_groups
from core.fairness.disparity import (
    SHORTFALL,
    TO_MOVE,
    attention_shortfall,
    attention_to_move,
    mean_levels,
    range_levels,
    share_levels,
)
from core.fairness.groups import Groups
from core.fairness.partition import partition
from tests.core.fairness.parts import FAST, part_of

FIELDS = ("value", "low", "high", "change", "change_low", "change_high", "p_value")
THIRDS = np.repeat([0, 1, 2], 40)
ALL = np.ones(3, bool)


def scores(seed: int, users: int = 120, ways: int = 3) -> np.ndarray:
    """Values in [0, 1], many of them zero, the ways alike for most users."""
    rng = np.random.default_rng(seed)
    first = rng.beta(1, 2, (users, 1)) * (rng.random((users, 1)) < 0.6)
    others = np.where(rng.random((users, ways - 1)) < 0.3, rng.random((users, ways - 1)), first)
    return np.column_stack([first, others])


def attention(seed: int, users: int = 120, ways: int = 3) -> np.ndarray:
    return np.random.default_rng(seed).dirichlet([1.0, 2.0, 3.0], (users, ways))


def test_distances_from_a_target_by_hand():
    shares, target = np.array([[0.7, 0.3], [0.5, 0.5], [1.0, 0.0]]), np.array([0.5, 0.5])
    np.testing.assert_allclose(attention_to_move(shares, target), [0.2, 0.0, 0.5])
    np.testing.assert_allclose(attention_shortfall(shares, target), [0.4, 0.0, 1.0])


def test_unknown_is_never_told_as_worst_off_but_its_attention_has_to_move():
    shares = np.tile([0.6, 0.4, 0.0], (40, 1, 1)) + 0.01 * np.tile([1, -1, 0], (40, 1, 1)) * np.tile(
        [[[1]], [[-1]]], (20, 1, 1)
    )
    found = share_levels(shares, np.array([0.4, 0.4, 0.2]), np.array([True, True, False]), FAST)
    assert found[TO_MOVE].value[0] == pytest.approx(0.2)
    assert found[SHORTFALL].value[0] == pytest.approx(0.0)
    all_named = share_levels(shares, np.array([0.4, 0.4, 0.2]), ALL, FAST)
    assert all_named[SHORTFALL].value[0] == pytest.approx(1.0)


def test_groups_without_a_target_lack_nothing():
    found = share_levels(attention(8), np.array([1.0, 0.0, 0.0]), ALL, FAST)
    assert np.isfinite(found[SHORTFALL].value).all()
    nobody = share_levels(attention(8), np.array([0.0, 0.0, 1.0]), np.array([True, True, False]), FAST)
    assert (nobody[SHORTFALL].value == 0).all()
    assert (nobody[SHORTFALL].p_value == 1).all()


def test_shares_of_all_lists_count_not_those_of_each():
    """Two users who see one group each are on target together."""
    shares = np.zeros((40, 2, 2))
    shares[:20, 0, 0] = shares[20:, 0, 1] = 1.0
    shares[:, 1, 0] = 1.0
    found = share_levels(shares, np.array([0.5, 0.5]), ALL[:2], FAST)
    np.testing.assert_allclose(found[TO_MOVE].value, [0.0, 0.5])
    np.testing.assert_allclose(found[SHORTFALL].change, [0.0, 1.0])
    assert found[TO_MOVE].p_value[1] == pytest.approx(1 / (FAST.draws + 1))


def test_the_range_by_hand():
    part = part_of(np.repeat([0, 1, 2], 20))
    values = np.column_stack([np.repeat([0.2, 0.5, 0.9], 20), np.repeat([0.4, 0.5, 0.6], 20)])
    values += 0.05 * np.tile([1.0, -1.0], 30)[:, None]
    found = range_levels(values, part, FAST)
    np.testing.assert_allclose(found.value, [0.7, 0.2])
    np.testing.assert_allclose(found.change, [0.0, -0.5])
    np.testing.assert_array_equal(found.n, 60)


def test_levels_are_those_of_the_comparison_of_groups():
    values, part = scores(1), part_of(THIRDS)
    found = range_levels(values, part, FAST)
    options = {"draws": 300, "permutations": 300, "confidence": 0.95, "rng": np.random.default_rng(5)}
    own = compare_groups(
        np.column_stack([values[:, 0], values]), THIRDS, n_shown=3, reference=None, **options
    )
    for name, expected in (
        ("value", own.range.value[0]),
        ("low", own.range.low[0]),
        ("high", own.range.high[0]),
    ):
        np.testing.assert_allclose(getattr(found, name), expected[1:])
    np.testing.assert_allclose(found.null, own.range_null[1:])
    assert (found.null > 0).all()  # identical groups would show a range too


def test_a_change_of_means_is_judged_as_a_paired_test_does():
    values = scores(2)
    found = mean_levels(values, FAST.model_copy(update={"permutations": 4000}))
    for column in (1, 2):
        own = stats.ttest_rel(values[:, column], values[:, 0])
        assert found.p_value[column] == pytest.approx(own.pvalue, abs=0.02)
        ends = own.confidence_interval(0.95)
        width = ends.high - ends.low
        assert found.change_low[column] == pytest.approx(ends.low, abs=0.15 * width)
        assert found.change_high[column] == pytest.approx(ends.high, abs=0.15 * width)
    np.testing.assert_allclose(found.change, values.mean(axis=0) - values[:, 0].mean(), atol=1e-12)


def test_pairing_makes_changes_far_surer_than_levels():
    values, part = scores(3), part_of(THIRDS)
    values[:, 1] = 0.97 * values[:, 0]
    found = range_levels(values, part, FAST)
    paired, level = found.change_high - found.change_low, found.high - found.low
    assert paired[1] < 0.2 * level[1]


@given(st.integers(0, 10_000))
def test_the_same_lists_change_nothing_and_are_never_better(seed):
    values, shares = scores(seed), attention(seed)
    values[:, 2], shares[:, 2] = values[:, 0], shares[:, 0]
    part = part_of(THIRDS)
    told = [mean_levels(values, FAST), range_levels(values, part, FAST)]
    told += share_levels(shares, np.full(3, 1 / 3), ALL, FAST).values()
    for found in told:
        for place in (0, 2):
            assert found.change[place] == found.change_low[place] == found.change_high[place] == 0.0
            assert found.p_value[place] == 1.0
        assert found.value[2] == found.value[0]


@given(st.integers(0, 10_000))
def test_bounds(seed):
    part, shares = part_of(THIRDS), attention(seed)
    for found in (
        range_levels(scores(seed), part, FAST),
        *share_levels(shares, np.full(3, 1 / 3), ALL, FAST).values(),
    ):
        assert ((found.value >= 0) & (found.value <= 1)).all()
        assert ((found.low <= found.value + 1e-12) & (found.value <= found.high + 1e-12)).all()
        assert ((found.change_low <= found.change) & (found.change <= found.change_high)).all()
        assert ((found.p_value > 0) & (found.p_value <= 1)).all()


@given(st.integers(0, 10_000))
def test_an_interval_leaves_out_zero_just_where_p_is_small(seed):
    found = range_levels(scores(seed), part_of(THIRDS), FAST)
    out = (found.change_low > 0) | (found.change_high < 0)
    assert (found.p_value[out] <= 0.06).all()
    assert (found.p_value[~out] >= 0.04).all()


def test_names_and_order_of_groups_do_not_matter():
    values, shares = scores(4), attention(4)
    one, other = (range_levels(values, part_of(codes), FAST) for codes in (THIRDS, 2 - THIRDS))
    np.testing.assert_allclose(one.value, other.value)
    np.testing.assert_allclose(one.change, other.change)
    target = np.array([0.2, 0.3, 0.5])
    one, other = (
        share_levels(s, t, ALL, FAST)[TO_MOVE]
        for s, t in ((shares, target), (shares[..., ::-1], target[::-1]))
    )
    for name in FIELDS:
        np.testing.assert_allclose(getattr(one, name), getattr(other, name), atol=1e-6)


def test_groups_that_are_the_same_differ_by_nothing():
    values = np.tile(scores(5, users=40), (3, 1))
    found = range_levels(values, part_of(THIRDS), FAST)
    np.testing.assert_allclose(found.value, 0, atol=1e-12)
    assert (found.low == 0).all()
    assert (found.null > 0).all()


def test_groups_that_must_be_hidden_count_for_nothing():
    """A group of five users far off; a second one is hidden with it, so that nobody can subtract."""
    codes = np.concatenate([np.repeat([0, 1, 2], 40), np.full(5, 3)]).astype(np.int32)
    groups = Groups("kind", ("a", "b", "c", "d"), codes, (4,))
    part = partition(groups, np.arange(125), minimum=10)
    assert part.n_shown == 2
    values = np.column_stack([np.where(codes == 3, 1.0, 0.1 * codes), np.where(codes == 3, 0.0, 0.1 * codes)])
    values += 0.01 * np.tile([1.0, -1.0], 63)[:125, None]
    found = range_levels(values, part, FAST)
    assert (found.value < 0.2).all()
    assert found.change[1] == pytest.approx(0.0, abs=1e-12)


def test_users_without_a_value_do_not_count_and_may_hide_a_group():
    values, part = scores(6), part_of(THIRDS)
    gone = values.copy()
    gone[THIRDS == 2, 1] = np.nan
    gone[:8, 2] = np.nan
    found = range_levels(gone, part, FAST)
    np.testing.assert_array_equal(found.n, [120, 80, 112])
    without = replace(part_of(THIRDS[:80]))
    expected = range_levels(values[:80], without, FAST)
    assert found.value[1] == pytest.approx(expected.value[1])
    assert found.change[1] == pytest.approx(expected.change[1])  # against the same users before


def test_one_group_has_no_range():
    found = range_levels(scores(7), part_of(np.zeros(120, int)), FAST)
    assert all(np.isnan(getattr(found, name)).all() for name in FIELDS)
