"""Means over users against a target: p-values and null bands that agree with the intervals, also without spread."""

from dataclasses import dataclass

import numpy as np

from core.fairness.stats import FLOOR, Interval, bootstrap, intervals


@dataclass(frozen=True)
class MeanTest:
    """Means of K columns over users; all but the interval (K,).

    Attributes:
        interval: of the means, (1, K). p_value: that the mean is the target.
        null_low, null_high: where mean minus target would lie if the mean were on target and users as varied as seen.
        null_means: (B, K) draws of the means in that case.
    """

    interval: Interval
    p_value: np.ndarray
    null_low: np.ndarray
    null_high: np.ndarray
    null_means: np.ndarray


def compare_means(
    values: np.ndarray,
    target: np.ndarray,
    *,
    bounded: np.ndarray,
    draws: int,
    confidence: float,
    rng: np.random.Generator,
    resample_up_to: int | None = None,
) -> MeanTest:
    """Compare the mean of each column with a target by the studentised bootstrap over users.

    The null: the mean over users such as these is the target, each user being as far from the mean as seen. Users are
    independent, places of one list are not. p is equal-tailed, so it is below 1 - confidence where the interval
    leaves the target out. Draws cannot show spread where all users have one value: see `_without_spread`.

    Args:
        values: (U, K) of at least two users. target: (K,). bounded: (K,) bool, columns of values in [0, 1].
        resample_up_to: see `bootstrap`.
    """
    options = {"n_groups": 1, "draws": draws, "rng": rng, "resample_up_to": resample_up_to}
    moments = bootstrap(values, np.zeros(len(values), dtype=int), **options)
    found = intervals(moments, np.ones((1, 1)), confidence=confidence)
    error = np.sqrt(moments.variance[0])  # (K,)
    draw_errors = np.maximum(np.sqrt(moments.variance_draws[:, 0]), FLOOR * error)
    off = moments.mean_draws[:, 0] - moments.mean[0]
    t_draws = np.divide(off, draw_errors, out=np.zeros_like(off), where=draw_errors > 0)  # (B, K)
    t = np.divide(moments.mean[0] - target, error, out=np.zeros_like(error), where=error > 0)
    beyond = np.minimum((t_draws >= t).sum(axis=0), (t_draws <= t).sum(axis=0))
    p_value = np.minimum(2 * (1 + beyond) / (len(t_draws) + 1), 1.0)
    low, high = np.quantile(t_draws, [(1 - confidence) / 2, (1 + confidence) / 2], axis=0) * error
    flat = bounded & (np.ptp(values, axis=0) == 0)
    return _without_spread(
        values, flat, target, MeanTest(found, p_value, low, high, target + off), confidence
    )


def _without_spread(
    values: np.ndarray, flat: np.ndarray, target: np.ndarray, found: MeanTest, confidence: float
) -> MeanTest:
    """Put right the columns `flat` of values in [0, 1] in which every one of n users has the same value c.

    At confidence, at most b = 1 - ((1 - confidence) / 2)^(1/n) of all users differ (the rule of three), and they may
    have anything from 0 to 1: the mean lies in [c (1 - b), c (1 - b) + b]. If the mean were t, at most
    q = t / c (t < c) or (1 - t) / (1 - c) of all users could have c, so p = 2 q^n.
    """
    n, c, t = len(values), values[0], target
    b = 1 - ((1 - confidence) / 2) ** (1 / n)
    with np.errstate(divide="ignore", invalid="ignore"):
        q = np.select([t < c, t > c], [t / c, (1 - t) / (1 - c)], 1.0)
    low = np.where(flat, c * (1 - b), found.interval.low)
    high = np.where(flat, c * (1 - b) + b, found.interval.high)
    return MeanTest(
        interval=Interval(found.interval.value, low, high, found.interval.error),
        p_value=np.where(flat, np.minimum(2 * np.where(flat, q, 0.0) ** n, 1.0), found.p_value),
        null_low=np.where(flat, -b * (1 - c), found.null_low),
        null_high=np.where(flat, b * c, found.null_high),
        null_means=found.null_means,
    )


def influence_values(value: float, slopes: np.ndarray) -> np.ndarray:
    """Per-user values whose mean is a pooled statistic and whose spread gives its standard error, (U,) -> (U,).

    The statistic is linearised at the totals (infinitesimal jackknife; Efron & Tibshirani, An introduction to the
    bootstrap, 1993, chapter 22): for statistics of thousands of items, where derivatives are known.

    Args:
        slopes: (U,) each user's contributions times the derivatives of the statistic by the mean contributions.
    """
    return value + slopes - slopes.mean()


def covering_values(items: np.ndarray, n_items: int) -> np.ndarray:
    """The same for coverage, which has no derivative: by leaving each user out in turn (jackknife), (U, k) -> (U,).

    Without user u, coverage is lower by the items that u alone is shown.
    """
    users, places = np.nonzero(items >= 0)
    shown = items[users, places]
    times = np.bincount(shown, minlength=n_items)
    alone = np.bincount(users, weights=times[shown] == 1, minlength=len(items))
    return influence_values(float((times > 0).mean()), (len(items) - 1) * alone / n_items)
