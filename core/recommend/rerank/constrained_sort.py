"""DetConstSort: every prefix of everyone's list holds each item group's share, and within that the best come first.

Source: Geyik, Ambler & Kenthapadi, Fairness-aware ranking in search & recommendation systems with application to LinkedIn
Talent Search, KDD 2019, algorithm 3.
"""

import numpy as np
from pydantic import Field

from core.errors import InputError
from core.recommend.rerank.batch import Candidates
from core.recommend.rerank.item_by_item import item_by_item
from core.recommend.rerank.item_target import ItemTargetSettings

AT_ONCE = 4096  # users: what is sorted of them stays in the cache
ROUNDING = 1e-9  # of a count: 100 x 0.29 is 29
NEVER = 1 << 30  # round in which a group without a target is due


class ConstrainedSortSettings(ItemTargetSettings):
    """Each list shows the item groups in about the target shares, from its top to its end.

    Moves how many items of each group a list holds in every prefix. Cannot show more of a group than a user's candidates
    hold, promises whole items only (a group with a share of 5 % is not due before place 20), and does not move which
    items within a group are shown.
    """

    strength: float = Field(
        1.0,
        ge=0,
        le=1,
        description="Where the least of each group in a prefix lies between what the list itself has there (0: order "
        "kept) and the target share (1). Does not change which items of a group come first",
    )


def constrained_sort(
    candidates: Candidates, groups: np.ndarray, *, k: int, target: np.ndarray, strength: float = 1.0
) -> Candidates:
    """The first k places by DetConstSort; all else in its old order.

    Each prefix of n <= k places holds at least `least_counts` of each group, or all that a user's candidates hold of it.
    Items enter in the round n in which their group falls due and climb past worse ones that can wait: an item may give way
    while its new place, counted from one, is not after its round (counted from zero, prefixes would miss their least).
    Groups with nothing left are passed over. After round k the next due fill the list; own counts then stay as they are.

    Args:
        groups: (I,) group of each item, 0 .. H - 1. target: (H,) shares, sum 1.
        strength: 1 is the paper's algorithm, 0 keeps the order exactly; between them the least counts are blended.

    Raises:
        InputError: the target is no set of shares, or an item is in none of its groups.
    """
    if not np.isclose(target.sum(), 1) or (target < 0).any():
        raise InputError("Target shares of item groups must not be negative, and must sum to 1.")
    if groups.min(initial=0) < 0 or groups.max(initial=0) >= len(target):
        raise InputError(f"An item is in a group that is none of the {len(target):,} with target shares.")

    def choose(some: Candidates, users: slice, places: int) -> np.ndarray:
        codes = np.where(some.filled, groups[some.items], len(target))
        place, due = _entering(codes, target, places, strength)
        return _climb(place.T.astype(np.int16), np.minimum(due.T, places + 1).astype(np.int16)).T

    return item_by_item(candidates, k, choose, at_once=AT_ONCE)


def least_counts(own: np.ndarray, n: int, target: np.ndarray, strength: float) -> np.ndarray:
    """Fewest items of each group in the first n places, int (U, H): floor((1 - strength) own + strength n target).

    Args:
        own: (U, H) items of each group in the first n places of the order as it was.
    """
    return np.floor((1 - strength) * own + strength * n * target + ROUNDING).astype(np.int64)


def _entering(
    codes: np.ndarray, target: np.ndarray, k: int, strength: float
) -> tuple[np.ndarray, np.ndarray]:
    """Who enters each list, in this order: old place, and round in which it is due, both int (U, k).

    Args:
        codes: (U, C) group of each candidate, H where there is none.
    """
    (n_users, width), n_groups = codes.shape, len(target)
    rows = np.arange(n_users)
    by_group = np.argsort(codes.astype(np.min_scalar_type(n_groups)), axis=1, kind="stable")
    cells = (rows[:, None] * (n_groups + 1) + codes).ravel()
    held = np.bincount(cells, minlength=n_users * (n_groups + 1)).reshape(n_users, n_groups + 1)
    first, held = (held.cumsum(axis=1) - held)[:, :-1], held[:, :-1]
    own, taken = np.zeros((n_users, n_groups + 1), np.int64), np.zeros((n_users, n_groups), np.int64)
    keys = [np.empty(0, np.int64)]  # user, round, old place: they enter in this order
    for n in range(1, k + 1):
        own[rows, codes[:, n - 1]] += 1
        least = least_counts(own[:, :-1], n, target, strength)
        user, group = np.nonzero(np.minimum(least, held) > taken)
        old = by_group[user, first[user, group] + taken[user, group]]
        taken[user, group] += 1
        keys.append((user * (k + 1) + n) * width + old)
    rounds, old = np.divmod(np.sort(np.concatenate(keys)), max(width, 1))
    user, n = np.divmod(rounds, k + 1)
    entered = np.bincount(user, minlength=n_users)
    at = np.arange(len(user)) - (entered.cumsum() - entered)[user]
    place, due = np.empty((n_users, k), np.int64), np.full((n_users, k), NEVER)
    place[user, at], due[user, at] = old, n
    with np.errstate(divide="ignore", over="ignore"):
        pace = 1 / (strength * target)  # rounds from one item of a group to the next
    while len(rows := np.flatnonzero(entered < k)):
        more = taken[rows] < held[rows]
        gap = taken[rows] + 1 - (1 - strength) * own[rows, :-1]
        wait = np.minimum(np.ceil(np.where(more, gap, 1) * pace - ROUNDING), NEVER)
        head = by_group[rows[:, None], np.where(more, first[rows] + taken[rows], 0)]
        group = np.where(more, wait * width + head, np.inf).argmin(axis=1)
        none = ~more.any(axis=1)  # only empty places are left, which follow the items
        place[rows, entered[rows]] = np.where(none, entered[rows], head[np.arange(len(rows)), group])
        taken[rows, group] += ~none
        entered[rows] += 1
    return place, due


def _climb(place: np.ndarray, due: np.ndarray) -> np.ndarray:
    """Lists of those who enter one by one at the end and climb past worse ones that can wait, (k, U) each; in place."""
    for entering in range(1, len(place)):
        climbs = np.ones(place.shape[1], bool)
        for at in range(entering, 0, -1):
            ahead, behind = place[at - 1], place[at]
            climbs &= (ahead > behind) & (due[at - 1] > at)
            if not climbs.any():
                break
            place[at - 1 : at + 1] = np.where(climbs, (behind, ahead), (ahead, behind))
            due[at - 1 : at + 1] = np.where(climbs, due[[at, at - 1]], due[[at - 1, at]])
    return place
