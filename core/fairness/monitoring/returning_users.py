"""Watching users who come back: all windows count, and what a user adds in all of them is one unit of the error.

Asymptotic, for metrics of any range. For shops whose customers come back.
"""

from collections.abc import Callable, Sequence

import numpy as np

from core.fairness.groups import Groups
from core.fairness.monitoring.confidence_sequences import asymptotic_ends
from core.fairness.monitoring.observed import Observed, looks
from core.fairness.monitoring.watched import Ends, Watched, levels, nobody_else, watched
from core.schema.settings import Statistics

FLAT = 1e-10  # of the squared error of the others, below which a group has none of its own
Bounds = tuple[float, float]
ANY: Bounds = (-np.inf, np.inf)
# Values (n, K) of a window's users and who of them is of the group -> what each adds above and below a fraction, (n, K), (n,)
Add = Callable[[np.ndarray, np.ndarray], tuple[np.ndarray, np.ndarray]]
# Sums of these by user, (U, K), (U,), and who is of the group -> the fraction and its error, (K,) each, and users
Estimate = Callable[[np.ndarray, np.ndarray, np.ndarray], tuple[np.ndarray, np.ndarray, int]]


def watch_users(
    observed: Observed,
    groups: Groups,
    metrics: Sequence[str],
    settings: Statistics,
    *,
    bounds: Bounds = ANY,
) -> Watched:
    """Means of groups, and gaps to everyone else, by `confidence_sequences.asymptotic_ends`.

    A mean is that of all values up to the look. A gap is the mean difference within windows, so that seasons make none; a window
    with n users of the group and m others weighs n m / (n + m). That is the regression on the group with an effect
    of each window; its error is clustered by user.

    On the clock of information such estimates have independent increments, which the boundary needs, where users come back
    evenly and where they never do (Jennison & Turnbull, Group sequential methods, 1999, chapter 11), and nearly
    so in between. Measured, false alarms over 200 looks at a level of 5 %: gaps 0.2 to 1.2 % where users come back, 0.3 to 5 %
    where nobody does. Means of few users with rare values are missed more often (10 users, of whom nine in ten have zero:
    25 %); `new_users.py` is exact.

    Args:
        bounds: how far values can go.
    """
    told = looks(observed, groups, settings.minimum_group)
    alpha, each = levels(groups, metrics, settings)
    alone, options = nobody_else(observed, groups, told), {"bounds": bounds}
    means = [mean_sequence(observed, np.ones(len(groups.codes), bool), told.windows, alpha, **options)]
    gaps = []
    for group in told.groups:
        own = groups.codes == group
        means.append(mean_sequence(observed, own, told.windows, alpha, **options))
        if not alone:
            gaps.append(gap_sequence(observed, own, told.windows, each, **options))
    return watched(observed, groups, told, metrics, means, gaps)


def mean_sequence(
    observed: Observed, own: np.ndarray, told: np.ndarray, alpha: float, *, bounds: Bounds = ANY
) -> Ends:
    """The mean of the values of a group at each look.

    Args:
        own: (U,) who is of the group. told: (L,) windows. alpha: share of histories that miss. bounds: of values.
    """
    return _sequence(observed, own, told, alpha, _level, _mean, bounds)


def gap_sequence(
    observed: Observed, own: np.ndarray, told: np.ndarray, alpha: float, *, bounds: Bounds = ANY
) -> Ends:
    """The gap between a group and all others at each look; as `mean_sequence`. NaN while no window has both."""
    apart = bounds[1] - bounds[0]
    return _sequence(observed, own, told, alpha, _difference, _gap, (-apart, apart))


def _sequence(
    observed: Observed,
    own: np.ndarray,
    told: np.ndarray,
    alpha: float,
    add: Add,
    estimate: Estimate,
    bounds: Bounds,
) -> Ends:
    """The sequence of a fraction of sums over users, to which they add window by window."""
    above, below = np.zeros((len(own), observed.values.shape[1])), np.zeros(len(own))
    found = []
    for window, rows in enumerate(observed.rows):
        if len(rows):  # nobody comes on some days
            user = observed.user[rows]
            more, weight = add(observed.values[rows], own[user])
            above[user] += more
            below[user] += weight
        if window in told:
            with np.errstate(divide="ignore", invalid="ignore"):  # no window yet with both sides
                found.append(estimate(above, below, own))
    if not found:
        return tuple(np.zeros((3, 0, observed.values.shape[1])))
    value, error, users = map(np.array, zip(*found, strict=True))
    low, high = asymptotic_ends(value, error, users[:, None] - 1, alpha=alpha)
    return value, np.clip(low, *bounds), np.clip(high, *bounds)


def _level(values: np.ndarray, own: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    return values, np.ones(len(own))


def _difference(values: np.ndarray, own: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """The parts of a regression's slope on the group; nothing where one side is not there."""
    side = own - own.mean()
    return side[:, None] * (values - values.mean(axis=0)), side**2


def _mean(above: np.ndarray, below: np.ndarray, own: np.ndarray) -> tuple[np.ndarray, np.ndarray, int]:
    """Mean of a group and how many users; without spread of its own it gets that of everybody."""
    everybody, total = np.ones(len(own), bool), below[own].sum()
    of_all, all_users = _squared(above, below, everybody, above.sum(axis=0) / below.sum())
    value = above[own].sum(axis=0) / total
    squared, users = _squared(above, below, own, value)
    return value, np.sqrt(_lent(squared, of_all * users / all_users)) / total, users


def _gap(above: np.ndarray, below: np.ndarray, own: np.ndarray) -> tuple[np.ndarray, np.ndarray, int]:
    """Gap between a group and all others, and the users of the smaller side."""
    total = below.sum()
    value = above.sum(axis=0) / total
    (one, n), (other, m) = (_squared(above, below, side, value) for side in (own, ~own))
    squared = _lent(one, other * np.divide(m, n)) + _lent(other, one * np.divide(n, m))
    return value, np.sqrt(squared) / total, min(n, m)


def _squared(
    above: np.ndarray, below: np.ndarray, side: np.ndarray, around: np.ndarray
) -> tuple[np.ndarray, int]:
    """Squared error of what these users add above, less `around` times what they add below, (K,), and how many they are."""
    came = side & (below > 0)
    users = int(came.sum())
    off = above[came] - below[came, None] * around
    return (off**2).sum(axis=0) * users / max(users - 1, 1), users


def _lent(squared: np.ndarray, others: np.ndarray) -> np.ndarray:
    return np.where(squared <= FLAT * others, others, squared)
