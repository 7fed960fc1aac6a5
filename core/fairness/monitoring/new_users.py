"""Watching users who come for the first time: each is counted once, so nothing has to be assumed of coming back.

Exact, for metrics from 0 to 1. For shops whose customers are mostly new; once everybody has come, nothing is learnt
any more (`returning_users.py` takes all windows).
"""

from collections.abc import Sequence

import numpy as np

from core.errors import InputError
from core.fairness.groups import Groups
from core.fairness.monitoring.confidence_sequences import betting_ends
from core.fairness.monitoring.observed import Observed, looks
from core.fairness.monitoring.watched import Ends, Watched, levels, nobody_else, watched
from core.schema.settings import Statistics


def watch_new_users(
    observed: Observed, groups: Groups, metrics: Sequence[str], settings: Statistics
) -> Watched:
    """Means of groups, and gaps to everyone else, by hedged capital (`confidence_sequences.betting_ends`).

    A gap is bet on in pairs: each user of the smaller side with one user, or the mean of several, of the other side who
    came in the same window, so that seasons make no gap. Who is paired with whom is drawn from `settings.seed` and the
    window: a later window changes no earlier number. The ends of a gap enclose it where it stays the same, and do not pass
    a limit that it never passed, whatever happens to the level.

    Raises:
        InputError: values beyond 0 and 1.
    """
    if observed.values.size and not 0 <= observed.values.min() <= observed.values.max() <= 1:
        raise InputError("First-time users are watched on metrics from 0 to 1; these values go beyond.")
    new = observed.first_time()
    told = looks(new, groups, settings.minimum_group)
    alpha, each = levels(groups, metrics, settings)
    options = {"seed": settings.seed}
    means, gaps = [mean_sequence(new, np.ones(len(groups.codes), bool), told.windows, alpha, **options)], []
    for group in told.groups:
        own = groups.codes == group
        means.append(mean_sequence(new, own, told.windows, alpha, **options))
        gaps.append(gap_sequence(new, own, told.windows, each, **options))
    return watched(new, groups, told, metrics, means, [] if nobody_else(new, groups, told) else gaps)


def mean_sequence(new: Observed, own: np.ndarray, told: np.ndarray, alpha: float, *, seed: int) -> Ends:
    """The mean of the users of a group at each look.

    Args:
        new: one row of each user. own: (U,) who is of the group. told: (L,) windows. alpha: share of histories that miss.
    """
    of_group = own[new.user]
    return _sequence([new.values[rows[of_group[rows]]] for rows in _shuffled(new, seed)], told, alpha)


def gap_sequence(new: Observed, own: np.ndarray, told: np.ndarray, alpha: float, *, seed: int) -> Ends:
    """The gap between the users of a group and all others at each look; as `mean_sequence`."""
    of_group = own[new.user]
    pairs = [
        _paired(new.values[rows[of_group[rows]]], new.values[rows[~of_group[rows]]])
        for rows in _shuffled(new, seed)
    ]
    return tuple(2 * part - 1 for part in _sequence(pairs, told, alpha))


def _shuffled(new: Observed, seed: int) -> list[np.ndarray]:
    """The rows of each window in an order that knows nothing of their values."""
    return [np.random.default_rng((seed, window)).permutation(rows) for window, rows in enumerate(new.rows)]


def _sequence(blocks: list[np.ndarray], told: np.ndarray, alpha: float) -> Ends:
    """The sequence of one mean whose values come window by window; NaN while there are none."""
    values = np.concatenate(blocks)
    seen = np.cumsum([len(block) for block in blocks])[told]
    low, high = betting_ends(values, seen, alpha=alpha)
    sums = np.concatenate([np.zeros((1, values.shape[1])), values.cumsum(axis=0)])[seen]
    value = np.divide(sums, seen[:, None], out=np.full_like(sums, np.nan), where=seen[:, None] > 0)
    return value, np.fmin(low, value), np.fmax(high, value)


def _paired(one: np.ndarray, other: np.ndarray) -> np.ndarray:
    """(1 + difference) / 2 of pairs, (min(n, m), K): each of the fewer with its share of the others."""
    pairs = min(len(one), len(other))
    return (1 + _means_of(one, pairs) - _means_of(other, pairs)) / 2


def _means_of(values: np.ndarray, parts: int) -> np.ndarray:
    """Means of so many parts of about the same size, (parts, K)."""
    if not parts:
        return values[:0]
    starts = np.arange(parts) * len(values) // parts
    return np.add.reduceat(values, starts, axis=0) / np.diff(starts, append=len(values))[:, None]
