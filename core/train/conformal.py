"""Calibration of prediction intervals: split conformal, by group where a group has enough rows.

Conformalised quantile regression (Romano, Patterson & Candès, NeurIPS 2019): the score of a calibration row is how far
its outcome lies outside of [low, high] (negative inside); widening both ends by the scores' quantile covers a
new row with at least the wanted chance, if it comes from the same distribution. Mondrian: the same within each group
(Vovk, ACML 2012). A row of several groups takes the largest widening of them, so each group is covered
(Foygel Barber, Candès, Ramdas & Tibshirani, Information and Inference 10, 2021).
"""

from dataclasses import dataclass

import numpy as np
import pandas as pd

COVERAGE = 0.9
FEWEST_ROWS = 100  # calibration rows of a group with a widening of its own
TOGETHER = "groups too small for their own"


@dataclass(frozen=True)
class Calibration:
    """Widening of both ends, in units of the outcome.

    Attributes:
        everyone: of rows without a group. groups: by attribute and group.
    """

    everyone: float
    groups: dict[str, dict[str, float]]

    def widening(self, labels: pd.DataFrame) -> np.ndarray:
        """The widening of each row, float64 (N,).

        Args:
            labels: one column per attribute, the group of each row; other columns are ignored.
        """
        widest = np.full(len(labels), -np.inf)
        for attribute, known in self.groups.items():
            own = labels[attribute].astype(object).map(known).astype(float)
            widest = np.fmax(widest, own.fillna(known.get(TOGETHER, self.everyone)).to_numpy())
        return np.where(np.isfinite(widest), widest, self.everyone)


def calibrate(scores: np.ndarray, weights: np.ndarray, labels: pd.DataFrame) -> Calibration:
    """The widening for everyone and for each group of each attribute.

    Args:
        scores: (N,) of calibration rows, see `conformity_scores`. weights: (N,) > 0.
        labels: (N, attributes), the group of each row.
    """
    groups = {}
    for attribute in labels:
        names = labels[attribute].astype(object).to_numpy()
        counts = pd.Series(names).value_counts()
        large = set(counts[counts >= FEWEST_ROWS].index)
        small = np.array([name not in large for name in names], bool)
        parts = {str(name): names == name for name in sorted(large, key=str)}
        if small.sum() >= FEWEST_ROWS:
            parts[TOGETHER] = small
        groups[str(attribute)] = {
            name: conformal_quantile(scores[rows], weights[rows]) for name, rows in parts.items()
        }
    return Calibration(conformal_quantile(scores, weights), groups)


def conformity_scores(observed: np.ndarray, low: np.ndarray, high: np.ndarray) -> np.ndarray:
    """How far each outcome lies outside of its interval; negative inside (Romano et al., equation 6)."""
    return np.maximum(low - observed, observed - high)


def conformal_quantile(scores: np.ndarray, weights: np.ndarray, coverage: float = COVERAGE) -> float:
    """The smallest score that at least `coverage` of the weight lies at or below, the new row's own included.

    With equal weights the ceil((N + 1) * coverage)-th smallest; the largest where even that is not enough.
    Weighted as by Tibshirani, Foygel Barber, Candès & Ramdas, NeurIPS 2019, lemma 1, the new row weighing the mean.
    """
    order = np.argsort(scores, kind="stable")
    needed = coverage * (weights.sum() + weights.mean())
    place = np.searchsorted(np.cumsum(weights[order]), needed * (1 - 1e-12))
    return float(scores[order[min(place, len(order) - 1)]])
