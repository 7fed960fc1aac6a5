"""Inequality of a metric between single users: generalised entropy, variation, Atkinson; and that between groups."""

from collections.abc import Callable

import numpy as np

INEQUALITY_METRICS = ("theil", "cv", "variance", "atkinson")
ROUNDING = 1e-12  # of the mean square, up to which a variance is none


def inequality_contributions(values: np.ndarray) -> np.ndarray:
    """What each user adds to `inequality`, (U, 5): one, the value, value ln value, its square and its root.

    Args:
        values: (U,) >= 0.
    """
    return np.column_stack([entropy_contributions(values, alpha=1.0), values**2, np.sqrt(values)])


def inequality(totals: np.ndarray) -> np.ndarray:
    """Theil index, coefficient of variation, variance and Atkinson index (e = 1/2), (..., 5) -> (..., 4), >= 0.

        CV = sqrt(variance) / mean,   A = 1 - (1/n sum_u sqrt(m_u))^2 / mean

    The variance has divisor n, so that CV^2 = 2 GE(2). A = 1 - (1 - GE(1/2) / 4)^2. Of Atkinson's indices those with
    e >= 1 are 1 as soon as one user has zero. All are 0 where all users have the same; all but the variance ignore the
    unit, and are NaN where all have zero. Example: values 1 and 3: CV = 0.5, variance 1, A = 0.0670.
    Sources: `generalised_entropy` for Theil; Atkinson, Journal of Economic Theory 2 (1970).
    """
    n = np.where(totals[..., 0] > 0, totals[..., 0], np.nan)
    mean, square, root = (totals[..., place] / n for place in (1, 3, 4))
    variance = square - mean**2
    variance = np.where(variance > ROUNDING * square, variance, 0.0 * variance)
    mean = np.where(mean > 0, mean, np.nan)
    atkinson = np.maximum(1 - root**2 / mean, 0.0)
    theil = generalised_entropy(1.0)(totals[..., :3])[..., 0]
    return np.stack([theil, np.sqrt(variance) / mean, variance, atkinson], axis=-1)


def entropy_contributions(values: np.ndarray, *, alpha: float) -> np.ndarray:
    """What each user adds, (U, 3): one, the value, and value ln value (alpha 1) or value^alpha.

    Args:
        values: (U,) >= 0. alpha: above 0, as users with zero would count as infinitely unequal.
    """
    if alpha <= 0:
        raise ValueError("alpha must be above 0")
    logs = np.log(np.where(values > 0, values, 1.0))
    third = values * logs if alpha == 1 else values**alpha
    return np.column_stack([np.ones(len(values)), values, third])


def generalised_entropy(alpha: float) -> Callable[[np.ndarray], np.ndarray]:
    """GE(alpha) as a measure of totals, (..., 3) -> (..., 1), >= 0; 0 where all users have the same.

        GE(a) = 1 / (n a (a - 1)) sum_u [(m_u / mean)^a - 1],   Theil = GE(1) = 1/n sum_u (m_u / mean) ln(m_u / mean)

    GE(2) is half the squared coefficient of variation. It does not change with the unit, nor when every user is
    doubled. NaN where all values are zero. Example: values 1 and 3: Theil = 0.1308, GE(2) = 0.125.
    Source: Shorrocks, Econometrica 48 (1980); for recommenders Speicher et al., KDD 2018.
    """

    def measure(totals: np.ndarray) -> np.ndarray:
        n, total, third = (totals[..., place] for place in range(3))
        mean = np.where(total > 0, total, np.nan) / np.where(n > 0, n, np.nan)
        third = third / np.where(n > 0, n, np.nan)
        if alpha == 1:
            found = third / mean - np.log(mean)
        else:
            found = (third / mean**alpha - 1) / (alpha * (alpha - 1))
        return np.maximum(found, 0.0)[..., None]

    return measure


def between_groups(totals: np.ndarray, *, alpha: float) -> np.ndarray:
    """GE(alpha) if every user had the mean of the group, (..., G, C >= 2) -> (...): what groups explain of the whole.

    The rest is inequality within groups. Source: Shorrocks 1980.
    """
    n, total = totals[..., 0], totals[..., 1]
    share = n / n.sum(axis=-1, keepdims=True)
    mean = total.sum(axis=-1, keepdims=True) / n.sum(axis=-1, keepdims=True)
    mean = np.where(mean > 0, mean, np.nan)
    relative = np.divide(total, n, out=np.zeros_like(total), where=n > 0) / mean
    if alpha == 1:
        terms = relative * np.log(np.where(relative > 0, relative, 1.0))
    else:
        terms = (relative**alpha - 1) / (alpha * (alpha - 1))
    return np.maximum((share * terms).sum(axis=-1), 0.0)
