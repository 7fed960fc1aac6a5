"""The next best candidate of each item group of each user: where groups gain together, only these compete for a place."""

import numpy as np

from core.errors import InputError
from core.recommend.rerank.batch import Candidates
from core.recommend.rerank.item_by_item import TAKEN, worth


class GroupHeads:
    """The groups that each of U users has candidates of, at most L, and the next candidate of each.

    Within a group candidates never change their order, so a place costs L comparisons a user instead of C.

    Attributes:
        codes: (U, L) group of each; H where a user has fewer, and for the empty places, which come last.
    """

    def __init__(self, candidates: Candidates, groups: np.ndarray, n_groups: int, *, weight: float):
        """
        Args:
            groups: (I,) group of each item, 0 .. H - 1. n_groups: H. weight: of relevance, see `worth`.
        """
        n_users, self._width = candidates.items.shape
        self._users = np.arange(n_users)
        codes = np.where(candidates.filled, groups[candidates.items], n_groups)
        codes = codes.astype(
            np.int16 if n_groups < np.iinfo(np.int16).max else np.int32
        )  # int16 sorts faster
        order = np.argsort(codes, axis=1, kind="stable")
        codes = np.take_along_axis(codes, order, axis=1)
        first = np.ones(codes.shape, bool)
        first[:, 1:] = codes[:, 1:] != codes[:, :-1]
        number = np.cumsum(first, axis=1) - 1
        row, at = np.nonzero(first)
        group = number[row, at]
        bounds = np.full((n_users, group.max(initial=0) + 2), self._width)
        bounds[row, group] = at
        self.codes = np.full((n_users, bounds.shape[1] - 1), n_groups)
        self.codes[row, group] = codes[row, at]
        self._next, self._end = bounds[:, :-1].copy(), bounds[:, 1:]
        values = np.take_along_axis(worth(candidates, weight), order, axis=1)
        # One column more, for groups without a candidate left
        self._order = np.pad(order, ((0, 0), (0, 1)), constant_values=self._width)
        self._values = np.pad(values, ((0, 0), (0, 1)), constant_values=TAKEN)
        self._place = np.take_along_axis(self._order, self._next, axis=1)
        self._value = np.take_along_axis(self._values, self._next, axis=1)

    def shares(self, wanted: np.ndarray) -> np.ndarray:
        """What each user wants of these groups, (U, H) -> float32 (U, L); 0 where nothing is known or there is no group."""
        every = np.pad(np.nan_to_num(wanted).astype(np.float32), ((0, 0), (0, 1)))
        return np.take_along_axis(every, self.codes, axis=1)

    def take(self, gain: np.ndarray, weight: float = 1.0) -> tuple[np.ndarray, np.ndarray]:
        """Take each user's best head, the one at the better place among equals.

        Args:
            gain: (U, L) what an item of each group adds. weight: of the heads' worth beside it.

        Returns:
            Number of the group, (U,) < L, and place among the candidates, (U,).
        """
        total = self._value * np.float32(weight) + gain
        best = total.max(axis=1, keepdims=True)
        group = np.where(total == best, self._place, self._width + 1).argmin(axis=1)
        place = self._place[self._users, group]
        following = self._next[self._users, group] + 1
        self._next[self._users, group] = following
        following = np.where(following < self._end[self._users, group], following, self._width)
        self._place[self._users, group] = self._order[self._users, following]
        self._value[self._users, group] = self._values[self._users, following]
        return group, place


def check_groups(groups: np.ndarray, wanted: np.ndarray, n_users: int) -> None:
    """Groups and what users want of them fit together.

    Raises:
        InputError: they do not.
    """
    if len(wanted) != n_users:
        raise InputError(f"Shares are given for {len(wanted):,} users, candidates for {n_users:,}.")
    if groups.min(initial=0) < 0 or groups.max(initial=0) >= wanted.shape[1]:
        raise InputError(f"An item is in a group that is none of the {wanted.shape[1]:,} with shares.")
