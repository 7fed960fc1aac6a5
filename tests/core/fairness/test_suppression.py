"""No group under the minimum can be read or worked out, checked by brute-force differencing."""

from itertools import product

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from core.fairness.suppression import EMPTY, HIDDEN, SHOWN, group_states

MINIMUM = 10


def disclosed(
    counts: np.ndarray, margins: list[np.ndarray], states: np.ndarray, minimum: int
) -> list[np.ndarray]:
    """Unions of fewer than `minimum` users that linear algebra isolates from everything published.

    Args:
        counts: (C,) users of each cell. margins: masks (C,) whose totals are published. states: (C,) of the cells.
    """
    hidden = np.flatnonzero(states == HIDDEN)
    while True:
        found = [subset for subset in _unions(hidden, margins) if counts[subset].sum() < minimum]
        nobody = {cell for subset in found if counts[subset].sum() == 0 for cell in subset}
        if not nobody:
            return found
        hidden = np.array(
            [cell for cell in hidden if cell not in nobody], dtype=int
        )  # the reader now knows them


def _unions(hidden: np.ndarray, margins: list[np.ndarray]) -> list[np.ndarray]:
    """All non-empty sets of hidden cells whose indicator lies in the row space of the published totals."""
    if not len(hidden):
        return []
    published = np.array([margin[hidden] for margin in margins], dtype=float)
    _, sizes, rows = np.linalg.svd(published, full_matrices=False)
    rows = rows[sizes > 1e-9]
    subsets = np.array(list(product((0.0, 1.0), repeat=len(hidden))))[1:]
    isolated = np.abs(subsets - subsets @ rows.T @ rows).max(axis=1) < 1e-7
    return [hidden[subset > 0] for subset in subsets[isolated]]


def published_margins(table: np.ndarray, minimum: int) -> list[np.ndarray]:
    """Masks over the cells of what is published besides the cells: everybody, and the shown single groups."""
    places = np.indices(table.shape)
    masks = [np.ones(table.shape, bool)]
    for axis in (0, 1):
        states = group_states(table.sum(axis=1 - axis), minimum)
        masks += [places[axis] == group for group in np.flatnonzero(states != HIDDEN)]
    return [mask.ravel() for mask in masks]


@given(st.lists(st.one_of(st.integers(0, 15), st.integers(0, 200)), min_size=1, max_size=9))
def test_no_small_union_of_one_attribute_follows_from_all_minus_the_shown(counts):
    counts = np.array(counts)
    states = group_states(counts, MINIMUM)
    everyone = [np.ones(len(counts), bool)]
    small = [subset for subset in disclosed(counts, everyone, states, MINIMUM) if counts.sum() >= MINIMUM]
    assert not small
    assert (counts[states == SHOWN] >= MINIMUM).all()
    assert (counts[states == EMPTY] == 0).all()


@given(
    st.integers(1, 3).flatmap(
        lambda rows: st.integers(1, 4).flatmap(
            lambda columns: st.lists(
                st.sampled_from([0, 0, 1, 4, 6, 9, 10, 11, 12, 30, 80]),
                min_size=rows * columns,
                max_size=rows * columns,
            ).map(lambda cells: np.array(cells).reshape(rows, columns))
        )
    )
)
def test_no_small_union_of_a_crossing_follows_from_the_published_totals(table):
    states = group_states(table, MINIMUM)
    assert (table[states == SHOWN] >= MINIMUM).all()
    assert (table[states == EMPTY] == 0).all()
    if table.sum() >= MINIMUM:
        assert not disclosed(table.ravel(), published_margins(table, MINIMUM), states.ravel(), MINIMUM)


def test_the_brute_force_check_finds_a_leak_where_only_small_cells_are_hidden():
    table = np.array([[5, 40], [30, 25]])
    naive = np.where(table < MINIMUM, HIDDEN, SHOWN)
    assert disclosed(table.ravel(), published_margins(table, MINIMUM), naive.ravel(), MINIMUM)


def test_two_hidden_cells_a_line_are_not_enough_when_a_bridge_joins_two_cycles():
    # Rows and columns 0-1 and 2-3 make two closed squares of hidden cells; the small cell (1, 2) joins them. Each line
    # has two hidden cells or more, yet the margins of rows 0-1 minus those of columns 0-1 give the cell away.
    table = np.full((4, 4), 50)
    table[1, 2] = 4
    naive = np.full((4, 4), SHOWN)
    naive[:2, :2] = naive[2:, 2:] = naive[1, 2] = HIDDEN
    assert all((naive == HIDDEN).sum(axis=axis).min() >= 2 for axis in (0, 1))
    margins = published_margins(table, MINIMUM)
    assert [list(subset) for subset in disclosed(table.ravel(), margins, naive.ravel(), MINIMUM)] == [[6]]
    assert not disclosed(table.ravel(), margins, group_states(table, MINIMUM).ravel(), MINIMUM)


def test_one_small_group_takes_the_next_smallest_with_it():
    assert group_states(np.array([5, 200, 60, 90]), MINIMUM).tolist() == [HIDDEN, SHOWN, HIDDEN, SHOWN]


def test_small_groups_that_cover_each_other_hide_nobody_else():
    assert group_states(np.array([5, 6, 60, 90]), MINIMUM).tolist() == [HIDDEN, HIDDEN, SHOWN, SHOWN]


def test_a_group_without_anybody_hides_nobody_else():
    assert group_states(np.array([0, 60, 90]), MINIMUM).tolist() == [EMPTY, SHOWN, SHOWN]


def test_unknown_in_both_attributes_stays_visible():
    # The usual case of survey data: who left out one answer left out the other. The empty cells hide nothing.
    table = np.array([[60, 40, 0], [50, 70, 0], [0, 0, 500]])
    assert group_states(table, MINIMUM).tolist() == np.where(table, SHOWN, EMPTY).tolist()


def test_a_single_row_is_judged_by_its_columns():
    assert group_states(np.array([[5, 30, 60]]), MINIMUM).tolist() == [[HIDDEN, HIDDEN, SHOWN]]


@pytest.mark.parametrize("minimum", [10, 25])
def test_large_tables_keep_most_large_cells(minimum):
    table = np.random.default_rng(3).poisson(np.outer(np.linspace(1, 9, 12), np.linspace(1, 12, 10)))
    states = group_states(table, minimum)
    large = table >= 3 * minimum
    assert (states[large] == SHOWN).mean() > 0.5
    assert (table[states == SHOWN] >= minimum).all()
