"""Do lists push what is popular already: ARP, APLT, ACLT per user, and popularity lift by user group."""

import numpy as np
import pandas as pd

from core.metrics import NOTHING


def average_popularity(items: np.ndarray, popularity: np.ndarray) -> np.ndarray:
    """ARP per user: mean training popularity of the listed items, (U, k) -> (U,); its mean over users is ARP.

    Source: Yin et al., VLDB 2012, as in Abdollahpouri et al., FLAIRS 2019. Example: popularity 10 and 2: 6.

    Args:
        items: (U, k) item codes, NOTHING where a place is empty. popularity: (I,) training purchases.
    """
    return _mean_of_listed(items, np.asarray(popularity, dtype=float))


def tail_share(items: np.ndarray, tail: np.ndarray) -> np.ndarray:
    """APLT per user: share of the list that is of the tail, (U, k) -> (U,); its mean over users is APLT.

    Source: Abdollahpouri, Burke & Mobasher, FLAIRS 2019. Example: one of four: 0.25.

    Args:
        tail: (I,) bool, the items of the tail.
    """
    return _mean_of_listed(items, tail.astype(float))


def tail_count(items: np.ndarray, tail: np.ndarray) -> np.ndarray:
    """ACLT per user: how many listed items are of the tail, (U, k) -> (U,). Elliot's form: a count of each list."""
    return (tail[items] & (items != NOTHING)).sum(axis=1)


def profile_popularity(
    users: np.ndarray, bought_users: np.ndarray, bought_items: np.ndarray, popularity: np.ndarray
) -> np.ndarray:
    """Mean training popularity of the distinct items that each user had before, (U,); NaN where there are none.

    Args:
        users: (U,) codes. bought_users, bought_items: (E,) codes of training purchases of catalogue items.
    """
    wide = int(max(users.max(initial=0), bought_users.max(initial=0))) + 1
    asked = np.zeros(wide, bool)
    asked[users] = True
    own = asked[bought_users]
    pairs = pd.unique(bought_users[own].astype(np.int64) * len(popularity) + bought_items[own])
    of_user, item = np.divmod(pairs, len(popularity))
    count = np.bincount(of_user, minlength=wide)[users]
    total = np.bincount(of_user, weights=np.asarray(popularity, float)[item], minlength=wide)[users]
    return np.divide(total, count, out=np.full(len(users), np.nan), where=count > 0)


def popularity_lift(totals: np.ndarray) -> np.ndarray:
    """(GAP_rec - GAP_profile) / GAP_profile, (..., 2) -> (...): above 0, lists are more popular than the histories.

    GAP is the mean over a group's users of the mean popularity of their items, so of the same users totals serve as
    well. Source: Abdollahpouri et al., RecSys 2020, eq. 2. Example: 12 listed, 10 had: 0.2.

    Args:
        totals: sums over users of [mean popularity of the list, mean popularity of the profile].
    """
    listed, had = totals[..., 0], totals[..., 1]
    return np.divide(listed - had, had, out=np.full(np.shape(had), np.nan), where=had > 0)


def _mean_of_listed(items: np.ndarray, values: np.ndarray) -> np.ndarray:
    filled = items != NOTHING
    count = filled.sum(axis=1)
    total = np.where(filled, values[items], 0.0).sum(axis=1)
    return np.divide(total, count, out=np.full(len(items), np.nan), where=count > 0)
