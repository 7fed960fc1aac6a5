"""Parity of what groups are shown: distances between their distributions of attention over categories.

Each is a function of two groups' totals, for `core.fairness.distances.distance_rows`.
"""

from collections.abc import Callable

import numpy as np

PARITY_METRICS = ("parity_js", "parity_tv")
PRIOR = 0.5  # of each outcome, so that nothing shown to nobody of a group stays finite


def parity_distances(own: np.ndarray, other: np.ndarray) -> np.ndarray:
    """Demographic parity of recommendation: Jensen-Shannon divergence and total variation, (..., 2) in [0, 1].

        JS(P, Q) = KL(P || M) / 2 + KL(Q || M) / 2,  M = (P + Q) / 2,  logarithms to base 2
        TV(P, Q) = sum_c |P_c - Q_c| / 2

    P and Q: the groups' shares of the categories; every user counts alike if each brings shares that sum to 1.
    0 where both see the same, 1 where they have no category in common. JS is the divergence, not its root (the
    distance). Demographic parity of a single category is the gap of its mean share. Example: P = (1, 0),
    Q = (1/2, 1/2): TV = 0.5, JS = 0.3113.
    Sources: Lin, IEEE Trans. Information Theory 37 (1991), eq. 4.1; Wang et al., TOIS 41 (2023) for parity.

    Args:
        own, other: (..., C) totals >= 0; NaN where one is zero throughout.
    """
    p, q = (part / part.sum(axis=-1, keepdims=True) for part in (own, other))
    middle = (p + q) / 2
    js = (_divergence(p, middle) + _divergence(q, middle)) / 2
    return np.stack([np.clip(js, 0, 1), np.abs(p - q).sum(axis=-1) / 2], axis=-1)


def _divergence(p: np.ndarray, q: np.ndarray) -> np.ndarray:
    """Kullback-Leibler in bits; shares that derivatives push below zero count as zero."""
    ratio = np.divide(p, q, out=np.ones_like(p), where=(p > 0) & (q > 0))
    terms = np.where(p > 0, p * np.log2(ratio), 0.0).sum(axis=-1)
    return np.where(np.isfinite(p).all(axis=-1), terms, np.nan)


def differential_fairness(prior: float = PRIOR) -> Callable[[np.ndarray, np.ndarray], np.ndarray]:
    """Differential fairness of recommendation as a distance of two groups, (..., 1) >= 0; 0 is parity.

        epsilon_c = max(|ln(P_a / P_b)|, |ln((1 - P_a) / (1 - P_b))|),  P_g = (sum_{u in g} y_uc + a) / (n_g + 2 a)

    for each outcome c (an item, or a category), of which this is the mean. y_uc in [0, 1]: the chance that c is
    shown to the user, or its share of the list; a: `prior`. e^epsilon_c bounds how many times likelier one group is to be shown,
    or not shown, an outcome. Example (a = 1): 3 of 4 and 1 of 4 users: P = 4/6 and 2/6, epsilon = ln 2.
    Source: Islam et al., Debiasing career recommendations with neural fair collaborative filtering, WWW 2021.

    The totals that it takes are those of `with_counts`.
    """

    def distance(own: np.ndarray, other: np.ndarray) -> np.ndarray:
        chance = [(part[..., 1:] + prior) / (part[..., :1] + 2 * prior) for part in (own, other)]
        shown = np.abs(np.log(chance[0] / chance[1]))
        left_out = np.abs(np.log((1 - chance[0]) / (1 - chance[1])))
        return np.maximum(shown, left_out).mean(axis=-1, keepdims=True)

    return distance


def with_counts(outcomes: np.ndarray) -> np.ndarray:
    """Contributions (U, 1 + C): the user, then the outcomes."""
    return np.column_stack([np.ones(len(outcomes)), outcomes])
