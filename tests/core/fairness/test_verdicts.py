"""Verdicts come from intervals, after correction for the whole family."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy import stats

from core.fairness.verdicts import EQUAL, MORE_USERS_CAP, UNDECIDED, UNEQUAL, judge, more_users


def judged(gap, low, high, p_value, *, tolerance=0.02, n=1000, rate=0.05, correction="benjamini_hochberg"):
    gap, low, high, p_value = (np.atleast_1d(np.asarray(one, float)) for one in (gap, low, high, p_value))
    return judge(
        gap,
        low,
        high,
        p_value,
        tolerance=np.full(len(gap), tolerance),
        n=np.full(len(gap), n),
        confidence=0.95,
        false_discovery_rate=rate,
        correction=correction,
    )


def test_benjamini_hochberg_worked_by_hand():
    p_value = [0.01, 0.04, 0.03, 0.5]
    found = judged([0.1] * 4, [0.05] * 4, [0.15] * 4, p_value)
    assert found.p_adjusted == pytest.approx([0.04, 0.04 * 4 / 3, 0.04 * 4 / 3, 0.5])


def test_benjamini_yekutieli_worked_by_hand():
    # c(4) = 1 + 1/2 + 1/3 + 1/4 = 25/12: 0.01 is adjusted to 4 * 25/12 * 0.01 = 1/12, and no longer found.
    options = {"p_value": [0.01, 0.04, 0.03, 0.5], "correction": "benjamini_yekutieli"}
    found = judged([0.1] * 4, [0.05] * 4, [0.15] * 4, **options)
    assert found.p_adjusted == pytest.approx([1 / 12, 1 / 9, 1 / 9, 1.0])
    assert found.verdict.tolist() == [UNDECIDED] * 4
    assert judged([0.1] * 4, [0.05] * 4, [0.15] * 4, options["p_value"]).verdict[0] == UNEQUAL


@given(st.lists(st.floats(0.001, 1), min_size=1, max_size=40))
def test_benjamini_yekutieli_is_benjamini_hochberg_at_a_smaller_rate(p_value):
    m = len(p_value)
    numbers = [0.1] * m, [0.03] * m, [0.17] * m, p_value
    smaller = 0.05 / sum(1 / j for j in range(1, m + 1))
    strict = judged(*numbers, correction="benjamini_yekutieli")
    assert strict.verdict.tolist() == judged(*numbers, rate=smaller).verdict.tolist()
    assert (strict.p_adjusted >= judged(*numbers).p_adjusted).all()


@given(st.lists(st.floats(0.001, 1), min_size=1, max_size=40))
def test_adjusted_p_values_are_those_of_the_step_up_definition(p_value):
    m = len(p_value)
    found = judged([0.0] * m, [-0.1] * m, [0.1] * m, p_value).p_adjusted
    ranked = np.sort(p_value)
    stepped = [min(1, min(m * ranked[j] / (j + 1) for j in range(i, m))) for i in range(m)]
    assert np.sort(found) == pytest.approx(stepped)


@pytest.mark.parametrize(
    ("gap", "low", "high", "p_value", "verdict"),
    [
        (-0.10, -0.12, -0.08, 0.001, UNEQUAL),
        (0.10, 0.08, 0.12, 0.001, UNEQUAL),
        (0.10, 0.08, 0.12, 0.2, UNDECIDED),  # the permutation test does not agree
        (0.05, 0.015, 0.085, 0.001, UNDECIDED),  # not zero, yet perhaps within the tolerance
        (0.00, -0.015, 0.015, 0.9, EQUAL),
        (0.01, 0.005, 0.015, 0.001, EQUAL),  # surely different, and surely by too little to matter
        (0.00, -0.03, 0.015, 0.9, UNDECIDED),
    ],
)
def test_the_verdict_follows_from_where_the_interval_lies(gap, low, high, p_value, verdict):
    assert judged(gap, low, high, p_value).verdict.tolist() == [verdict]


def test_one_finding_among_many_needs_a_wider_interval():
    alone = judged(0.05, 0.022, 0.078, 0.0005)
    assert alone.verdict[0] == UNEQUAL
    among = judged([0.05] + [0.0] * 49, [0.022] + [-0.03] * 49, [0.078] + [0.03] * 49, [0.0005] + [0.5] * 49)
    assert among.p_adjusted[0] <= 0.05
    assert among.verdict[0] == UNDECIDED


def test_findings_are_widened_to_the_false_coverage_rate_level():
    # Two rejected of ten at q = 5 %: level 1 - 2 * 0.05 / 10 = 99 %, with c(10) = 2.92897 if they may depend.
    half = 0.028
    for correction, factor in (("benjamini_hochberg", 1), ("benjamini_yekutieli", 2.9289683)):
        _check_widening(half, half * stats.t.isf(0.005 / factor, 999) / stats.t.isf(0.025, 999), correction)


def _check_widening(half, widened, correction):
    for gap, verdict in ((0.02 + widened + 1e-6, UNEQUAL), (0.02 + widened - 1e-6, UNDECIDED)):
        found = judged(
            [gap] * 2 + [0.0] * 8,
            [gap - half] * 2 + [-0.03] * 8,
            [gap + half] * 2 + [0.03] * 8,
            [0.001] * 2 + [0.6] * 8,
            correction=correction,
        )
        assert found.verdict[:2].tolist() == [verdict] * 2


@given(
    st.floats(-0.2, 0.2).filter(lambda gap: abs(abs(gap) - 0.02) > 0.002),
    st.floats(0.001, 0.1),
    st.integers(10, 5000),
)
def test_so_many_more_users_decide_at_the_present_estimate(gap, error, n):
    def at(n_users, spread):
        half = 1.96 * spread
        p_value = 2 * stats.norm.sf(abs(gap) / spread)
        return judged(gap, gap - half, gap + half, p_value, n=n_users)

    now = at(n, error)
    if now.verdict[0] != UNDECIDED:
        assert now.more_users[0] == 0
    elif now.more_users[0] < MORE_USERS_CAP:
        more = n + now.more_users[0]
        assert at(more, error * np.sqrt(n / more)).verdict[0] != UNDECIDED


def test_a_gap_on_the_tolerance_asks_for_the_cap():
    assert judged(0.02, 0.0, 0.04, 0.5).more_users.tolist() == [MORE_USERS_CAP]


def test_more_users_are_rounded_up_to_two_digits():
    assert more_users(np.array([100, 100, 100]), np.array([2.0, 1.5, 3.6])).tolist() == [300, 130, 1200]


def test_an_empty_family_has_no_verdict():
    assert judged([], [], [], []).verdict.tolist() == []
