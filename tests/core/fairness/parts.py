"""Groupings for tests: users 0..U-1, in groups a, b, c ... as their strata say."""

import numpy as np

from core.fairness.partition import Partition
from core.fairness.suppression import SHOWN
from core.schema.settings import Statistics

FAST = Statistics(draws=300, permutations=300, seed=5)


def part_of(strata, *, reference=None):
    """Every group shown."""
    strata = np.asarray(strata)
    n_groups = int(strata.max()) + 1
    names = tuple("abcdefghij"[:n_groups])
    return Partition("kind", names, np.full(n_groups, SHOWN), strata, reference)


def row_of(rows, metric, group="all"):
    """The only row of a metric and group."""
    found = [row for row in rows if row.metric == metric and row.group == group]
    assert len(found) == 1, [(row.metric, row.group) for row in rows]
    return found[0]
