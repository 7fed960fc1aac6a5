"""Groups of users compared on per-user metrics: means, gaps, ratios and range, with intervals and nulls."""

from dataclasses import dataclass

import numpy as np

from core.fairness.stats import (
    Interval,
    Moments,
    bootstrap,
    intervals,
    null_means,
    p_values,
    range_interval,
    ratio_intervals,
)


@dataclass(frozen=True)
class Contrasts:
    """Shapes: S shown groups, C of them compared (all but a named reference), K metrics.

    Attributes:
        n: (S,) users. compared: (C,) positions among the shown.
        p_value, null_low, null_high: (C, K), of the gaps.
    """

    n: np.ndarray
    compared: np.ndarray
    mean: Interval  # (S, K)
    overall: Interval  # (1, K)
    gap: Interval  # (C, K)
    ratio: Interval  # (C, K)
    p_value: np.ndarray
    null_low: np.ndarray
    null_high: np.ndarray


@dataclass(frozen=True)
class Comparison(Contrasts):
    """With the largest minus the smallest mean (range), and its 95 % point without disparity (range_null)."""

    range: Interval  # (1, K)
    range_p_value: np.ndarray  # (K,)
    range_null: np.ndarray  # (K,)


def compare_groups(
    values: np.ndarray,
    groups: np.ndarray,
    *,
    n_shown: int,
    reference: int | None,
    draws: int,
    permutations: int,
    confidence: float,
    rng: np.random.Generator,
    strata: np.ndarray | None = None,
    resample_up_to: int | None = None,
) -> Comparison:
    """Compare each shown group with a reference group, or with everyone else.

    Args:
        values: (U, K) metrics of each user.
        groups: (U,) shown groups are 0..n_shown-1; one more may hold the users of all hidden groups, who belong
            to everyone else.
        reference: a shown group; None: everyone else ("rest").
        strata: (U,) control strata within which labels are permuted; None: permuted among all.
        resample_up_to: see `bootstrap`.

    A group's gap is its mean minus the reference's. The rest's mean weighs the other groups by their users.
    """
    n_groups = int(groups.max()) + 1
    moments = bootstrap(
        values, groups, n_groups=n_groups, draws=draws, rng=rng, resample_up_to=resample_up_to
    )
    null = null_means(
        values,
        groups,
        n_groups=n_groups,
        n_shown=n_shown,
        permutations=permutations,
        rng=rng,
        strata=strata,
    )
    return _comparison(moments, null, n_shown=n_shown, reference=reference, confidence=confidence)


def _comparison(
    moments: Moments, null: np.ndarray, *, n_shown: int, reference: int | None, confidence: float
) -> Comparison:
    """Everything that is said of the groups, from their means and from those of shuffled labels, (B, G, K)."""
    n, shown = moments.n, np.arange(n_shown)
    compared = shown[(shown != reference) & (len(n) > 1)]
    own, against = np.eye(len(n))[compared], reference_weights(n, compared, reference)
    gap = intervals(moments, own - against, confidence=confidence)
    spread = range_interval(moments, shown, confidence=confidence)
    null_gaps, null_ranges = (own - against) @ null, np.ptp(null[:, shown], axis=1)  # (B, C, K), (B, K)
    null_low, null_high = np.quantile(null_gaps, [(1 - confidence) / 2, (1 + confidence) / 2], axis=0)
    return Comparison(
        n=n[:n_shown],
        compared=compared,
        mean=intervals(moments, np.eye(len(n))[shown], confidence=confidence),
        overall=intervals(moments, n[None] / n.sum(), confidence=confidence),
        gap=gap,
        ratio=ratio_intervals(moments, own, against, confidence=confidence),
        p_value=p_values(gap.value, null_gaps),
        null_low=null_low,
        null_high=null_high,
        range=spread,
        range_p_value=p_values(spread.value, null_ranges[:, None])[0],
        range_null=np.quantile(null_ranges, confidence, axis=0),
    )


def reference_weights(n: np.ndarray, compared: np.ndarray, reference: int | None) -> np.ndarray:
    """Weights (C, G) of the group means that make up what each compared group is compared with.

    Args:
        n: (G,) users of each group, or what else the rest is weighed by.
    """
    if reference is not None:
        return np.tile(np.eye(len(n))[reference], (len(compared), 1))
    others = np.tile(n.astype(float), (len(compared), 1))
    others[np.arange(len(compared)), compared] = 0
    return others / np.maximum(others.sum(axis=1, keepdims=True), 1)
