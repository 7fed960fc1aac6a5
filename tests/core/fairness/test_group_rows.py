"""Rows for any metric: agreement with means, users without a value, hidden groups."""

import zlib

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from core.fairness.group_rows import among, compare_totals, contrasts, mean_rows, total_rows
from core.fairness.groups import Groups
from core.fairness.partition import partition
from core.fairness.suppression import SHOWN
from core.fairness.totals import total_intervals
from tests.core.fairness.parts import FAST, part_of, row_of
from tests.core.fairness.test_suppression import MINIMUM, disclosed, published_margins

ONLY = {"section": "users"}
UNIT = {"x": (0.0, 1.0), "y": (0.0, 1.0)}


def per_head(totals):
    return totals[..., 1:] / totals[..., :1]


def test_means_gaps_and_ratios_are_those_of_the_values():
    rng = np.random.default_rng(1)
    strata, values = rng.integers(0, 3, 300), rng.random((300, 2))
    rows = mean_rows(values, ["x", "y"], part_of(strata), FAST, bounds=UNIT, **ONLY)
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


@pytest.mark.parametrize("reference", [None, 1])
@pytest.mark.parametrize("of_each", [5, 40])
def test_errors_of_contrasts_are_those_of_derivatives_by_all_totals(reference, of_each):
    """The short way, by a group's own totals and those of the others, against the long one; the same draws in both."""
    rng = np.random.default_rng(4)
    part = part_of(np.repeat(np.arange(3), of_each), reference=reference)
    shown = np.arange(3)
    parts = np.column_stack([1 + rng.poisson(3, 3 * of_each), rng.gamma(2, size=(3 * of_each, 2))])

    def squares(totals):  # bends, so that no two groups have the same slopes
        return np.sqrt(totals[..., 1:] / totals[..., :1])

    def statistic(totals):
        values, gap, ratio = contrasts(totals, squares, part.compared, reference)
        overall = squares(totals.sum(axis=-2))[..., None, :]
        stacked = np.concatenate([values[..., shown, :], overall, gap, ratio], axis=-2)
        return stacked.reshape(*totals.shape[:-2], -1)

    long = total_intervals(
        parts,
        part.strata,
        statistic,
        n_groups=3,
        draws=FAST.draws,
        confidence=FAST.confidence,
        rng=np.random.default_rng([FAST.seed, zlib.crc32(b"kind")]),
    )
    short = compare_totals(parts, squares, part, FAST)
    for name in ("value", "error", "low", "high"):
        found = np.concatenate(
            [getattr(one, name) for one in (short.mean, short.overall, short.gap, short.ratio)]
        )
        np.testing.assert_allclose(found.ravel(), getattr(long, name), rtol=1e-6)


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


def crossed(table, there):
    """A crossing with so many users in each cell, and those of them who have a value."""
    codes = np.repeat(np.arange(table.size), table.ravel())
    names = tuple(str(cell) for cell in range(table.size))
    part = partition(Groups("a × b", names, codes, table.shape), np.arange(len(codes)), minimum=MINIMUM)
    order = np.concatenate([np.arange(number) for number in table.ravel()])
    return part, order < there.ravel()[codes]


def test_a_small_cell_among_users_with_a_value_takes_others_of_its_row_and_column_with_it():
    there = np.array([[3, 40, 40], [40, 40, 40], [40, 40, 40]])
    own = among(*crossed(np.full((3, 3), 40), there), minimum=MINIMUM)
    shown = (own.states == SHOWN).reshape(3, 3)
    assert not shown[0, 0]
    assert (~shown).sum(axis=0)[0] >= 2
    assert (~shown).sum(axis=1)[0] >= 2, "the row's total minus the cell shown would give three users away"
    assert not disclosed(there.ravel(), published_margins(there, MINIMUM), own.states, MINIMUM)
    np.testing.assert_array_equal(own.n, [*there[shown], there[~shown].sum()])


@given(
    st.tuples(st.integers(1, 3), st.integers(1, 3)).flatmap(
        lambda shape: st.lists(
            st.tuples(st.sampled_from([0, 4, 9, 12, 30]), st.sampled_from([0, 1, 4, 10])),
            min_size=shape[0] * shape[1],
            max_size=shape[0] * shape[1],
        ).map(lambda cells: np.array(cells).reshape(*shape, 2))
    )
)
def test_no_small_union_of_a_crossing_follows_among_users_with_a_value(cells):
    there, table = cells[..., 0], cells.sum(axis=-1)
    if there.sum() < MINIMUM:
        return
    part, kept = crossed(table, there)
    own = among(part, kept, minimum=MINIMUM)
    if own is not None:
        hidden = np.zeros(table.size, dtype=own.states.dtype) + 2  # cells without a name hold nobody
        hidden[[int(name) for name in own.names]] = own.states
        assert not disclosed(there.ravel(), published_margins(there, MINIMUM), hidden, MINIMUM)
        assert set(own.shown_names) <= set(part.shown_names)


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


def test_a_group_without_spread_takes_that_of_all_users_in_totals_as_in_means():
    rng = np.random.default_rng(3)
    strata = np.repeat([0, 1, 2], [20, 100, 100])
    values = np.where(strata == 0, 0.0, rng.random(220) < 0.5)[:, None]
    heads = rng.integers(1, 4, 220)[:, None].astype(float)
    part = part_of(strata)
    means = mean_rows(values, ["x"], part, FAST, **ONLY)
    for added, rel in ((np.ones((220, 1)), 0.25), (heads, 0.5)):
        totals = total_rows(np.hstack([added, added * values]), per_head, ["x"], part, FAST, **ONLY)
        for metric in ("x", "x_gap"):
            row, same = (row_of(rows, metric, "a") for rows in (totals, means))
            assert row.low < row.value < row.high
            assert row.high - row.low == pytest.approx(same.high - same.low, rel=rel)
    alike = total_rows(np.ones((220, 2)), per_head, ["x"], part, FAST, **ONLY)
    assert (row_of(alike, "x", "a").low, row_of(alike, "x", "a").high) == (1.0, 1.0)


@pytest.mark.parametrize("bounds", [{}, {"x": (-1.0, np.inf)}])
def test_what_may_be_below_zero_has_no_ratio(bounds):
    strata, values = np.repeat([0, 1, 2], [30, 30, 5]), np.linspace(0.1, 1, 65)[:, None]
    part = part_of(strata)
    rows = mean_rows(values, ["x"], part, FAST, bounds=bounds, **ONLY)
    rows += total_rows(
        np.hstack([np.ones((65, 1)), values]), per_head, ["x"], part, FAST, bounds=bounds, **ONLY
    )
    assert {row.statistic for row in rows} == {"mean", "gap"}


def test_ratios_do_not_go_below_zero():
    rng = np.random.default_rng(4)
    strata = np.repeat([0, 1], [12, 60])
    values = np.where(strata == 0, rng.random(72) < 0.2, rng.random(72))
    added = np.column_stack([np.ones(72), values])
    rows = total_rows(added, per_head, ["x"], part_of(strata), FAST, bounds=UNIT, **ONLY)
    assert row_of(rows, "x_ratio", "a").low >= 0
    assert row_of(rows, "x_ratio", "a").value > 0
