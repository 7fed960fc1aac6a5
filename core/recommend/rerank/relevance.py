"""From scores of a model to the chance that a user takes an item: what re-ranking weighs against everything else."""

from dataclasses import dataclass

import numpy as np
from scipy.special import expit
from sklearn.isotonic import IsotonicRegression

from core.errors import InputError

MOST_POINTS = 2_000_000  # scores that the curve is drawn from
SLOPE = 5e-4  # of chance, at most: so that of two items the one with the higher score stays ahead


@dataclass(frozen=True)
class Calibration:
    """A rising curve through knots, (N,) each: the chance of a hit by score."""

    scores: np.ndarray
    chances: np.ndarray

    def __call__(self, scores: np.ndarray) -> np.ndarray:
        """The chance of each, plus a slope too small to matter that keeps the order, float32, NaN where NaN."""
        low, high = self.scores[0], self.scores[-1]
        slope = expit((scores - (low + high) / 2) / max(high - low, 1e-9))
        return (np.interp(scores, self.scores, self.chances) + SLOPE * slope).astype(np.float32)


def calibrate(scores: np.ndarray, hits: np.ndarray, *, rng: np.random.Generator) -> Calibration:
    """The chance that a candidate is taken, from candidates of the validation window and whether they were.

    Isotonic regression (Zadrozny & Elkan, KDD 2002), each flat step drawn together to a point at its mean score, with
    straight lines between them (centred isotonic regression; Oron & Flournoy, Statistics in Biopharmaceutical Research 9,
    2017): on a flat step many candidates would be worth the same, and the smallest price would move them all at once.
    Scores need not be scaled: a model's scores say more about how sure it is of one user than their places do.

    Args:
        scores: (U, C), NaN where there is no candidate. hits: bool (U, C); users who took nothing at all are left out.

    Raises:
        InputError: nobody took anything.
    """
    asked = hits.any(axis=1)
    if not asked.any():
        raise InputError("Nobody took any candidate in the validation window, so scores cannot be weighed.")
    there = np.isfinite(scores[asked])
    x, y = scores[asked][there], hits[asked][there]
    if len(x) > MOST_POINTS:
        drawn = rng.choice(len(x), MOST_POINTS, replace=False)
        x, y = x[drawn], y[drawn]
    chances, step = np.unique(IsotonicRegression().fit_transform(x, y), return_inverse=True)
    return Calibration(np.bincount(step, x) / np.bincount(step), chances.astype(float))
