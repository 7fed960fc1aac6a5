"""How unevenly attention is spread over items or groups: Gini, entropy, coverage, min / max, worst groups.

Pooled: functions of totals over all lists. Where each is taken over items, zeros (items never shown) count.
"""

import numpy as np
from scipy.stats import rankdata


def gini(totals: np.ndarray) -> np.ndarray:
    """Gini index, zeros included, (..., I) -> (...): 0 where all get the same, (I - 1) / I where one gets all.

    sum_i (2 i - I - 1) x_(i) / (I sum x), x ascending, i = 1..I. NaN where all are zero.
    Example: (1, 3): ((-1) * 1 + 1 * 3) / (2 * 4) = 0.25.
    """
    ascending = np.sort(totals, axis=-1)
    n = totals.shape[-1]
    above = (ascending * (2 * np.arange(1, n + 1) - n - 1)).sum(axis=-1)
    below = n * totals.sum(axis=-1)
    return np.divide(above, below, out=np.full(np.shape(above), np.nan), where=below > 0)


def gini_slopes(totals: np.ndarray) -> np.ndarray:
    """Derivative of the Gini index by each total, (I,); equal totals share their ranks."""
    n, whole = len(totals), totals.sum()
    return (2 * rankdata(totals) - n - 1) / (n * whole) - gini(totals) / whole


def entropy(totals: np.ndarray) -> np.ndarray:
    """Shannon entropy of the shares in nats, (..., I) -> (...): 0 where one gets all, log I where all get the same.

    Example: (1, 1): log 2 = 0.6931.
    """
    whole = totals.sum(axis=-1, keepdims=True)
    shares = np.divide(totals, whole, out=np.full(np.shape(totals), np.nan), where=whole > 0)
    return -(shares * np.log(np.where(shares > 0, shares, 1.0))).sum(axis=-1)


def entropy_slopes(shares: np.ndarray) -> np.ndarray:
    """Derivative of the entropy by each share, (I,), up to a constant, which cancels as shares sum to 1."""
    return -np.log(np.where(shares > 0, shares, 1.0))


def coverage(totals: np.ndarray) -> np.ndarray:
    """Share of the catalogue that is shown to anybody, (..., I) -> (...), in [0, 1]; it grows with the lists."""
    return (totals > 0).mean(axis=-1)


def min_max(values: np.ndarray) -> np.ndarray:
    """The worst-off group's value over the best-off's, (..., H) -> (...), in [0, 1], 1 is parity.

    Example: (1, 4): 0.25. Source: min-max ratio as in FairDiverse.
    """
    best = values.max(axis=-1)
    return np.divide(values.min(axis=-1), best, out=np.full(np.shape(best), np.nan), where=best > 0)


def lowest_share(values: np.ndarray, r: int) -> np.ndarray:
    """MMF@r: share of the r worst-off groups in the sum, (..., H) -> (...), in [0, r / H], r / H is parity.

    Source: max-min fairness as in P-MMF (Xu et al., WWW 2023), measured as in FairDiverse.
    Example: (1, 2, 5), r = 2: 3 / 8.
    """
    whole = values.sum(axis=-1)
    lowest = np.sort(values, axis=-1)[..., :r].sum(axis=-1)
    return np.divide(lowest, whole, out=np.full(np.shape(whole), np.nan), where=whole > 0)
