"""Which candidates can be among a user's best k, whatever is added to their relevance for what they are."""

import numpy as np


def heads(kind: np.ndarray, features: np.ndarray, k: int) -> np.ndarray:
    """Which places can, bool (u, C).

    An item never passes better ones of its own kind, so the first k of each kind matter. Where all prices are on one
    amount, it never passes better ones that have no less of it while the price is above 0, nor those that have no more
    while it is below: it matters where either of these are fewer than k.
    Example: k = 1, amounts 2, 1, 3, 2 of candidates that get worse: the second has less and the third more than all
    before them; the last has neither.

    Args:
        kind: (u, C) kind of each candidate of some users, best first, 0 .. J - 1; J where there is none.
        features: (Q, J) of each kind, see `Kinds`.
    """
    n_kinds = features.shape[1]
    by_place = np.ascontiguousarray(kind.T)
    if len(features) > 1:
        found = _first_of_kind(by_place, n_kinds, k)
    else:
        rank = np.unique(features[0], return_inverse=True)[1]
        smallest = np.min_scalar_type(-max(n_kinds, 1))  # of the types that hold -1 too
        more, less = (np.append(one, -1).astype(smallest) for one in (rank, n_kinds - 1 - rank))
        found = _not_passed(more.take(by_place), k) | _not_passed(less.take(by_place), k)
    return np.ascontiguousarray(found.T)


def _first_of_kind(kind: np.ndarray, n_kinds: int, k: int) -> np.ndarray:
    """The first k of each kind and user, bool (C, u); no empty places.

    Args:
        kind: (C, u).
    """
    n_users = kind.shape[1]
    found = np.empty(kind.shape, bool)
    seen = np.zeros((n_kinds + 1) * n_users, np.int16)
    seen[n_kinds * n_users :] = k
    for place, mine in enumerate(kind * np.intp(n_users) + np.arange(n_users)):
        before = seen.take(mine)
        np.less(before, k, out=found[place])
        seen[mine] = before + found[place]
    return found


def _not_passed(amount: np.ndarray, k: int) -> np.ndarray:
    """Where fewer than k places before have as high an amount, bool (C, u); not where it is -1.

    The k highest amounts so far are kept in falling order.

    Args:
        amount: (C, u) whole numbers from -1.
    """
    found = np.empty(amount.shape, bool)
    highest = np.full((k, amount.shape[1]), -1, amount.dtype)
    for place, mine in enumerate(amount):
        np.greater(mine, highest[-1], out=found[place])
        pushed = np.minimum(highest[:-1], mine)
        np.maximum(highest[0], mine, out=highest[0])
        np.maximum(highest[1:], pushed, out=highest[1:])
    return found
