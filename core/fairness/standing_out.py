"""One group that stands out makes every other one differ from everyone else: told by leaving it out."""

from collections.abc import Callable, Sequence
from dataclasses import replace

import numpy as np

from core.fairness.judging import judged
from core.fairness.partition import Partition
from core.fairness.rows import AuditRow
from core.fairness.verdicts import UNEQUAL
from core.schema.settings import Statistics

MOSTLY = "Most of these gaps"  # how a note on one group begins
HALF = 0.5  # of a gap that must be gone
MOST_NAMED = 3

# Groups that are left, users that are left, bool (U,) -> their gap rows
Again = Callable[[Partition, np.ndarray], list[AuditRow]]


def note_on_one(rows: Sequence[AuditRow], part: Partition, settings: Statistics, again: Again) -> str | None:
    """Says that most of the gaps of other groups come from one group which is part of everyone else, if that is so.

    Asked of the group with the widest gap by users among the unequal ones, and only where another is unequal on the other
    side of 0. It is so of a group that is not unequal any more, and whose gap is less than half as wide, once the one is
    left out of everyone else; judged anew, not guessed.

    Args:
        rows: judged gap rows of one metric and this grouping. again: computes the rows anew, without verdicts.
    """
    unequal = [row for row in rows if row.verdict == UNEQUAL]
    if part.reference is not None or not unequal:
        return None
    widest = max(unequal, key=lambda row: abs(row.value) * row.n)
    opposed = {row.group: row.value for row in unequal if row.value * widest.value < 0}
    if not opposed:
        return None
    left = judged(again(*without(part, widest.group)), settings)
    owed = [
        row.group
        for row in left
        if row.group in opposed
        and row.value is not None
        and row.verdict != UNEQUAL
        and abs(row.value) < HALF * abs(opposed[row.group])
    ]
    return _note(part.attribute, widest.group, owed) if owed else None


def without(part: Partition, name: str) -> tuple[Partition, np.ndarray]:
    """The same groups but one that is shown, and which users are left, bool (U,)."""
    place = dict(part.positions())[name]
    users = part.strata != place
    others = np.array([one != name for one in part.names])
    left = part.strata[users]
    found = replace(
        part,
        names=tuple(one for one in part.names if one != name),
        states=part.states[others],
        strata=left - (left > place),
        table=None,
    )
    return found, users


def _note(attribute: str, group: str, owed: list[str]) -> str:
    named, more = owed[:MOST_NAMED], len(owed) - MOST_NAMED
    names = ", ".join(named) if more <= 0 else f"{', '.join(named)} and {more} more"
    return (
        f"{MOSTLY} by {attribute} come from {group}, which is part of everyone else: without it {names} would not be unequal. "
        "Compare with one named group to see the others beside each other."
    )
