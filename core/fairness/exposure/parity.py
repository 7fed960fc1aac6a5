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
    2022. Where relevance is a user's own purchases (0 or 1) and `merit` counts the same purchases, this is the mean
    attention over all pairs of users and relevant items, of the group and of the rest.
    Example: attended hits (2, 1), merit (4, 4): (2, 0.5).
    """
    return ratio_to_rest(attended_hits, merit)


def impact_contributions(attended_hits: np.ndarray, relevant: np.ndarray) -> np.ndarray:
    """What each user adds to disparate impact as a ratio of means, (U, 4H): both of the group, then both of the rest.

    Args:
        attended_hits: (U, H) attention on relevant items. relevant: (U, H) how many those are.
    """
    return np.hstack([attended_hits, relevant, _rest(attended_hits), _rest(relevant)])


def equal_opportunity_contributions(attended_hits: np.ndarray, relevant: np.ndarray) -> np.ndarray:
    """What each user adds to `equal_opportunity_ratio`, (U, 4H).

    Mean attention on the user's relevant items of each group and whether there are any, then the same of the rest;
    without any, the mean counts as 0. Arguments as above.
    """
    own, rest = (attended_hits, relevant), (_rest(attended_hits), _rest(relevant))
    return np.hstack(
        [part for above, below in (own, rest) for part in (np.nan_to_num(_over(above, below)), below > 0)]
    )


def equal_opportunity_ratio(totals: np.ndarray) -> np.ndarray:
    """EOR (our name): E[e_ui | i in T_u, h] / E[e_ui | i in T_u, rest], a user drawn first and then an item, (..., H).

    Equal opportunity on exposure: each user with a relevant item counts alike. Over pairs of users and items, where
    who bought much weighs more, it would be `disparate_impact_ratio`; both are the same where all users have as many
    relevant items of a group. Range 0 upwards, 1 is parity. Example: one user with attention 0.6 on 2 relevant items of
    the group and 0.2 on 1 of the others, another with 0.1 on 1 of the group: ((0.3 + 0.1) / 2) / 0.2 = 1.

    Args:
        totals: (..., 4H) sums over users of `equal_opportunity_contributions`.
    """
    own, users, rest, rest_users = np.split(totals, 4, axis=-1)
    return _over(_over(own, users), _over(rest, rest_users))


def log_ratio_values(contributions: np.ndarray) -> np.ndarray:
    """Per-user values whose mean is the logarithm of a ratio [A / B] / [C / D] of totals, (U, 4H) -> (U, H).

    Linearised as in `core.fairness.exposure.inference.influence_values`. 95 % intervals of their means, taken to the
    ratio, covered 92 to 98 % with 200 and 1,000 users and 90 to 98 % with 60, some of whose groups were hardly hit; those
    of the bootstrap of totals 91 to 97 % and 60 to 97 %. NaN where a total is zero.
    Example: A = (1, 3), B = C = D = (1, 1): log 2 + (-0.5, 0.5).

    Args:
        contributions: A, B, C and D of each group.
    """
    mean = contributions.mean(axis=0)
    relative = contributions / np.where(mean > 0, mean, np.nan)
    a, b, c, d = np.split(relative, 4, axis=1)
    return a - b - c + d + np.log(equal_opportunity_ratio(np.where(mean > 0, mean, np.nan)))


def parity_ratio_of_share(share: np.ndarray, yardstick: np.ndarray) -> np.ndarray:
    """The ratio to the rest for one group's share x of attention and y of items or merit: [x/y] / [(1-x)/(1-y)].

    Rising in x, so it takes the ends of an interval of x to those of the ratio.
    """
    return _over(_over(share, yardstick), _over(1 - share, 1 - yardstick))


def _rest(values: np.ndarray) -> np.ndarray:
    """Sums of the other groups, (U, H)."""
    return values.sum(axis=1, keepdims=True) - values


def _over(above: np.ndarray, below: np.ndarray) -> np.ndarray:
    """above / below, NaN where below is zero."""
    above, below = np.broadcast_arrays(np.asarray(above, float), np.asarray(below, float))
    return np.divide(above, below, out=np.full(above.shape, np.nan), where=below != 0)
