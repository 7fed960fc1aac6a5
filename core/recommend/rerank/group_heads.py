"""The next best candidate of each item group of each user: where groups gain together, only these compete for a place."""

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from core.errors import InputError
from core.recommend.rerank.batch import Candidates
from core.recommend.rerank.item_by_item import TAKEN, item_by_item, relevance_shares
from core.recommend.rerank.order import by_code

AT_ONCE = 1024  # users
NO_HEAD = np.iinfo(np.int32).max  # after every place


@dataclass(frozen=True)
class GroupHeads:
    """The groups that each of u users has candidates of, at most L, and the first k candidates of each.

    Within a group candidates never change their order, so a place costs L comparisons a user instead of C. All candidates
    are in one row after the other, those of a user's group side by side with an end behind them.

    Attributes:
        groups: int32 (L, u) group of each; H where a user has fewer, and for the empty places, which come last.
        first: int32 (L, u) where the candidates of each begin in the row.
        places, shares: (N,) of the row: place among the user's candidates, C at an end; `relevance_shares`, TAKEN at an end.
    """

    groups: np.ndarray
    first: np.ndarray
    places: np.ndarray
    shares: np.ndarray

    def of_each(self, wanted: np.ndarray) -> np.ndarray:
        """What each user wants of these groups, (u, H) -> float32 (L, u); 0 where nothing is known or there is no group."""
        every = np.pad(np.nan_to_num(wanted).astype(np.float32), ((0, 0), (0, 1)))
        return every.take(self.groups + np.arange(len(every), dtype=np.int32) * np.int32(every.shape[1]))


class Queue:
    """Heads of which one after the other is taken."""

    def __init__(self, heads: GroupHeads, weight: float):
        """
        Args:
            weight: of the relevance.
        """
        self._heads, self._weight = heads, np.float32(weight)
        self._users = np.arange(heads.first.shape[1])
        self._next = heads.first.copy()
        self._value, self._rank = self._of(self._next, np.arange(len(heads.first), dtype=np.int32)[:, None])

    def _of(self, at: np.ndarray, group: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """Worth of these candidates, and a number that rises with their places and tells their group."""
        share = self._heads.shares.take(at)
        worth = np.where(share < 0, share, self._weight * np.maximum(share, 0))
        return worth, self._heads.places.take(at) * len(self._heads.first) + group

    def take(self, gain: np.ndarray, weight: float = 1.0) -> tuple[np.ndarray, np.ndarray]:
        """Take each user's best head, the one at the better place among equals.

        Args:
            gain: (L, u) what an item of each group adds. weight: of the heads' worth beside it.

        Returns:
            Number of the group, (u,) < L, and place among the candidates, (u,).
        """
        total = self._value * np.float32(weight)
        total += gain
        best = np.where(total == total.max(axis=0), self._rank, NO_HEAD).min(axis=0)
        place, group = np.divmod(best, len(self._rank))
        at = group * len(self._users) + self._users
        following = self._next.take(at) + 1
        self._next.ravel()[at] = following
        self._value.ravel()[at], self._rank.ravel()[at] = self._of(following, group)
        return group, place


def by_heads(
    candidates: Candidates,
    groups: np.ndarray,
    n_groups: int,
    k: int,
    choose: Callable[[GroupHeads, slice, int], np.ndarray],
) -> Candidates:
    """See `item_by_item`; heads are kept with the candidates: a moved knob asks for the same again.

    Args:
        groups: (I,) group of each item, 0 .. H - 1. n_groups: H.
        choose: takes heads of some users, which users they are, and the number of places.
    """

    def made() -> list[GroupHeads]:
        codes = np.append(groups, n_groups).astype(np.int32)  # NOTHING is at the end
        starts = range(0, candidates.n_users, AT_ONCE)
        return [
            _heads(candidates.some(slice(start, start + AT_ONCE)), codes, n_groups, k) for start in starts
        ]

    heads = candidates.keep("group heads", (groups, np.array([n_groups, k])), made)

    def of_some(some: Candidates, users: slice, places: int) -> np.ndarray:
        return choose(heads[users.start // AT_ONCE], users, places)

    return item_by_item(candidates, k, of_some, at_once=AT_ONCE)


def _heads(candidates: Candidates, codes: np.ndarray, n_groups: int, k: int) -> GroupHeads:
    n_users, width = candidates.items.shape
    group, place = by_code(codes.take(candidates.items))
    begins = np.ones(group.shape, bool)
    begins[:, 1:] = group[:, 1:] != group[:, :-1]
    start = np.flatnonzero(begins)  # of each group, one user after the other
    user = start // max(width, 1)
    number = np.arange(len(start)) - np.searchsorted(user, user)
    held = np.minimum(np.diff(start, append=group.size), k)
    first = (held + 1).cumsum() - held - 1
    # From places by group to the row: the end of each group is left out
    at = np.repeat(start - held.cumsum() + held, held) + np.arange(held.sum())
    to = np.repeat(np.arange(len(held)), held) + np.arange(held.sum())
    places = np.full(len(at) + len(start), width, np.int32)
    shares = np.full(len(places), TAKEN)
    places[to] = place.take(at)
    shares[to] = relevance_shares(candidates).take(places[to] + np.repeat(user, held) * width)
    shape = number.max(initial=-1) + 1, n_users
    found = GroupHeads(
        np.full(shape, n_groups, np.int32), np.full(shape, len(places) - 1, np.int32), places, shares
    )
    found.groups[number, user] = group.take(start)
    found.first[number, user] = first
    return found


def check_groups(groups: np.ndarray, wanted: np.ndarray, n_users: int) -> None:
    """Groups and what users want of them fit together.

    Raises:
        InputError: they do not.
    """
    if len(wanted) != n_users:
        raise InputError(f"Shares are given for {len(wanted):,} users, candidates for {n_users:,}.")
    if groups.min(initial=0) < 0 or groups.max(initial=0) >= wanted.shape[1]:
        raise InputError(f"An item is in a group that is none of the {wanted.shape[1]:,} with shares.")
