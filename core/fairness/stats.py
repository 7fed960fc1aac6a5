"""The statistics engine: bootstrap over users, intervals and nulls by permutation, for all metrics at once.

The user is the unit. Every quantity that is reported (a group's mean, a gap, the overall mean) is a linear
combination of group means, so one set of draws serves them all: `contrasts (Q, G) @ draws (B, G, K)`.
Letters in shapes: U users, G groups, K metrics, Q contrasts, B draws.
"""

import hashlib
from collections.abc import Callable
from dataclasses import dataclass, replace
from functools import partial

import numpy as np
from scipy import stats

from core.fairness.drawn import DRAWN, Draw

MULTINOMIAL_UP_TO = 2000  # users of a group; above, Poisson weights are as good and faster
SHUFFLED_UP_TO = (
    5000  # users of the smallest group; above, means of shuffled labels are normal for all purposes
)
FLOOR = 0.25  # a draw's standard error counts at least this share of the sample's own
KEPT_UP_TO = 2**23  # random numbers of one kind: more would crowd out all others
_BLOCK = 2**18  # numbers made at a time: they stay in the processor's cache
_LABEL_BITS = np.uint64(16)
_POISSON = np.searchsorted(
    stats.poisson.cdf(np.arange(16), 1), (np.arange(2**16) + 0.5) / 2**16, side="right"
).astype(np.float32)


@dataclass(frozen=True)
class Moments:
    """Group means with their squared standard errors, in the sample and in each bootstrap draw.

    Attributes:
        n: (G,) users. mean, variance: (G, K). mean_draws, variance_draws: (B, G, K).
    """

    n: np.ndarray
    mean: np.ndarray
    variance: np.ndarray
    mean_draws: np.ndarray
    variance_draws: np.ndarray


@dataclass(frozen=True)
class Interval:
    """Estimates with their intervals and standard errors; all (Q, K)."""

    value: np.ndarray
    low: np.ndarray
    high: np.ndarray
    error: np.ndarray

    def within(self, low: float, high: float) -> "Interval":
        """The same with ends no further than a bounded metric can go."""
        return replace(self, low=np.clip(self.low, low, high), high=np.clip(self.high, low, high))

    def at(self, *place: int) -> dict[str, float]:
        """One estimate and its ends, by name."""
        return {name: float(getattr(self, name)[place]) for name in ("value", "low", "high")}


def bootstrap(
    values: np.ndarray,
    groups: np.ndarray,
    *,
    n_groups: int,
    draws: int,
    rng: np.random.Generator,
    resample_up_to: int | None = None,
) -> Moments:
    """Resample users with replacement within each group (stratified: group sizes are fixed).

    Multinomial weights for groups of up to 2,000 users, Poisson(1) weights for larger ones (Hanley & MacGibbon,
    Computer Methods and Programs in Biomedicine 83, 2006); one product of weights and [1, value, value^2] yields
    means and standard errors of all metrics.

    Args:
        values: (U, K) finite. groups: (U,) in 0..n_groups-1; every group has at least two users.
        resample_up_to: draws of larger groups come from the normal distribution that their means tend to; None: all
            are resampled.
    """
    most = np.inf if resample_up_to is None else resample_up_to
    centre, scale = _standard(values)
    z = (values - centre) / scale
    varied = np.ptp(values, axis=0) > 0
    n = np.bincount(groups, minlength=n_groups)
    members = np.split(np.argsort(groups, kind="stable"), np.cumsum(n)[:-1])
    parts = [_group_moments(z[users], varied, draws, rng, most) for users in members]
    mean, variance, mean_draws, variance_draws = (
        np.stack(part, axis=-2) for part in zip(*parts, strict=True)
    )
    return Moments(
        n, mean * scale + centre, variance * scale**2, mean_draws * scale + centre, variance_draws * scale**2
    )


def _group_moments(block: np.ndarray, varied: np.ndarray, draws: int, rng: np.random.Generator, most: float):
    """Mean and squared standard error of one group's standardised values, (K,), then of its draws, (B, K)."""
    mean, variance = block.mean(axis=0), block.var(axis=0, ddof=1) / len(block)
    resample = _resampled if len(block) <= most else _normal_draws
    mean_draws, variance_draws = resample(block, draws, rng)
    # A group whose users all have one value shows no spread of its own: it gets everybody's, not certainty.
    flat = (np.ptp(block, axis=0) == 0) & varied
    variance[flat] = variance_draws[:, flat] = 1 / len(block)
    mean_draws[:, flat] = mean[flat] + rng.standard_normal((draws, int(flat.sum()))) / np.sqrt(len(block))
    return mean, variance, mean_draws, variance_draws


def _standard(values: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Mean and standard deviation of each metric, (K,): single precision suffices for standardised values."""
    scale = values.std(axis=0)
    return values.mean(axis=0), np.where(scale > 0, scale, 1.0)


def _resampled(block: np.ndarray, draws: int, rng: np.random.Generator) -> tuple[np.ndarray, np.ndarray]:
    """Mean and squared standard error of each metric in each draw, (B, K) each."""
    columns = np.column_stack([np.ones(len(block)), block, block**2]).astype(np.float32)
    sums = _weighted_sums(columns, resampling_weights, draws, rng)  # (B, 1 + 2K)
    total, firsts, seconds = sums[:, :1], *np.split(sums[:, 1:], 2, axis=1)
    means = firsts / total
    return means, np.maximum(seconds / total - means**2, 0) / (total - 1)


def resampling_weights(rows: int, n: int, rng: np.random.Generator) -> np.ndarray:
    """How often each of n users is drawn in each of some draws, float32 (rows, n)."""
    return (_multinomial_weights if n <= MULTINOMIAL_UP_TO else _poisson_weights)(rows, n, rng)


def _normal_draws(block: np.ndarray, draws: int, rng: np.random.Generator) -> tuple[np.ndarray, np.ndarray]:
    """The same as the central limit theorem has it: means vary together as users do, squared errors do not vary."""
    covariance = np.atleast_2d(np.cov(block, rowvar=False)) / len(block)
    means = block.mean(axis=0) + rng.standard_normal((draws, block.shape[1])) @ _root(covariance).T
    return means, np.tile(np.diag(covariance), (draws, 1))


def _root(covariance: np.ndarray) -> np.ndarray:
    """A square root of a covariance matrix, also of a singular one."""
    sizes, directions = np.linalg.eigh(covariance)
    return directions * np.sqrt(np.maximum(sizes, 0))


def _weighted_sums(
    columns: np.ndarray,
    weights: Callable[[int, int, np.random.Generator], np.ndarray],
    draws: int,
    rng: np.random.Generator,
) -> np.ndarray:
    """`weights (B, n) @ columns (n, C) -> (B, C)`, a block of draws at a time."""
    step, n = max(1, _BLOCK // len(columns)), len(columns)
    sums = []
    once = DRAWN.once if draws * n <= KEPT_UP_TO else _drawn_again
    for start in range(0, draws, step):
        rows = min(step, draws - start)
        drawn = once((weights.__name__, rows, n), partial(weights, rows, n), rng)
        sums.append(drawn @ columns)
    return np.concatenate(sums).astype(np.float64)


def _drawn_again(_what: object, draw: Draw, rng: np.random.Generator) -> np.ndarray:
    """Random numbers that are too many to be kept."""
    return draw(rng)


def _multinomial_weights(rows: int, n: int, rng: np.random.Generator) -> np.ndarray:
    picked = rng.integers(0, n, size=(rows, n)) + n * np.arange(rows)[:, None]
    return np.bincount(picked.ravel(), minlength=rows * n).reshape(rows, n).astype(np.float32)


def _poisson_weights(rows: int, n: int, rng: np.random.Generator) -> np.ndarray:
    """Poisson(1) counts from a table over all 16-bit numbers: four weights for each 64 random bits."""
    bits = rng.bit_generator.random_raw(-(-rows * n // 4)).view(np.uint16)[: rows * n]
    return np.take(_POISSON, bits, mode="clip").reshape(rows, n)


def _signs(rows: int, n: int, rng: np.random.Generator) -> np.ndarray:
    """Independent -1 and +1 with equal chance."""
    bits = np.unpackbits(rng.bit_generator.random_raw(-(-rows * n // 64)).view(np.uint8))[: rows * n]
    return (2 * bits.astype(np.int8) - 1).reshape(rows, n).astype(np.float32)


def intervals(moments: Moments, contrasts: np.ndarray, *, confidence: float) -> Interval:
    """Studentised bootstrap intervals of linear combinations of group means.

    The studentised interval is second-order correct, so it covers skewed metrics with many zeros in small
    groups, where percentile intervals fall short (Hall, Annals of Statistics 16, 1988). A draw's standard error is
    floored, lest draws almost without spread blow the interval up.

    Args:
        contrasts: (Q, G) weights of the group means.
    """
    squares = contrasts**2
    return studentised(
        contrasts @ moments.mean,
        np.sqrt(squares @ moments.variance),
        contrasts @ moments.mean_draws,
        np.sqrt(squares @ moments.variance_draws),
        confidence,
    )


def ratio_intervals(
    moments: Moments, numerators: np.ndarray, denominators: np.ndarray, *, confidence: float
) -> Interval:
    """Studentised intervals of ratios of two independent linear combinations; NaN over a denominator of zero.

    Args:
        numerators, denominators: (Q, G).
    """
    ratio, error = _ratio(moments.mean, moments.variance, numerators, denominators)
    draws, draw_errors = _ratio(moments.mean_draws, moments.variance_draws, numerators, denominators)
    bad = np.isnan(draws)
    draws, draw_errors = np.where(bad, ratio, draws), np.where(bad, error, draw_errors)
    result = studentised(ratio, error, draws, draw_errors, confidence)
    return Interval(result.value, np.maximum(result.low, 0), result.high, result.error)


def _ratio(mean, variance, numerators, denominators) -> tuple[np.ndarray, np.ndarray]:
    """Ratio and its standard error by the delta method."""
    below = denominators @ mean
    below = np.where(below > 0, below, np.nan)
    ratio = numerators @ mean / below
    return ratio, np.sqrt(numerators**2 @ variance + ratio**2 * (denominators**2 @ variance)) / below


def studentised(value, error, draws, draw_errors, confidence: float) -> Interval:
    """Intervals from how many of its own standard errors each draw is off; draws first, the rest any one shape."""
    t = _in_errors(draws - value, draw_errors, error)
    tail = (1 - confidence) / 2
    below, above = np.quantile(t, [tail, 1 - tail], axis=0)
    return Interval(value, value - above * error, value - below * error, error)


def _in_errors(off, draw_errors, error) -> np.ndarray:
    """How many of its own standard errors each draw is off, those being floored."""
    floored = np.maximum(draw_errors, FLOOR * error)
    return np.divide(off, floored, out=np.zeros_like(off), where=floored > 0)


def range_interval(moments: Moments, shown: np.ndarray, *, confidence: float) -> Interval:
    """The largest minus the smallest group mean, (1, K), from intervals of all pairs that hold at once.

    The range is the widest of the pairs' gaps, so it lies between the largest lower and the largest upper end of
    simultaneous studentised intervals (Games & Howell's comparisons, with the bootstrap's quantile). It is above
    zero even without any disparity: read it beside its permutation null.

    Args:
        shown: (S,) indices of the groups compared.
    """
    mean, variance = moments.mean[shown], moments.variance[shown]
    off, variance_draws = moments.mean_draws[:, shown] - mean, moments.variance_draws[:, shown]
    furthest = np.zeros((len(off), mean.shape[1]))  # (B, K): the pair that is off most
    for one in range(len(shown) - 1):
        pair_errors = np.sqrt(variance_draws[:, one : one + 1] + variance_draws[:, one + 1 :])
        error = np.sqrt(variance[one] + variance[one + 1 :])
        t = np.abs(_in_errors(off[:, one : one + 1] - off[:, one + 1 :], pair_errors, error))
        furthest = np.maximum(furthest, t.max(axis=1))
    first, second = np.triu_indices(len(shown), k=1)
    gaps = np.abs(mean[first] - mean[second])  # (pairs, K)
    errors = np.sqrt(variance[first] + variance[second])
    margins = np.quantile(furthest, confidence, axis=0) * errors
    bounds = (gaps - margins).max(axis=0, initial=0), (gaps + margins).max(axis=0, initial=0)
    return Interval(
        np.ptp(mean, axis=0)[None], bounds[0][None], bounds[1][None], errors.max(axis=0, initial=0)[None]
    )


def null_means(
    values: np.ndarray,
    groups: np.ndarray,
    *,
    n_groups: int,
    n_shown: int,
    permutations: int,
    rng: np.random.Generator,
    strata: np.ndarray | None = None,
) -> np.ndarray:
    """Group means minus the overall mean if groups did not differ, (B, G, K): by permutation, or where every shown group
    is large and labels may be shuffled among all, from the normal distribution that permutations tend to.

    Args:
        n_shown: groups 0 .. n_shown - 1 are told of; others only enter what these are compared with.
    """
    smallest = np.bincount(groups, minlength=n_groups)[:n_shown].min(initial=len(groups))
    if strata is None and smallest > SHUFFLED_UP_TO:
        return normal_means(values, groups, n_groups=n_groups, draws=permutations, rng=rng)
    return permuted_means(
        values, groups, n_groups=n_groups, permutations=permutations, rng=rng, strata=strata
    )


def normal_means(
    values: np.ndarray, groups: np.ndarray, *, n_groups: int, draws: int, rng: np.random.Generator
) -> np.ndarray:
    """Group means under random reassignment of the labels as their central limit, (B, G, K), minus the overall mean.

    Under shuffling cov(mean_g, mean_h) = (1[g = h] / n_g - 1 / U) S, S the covariance of the metrics with U - 1 in the
    denominator: the variance of sampling without replacement (Hájek, Limiting distributions in simple random sampling
    from a finite population, 1960). That is independent normal means of variance S / n_g, less their overall mean.
    """
    n = np.bincount(groups, minlength=n_groups)
    spread = np.atleast_2d(np.cov(values, rowvar=False))
    free = rng.standard_normal((draws, n_groups, len(spread))) @ _root(spread).T
    free = np.divide(free, np.sqrt(n)[:, None], out=np.zeros_like(free), where=n[:, None] > 0)
    return free - (n / n.sum() @ free)[:, None]


def permuted_means(
    values: np.ndarray,
    groups: np.ndarray,
    *,
    n_groups: int,
    permutations: int,
    rng: np.random.Generator,
    strata: np.ndarray | None = None,
) -> np.ndarray:
    """Group means under random reassignment of the group labels, (B, G, K), minus the overall mean.

    Each permutation sorts 64-bit keys [stratum | random | label]: labels are shuffled within their control stratum.

    Args:
        strata: (U,) control stratum of each user, 0..; None: one for all.
    """
    strata = np.zeros(len(groups), dtype=np.int64) if strata is None else strata
    order = np.argsort(strata, kind="stable")  # sorted keys: place j is the j-th user of `order`
    centre, scale = _standard(values)
    z = ((values - centre) / scale)[order].astype(np.float32)
    fixed, shift = _fixed_bits(strata[order], groups[order])
    of_labels = hashlib.blake2b(fixed).digest(), int(shift)
    names = np.arange(n_groups, dtype=np.uint16)[:, None]
    sums = []
    once = DRAWN.once if permutations * len(groups) <= KEPT_UP_TO else _drawn_again
    step = max(1, _BLOCK // (len(groups) * n_groups))
    for start in range(0, permutations, step):
        rows = min(step, permutations - start)
        labels = once((*of_labels, rows), partial(_shuffled, fixed, shift, rows), rng)  # (b, U)
        member = (labels[:, None, :] == names).astype(np.float32)  # (b, G, U)
        sums.append((member.reshape(-1, len(groups)) @ z).reshape(len(labels), n_groups, -1))
    return np.concatenate(sums) * scale / np.bincount(groups, minlength=n_groups)[:, None]


def _fixed_bits(strata: np.ndarray, groups: np.ndarray) -> tuple[np.ndarray, np.uint64]:
    """The parts of each key that are not random, and how many leading bits the stratum takes."""
    shift = np.uint64(int(strata.max(initial=0)).bit_length())
    top = strata.astype(np.uint64) << (np.uint64(64) - shift) if shift else np.uint64(0)
    return top | groups.astype(np.uint64), shift


def _shuffled(fixed: np.ndarray, shift: np.uint64, rows: int, rng: np.random.Generator) -> np.ndarray:
    keys = rng.bit_generator.random_raw(rows * len(fixed)).reshape(rows, -1)
    keys >>= shift + _LABEL_BITS
    keys <<= _LABEL_BITS
    keys |= fixed
    keys.sort(axis=1)
    return keys.astype(np.uint16)  # the low bits: the label


def sign_flipped_means(
    differences: np.ndarray, groups: np.ndarray, *, n_groups: int, permutations: int, rng: np.random.Generator
) -> np.ndarray:
    """Group means of paired differences under random signs, (B, G, K): the null that both runs serve a user alike.

    Args:
        differences: (U, K), second run minus first, per user.
    """
    order = np.argsort(groups, kind="stable")
    n = np.bincount(groups, minlength=n_groups)
    scale = _standard(differences)[1]
    blocks = np.split((differences / scale)[order].astype(np.float32), np.cumsum(n)[:-1])
    means = [_weighted_sums(block, _signs, permutations, rng) / max(len(block), 1) for block in blocks]
    return np.stack(means, axis=1) * scale


def p_values(observed: np.ndarray, null: np.ndarray) -> np.ndarray:
    """Two-sided permutation p-values: (1 + #{|null| >= |observed|}) / (B + 1), so never zero.

    Reference: Phipson & Smyth, Permutation p-values should never be zero, 2010.

    Args:
        observed: (Q, K). null: (B, Q, K); ties within rounding count against the finding.
    """
    slack = 1e-5 * null.std(axis=0) + 1e-12
    return (1 + (np.abs(null) >= np.abs(observed) - slack).sum(axis=0)) / (len(null) + 1)


def upper_p_values(observed: np.ndarray, null: np.ndarray) -> np.ndarray:
    """One-sided permutation p-values, of values as large or larger; a null that is not finite counts against the finding.

    Args:
        observed: (...). null: (B, ...); ties within rounding count against the finding.
    """
    known = np.isfinite(null)
    slack = 1e-5 * np.where(known, null, 0.0).std(axis=0) + 1e-12
    return (1 + ((null >= observed - slack) | ~known).sum(axis=0)) / (len(null) + 1)
