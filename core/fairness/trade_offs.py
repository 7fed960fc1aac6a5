"""Points between accuracy and disparity: which of them nobody should choose, and which surely differ from the current one."""

import numpy as np

from core.fairness.audit import enough_permutations
from core.fairness.correction import adjusted_p_values
from core.schema.settings import Statistics

SAME = 9  # decimals: points that differ by less are as good as each other


def dominated(accuracy: np.ndarray, disparity: np.ndarray) -> np.ndarray:
    """Which points are beaten, bool (P,): another has at least the accuracy and at most the disparity, and not both the same.

    By point estimates, without regard to how sure they are. Points without a disparity (NaN) neither beat nor are beaten.

    Args:
        accuracy: (P,) finite. disparity: (P,).
    """
    accuracy, disparity = np.round(accuracy, SAME), np.round(disparity, SAME)
    at_least = (accuracy >= accuracy[:, None]) & (disparity <= disparity[:, None])
    differs = (accuracy != accuracy[:, None]) | (disparity != disparity[:, None])
    return (at_least & differs).any(axis=1)


def adjusted_together(p_value: np.ndarray, settings: Statistics) -> np.ndarray:
    """P-values corrected as one family, of the same shape; what is not tested (NaN) stays so and is not counted."""
    tested = np.isfinite(p_value)
    found = np.full(p_value.shape, np.nan)
    found[tested] = adjusted_p_values(p_value[tested], settings.correction)
    return found


def enough_draws(tests: int, settings: Statistics) -> Statistics:
    """The settings with so many draws and permutations that a single finding can survive the correction for all tests."""
    least = enough_permutations(tests, settings)
    return settings.model_copy(update={"draws": max(settings.draws, least), "permutations": least})
