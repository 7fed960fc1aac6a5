"""Gaps of prices and offers, and the rows that say what was found."""

from dataclasses import dataclass, replace

import numpy as np
from scipy import stats

from core.fairness.group_rows import known_rows
from core.fairness.partition import Partition
from core.fairness.rows import AuditRow
from core.fairness.stats import Interval
from core.fairness.suppression import HIDDEN_TEXT
from core.schema.settings import Statistics

SECTION = "pricing"
GAP = "gap"
INTERVAL = ("value", "low", "high", "error")
NULL = ("p_value", "null_low", "null_high")


@dataclass(frozen=True)
class Gaps:
    """A gap for each compared group; arrays (C,), NaN where a gap cannot be told.

    Attributes:
        null_low, null_high: where the gap would lie without disparity.
        n: users of the group on whom the gap rests; None: all of them.
    """

    interval: Interval
    p_value: np.ndarray
    null_low: np.ndarray
    null_high: np.ndarray
    n: np.ndarray | None = None


def stacked(found: list[Gaps]) -> Gaps:
    """Gaps of one group each, with their users, as one."""

    def joined(take) -> np.ndarray:
        return np.array([take(one) for one in found], dtype=float).reshape(len(found))

    interval = Interval(*(joined(lambda one, name=name: getattr(one.interval, name)) for name in INTERVAL))
    return Gaps(interval, *(joined(lambda one, name=name: getattr(one, name)) for name in (*NULL, "n")))


def t_tested(interval: Interval, degrees: int, confidence: float) -> Gaps:
    """Gaps whose p-values and null bands come from Student's t on their standard errors; NaN where there is none."""
    error = np.where(interval.error > 0, interval.error, np.nan)
    reach = stats.t.ppf((1 + confidence) / 2, degrees) * error
    return Gaps(interval, 2 * stats.t.sf(np.abs(interval.value) / error, degrees), -reach, reach)


def users_who_meet(user: np.ndarray, stratum: np.ndarray, part: Partition) -> tuple[np.ndarray, np.ndarray]:
    """Users of each compared group with lines in strata of both sides, and of whichever side has fewer, (C,) each.

    Args:
        user, stratum: (N,) of each line; users as in the partition.
    """
    found = []
    for group in part.compared:
        sides = [side[user] for side in part.sides(group)]
        both = np.logical_and(*(np.bincount(stratum, side) > 0 for side in sides))[stratum]
        found.append([(np.bincount(user[side & both]) > 0).sum() for side in sides])
    own, others = np.array(found, dtype=int).reshape(-1, 2).T
    return own, np.minimum(own, others)


def unknown_gap() -> Gaps:
    """A gap that cannot be told."""
    return Gaps(Interval(*[np.array(np.nan)] * 4), *[np.array(np.nan)] * 4)


def gap_rows(
    part: Partition, metric: str, gaps: Gaps, *, tolerance: float | None, settings: Statistics
) -> list[AuditRow]:
    """A row per compared group whose gap can be told, without verdict, and one per hidden group, without number.

    A gap without interval or p-value cannot be judged, and has no tolerance.

    Args:
        gaps: (C,), in the order of `part.compared`. tolerance: in the metric's own unit; None: not judged.
    """
    order = {int(group): number for number, group in enumerate(part.compared)}
    rows = []
    for name, group in part.positions():
        row = AuditRow(SECTION, part.attribute, name, metric, GAP)
        if group is None:
            rows.append(_hidden(row))
        elif group in order and np.isfinite(gaps.interval.at(order[group])["low"]):
            number = order[group]
            n = int(part.n[group] if gaps.n is None else gaps.n[number])
            numbers = {field: float(getattr(gaps, field)[number]) for field in NULL}
            numbers |= gaps.interval.at(number)
            told = {"n": n, "small": n < settings.small_group, "reference": part.reference_name}
            rows += known_rows([replace(row, **numbers, **told, tolerance=tolerance)])
    return rows


def _hidden(row: AuditRow) -> AuditRow:
    return replace(row, n=HIDDEN_TEXT, suppressed=True)
