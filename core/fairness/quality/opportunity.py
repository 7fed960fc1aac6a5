"""Equal opportunity and equalised odds of recommendation, and popularity lift: ratios of group totals.

Each `*_contributions` goes with its measure and BOUNDS into `core.fairness.group_rows.total_rows`.
"""

import numpy as np

from core.fairness.exposure.popularity import popularity_lift as lift

OPPORTUNITY_METRICS = ("opportunity", "false_exposure")
LIFT_METRICS = ("popularity_lift",)
BOUNDS = {"opportunity": (0.0, 1.0), "false_exposure": (0.0, 1.0), "popularity_lift": (-1.0, np.inf)}


def opportunity_contributions(
    hits: np.ndarray, positives: np.ndarray, shown: np.ndarray, *, n_catalogue: int
) -> np.ndarray:
    """What each user adds, (U, 4): hits, positives, other items shown, other items of the catalogue.

    Args:
        hits: (U,) positives in the list. positives: (U,) of the test window. shown: (U,) items in the list.
    """
    return np.column_stack([hits, positives, shown - hits, n_catalogue - positives]).astype(float)


def opportunity(totals: np.ndarray) -> np.ndarray:
    """P(shown | bought) and P(shown | not bought) of a group, (..., 4) -> (..., 2), in [0, 1].

    The gap of the first is equal opportunity of recommendation: recall pooled over a group's purchases, so users
    with many purchases weigh more than in the mean of recalls. A gap in either breaks equalised odds.
    Example: users with 1 of 1 and 0 of 3 found: 1/4 (the mean recall is 1/2).
    Sources: Hardt et al., NIPS 2016; for lists Zhu et al., SIGIR 2020.
    """
    below = totals[..., 1::2]
    return np.divide(totals[..., ::2], np.where(below > 0, below, np.nan))


def lift_contributions(shown: np.ndarray, had: np.ndarray) -> np.ndarray:
    """Mean popularity of the items that each user is shown and had, (U, 2); NaN where one is missing.

    Args:
        shown, had: (U,) means of the items' share of users who bought them in the training window.
    """
    return np.where(np.isfinite(shown + had)[:, None], np.column_stack([shown, had]), np.nan)


def popularity_lift(totals: np.ndarray) -> np.ndarray:
    """Popularity lift of a group, (..., 2) -> (..., 1), >= -1; above 0 lists are more popular than the users' taste.

        PL(g) = (GAP_rec(g) - GAP_profile(g)) / GAP_profile(g)

    GAP: group average popularity, the mean over users of the mean popularity of their items. NaN where the profile
    has none. Example: shown 0.6, had 0.4: 0.5. Source: Abdollahpouri et al., RecSys 2020, eqs. 1 and 2.
    """
    return lift(totals)[..., None]
