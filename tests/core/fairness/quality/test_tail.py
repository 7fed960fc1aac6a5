"""The mean of the worst-served share of a group."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from core.fairness.quality.tail import tail_rows, worst_share_values
from core.schema.settings import Statistics
from tests.core.fairness.parts import FAST, part_of, row_of


def test_worst_half_by_hand():
    assert worst_share_values(np.array([0.4, 0, 1, 0.2]), share=0.5).mean() == pytest.approx(0.1)


@given(arrays(float, 20, elements=st.floats(0, 1)), st.sampled_from([0.05, 0.1, 0.33, 0.5, 1.0]))
def test_it_is_the_mean_of_the_lowest_with_the_last_user_in_part(values, share):
    weights = np.clip(share * 20 - np.arange(20), 0, 1)
    found = worst_share_values(values, share=share).mean()
    assert found == pytest.approx((np.sort(values) * weights).sum() / (share * 20), abs=1e-9)
    assert values.min() - 1e-9 <= found <= values.mean() + 1e-9


def test_rows_compare_a_group_with_all_others_together():
    rng = np.random.default_rng(1)
    strata = rng.integers(0, 3, 500)
    values = rng.random(500) * np.where(strata == 2, 0.5, 1.0)
    rows = tail_rows(values, "x", part_of(strata), FAST, section="users", share=0.2, bounds=(0.0, 1.0))
    own, rest = (
        worst_share_values(values[chosen], share=0.2).mean() for chosen in (strata == 2, strata != 2)
    )
    assert row_of(rows, "x_cvar", "c").value == pytest.approx(own)
    gap = row_of(rows, "x_cvar_gap", "c")
    assert gap.value == pytest.approx(own - rest)
    assert row_of(rows, "x_cvar_ratio", "c").value == pytest.approx(own / rest)
    assert gap.p_value < 0.02
    assert gap.high < 0


def test_intervals_cover_and_tests_hold_their_level():
    rng = np.random.default_rng(2)
    settings = Statistics(draws=200, permutations=199)
    covered = rejected = 0
    for _ in range(60):
        values = rng.random(300)
        rows = tail_rows(values, "x", part_of(np.repeat([0, 1], 150)), settings, section="users", share=0.2)
        mean, gap = row_of(rows, "x_cvar", "a"), row_of(rows, "x_cvar_gap", "a")
        covered += mean.low <= 0.1 <= mean.high
        rejected += gap.p_value <= 0.05
    assert covered >= 52
    assert rejected <= 8


def test_where_over_a_tenth_of_all_have_nothing_groups_are_told_and_not_tested():
    rng = np.random.default_rng(4)
    strata = np.repeat([0, 1], [120, 400])
    values = np.where((strata == 1) & (rng.random(520) < 0.4), 0, rng.random(520))
    rows = tail_rows(
        values, "x", part_of(strata), FAST, section="users", tolerances={"x_cvar": 0.01}, bounds=(0.0, 1.0)
    )
    gap = row_of(rows, "x_cvar_gap", "a")
    assert gap.value == pytest.approx(row_of(rows, "x_cvar", "a").value)
    assert gap.p_value is gap.tolerance is gap.null_high is None
    assert all(0 <= row.low <= row.high <= 1 for row in rows if row.statistic == "mean")
    assert [row.group for row in rows if row.statistic == "ratio"] == [
        "b"
    ]  # the rest of a has nothing to divide by


@pytest.mark.parametrize(("n", "shown"), [(99, False), (100, True)])
def test_a_tail_of_fewer_users_than_a_group_must_have_is_hidden(n, shown):
    strata = np.repeat([0, 1, 2], [n, 300, 300])
    values = np.random.default_rng(5).random(len(strata))
    rows = tail_rows(values, "x", part_of(strata), FAST, section="users")
    assert [row.suppressed for row in rows if row.metric == "x_cvar"] == [False, not shown, not shown, False]
    assert all(row.value is None for row in rows if row.suppressed)


def test_the_tail_of_all_is_told_where_no_group_is_large_enough_and_all_together_are():
    values = np.random.default_rng(6).random(150)
    (row,) = tail_rows(values, "x", part_of(np.repeat([0, 1], 75)), FAST, section="users")
    assert (row.group, row.n, row.value) == ("all", 150, pytest.approx(np.sort(values)[:15].mean()))
    assert row.low < row.value < row.high
    assert tail_rows(values[:99], "x", part_of(np.repeat([0, 1], [50, 49])), FAST, section="users") == []
