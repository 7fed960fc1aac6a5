"""Correction of p-values for how many tests there are: the false discovery rate."""

import numpy as np
from scipy import stats

from core.schema.settings import Correction, Statistics

NAMES: dict[Correction, str] = {
    "benjamini_hochberg": "Benjamini-Hochberg",
    "benjamini_yekutieli": "Benjamini-Yekutieli",
}
_METHODS: dict[Correction, str] = {"benjamini_hochberg": "bh", "benjamini_yekutieli": "by"}


def adjusted_p_values(p_value: np.ndarray, correction: Correction) -> np.ndarray:
    """The smallest false discovery rate at which each of m tests would be rejected, (m,).

        p~_(k) = min_{j >= k} min(1, c m p_(j) / j)

    c = 1 (Benjamini & Hochberg, JRSS B 57, 1995) holds for independent tests and many that depend positively;
    c = sum_{j <= m} 1 / j (Benjamini & Yekutieli, Annals of Statistics 29, 2001, theorem 1.3) however they depend.
    """
    return stats.false_discovery_control(p_value, method=_METHODS[correction]) if len(p_value) else p_value


def penalty(tests: int, correction: Correction) -> float:
    """The factor c of that many tests."""
    if correction == "benjamini_hochberg":
        return 1.0
    return float((1 / np.arange(1, tests + 1)).sum())


def needed_permutations(tests: int, settings: Statistics) -> int:
    """So many that the smallest p-value they can give survives the correction for all tests, were it alone."""
    return int(np.ceil(tests * penalty(tests, settings.correction) / settings.false_discovery_rate))
