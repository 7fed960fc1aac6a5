"""The gap within strata: like compared with like, strata weighted by how much they can tell.

Overlap weights w_s = n_sa n_sb / (n_sa + n_sb) make the gap the coefficient of the group in a least-squares fit with
an effect per stratum, the estimate of least variance where errors are alike (Li, Morgan & Zaslavsky, Balancing
covariates via propensity score weighting, JASA 113, 2018, for the name and for the weights).
"""

from dataclasses import dataclass

import numpy as np
import pandas as pd

from core.fairness.pricing.sides import Gaps, unknown_gap
from core.fairness.stats import Interval, bootstrap, intervals, p_values, permuted_means
from core.schema.settings import Statistics


@dataclass(frozen=True)
class Cells:
    """Lines added up by user and stratum, of strata with more than one user: the others cannot tell anything.

    Attributes:
        user, stratum: (M,) codes. n, total, weight: (M,) lines, sum of their outcomes, money.
        money: (U,) each user's money, in all strata.
    """

    user: np.ndarray
    stratum: np.ndarray
    n: np.ndarray
    total: np.ndarray
    weight: np.ndarray
    money: np.ndarray

    def of(self, users: np.ndarray) -> "Cells":
        """Only these users, bool (U,)."""
        kept = users[self.user]
        parts = (self.user, self.stratum, self.n, self.total, self.weight)
        return Cells(*(part[kept] for part in parts), np.where(users, self.money, 0.0))


@dataclass(frozen=True)
class Overlap:
    """A gap within strata.

    Attributes:
        value: the gap; NaN if no stratum holds both sides, or if all hangs on one user. influence: (U,) what each user adds to its error.
        score: (U,) sum of a user's outcomes above the mean of their strata.
        coverage: share of the money of both sides that lies in strata with both. strata: how many those are.
        users: (U,) bool, who has a line in one of them.
    """

    value: float
    influence: np.ndarray
    score: np.ndarray
    coverage: float
    strata: int
    users: np.ndarray


def cells(
    outcome: np.ndarray, user: np.ndarray, stratum: np.ndarray, weight: np.ndarray, *, n_users: int
) -> Cells:
    """Lines, (N,) each, added up by user and stratum."""
    place, keys = pd.factorize(stratum.astype(np.int64) * n_users + user)
    sums = [np.bincount(place, values, minlength=len(keys)) for values in (outcome, weight)]
    n, of_stratum = np.bincount(place, minlength=len(keys)).astype(float), keys // n_users
    shared = np.bincount(of_stratum)[of_stratum] > 1
    parts = (part[shared] for part in (n, *sums))
    money = np.bincount(user, weight, minlength=n_users)
    return Cells(keys[shared] % n_users, pd.factorize(of_stratum[shared])[0], *parts, money)


def overlap_gap(cells: Cells, own: np.ndarray, other: np.ndarray, *, relative: bool = False) -> Overlap:
    """The mean difference of outcomes within strata, one side minus the other, with overlap weights:

        gap = sum_s w_s (mean_sa - mean_sb) / sum_s w_s,  w_s = n_sa n_sb / (n_sa + n_sb)

    over all strata with lines of both sides; relative: as a share of the other side's mean, sum_s w_s mean_sb below the
    line, so that outcomes may be on any scale within a stratum. A user's influence is how far the gap moves when the user is left out
    (jackknife). It counts what leaving out does to the means of small strata, where standard errors from residuals
    are too small, since a mean of two follows each of them.

    Args:
        own, other: bool (U,), disjoint.
    """
    both = cells.of(own | other)
    n, total = (_by_side(both, values, own) for values in (both.n, both.total))  # (2, S) each
    above, below = _numerator(n, total), _denominator(n, total, relative)
    sums = above.sum(), below.sum()
    # A stratum's numerator and denominator without each user of it
    side = own[both.user].astype(int) ^ 1
    n_without, total_without = n[:, both.stratum], total[:, both.stratum]
    rows = np.arange(len(side))
    n_without[side, rows] -= both.n
    total_without[side, rows] -= both.total
    n_users = len(own)
    lost_above, lost_below = (
        np.bincount(both.user, whole[both.stratum] - without, minlength=n_users)
        for whole, without in (
            (above, _numerator(n_without, total_without)),
            (below, _denominator(n_without, total_without, relative)),
        )
    )
    left = sums[1] - lost_below
    told = sums[1] > 0 and left.min() > 1e-9 * sums[1]
    value = sums[0] / sums[1] if told else np.nan
    influence = value - (sums[0] - lost_above) / left if told else np.zeros(n_users)
    shared = n.min(axis=0) > 0
    usable = shared[both.stratum]
    users = np.zeros(n_users, bool)
    users[both.user[usable]] = True
    money = both.money.sum()
    return Overlap(
        float(value),
        influence,
        _scores(both, n.sum(axis=0), total.sum(axis=0), n_users),
        float(both.weight[usable].sum() / money) if money > 0 else float("nan"),
        int(shared.sum()),
        users,
    )


def _by_side(cells: Cells, values: np.ndarray, own: np.ndarray) -> np.ndarray:
    """Sums by stratum of each side, (2, S): own first."""
    width = int(cells.stratum.max(initial=-1)) + 1
    mine = own[cells.user]
    return np.stack(
        [np.bincount(cells.stratum, np.where(which, values, 0.0), minlength=width) for which in (mine, ~mine)]
    ).astype(float)  # counts of nothing are whole numbers


def _numerator(n: np.ndarray, total: np.ndarray) -> np.ndarray:
    """w_s (mean_sa - mean_sb), without dividing by the number of either side, (2, S) each -> (S,)."""
    return (n[1] * total[0] - n[0] * total[1]) / np.maximum(n.sum(axis=0), 1)


def _denominator(n: np.ndarray, total: np.ndarray, relative: bool) -> np.ndarray:
    """w_s, or w_s mean_sb if relative."""
    return n[0] * (total[1] if relative else n[1]) / np.maximum(n.sum(axis=0), 1)


def _scores(both: Cells, n: np.ndarray, total: np.ndarray, n_users: int) -> np.ndarray:
    """Sum over a user's lines of outcome minus the stratum's mean; the side's sum is the gap's numerator."""
    expected = both.n * (total / np.maximum(n, 1))[both.stratum]
    return np.bincount(both.user, both.total - expected, minlength=n_users)


def judged_overlap(
    found: Overlap,
    own: np.ndarray,
    other: np.ndarray,
    *,
    settings: Statistics,
    permutations: int,
    rng: np.random.Generator,
    strata: np.ndarray | None = None,
) -> Gaps:
    """The gap with its interval, over users of both sides drawn again, and its p-value, labels of users shuffled.

    It cannot be told where it rests on fewer than `minimum_group` users of either side, whoever else there is.

    Args:
        strata: (U,) control strata of users within which labels are shuffled; None: among all.
    """
    n = int((own & found.users).sum())
    if not np.isfinite(found.value) or min(n, (other & found.users).sum()) < settings.minimum_group:
        return unknown_gap()
    users = own | other
    label = own[users].astype(int)
    interval = influence_intervals(
        np.array([found.value]), found.influence[users, None], label, settings=settings, rng=rng
    )
    within = None if strata is None else strata[users]
    p_value, null = score_test(found.score[users], label, permutations, rng, strata=within)
    low, high = np.quantile(null, [(1 - settings.confidence) / 2, (1 + settings.confidence) / 2])
    error = float(interval.error[0])
    one = Interval(*(getattr(interval, name)[0] for name in ("value", "low", "high", "error")))
    return Gaps(one, np.array(p_value), np.array(low * error), np.array(high * error), np.array(n))


def influence_intervals(
    values: np.ndarray,
    influence: np.ndarray,
    groups: np.ndarray,
    *,
    settings: Statistics,
    rng: np.random.Generator,
) -> Interval:
    """Studentised bootstrap intervals, (K,), of statistics known by the users' influences on them.

    To first order a statistic is off by the sum of the influences of the users drawn (Efron & Tibshirani, An
    introduction to the bootstrap, 1993, chapter 22), so drawing users again is adding up influences again.

    Args:
        values: (K,). influence: (U, K). groups: (U,) 0.., within which users are drawn; each holds at least two.
    """
    n_groups = int(groups.max()) + 1
    has_part = np.array([np.abs(influence[groups == g]).max(axis=0) > 0 for g in range(n_groups)])  # (G, K)
    ends = np.empty((3, len(values)))
    patterns, which = np.unique(has_part, axis=1, return_inverse=True)
    for number, pattern in enumerate(patterns.T):
        columns = np.flatnonzero(which.ravel() == number)
        kept = pattern[groups]
        within = (np.cumsum(pattern) - 1)[groups[kept]]
        ends[:, columns] = _summed(influence[np.ix_(kept, columns)], within, settings, rng)
    return Interval(values, values + ends[0], values + ends[1], ends[2])


def _summed(
    influence: np.ndarray, groups: np.ndarray, settings: Statistics, rng: np.random.Generator
) -> np.ndarray:
    """Low and high end and standard error of the summed influences of users drawn again, (3, K).

    Groups that have no part in a statistic are not given: the engine would lend them the spread of the others.
    """
    if not len(groups):
        return np.zeros((3, influence.shape[1]))
    n = np.bincount(groups)
    scaled = influence * n[groups][:, None]
    means = np.stack(
        [np.bincount(groups, column, minlength=len(n)) / n for column in scaled.T], axis=1
    )  # (G, K)
    moments = bootstrap(scaled - means[groups], groups, n_groups=len(n), draws=settings.draws, rng=rng)
    off = intervals(moments, np.ones((1, len(n))), confidence=settings.confidence)
    return np.stack([off.low[0], off.high[0], off.error[0]])


def score_test(
    score: np.ndarray,
    label: np.ndarray,
    permutations: int,
    rng: np.random.Generator,
    *,
    strata: np.ndarray | None = None,
) -> tuple[float, np.ndarray]:
    """Permutation test of the difference of two groups' mean scores: its p-value, and the null in standard errors.

    Studentised, lest groups that buy unlike amounts raise false alarms (Chung & Romano, Annals of Statistics 41, 2013).

    Args:
        score: (U,). label: (U,) 0 or 1.
    """
    scale = score.std() or 1.0
    z = (score - score.mean()) / scale
    moments = np.column_stack([z, z**2])
    n = np.bincount(label, minlength=2)
    seen = np.stack([moments[label == side].mean(axis=0) for side in (0, 1)])
    null = permuted_means(
        moments, label, n_groups=2, permutations=permutations, rng=rng, strata=strata
    ) + moments.mean(axis=0)
    t, t_null = _t(seen[None], n), _t(null, n)
    return float(p_values(t[:, None], t_null[:, None, None])[0, 0]), t_null


def _t(moments: np.ndarray, n: np.ndarray) -> np.ndarray:
    """Second group minus first, in standard errors, of means of score and squared score, (B, 2, 2) -> (B,)."""
    mean = moments[..., 0]
    variance = np.maximum(moments[..., 1] - mean**2, 0) / np.maximum(n - 1, 1)
    error = np.sqrt(variance.sum(axis=-1))
    off = mean[:, 1] - mean[:, 0]
    return np.divide(off, error, out=np.zeros_like(off), where=error > 0)
