"""What small groups borrow from each other, and how large a gap they could show at all."""

from dataclasses import dataclass

import numpy as np
from scipy import stats

POWER = 0.8


@dataclass(frozen=True)
class Shrunk:
    """Group means after partial pooling.

    Attributes:
        mean, error: (G,) posterior means and standard deviations. kept: (G,) share of its own deviation that each
        group keeps, in [0, 1].
        centre: what they are pulled to. between: standard deviation of the true means around it.
    """

    mean: np.ndarray
    error: np.ndarray
    kept: np.ndarray
    centre: float
    between: float


def shrink(means: np.ndarray, errors: np.ndarray) -> Shrunk:
    """Empirical Bayes: means of disjoint groups pulled to their common centre, the less certain the further.

        mean_g ~ N(theta_g, error_g^2), theta_g ~ N(centre, between^2);  kept_g = between^2 / (between^2 + error_g^2)

    `between` is told by the method of moments (DerSimonian & Laird, Controlled Clinical Trials 7, 1986, eq. 8); with
    no more spread than the errors explain it is 0 and all groups get the centre. The posterior error counts that the
    centre is estimated, not that `between` is, so it is too small for few groups (Morris, JASA 78, 1983).
    Example: means 0 and 2 with errors 1: Q = 2, between^2 = 1, kept 1/2: 0.5 and 1.5.

    Args:
        means, errors: (G,), errors above 0; at least one group.
    """
    weights = 1 / errors**2
    centre = np.average(means, weights=weights)
    spread = (weights * (means - centre) ** 2).sum() - (len(means) - 1)
    scale = weights.sum() - (weights**2).sum() / weights.sum()
    between = max(0.0, spread / scale) if len(means) > 1 else 0.0
    kept = between / (between + errors**2)
    pooled = 1 / (between + errors**2)
    centre = float(np.average(means, weights=pooled))
    posterior = kept * errors**2 + (1 - kept) ** 2 / pooled.sum()
    return Shrunk(centre + kept * (means - centre), np.sqrt(posterior), kept, centre, float(np.sqrt(between)))


def minimum_detectable_gap(error: np.ndarray, *, confidence: float, power: float = POWER) -> np.ndarray:
    """The smallest true gap that a test at this level finds with this probability, in the metric's unit.

        (z_{(1 + confidence) / 2} + z_power) * error

    Args:
        error: standard error of the gap; with n users in each of two groups and deviation s it is s * sqrt(2 / n).
    """
    return (stats.norm.isf((1 - confidence) / 2) + stats.norm.ppf(power)) * error


def detectable_of_interval(low: np.ndarray, high: np.ndarray, *, confidence: float) -> np.ndarray:
    """`minimum_detectable_gap` of a gap of which the interval at this level is known.

    Half of its width stands for so many standard errors as the normal distribution has it.
    """
    error = (high - low) / 2 / stats.norm.isf((1 - confidence) / 2)
    return minimum_detectable_gap(error, confidence=confidence)
