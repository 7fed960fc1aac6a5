"""Exposure per item and per merit: demographic parity, disparate treatment and impact, equal opportunity.

All are pooled: functions of totals over all lists. With two item groups a and b, the first of `ratio_to_rest` is the
published ratio a / b; with more, each group is held against all other items together.
"""

import numpy as np


def exposure_per_item(exposure: np.ndarray, sizes: np.ndarray) -> np.ndarray:
    """Exposure DP: Exp(h) = E_h / |h|, attention that the average item of a group gets, (..., H).

    Equal numbers are parity. Source: Singh & Joachims, KDD 2018, section 4.1 (demographic parity).
    Example: attention (3, 1) of 3 and 2 items: (1, 0.5).
    """
    return _over(exposure, sizes)


def ratio_to_rest(above: np.ndarray, below: np.ndarray) -> np.ndarray:
    """[A_h / B_h] / [sum of the other groups' A / sum of their B], (..., H); 1 is parity, NaN where 0 / 0 or x / 0."""
    rest_above = above.sum(axis=-1, keepdims=True) - above
    rest_below = np.sum(below, axis=-1, keepdims=True) - below
    return _over(_over(above, below), _over(rest_above, rest_below))


def exposure_parity_ratio(exposure: np.ndarray, sizes: np.ndarray) -> np.ndarray:
    """Exp(h) / Exp(rest): how much more attention the average item of a group gets, (..., H).

    Example: attention (3, 1) of 3 and 2 items: (2, 0.5).
    """
    return ratio_to_rest(exposure, sizes)


def disparate_treatment_ratio(exposure: np.ndarray, merit: np.ndarray) -> np.ndarray:
    """DTR, also EUR: [Exp(h) / U(h)] / [Exp(rest) / U(rest)], U the mean merit of the group's items, (..., H).

    Both means run over the same items, so their number cancels: attention per merit. Source: Singh & Joachims, KDD
    2018, eq. for DTR; called EUR by Raj & Ekstrand, SIGIR 2022. Example: attention (3, 1), merit (1, 1): (3, 1/3).

    Args:
        merit: (..., H) total relevance of each group's items, such as purchases.
    """
    return ratio_to_rest(exposure, merit)


def disparate_impact_ratio(attended_hits: np.ndarray, merit: np.ndarray) -> np.ndarray:
    """DIR, also RUR: [CTR(h) / U(h)] / [CTR(rest) / U(rest)], (..., H), CTR the attention given to relevant items.

    CTR(h) = 1/|h| sum_{i in h} sum_k P_ik v_k u_i. Source: Singh & Joachims, KDD 2018; RUR in Raj & Ekstrand, SIGIR
    2022. Where relevance is a user's own purchases (0 or 1) and `merit` counts the same purchases, this is the equal
    opportunity ratio below; where merit is something else, it is not.
    Example: attended hits (2, 1), merit (4, 4): (2, 0.5).
    """
    return ratio_to_rest(attended_hits, merit)


def equal_opportunity_ratio(attended_hits: np.ndarray, relevant: np.ndarray) -> np.ndarray:
    """EOR (our name): E[e_ui | i in T_u, h] / E[e_ui | i in T_u, rest], over pairs of users and relevant items.

    Equal opportunity on exposure. Range 0 upwards, 1 is parity. Example: attention 0.6 on 2 relevant items of the
    group, 0.2 on 1 of the others: 0.3 / 0.2 = 1.5.

    Args:
        attended_hits: (..., H) attention on relevant items. relevant: (..., H) pairs of users and relevant items.
    """
    return ratio_to_rest(attended_hits, relevant)


def mean_opportunity(attended_hits: np.ndarray, relevant: np.ndarray) -> np.ndarray:
    """Per user: mean attention on this user's relevant items of each group, (U, H); NaN where there are none."""
    return _over(attended_hits, relevant)


def parity_ratio_of_share(share: np.ndarray, yardstick: np.ndarray) -> np.ndarray:
    """The ratio to the rest for one group's share x of attention and y of items or merit: [x/y] / [(1-x)/(1-y)].

    Rising in x, so it takes the ends of an interval of x to those of the ratio.
    """
    return _over(_over(share, yardstick), _over(1 - share, 1 - yardstick))


def _over(above: np.ndarray, below: np.ndarray) -> np.ndarray:
    """above / below, NaN where below is zero."""
    above, below = np.broadcast_arrays(np.asarray(above, float), np.asarray(below, float))
    return np.divide(above, below, out=np.full(above.shape, np.nan), where=below != 0)
