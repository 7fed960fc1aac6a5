"""Calibration of taste: does a list hold the categories that its user bought before, in the same proportions?"""

import numpy as np

SMOOTHING = 0.01


def taste_divergence(history: np.ndarray, shown: np.ndarray, *, smoothing: float = SMOOTHING) -> np.ndarray:
    """Steck's calibration metric of each user, (U,) >= 0; lower is better, 0 where the list mirrors the history.

        C(u) = sum_c p(c|u) ln(p(c|u) / q~(c|u)),  q~ = (1 - a) q + a p,  a = 0.01

    p: shares of the categories in the training window; q: in the list, weighted by rank. In nats; at most
    ln(1 / a) = 4.61. NaN for a user without history or list. Example: p = (1/2, 1/2), q = (1, 0):
    0.5 ln(0.5 / 0.995) + 0.5 ln(0.5 / 0.005) = 1.959.
    Source: Steck, Calibrated recommendations, RecSys 2018, eqs. 6 and 7.

    Args:
        history, shown: (U, C) shares, as of `core.fairness.quality.shown`.
    """
    mixed = (1 - smoothing) * shown + smoothing * history
    known = np.isfinite(history).all(axis=1) & np.isfinite(shown).all(axis=1)
    ratio = np.divide(history, mixed, out=np.ones_like(history), where=history > 0)
    terms = np.where(history > 0, history * np.log(ratio), 0.0)
    # rounding alone takes a list that mirrors the history below zero
    return np.where(known, np.maximum(terms.sum(axis=1), 0.0), np.nan)
