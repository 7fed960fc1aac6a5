"""What is watched, and at which looks it may be told so that no few users can be worked out."""

from dataclasses import dataclass
from functools import cached_property

import numpy as np
import pandas as pd

from core.errors import InputError
from core.fairness.groups import Groups
from core.fairness.suppression import SHOWN, group_states


@dataclass(frozen=True)
class Observed:
    """Metrics of users, window by window: one row for each user and window in which there is a value.

    Attributes:
        user: (N,) codes. window: (N,) 0, 1, ... in order of time. values: (N, K) finite.

    Raises:
        InputError: a value that is no finite number, or two values of one user in one window.
    """

    user: np.ndarray
    window: np.ndarray
    values: np.ndarray

    def __post_init__(self):
        if not np.isfinite(self.values).all():
            raise InputError("Values that are watched are finite numbers; leave out users without one.")
        if pd.MultiIndex.from_arrays([self.user, self.window]).has_duplicates:
            raise InputError("A user has one value in a window; some have several.")

    @property
    def n_windows(self) -> int:
        return int(self.window.max(initial=-1)) + 1

    @cached_property
    def rows(self) -> list[np.ndarray]:
        """Positions of the rows of each window."""
        order = np.argsort(self.window, kind="stable")
        return np.split(order, np.searchsorted(self.window[order], np.arange(1, self.n_windows)))

    def first_time(self) -> "Observed":
        """Each user's first row alone."""
        order = np.lexsort((self.window, self.user))
        first = np.sort(order[np.unique(self.user[order], return_index=True)[1]])
        return Observed(self.user[first], self.window[first], self.values[first])


@dataclass(frozen=True)
class Looks:
    """What may be told.

    Attributes:
        windows: (L,) the last window of each look. groups: (G,) which of the groups are shown, in their order.
    """

    windows: np.ndarray
    groups: np.ndarray


def looks(observed: Observed, groups: Groups, minimum: int) -> Looks:
    """At which windows, and of which groups, the numbers so far may be told.

    Whoever subtracts one look from the next sees those who came in between. So all shown groups are told at the same
    looks, and only when at least `minimum` users of each came since the last one, and as many, or nobody, of the hidden
    ones; until then windows are read together. A group that comes so rarely that there would be less than half as many
    looks with it as without is hidden. Not covered, as in audits: two results for slightly different data, compared by hand.
    """
    of_user = groups.codes
    total = np.bincount(of_user[np.unique(observed.user)], minlength=len(groups.names))
    large = np.flatnonzero(group_states(total.reshape(groups.shape), minimum).ravel() == SHOWN)
    large = large[np.argsort(-total[large], kind="stable")]
    active = [observed.user[rows] for rows in observed.rows]
    choices = []
    for size in range(1, len(large) + 1):
        side = np.full(len(groups.names), size)  # the last one: everybody hidden
        side[large[:size]] = np.arange(size)
        choices.append(_told_windows(active, side[of_user], size, minimum))
    most = max(map(len, choices), default=0)
    for shown in range(len(large), 0, -1):
        if 2 * len(choices[shown - 1]) >= most > 0:
            return Looks(np.array(choices[shown - 1]), np.sort(large[:shown]))
    return Looks(np.array([], dtype=int), np.array([], dtype=int))


def _told_windows(active: list[np.ndarray], side: np.ndarray, n_shown: int, minimum: int) -> list[int]:
    """The windows after which there are enough users of each shown group who came since the one before.

    Args:
        active: users of each window. side: (U,) the place of each user's group among the shown; n_shown where hidden.
    """
    waiting, told = np.zeros(len(side), bool), []
    for window, users in enumerate(active):
        waiting[users] = True
        came = np.bincount(side[waiting], minlength=n_shown + 1)
        if (came[:-1] >= minimum).all() and (came[-1] >= minimum or came[-1] == 0):
            told.append(window)
            waiting[:] = False
    return told
