"""Histories of windows for tests; each column of values is a history of its own, so that hundreds are made at once."""

import numpy as np

from core.fairness.groups import Groups
from core.fairness.monitoring.observed import Observed


def two_groups(own, others):
    """So many users of group a and of group b."""
    return grouped([0] * own + [1] * others)


def grouped(codes):
    names = tuple("abcdefghij"[: max(codes) + 1])
    return Groups("kind", names, np.array(codes, dtype=np.int32), (len(names),))


def rarely(rng, *shape, zeros=0.5):
    """Values as of ranking metrics: many zeros, the rest spread from 0 to 1; mean (1 - zeros) / 3."""
    return np.where(rng.random(shape) < zeros, 0.0, rng.beta(2, 4, shape))


def others_each_time(windows, own, others, draw):
    """Each window has its own users: so many of group a and of group b."""
    n = (own + others) * windows
    codes = np.tile([0] * own + [1] * others, windows)
    observed = Observed(np.arange(n), np.repeat(np.arange(windows), own + others), draw(n))
    return observed, grouped(codes)


def same_each_time(rng, windows, own, others, *, histories, gap=0.0):
    """All users in every window; how a user is served stays partly the same. The gap is that of group a."""
    users = own + others
    of_user = rng.normal(size=(users, histories))
    of_user[:own] += gap
    user, window = np.tile(np.arange(users), windows), np.repeat(np.arange(windows), users)
    return Observed(user, window, of_user[user] + rng.normal(size=(len(user), histories))), two_groups(
        own, others
    )


def alarm_rate(ends, limit=0.0):
    """The share of histories in which an interval leaves out the limit at any look."""
    _, low, high = ends
    return ((low > limit) | (high < limit)).any(axis=0).mean()
