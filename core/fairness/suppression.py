"""Which groups must be hidden so that no group under the minimum can be read or worked out.

Published are: the number of all users, the groups of each attribute alone, and the cells of their crossing.
Whoever has those can subtract: all users minus the shown groups, or an attribute's group minus the shown cells of
its row. So besides the small groups others are hidden too ("complementary suppression"), and hidden groups all look
alike: were the small ones marked, n < 10 beside n >= 10 and a known sum of 11 would give both away.

For a crossing, the hidden cells are edges of a bipartite graph between row groups and column groups. What the
margins tell about hidden cells are sums of margins with signs; one that isolates a union of cells is a directed
cut: a set of vertices that edges only leave, from rows to columns. The smallest union that can be worked out around
a cell is therefore a minimum cut, found by maximum flow; a table is safe when each such cut holds the minimum
number of users. Cells whose union is known to hold nobody are known to be empty and are left out, and the rest is
checked again. Not covered: attributes that nest in each other, such as two binnings of one age.

Reference: Duncan, Elliot & Salazar-González, Statistical Confidentiality (2011), chapter 4.
"""

import numpy as np
from scipy.sparse import csr_array
from scipy.sparse.csgraph import breadth_first_order, maximum_flow

SHOWN, HIDDEN, EMPTY = np.int8(0), np.int8(1), np.int8(2)
HIDDEN_TEXT = "hidden"
_UNBOUNDED = 2**30


def group_states(counts: np.ndarray, minimum: int) -> np.ndarray:
    """SHOWN, HIDDEN or EMPTY for each group.

    Args:
        counts: users of each group of one attribute, (G,), or of each cell of a crossing, (rows, columns).
        minimum: no union of fewer users may be read or worked out.

    Returns:
        int8 of the same shape. Hidden groups hold at least `minimum` users together. EMPTY: nobody, and known.
    """
    counts = np.asarray(counts, dtype=np.int64)
    return _margin_states(counts, minimum) if counts.ndim == 1 else _cell_states(counts, minimum)


def _margin_states(counts: np.ndarray, minimum: int) -> np.ndarray:
    states = np.where(counts < minimum, HIDDEN, SHOWN)
    if counts[states == HIDDEN].sum() == 0:
        return np.where(states == HIDDEN, EMPTY, SHOWN)
    while counts[states == HIDDEN].sum() < minimum and (states == SHOWN).any():
        states[_smallest(counts, states == SHOWN)] = HIDDEN
    return states


def _cell_states(counts: np.ndarray, minimum: int) -> np.ndarray:
    rows, row_pool = _vertices(_margin_states(counts.sum(axis=1), minimum))
    columns, column_pool = _vertices(_margin_states(counts.sum(axis=0), minimum))
    live = np.ix_(rows >= 0, columns >= 0)
    place = np.ix_(rows[rows >= 0], columns[columns >= 0])
    table = np.zeros((rows.max(initial=-1) + 1, columns.max(initial=-1) + 1), dtype=np.int64)
    np.add.at(table, place, counts[live])
    states = np.where(table < minimum, HIDDEN, SHOWN)
    states[row_pool, :] = HIDDEN
    states[:, column_pool] = HIDDEN
    full = np.full(counts.shape, EMPTY)
    full[live] = _complement(table, states, minimum)[place]
    return full


def _vertices(states: np.ndarray) -> tuple[np.ndarray, slice]:
    """The vertex of each margin, and the common one of all hidden margins (only their sum is known). Empty: -1."""
    shown = states == SHOWN
    pool = int(shown.sum())
    vertices = np.where(shown, np.cumsum(shown) - 1, -1)
    vertices[states == HIDDEN] = pool
    return vertices, slice(pool, None)


def _complement(table: np.ndarray, states: np.ndarray, minimum: int) -> np.ndarray:
    """Hide more cells until no union of hidden cells under the minimum can be worked out."""
    settled = False
    while not settled:
        settled = True
        for row, column in np.argwhere((states == HIDDEN) & (table < minimum)):
            if states[row, column] != HIDDEN:
                continue
            users, side_rows, side_columns = _smallest_union(table, states == HIDDEN, row, column)
            if users >= minimum:
                continue
            settled = False
            leaving, entering = np.outer(side_rows, ~side_columns), np.outer(~side_rows, side_columns)
            crossing = (leaving | entering) & (states == SHOWN)
            if users == 0:
                states[leaving & (states == HIDDEN)] = EMPTY
            elif crossing.any():
                states[_smallest(table, crossing)] = HIDDEN
            else:  # the margins alone give the union away to those who know which cells are empty: tell nothing
                return np.full_like(states, HIDDEN)
    return states


def _smallest_union(
    table: np.ndarray, hidden: np.ndarray, row: int, column: int
) -> tuple[int, np.ndarray, np.ndarray]:
    """Users of the smallest union around a hidden cell that the margins give away, and the side of the cut."""
    n_rows, n_columns = table.shape
    capacity = np.zeros((n_rows + n_columns,) * 2, dtype=np.int32)
    capacity[:n_rows, n_rows:] = np.where(hidden, table, 0)
    capacity[n_rows:, :n_rows] = np.where(hidden.T, _UNBOUNDED, 0)
    graph = csr_array(capacity)
    result = maximum_flow(graph, int(row), int(n_rows + column))
    residual = csr_array(capacity - result.flow.toarray())
    residual.eliminate_zeros()
    side = np.zeros(n_rows + n_columns, dtype=bool)
    side[breadth_first_order(residual, int(row), return_predecessors=False)] = True
    return int(result.flow_value), side[:n_rows], side[n_rows:]


def _smallest(counts: np.ndarray, candidates: np.ndarray) -> tuple[np.intp, ...]:
    """Index of the smallest candidate; the first of equals."""
    return np.unravel_index(np.where(candidates, counts, counts.max() + 1).argmin(), counts.shape)
