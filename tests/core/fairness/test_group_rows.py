"""Rows for any metric: agreement with means, users without a value, hidden groups."""

import numpy as np
import pytest

from core.fairness.group_rows import among, mean_rows, total_rows
from tests.core.fairness.parts import FAST, part_of, row_of

ONLY = {"section": "users"}


def per_head(totals):
    return totals[..., 1:] / totals[..., :1]


def test_means_gaps_and_ratios_are_those_of_the_values():
    rng = np.random.default_rng(1)
    strata, values = rng.integers(0, 3, 300), rng.random((300, 2))
    rows = mean_rows(values, ["x", "y"], part_of(strata), FAST, **ONLY)
    own, rest = values[strata == 1, 1].mean(), values[strata != 1, 1].mean()
    assert row_of(rows, "y", "b").value == pytest.approx(own)
    assert row_of(rows, "y_gap", "b").value == pytest.approx(own - rest)
    assert row_of(rows, "y_ratio", "b").value == pytest.approx(own / rest)
    assert row_of(rows, "y").value == pytest.approx(values[:, 1].mean())
    gap = row_of(rows, "y_gap", "b")
    assert gap.reference == "rest"
    assert gap.low < gap.value < gap.high
    assert gap.null_low < 0 < gap.null_high


@pytest.mark.parametrize("reference", [None, 2])
def test_totals_of_one_and_a_value_tell_the_same_as_means(reference):
    rng = np.random.default_rng(2)
    strata, values = rng.integers(0, 3, 400), rng.gamma(2, size=(400, 1))
    part = part_of(strata, reference=reference)
    means = mean_rows(values, ["x"], part, FAST, **ONLY)
    totals = total_rows(np.column_stack([np.ones(400), values]), per_head, ["x"], part, FAST, **ONLY)
    assert [(row.metric, row.group, row.n) for row in means if row.statistic != "ratio"] == [
        (row.metric, row.group, row.n) for row in totals if row.statistic != "ratio"
    ]
    for row in means:
        same = row_of(totals, row.metric, row.group)
        assert same.value == pytest.approx(row.value, rel=1e-6)
        assert same.high - same.low == pytest.approx(row.high - row.low, rel=0.25)
        if row.p_value is not None:
            assert same.p_value == pytest.approx(row.p_value, abs=0.12)


def test_users_without_a_value_do_not_count():
    strata = np.repeat([0, 1], 50)
    values = np.linspace(0, 1, 100)[:, None].copy()
    values[:10] = np.nan
    row = row_of(mean_rows(values, ["x"], part_of(strata), FAST, **ONLY), "x", "a")
    assert row.n == 40
    assert row.value == pytest.approx(values[10:50].mean())


def test_a_group_with_too_few_values_is_hidden_and_so_is_one_more():
    strata = np.repeat([0, 1, 2], 40)
    values = np.linspace(0, 1, 120)[:, None].copy()
    values[5:40] = np.nan  # five users of the first group are left
    rows = mean_rows(values, ["x"], part_of(strata), FAST, **ONLY)
    hidden = [row.group for row in rows if row.metric == "x" and row.suppressed]
    assert len(hidden) == 2, "five users could be worked out from the others"
    assert all(row.value is None and row.n == "hidden" for row in rows if row.suppressed)
    assert sum(row.metric == "x" and not row.suppressed and row.group != "all" for row in rows) == 1


def test_no_rows_where_the_reference_group_has_too_few_values():
    part = part_of(np.repeat([0, 1], 40), reference=0)
    there = np.repeat([False, True], 40)
    assert among(part, there, minimum=10) is None


def test_what_is_undefined_has_no_row():
    strata = np.repeat([0, 1], 30)
    contributions = np.column_stack([np.repeat([0.0, 1.0], 30), np.ones(60)])
    rows = total_rows(contributions, per_head, ["x"], part_of(strata), FAST, **ONLY)
    assert not [row for row in rows if row.group == "a"]
    assert row_of(rows, "x", "b").value == pytest.approx(1)
