"""Statistics that are functions of group totals: ratios, shares, concentration, weighted gaps.

A group's total is the sum of what its users contribute. Drawing users again is drawing weights, so one product of
weights and contributions serves every statistic, whatever its form; the statistic itself is a vectorised function
of totals. Plain means have their own, sharper engine in `core.fairness.stats`.
Letters in shapes: U users, G groups, C contributions, Q statistics, B draws.
"""

from collections.abc import Callable

import numpy as np

from core.fairness.stats import Interval, permuted_means, resampling_weights, studentised

Statistic = Callable[
    [np.ndarray], np.ndarray
]  # totals (..., G, C) -> (..., Q); not finite where it is not defined
# Totals (B, G, C), with a step for derivatives by each (B, C), and the scatter of what they are sums of (B, G, C, C) ->
# squared standard errors of the statistic (B, Q)
Variance = Callable[[np.ndarray, np.ndarray, np.ndarray], np.ndarray]
UNDEFINED_UP_TO = 0.05  # of the draws, for an interval to be given at all
FLAT = 1e-10  # of the variance of all users' influences, below which a group has none
STEP = 1e-5  # of the largest total of a contribution, for derivatives
_NUMBERS_AT_ONCE = 4_000_000  # in one block of moved totals


def total_intervals(
    contributions: np.ndarray,
    groups: np.ndarray,
    statistic: Statistic,
    *,
    n_groups: int,
    draws: int,
    confidence: float,
    rng: np.random.Generator,
    lend: bool = True,
    variance: Variance | None = None,
) -> Interval:
    """Studentised bootstrap intervals of functions of totals, (Q,), users drawn again within each group.

    The standard error, of the sample and of each draw alike, is that of the users' influences on the statistic
    (infinitesimal jackknife; Efron & Tibshirani, An introduction to the bootstrap, 1993, chapter 22). A group in which no
    user moves a statistic, though users at large would, is taken to be as varied as all users. An interval is NaN where the statistic is undefined in the sample or in more than 5 % of the draws. Where few users make up
    most of a total, intervals are somewhat too narrow: 95 % ones of ratios of 40 users, the heaviest a tenth of all,
    covered 90 %.

    Args:
        contributions: (U, C) finite. groups: (U,) in 0..n_groups-1; a group may be empty.
        lend: spread to groups without any. Not where the statistic bends too sharply for derivatives to tell how far.
        variance: what the statistic's squared errors are, where there is a shorter way than derivatives by all totals.
    """
    order = np.argsort(groups, kind="stable")
    blocks = np.split(contributions[order], np.cumsum(np.bincount(groups, minlength=n_groups))[:-1])
    once = [np.ones((1, len(block)), np.float32) for block in blocks]
    value, error = (part[0] for part in _estimates(once, blocks, statistic, variance))
    drawn, draw_errors = _redrawn(blocks, statistic, variance, draws, rng)  # (B, Q) each
    more = _borrowed(blocks, statistic) if lend else np.zeros_like(value)
    error, draw_errors = (np.sqrt(own**2 + more) for own in (error, draw_errors))
    drawn = drawn + np.sqrt(more) * rng.standard_normal(drawn.shape)
    bad = ~np.isfinite(drawn)
    known = np.isfinite(value) & (bad.mean(axis=0) <= UNDEFINED_UP_TO)
    shown = np.where(known, value, 0.0)
    drawn = np.where(bad | ~known, shown, drawn)
    found = studentised(shown, error, drawn, np.where(bad, error, draw_errors), confidence)
    return Interval(value, *(np.where(known, part, np.nan) for part in (found.low, found.high, error)))


def _borrowed(blocks: list[np.ndarray], statistic: Statistic) -> np.ndarray:
    """Squared standard error that groups without spread of their own get from the spread of all users, (Q,)."""
    slopes = _gradient(statistic, np.stack([block.sum(axis=0) for block in blocks])[None])[0]  # (G, C, Q)
    everybody = np.concatenate(blocks)
    found = np.zeros(slopes.shape[-1])
    for block, slope in zip(blocks, slopes, strict=True):
        if len(block):
            own, of_all = ((users @ slope).var(axis=0) for users in (block, everybody))
            found += len(block) * np.where(own <= FLAT * of_all, of_all, 0.0)
    return found


def _redrawn(
    blocks: list[np.ndarray],
    statistic: Statistic,
    variance: Variance | None,
    draws: int,
    rng: np.random.Generator,
) -> tuple[np.ndarray, np.ndarray]:
    """Each statistic and its standard error in each draw, (B, Q) each, some draws at a time."""
    groups, width, longest = len(blocks), blocks[0].shape[1], max(map(len, blocks))
    if variance is None:
        wide = statistic(np.zeros((groups, width))).shape[-1]
        size = max(longest, width**2 * groups**2 * 2) * wide
    else:
        size = max(longest, width**2 * groups * 4)
    step = max(1, _NUMBERS_AT_ONCE // size)
    parts = []
    for start in range(0, draws, step):
        rows = min(step, draws - start)
        weights = [resampling_weights(rows, len(block), rng) for block in blocks]
        parts.append(_estimates(weights, blocks, statistic, variance))
    return tuple(np.concatenate(part) for part in zip(*parts, strict=True))


def _estimates(
    weights: list[np.ndarray], blocks: list[np.ndarray], statistic: Statistic, variance: Variance | None
) -> tuple[np.ndarray, np.ndarray]:
    """Each statistic and its standard error, (B, Q) each, under weights (B, n) of each group's users.

    Random weights sum to no fixed number: totals are scaled to the size of the group.
    """
    means = [_weighted_means(weight, block) for weight, block in zip(weights, blocks, strict=True)]
    totals = np.stack([len(block) * mean for block, mean in zip(blocks, means, strict=True)], axis=1)
    if variance is None:
        squared = _by_all_totals(weights, blocks, means, _gradient(statistic, totals))
    else:
        scatter = [_scatter(*group) for group in zip(weights, blocks, means, strict=True)]
        squared = variance(totals, steps(totals), np.stack(scatter, axis=1))
    return statistic(totals), np.sqrt(squared)


def _by_all_totals(
    weights: list[np.ndarray], blocks: list[np.ndarray], means: list[np.ndarray], gradient: np.ndarray
) -> np.ndarray:
    """Squared standard errors from derivatives by every total, (B, G, C, Q) -> (B, Q)."""
    squared = np.zeros(gradient.shape[::3])
    for group, (weight, block, mean) in enumerate(zip(weights, blocks, means, strict=True)):
        if len(block) > 1:
            slope = gradient[:, group]  # (B, C, Q)
            if block.shape[1] > slope.shape[2]:  # few statistics: from the influences of users
                off = block @ slope - mean[:, None] @ slope  # (B, n, Q)
                factor = len(block) / (len(block) - 1)
                squared += factor * np.einsum("bn,bnq->bq", weight, off**2)
            else:  # few contributions: their scatter serves all statistics
                squared += spread_along(_scatter(weight, block, mean), slope)
    return squared


def _scatter(weight: np.ndarray, block: np.ndarray, mean: np.ndarray) -> np.ndarray:
    """Scatter of what a group's users contribute around its mean, (B, n), (n, C), (B, C) -> (B, C, C): the covariance of
    its totals. Of a single user none is told."""
    n, width = block.shape
    if n < 2:
        return np.zeros((len(weight), width, width))
    centre = block.mean(axis=0)
    centred = block - centre
    squares = (centred[:, :, None] * centred[:, None, :]).reshape(n, -1)  # (n, C * C)
    off = mean - centre  # (B, C): of a draw from the sample
    found = (weight @ squares).reshape(-1, width, width)
    found = found - weight.sum(axis=1)[:, None, None] * off[:, :, None] * off[:, None, :]
    return found * (n / (n - 1))


def spread_along(scatter: np.ndarray, slope: np.ndarray) -> np.ndarray:
    """Variance of linear functions of totals, (..., C, C), (..., C, K) -> (..., K)."""
    return np.maximum(((scatter @ slope) * slope).sum(axis=-2), 0.0)


def _weighted_means(weights: np.ndarray, block: np.ndarray) -> np.ndarray:
    """(B, n), (n, C) -> (B, C); of nobody, zero."""
    return weights @ block / np.maximum(weights.sum(axis=1, keepdims=True), 1)


def _gradient(statistic: Statistic, totals: np.ndarray) -> np.ndarray:
    """Derivatives of each statistic by each total, central differences, (B, G, C) -> (B, G, C, Q); 0 where undefined."""
    n_draws, n_groups, width = totals.shape
    step = steps(totals)[:, None]  # (B, 1, C)
    moves = np.eye(n_groups * width).reshape(-1, 1, n_groups, width) * step  # (G * C, B, G, C)
    with np.errstate(invalid="ignore"):
        rise = statistic(totals + moves) - statistic(totals - moves)  # (G * C, B, Q)
    rise = rise.reshape(n_groups, width, n_draws, -1).transpose(2, 0, 1, 3)
    run = 2 * step[..., None]
    found = np.divide(rise, run, out=np.zeros_like(rise), where=run > 0)
    return np.nan_to_num(found, posinf=0.0, neginf=0.0)


def steps(totals: np.ndarray) -> np.ndarray:
    """How far each contribution's totals are moved for derivatives, (B, G, C) -> (B, C)."""
    return STEP * np.abs(totals).max(axis=1)


def slopes(measure: Statistic, totals: np.ndarray, step: np.ndarray) -> np.ndarray:
    """Derivatives of a measure of each group by its own totals, (B, R, C), (B, C) -> (B, R, C, K); 0 where undefined.

    Args:
        measure: totals (..., C) -> (..., K).
    """
    moves = np.eye(totals.shape[2])[:, None, None, :] * step[:, None]  # (C, B, 1, C)
    rise = np.moveaxis(measure(totals + moves) - measure(totals - moves), 0, 2)  # (B, R, C, K)
    run = 2 * step[:, None, :, None]
    found = np.divide(rise, run, out=np.zeros_like(rise), where=run > 0)
    return np.nan_to_num(found, posinf=0.0, neginf=0.0)


def permuted_totals(
    contributions: np.ndarray,
    groups: np.ndarray,
    *,
    n_groups: int,
    permutations: int,
    rng: np.random.Generator,
    strata: np.ndarray | None = None,
) -> np.ndarray:
    """Totals under random reassignment of the group labels, (B, G, C).

    Args:
        groups: every group has a user.
        strata: (U,) control stratum of each user, within which labels are shuffled; None: one for all.
    """
    sizes = np.bincount(groups, minlength=n_groups)[:, None]
    means = permuted_means(
        contributions, groups, n_groups=n_groups, permutations=permutations, rng=rng, strata=strata
    )
    return sizes * (means + contributions.mean(axis=0))
