"""Catalogue coverage of a group's lists, made comparable between groups of different sizes.

More users are shown more distinct items, so the plain share of the catalogue that a group sees grows with the
group. Rarefaction answers instead: how many distinct items would m users of the group, picked at random, be shown?
"""

import numpy as np
import pandas as pd


def common_size(counts: np.ndarray) -> int:
    """The number of users m at which groups are compared: half of the smallest group, at least one.

    Half, because at m close to the group's own size the standard error has nothing left to learn from.
    """
    return max(1, int(np.min(counts)) // 2)


def rarefied_coverage(
    list_users: np.ndarray, list_items: np.ndarray, groups: np.ndarray, *, n_groups: int, n_items: int, m: int
) -> np.ndarray:
    """Per-user values whose mean over a group is the group's expected coverage at m users.

    coverage(g) = 1/I * sum_i [1 - C(n_g - c_gi, m) / C(n_g, m)] with I catalogue items, n_g users of the group
    and c_gi of them shown item i. In [0, 1], higher is a wider view of the catalogue. The per-user values are
    jackknife pseudo-values n * coverage - (n - 1) * coverage without the user; as coverage at m is a U-statistic,
    their mean is the coverage itself, and their spread gives its standard error. Single values may lie outside
    [0, 1].

    References: Hurlbert, Ecology 52 (1971), eq. 16; Efron & Stein, Annals of Statistics 9 (1981).

    Args:
        list_users, list_items: (L,) what was shown: position of the user in `groups`, and item code; repeats
            count once.
        groups: (U,) group of each user, 0..n_groups-1; users without a list count, and see nothing.
        m: fewer than the users of any group.

    Returns:
        (U,) float64.
    """
    pairs = pd.unique(list_users.astype(np.int64) * n_items + list_items)
    users, items = np.divmod(pairs, n_items)
    values = np.empty(len(groups))
    for group in range(n_groups):
        members = np.flatnonzero(groups == group)
        inside = groups[users] == group
        places = np.searchsorted(members, users[inside])
        values[members] = _pseudo_values(places, items[inside], len(members), n_items, m)
    return values


def _pseudo_values(users: np.ndarray, items: np.ndarray, n: int, n_items: int, m: int) -> np.ndarray:
    shown_to = np.bincount(items, minlength=n_items)  # (I,)
    unseen, unseen_without_one = _unseen(n, m), _unseen(n - 1, m)
    coverage = (1 - unseen[shown_to]).mean()
    # Leaving user u out: everybody's counts among n - 1 users, except that u's own items lose one.
    before, after = unseen_without_one[shown_to[items]], unseen_without_one[shown_to[items] - 1]
    lost = np.bincount(users, weights=after - before, minlength=n)
    without = (1 - unseen_without_one[shown_to]).mean() - lost / n_items
    return n * coverage - (n - 1) * without


def _unseen(n: int, m: int) -> np.ndarray:
    """Chance that none of m users out of n is one of the c who saw the item, for c = 0..n + 1."""
    c = np.arange(n + 1)
    steps = np.divide(n - m - c, n - c, out=np.zeros(n + 1), where=c < n)
    return np.concatenate([[1.0], np.cumprod(np.maximum(steps, 0))])
