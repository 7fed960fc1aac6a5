"""What each part of an audit answers with: rows judged as one family, and what a reader must know besides."""

from collections.abc import Sequence
from dataclasses import dataclass

import pandas as pd

from core.fairness.audit import enough_permutations
from core.fairness.judging import judged
from core.fairness.partition import Partition
from core.fairness.rows import AuditRow, tidy
from core.schema.settings import AuditSettings


@dataclass(frozen=True)
class Section:
    """One question of an audit with its answer.

    Attributes:
        rows: the tidy table of `core.fairness.rows`. tests: comparisons that were corrected for together.
        users: audited. notes: what a reader must know besides.
    """

    rows: pd.DataFrame
    tests: int
    users: int
    notes: tuple[str, ...] = ()


def section(
    rows: list[AuditRow], settings: AuditSettings, *, users: int, notes: Sequence[str] = ()
) -> Section:
    """Rows judged together."""
    return of_judged(judged(rows, settings), users=users, notes=notes)


def of_judged(told: list[AuditRow], *, users: int, notes: Sequence[str] = ()) -> Section:
    """Rows that have their verdicts."""
    tests = sum(row.p_adjusted is not None for row in told)
    return Section(tidy(told), tests, users, tuple(notes))


def with_permutations(settings: AuditSettings, parts: Sequence[Partition], metrics: int) -> AuditSettings:
    """The settings with so many permutations that the smallest p-value survives the correction for all tests."""
    tests = metrics * sum(part.comparisons for part in parts)
    return settings.model_copy(update={"permutations": enough_permutations(tests, settings)})
