"""Verdicts from intervals: unequal, equal within tolerance, or not enough data; corrected for the whole family."""

from dataclasses import dataclass

import numpy as np
from scipy import stats

from core.fairness.correction import adjusted_p_values, penalty
from core.schema.settings import Correction

UNEQUAL, EQUAL, UNDECIDED = "unequal", "equal_within_tolerance", "not_enough_data"
MORE_USERS_CAP = 1_000_000


@dataclass(frozen=True)
class Verdicts:
    """What is concluded from each comparison; arrays of one shape.

    Attributes:
        p_adjusted: after the correction. verdict: one of the three words.
        more_users: how many more users of the group would decide; 0 where decided.
    """

    p_adjusted: np.ndarray
    verdict: np.ndarray
    more_users: np.ndarray


def judge(
    gap: np.ndarray,
    low: np.ndarray,
    high: np.ndarray,
    p_value: np.ndarray,
    *,
    tolerance: np.ndarray,
    n: np.ndarray,
    confidence: float,
    false_discovery_rate: float,
    correction: Correction,
) -> Verdicts:
    """Judge a family of gaps together.

    `unequal`: the corrected p-value is at most the false discovery rate q, and the whole interval lies beyond
    the tolerance. As such gaps are picked from m, their interval is first widened to level 1 - R q / (c m), R being
    the number of rejections (false coverage rate; Benjamini & Yekutieli, JASA 100, 2005) and c the factor of the
    correction: Benjamini-Yekutieli is Benjamini-Hochberg at q / c, in tests and intervals alike.
    `equal_within_tolerance`: the whole interval as printed lies within the tolerance. Anything else is
    `not_enough_data`.

    Args:
        gap, low, high, p_value, tolerance: (m,), all but the p-value in the unit of the gap.
        n: (m,) users of the group.
    """
    if not len(gap):
        return Verdicts(p_value, np.array([], dtype=object), np.array([], dtype=np.int64))
    adjusted = adjusted_p_values(p_value, correction)
    selected = adjusted <= false_discovery_rate
    tail = (1 - confidence) / 2
    rate = false_discovery_rate / penalty(len(gap), correction)
    picked_tail = min(tail, max(int(selected.sum()), 1) * rate / len(gap) / 2)
    widen = stats.t.isf(picked_tail, n - 1) / stats.t.isf(tail, n - 1)
    wide_low, wide_high = gap - (gap - low) * widen, gap + (high - gap) * widen
    unequal = selected & ((wide_low > tolerance) | (wide_high < -tolerance))
    equal = (low >= -tolerance) & (high <= tolerance)
    verdict = np.select([unequal, equal], [UNEQUAL, EQUAL], UNDECIDED).astype(object)
    with np.errstate(divide="ignore", invalid="ignore"):
        beyond = np.where(gap > 0, gap - wide_low, wide_high - gap) / (np.abs(gap) - tolerance)
        beyond = np.maximum(beyond, stats.norm.isf(picked_tail) / stats.norm.isf(p_value / 2))
    shrink = np.where(np.abs(gap) > tolerance, beyond, _shrink_within(gap, low, high, tolerance))
    return Verdicts(adjusted, verdict, np.where(verdict == UNDECIDED, more_users(n, shrink), 0))


def _shrink_within(gap: np.ndarray, low: np.ndarray, high: np.ndarray, tolerance: np.ndarray) -> np.ndarray:
    """How many times narrower the interval must become to lie within the tolerance."""
    with np.errstate(divide="ignore", invalid="ignore"):
        return np.maximum((gap - low) / (gap + tolerance), (high - gap) / (tolerance - gap))


def more_users(n: np.ndarray, shrink: np.ndarray) -> np.ndarray:
    """Users to add to a group so that its interval becomes `shrink` times narrower, to two digits, at most a million.

    An interval narrows with the root of the users, of this group and of those it is compared with alike. Where the
    gap sits on the tolerance no number is enough: the cap stands for that.
    """
    needed = np.nan_to_num(n * (shrink**2 - 1), nan=np.inf)
    needed = np.clip(np.ceil(needed), 1, MORE_USERS_CAP)
    digits = 10.0 ** np.maximum(np.floor(np.log10(needed)) - 1, 0)
    return np.minimum(np.ceil(needed / digits) * digits, MORE_USERS_CAP).astype(np.int64)
