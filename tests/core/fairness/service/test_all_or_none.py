"""Shares of 0 and 1: ends and p-values by hand; everything else stays as it was."""

from dataclasses import replace

import pytest
from scipy import stats

from core.fairness.rows import AuditRow
from core.fairness.service.all_or_none import all_or_none

BLANK = AuditRow("service", "region", "a", "late", "mean", value=0.0, low=0.0, high=0.0, n=20)
GAP = replace(BLANK, metric="late_gap", statistic="gap", value=-0.1, low=-0.12, high=-0.08, p_value=1e-9)


def test_of_none_the_share_may_be_up_to_three_by_n_and_the_gap_as_likely_as_the_binomial_says():
    mean, gap = all_or_none([BLANK, GAP], "late")
    assert (mean.low, mean.high) == (0.0, pytest.approx(0.15))
    assert (gap.low, gap.high) == (-0.12, pytest.approx(0.07))
    assert gap.p_value == pytest.approx(2 * stats.binom.pmf(0, 20, 0.1))
    assert stats.binom.cdf(0, 20, mean.high) == pytest.approx(0.05, abs=0.02)


def test_of_all_the_lower_ends_move():
    all_ = [
        replace(BLANK, value=1.0, low=1.0, high=1.0),
        replace(GAP, value=0.3, low=0.2, high=0.4, p_value=0.9),
    ]
    mean, gap = all_or_none(all_, "late")
    assert (mean.low, mean.high) == (pytest.approx(0.85), 1.0)
    assert (gap.low, gap.high, gap.p_value) == (pytest.approx(0.05), 0.4, 0.9)


def test_the_same_share_given_something_else_is_as_unsure():
    given = [
        replace(BLANK, metric="late_given", value=0.01),
        replace(GAP, metric="late_given_gap", value=-0.09),
    ]
    mean, gap = all_or_none([BLANK, GAP, *given], "late", "late_given")[2:]
    assert mean.high == pytest.approx(0.15)
    assert gap.high == pytest.approx(0.07)
    assert gap.p_value > 0.05


def test_other_groups_metrics_statistics_and_hidden_groups_stay_as_they_were():
    others = [
        replace(BLANK, value=0.2),
        replace(GAP, group="b"),
        replace(BLANK, metric="days"),
        replace(BLANK, metric="late_ratio", statistic="ratio"),
        AuditRow("service", "region", "c", "late", "mean", n="hidden", suppressed=True),
    ]
    assert all_or_none(others, "late") == others
