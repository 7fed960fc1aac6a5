"""The smallest change that undoes a result: fewest parts of a history without which an item leaves the list."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from itertools import combinations

import numpy as np

Margins = Callable[
    [Sequence[frozenset[int]]], np.ndarray
]  # sets of parts taken out -> margins; up to zero: undone
PAIRED = 16  # parts of which all pairs are tried
GREEDY = 40  # parts that longer sets are made of
LONGEST = 12  # of a set


@dataclass(frozen=True)
class Removal:
    """A set of parts without which the result does not stand.

    Attributes:
        smallest: no smaller set of the parts that were looked at does it. Otherwise only that the set holds no part
            that could stay (it is irreducible). asked: how many sets the model was asked about.
    """

    parts: tuple[int, ...]
    margin: float
    smallest: bool
    asked: int


def smallest_removal(margins: Margins, parts: Sequence[int]) -> Removal | None:
    """Fewest parts to take out; None where LONGEST of them, chosen greedily, do not do it.

    First every part alone, then all pairs of the PAIRED most telling ones. A longer set is found greedily: always the
    part whose absence leaves the smallest margin, then whatever can stay after all is put back. Every set is judged by
    asking the model itself, so what is returned is true; that it is the smallest is claimed for a single part, for a pair,
    and for three where all pairs of all parts were tried.

    Args:
        parts: those that may be taken out, any order.
    """
    asked = 0

    def best(sets: list[frozenset[int]]) -> tuple[frozenset[int], float]:
        nonlocal asked
        asked += len(sets)
        found = margins(sets)
        place = int(np.argmin(found))
        return sets[place], float(found[place])

    if not len(parts):
        return None
    alone = margins([frozenset([part]) for part in parts])
    asked += len(parts)
    order = [parts[place] for place in np.argsort(alone, kind="stable")]
    if alone.min() <= 0:
        return Removal((order[0],), float(alone.min()), smallest=True, asked=asked)
    if len(parts) == 1:
        return None
    pairs = [frozenset(pair) for pair in combinations(order[:PAIRED], 2)]
    taken, margin = best(pairs)
    if margin <= 0:
        return Removal(_sorted(taken, order), margin, smallest=True, asked=asked)
    every_pair = len(order) <= PAIRED
    helpful = order[:GREEDY]
    while margin > 0 and len(taken) < min(LONGEST, len(helpful)):
        taken, margin = best([taken | {part} for part in helpful if part not in taken])
    if margin > 0:
        return None
    reducible = True
    while reducible and len(taken) > 1:
        fewer, left = best([taken - {part} for part in _sorted(taken, order)])
        reducible = left <= 0
        if reducible:
            taken, margin = fewer, left
    smallest = len(taken) <= 2 or (len(taken) == 3 and every_pair)
    return Removal(_sorted(taken, order), margin, smallest=smallest, asked=asked)


def _sorted(taken: frozenset[int], order: Sequence[int]) -> tuple[int, ...]:
    return tuple(part for part in order if part in taken)
