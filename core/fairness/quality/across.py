"""One number for all groups of a grouping: mean absolute difference, worst group, and what groups explain."""

from collections.abc import Sequence
from dataclasses import replace

import numpy as np

from core.fairness.group_rows import Bounds, among, generator
from core.fairness.partition import Partition
from core.fairness.quality.inequality import between_groups, entropy_contributions, generalised_entropy
from core.fairness.rows import AuditRow
from core.fairness.stats import FLOOR, Interval, Moments, bootstrap, permuted_means, upper_p_values
from core.fairness.totals import permuted_totals, total_intervals
from core.schema.settings import ALL, Statistics

LENT_USERS = 10  # whose spread is that of all groups, for the errors of small ones


def mean_difference(means: np.ndarray) -> np.ndarray:
    """MADr: the mean absolute difference of all pairs of group means, (..., G, K) -> (..., K), >= 0.

        MADr = 2 / (G (G - 1)) sum_{a<b} |mean_a - mean_b|

    Groups count alike, whatever their size. Example: 0.1, 0.2, 0.4: (0.1 + 0.3 + 0.2) / 3 = 0.2. NaN for one group.
    Source: Deldjoo et al., User Modeling and User-Adapted Interaction 31 (2021).
    """
    groups = means.shape[-2]
    if groups < 2:
        return np.full((*means.shape[:-2], means.shape[-1]), np.nan)
    weights = (
        2 * np.arange(groups) - groups + 1
    )  # in ascending order, the i-th is larger than i and smaller than the rest
    return np.einsum("...gk,g->...k", np.sort(means, axis=-2), weights) * 2 / (groups * (groups - 1))


def difference_interval(moments: Moments, shown: np.ndarray, *, confidence: float) -> Interval:
    """MADr with its interval, (1, K).

    MADr is a seminorm of the means: that of the true means differs from that of the sample by at most the MADr of
    their errors, whose quantile is told by the draws. So the interval holds at ties as well, where MADr has a kink.
    """
    mean, draws = moments.mean[shown], moments.mean_draws[:, shown]
    value = mean_difference(mean)
    off = mean_difference(draws - mean)
    margin = np.quantile(off, confidence, axis=0)
    rows = (value, np.maximum(value - margin, 0), value + margin, off.std(axis=0))
    return Interval(*(row[None] for row in rows))


def worst_interval(moments: Moments, shown: np.ndarray, *, confidence: float) -> Interval:
    """The smallest group mean (Rawls) with its interval, (1, K).

    The smallest of the true means lies between the smallest lower and the smallest upper end of intervals that hold
    for all groups at once; the smallest of the sample is biased downwards, the interval is not. A small group that is
    lowest by luck shows little spread by the same luck: each group's variance counts as if ten users with the spread of
    all groups were added. Five groups of 12, 30 or 200 users, Beta(0.3, 1) values with 60 % zeros: 95 % ones covered 96 %.
    Source: Wang et al., A survey on the fairness of recommender systems, TOIS 41 (2023), maximin.
    """
    n, mean = moments.n[shown][:, None], moments.mean[shown]
    of_all = (moments.variance * moments.n[:, None] ** 2).sum(axis=0) / moments.n.sum()

    def errors(squares: np.ndarray) -> np.ndarray:
        return np.sqrt((squares * (n - 1) + LENT_USERS * of_all / n) / (n - 1 + LENT_USERS))

    error, spread = errors(moments.variance[shown]), errors(moments.variance_draws[:, shown])
    off, floored = moments.mean_draws[:, shown] - mean, np.maximum(spread, FLOOR * error)
    t = np.divide(off, floored, out=np.zeros_like(off), where=floored > 0)
    tail = (1 - confidence) / 2
    below = np.quantile(t.min(axis=1), tail, axis=0)
    above = np.quantile(t.max(axis=1), 1 - tail, axis=0)
    worst = mean.argmin(axis=0)
    ends = (mean - above * error).min(axis=0), (mean - below * error).min(axis=0)
    return Interval(
        mean.min(axis=0)[None], ends[0][None], ends[1][None], error[worst, range(len(worst))][None]
    )


def across_rows(
    values: np.ndarray,
    metrics: Sequence[str],
    part: Partition,
    settings: Statistics,
    *,
    section: str,
    bounds: Bounds = (-np.inf, np.inf),
) -> list[AuditRow]:
    """MADr and worst group of each metric, with what they would be if labels said nothing.

    `<metric>_madr`: p-value and band are one-sided, from 0 up. `<metric>_worst`: the mean of the worst group, which
    `reference` names; the p-value tells how often a group of shuffled users would do as badly. Neither is judged.

    Args:
        values: (U, K), NaN where a user has no value. bounds: how far they can go, and so the intervals.
    """
    rows: list[AuditRow] = []
    for k, metric in enumerate(metrics):
        there = np.isfinite(values[:, k])
        own = among(part, there, minimum=settings.minimum_group)
        if own is not None and own.n_shown > 1:
            rows += _across(values[there][:, [k]], metric, own, settings, section, bounds)
    return rows


def _across(
    column: np.ndarray, metric: str, part: Partition, settings: Statistics, section: str, bounds: Bounds
) -> list[AuditRow]:
    rng, shown = generator(part, settings), np.arange(part.n_shown)
    options = {"n_groups": part.n_strata, "rng": rng}
    moments = bootstrap(column, part.strata, draws=settings.draws, **options)
    null = permuted_means(column, part.strata, permutations=settings.permutations, **options)[:, shown]
    confidence = settings.confidence
    low, high = bounds
    spread = difference_interval(moments, shown, confidence=confidence).within(0, high - low)
    worst = worst_interval(moments, shown, confidence=confidence).within(low, high)
    spreads, worsts = mean_difference(null)[:, 0], null.min(axis=1)[:, 0] + column.mean()
    blank = AuditRow(section, part.attribute, ALL, metric, "mean", n=len(part.strata))
    named = part.shown_names[int(moments.mean[shown, 0].argmin())]
    bands = (0.0, float(np.quantile(spreads, confidence))), (float(np.quantile(worsts, 1 - confidence)), None)
    return [
        replace(
            blank,
            metric=f"{metric}_madr",
            statistic="gap",
            p_value=float(upper_p_values(spread.value[0, 0], spreads)),
            null_low=bands[0][0],
            null_high=bands[0][1],
            **spread.at(0, 0),
        ),
        replace(
            blank,
            metric=f"{metric}_worst",
            reference=named,
            p_value=float(upper_p_values(-worst.value[0, 0], -worsts)),
            null_low=bands[1][0],
            **worst.at(0, 0),
        ),
    ]


def explained_rows(
    values: np.ndarray,
    metric: str,
    part: Partition,
    settings: Statistics,
    *,
    section: str,
    alpha: float = 1.0,
) -> list[AuditRow]:
    """Share of the inequality between users that lies between groups, in [0, 1], with its null.

    `<metric>_between_share` = GE(alpha) between groups / GE(alpha) of all users (Shorrocks, Econometrica 48, 1980).
    The users of hidden groups count as one group.
    """
    there = np.isfinite(values)
    own = among(part, there, minimum=settings.minimum_group)
    if own is None or own.n_strata < 2:
        return []
    whole = generalised_entropy(alpha)

    def statistic(totals: np.ndarray) -> np.ndarray:
        with np.errstate(invalid="ignore", divide="ignore"):
            total = whole(totals.sum(axis=-2))
            return between_groups(totals, alpha=alpha)[..., None] / np.where(total > 0, total, np.nan)

    contributions = entropy_contributions(values[there], alpha=alpha)
    options = {"n_groups": own.n_strata, "rng": generator(own, settings)}
    found = total_intervals(
        contributions,
        own.strata,
        statistic,
        draws=settings.draws,
        confidence=settings.confidence,
        **options,
    )
    if not np.isfinite(found.value[0]):
        return []
    null = statistic(
        permuted_totals(contributions, own.strata, permutations=settings.permutations, **options)
    )[:, 0]
    p_value = float(upper_p_values(found.value[0], null))
    low = 0.0 if p_value > 1 - settings.confidence else max(found.low[0], 0.0)
    name = f"{metric}_between_share"
    return [
        AuditRow(
            section,
            own.attribute,
            ALL,
            name,
            "ratio",
            float(found.value[0]),
            float(min(low, found.value[0])),
            float(min(max(found.high[0], found.value[0]), 1.0)),
            len(own.strata),
            p_value=p_value,
            null_low=0.0,
            null_high=float(np.quantile(null, settings.confidence)),
        )
    ]
