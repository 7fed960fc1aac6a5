"""The gap within strata: like compared with like, strata weighted by how much they can tell.

Overlap weights w_s = n_sa n_sb / (n_sa + n_sb) make the gap the coefficient of the group in a least-squares fit with
an effect per stratum, the estimate of least variance where errors are alike (Li, Morgan & Zaslavsky, Balancing
covariates via propensity score weighting, JASA 113, 2018, for the name and for the weights).
"""

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property

import numpy as np
import pandas as pd

from core.fairness.pricing.sides import INTERVAL, Gaps, unknown_gap
from core.fairness.stats import Interval, bootstrap, intervals, p_values, permuted_means
from core.schema.settings import Statistics


@dataclass(frozen=True)
class Cells:
    """Lines added up by user and stratum, of strata with more than one user: the others cannot tell anything.

    Attributes:
        user, stratum: (M,) codes. n, weight: (M,) lines, money. totals: (K, M) sums of each outcome.
        money: (U,) each user's money, in all strata.
    """

    user: np.ndarray
    stratum: np.ndarray
    n: np.ndarray
    totals: np.ndarray
    weight: np.ndarray
    money: np.ndarray

    def of(self, users: np.ndarray) -> "Cells":
        """Only these users, bool (U,)."""
        kept = users[self.user]
        if kept.all():
            return self
        parts = (self.user, self.stratum, self.n, self.totals, self.weight)
        return Cells(*(part[..., kept] for part in parts), np.where(users, self.money, 0.0))

    def by_stratum(self, values: np.ndarray) -> np.ndarray:
        """(M,) -> (S,) sums."""
        width = int(self.stratum.max(initial=-1)) + 1
        return np.bincount(self.stratum, values, minlength=width).astype(float)  # counts of nothing are whole

    def by_user(self, values: np.ndarray) -> np.ndarray:
        """(M,) -> (U,) sums."""
        return np.bincount(self.user, values, minlength=len(self.money))


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
    outcomes: Sequence[np.ndarray],
    user: np.ndarray,
    stratum: np.ndarray,
    weight: np.ndarray,
    *,
    n_users: int,
) -> Cells:
    """Lines, (N,) each, added up by user and stratum; K outcomes."""
    place, keys = pd.factorize(stratum.astype(np.int64) * n_users + user)

    def added(values: np.ndarray | None) -> np.ndarray:
        return np.bincount(place, values, minlength=len(keys)).astype(float)[shared]

    shared = (np.bincount(keys // n_users) > 1)[keys // n_users]
    return Cells(
        user=keys[shared] % n_users,
        stratum=pd.factorize(keys[shared] // n_users)[0],
        n=added(None),
        totals=np.stack([added(outcome) for outcome in outcomes]),
        weight=added(weight),
        money=np.bincount(user, weight, minlength=n_users),
    )


def overlap_gaps(
    cells: Cells, own: np.ndarray, other: np.ndarray, *, relative: bool = False
) -> list[Overlap]:
    """The mean difference of each outcome within strata, one side minus the other, with overlap weights:

        gap = sum_s w_s (mean_sa - mean_sb) / sum_s w_s,  w_s = n_sa n_sb / (n_sa + n_sb)

    over all strata with lines of both sides; relative: as a share of the other side's mean, sum_s w_s mean_sb below the
    line, so that outcomes may be on any scale within a stratum. A user's influence is how far the gap moves when the user is left out
    (jackknife). It counts what leaving out does to the means of small strata, where standard errors from residuals
    are too small, since a mean of two follows each of them.

    Args:
        own, other: bool (U,), disjoint.
    """
    both = cells.of(own | other)
    mine = own[both.user]
    n = _Sides.of(both, both.n, mine)
    money, shared = both.money.sum(), np.minimum(n.own, n.other) > 0
    usable = shared[both.stratum]
    users = np.zeros(len(own), bool)
    users[both.user[usable]] = True
    coverage = float(both.weight[usable].sum() / money) if money > 0 else float("nan")
    found = []
    for outcome in both.totals:
        value, influence = _gap(both, n, _Sides.of(both, outcome, mine), relative)
        score = _scores(both, n.both, outcome)
        found.append(Overlap(value, influence, score, coverage, int(shared.sum()), users))
    return found


@dataclass(frozen=True)
class _Sides:
    """Sums of the two sides by stratum, (S,) each, and what is left of them at each cell without it, (M,) each."""

    own: np.ndarray
    other: np.ndarray
    own_without: np.ndarray
    other_without: np.ndarray

    @staticmethod
    def of(cells: Cells, values: np.ndarray, mine: np.ndarray) -> "_Sides":
        of_own = np.where(mine, values, 0.0)
        of_other = values - of_own
        own, other = cells.by_stratum(of_own), cells.by_stratum(of_other)
        return _Sides(own, other, own[cells.stratum] - of_own, other[cells.stratum] - of_other)

    @cached_property
    def both(self) -> np.ndarray:
        return self.own + self.other

    @cached_property
    def lines(self) -> np.ndarray:
        """Of both, at least one, so that they may stand below a line."""
        return np.maximum(self.both, 1)

    @cached_property
    def lines_without(self) -> np.ndarray:
        return np.maximum(self.own_without + self.other_without, 1)


def _gap(both: Cells, n: _Sides, total: _Sides, relative: bool) -> tuple[float, np.ndarray]:
    """The gap and the users' influences on it, (U,).

    A stratum adds w (mean_a - mean_b) above the line and w, or w mean_b, below it; neither needs a division by the
    number of either side.
    """
    at = both.stratum
    weighed = total if relative else n
    above = (n.other * total.own - n.own * total.other) / n.lines
    below = n.own * weighed.other / n.lines
    above_without = (
        n.other_without * total.own_without - n.own_without * total.other_without
    ) / n.lines_without
    below_without = n.own_without * weighed.other_without / n.lines_without
    left_above = above.sum() - both.by_user(above[at] - above_without)
    left_below = below.sum() - both.by_user(below[at] - below_without)
    if not (below.sum() > 0 and left_below.min() > 1e-9 * below.sum()):
        return float("nan"), np.zeros(len(left_below))
    value = float(above.sum() / below.sum())
    return value, value - left_above / left_below


def _scores(both: Cells, n: np.ndarray, outcome: np.ndarray) -> np.ndarray:
    """Sum over a user's lines of outcome minus the stratum's mean; the side's sum is the gap's numerator."""
    mean = both.by_stratum(outcome) / np.maximum(n, 1)
    return both.by_user(outcome - both.n * mean[both.stratum])


def judged_overlaps(
    found: list[Overlap],
    own: np.ndarray,
    other: np.ndarray,
    *,
    settings: Statistics,
    permutations: int,
    rng: np.random.Generator,
    strata: np.ndarray | None = None,
) -> list[Gaps]:
    """Gaps with their intervals, over users of both sides drawn again, and p-values, labels of users shuffled.

    None can be told where they rest on fewer than `minimum_group` users of either side, whoever else there is.

    Args:
        found: of the same lines. strata: (U,) control strata of users within which labels are shuffled; None: among all.
    """
    n = int((own & found[0].users).sum())
    told = [place for place, one in enumerate(found) if np.isfinite(one.value)]
    gaps = [unknown_gap()] * len(found)
    if not told or min(n, (other & found[0].users).sum()) < settings.minimum_group:
        return gaps
    users = own | other
    label = own[users].astype(int)
    value = np.array([found[place].value for place in told])
    influence, score = (
        np.column_stack([getattr(found[place], name)[users] for place in told])
        for name in ("influence", "score")
    )
    interval = influence_intervals(value, influence, label, settings=settings, rng=rng)
    within = None if strata is None else strata[users]
    p_value, null = score_tests(score, label, permutations, rng, strata=within)
    ends = np.quantile(null, [(1 - settings.confidence) / 2, (1 + settings.confidence) / 2], axis=0)
    for number, place in enumerate(told):
        one = Interval(*(getattr(interval, name)[number] for name in INTERVAL))
        low, high = (end[number] * one.error for end in ends)
        gaps[place] = Gaps(one, p_value[number], low, high, np.array(n))
    return gaps


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


def score_tests(
    score: np.ndarray,
    label: np.ndarray,
    permutations: int,
    rng: np.random.Generator,
    *,
    strata: np.ndarray | None = None,
) -> tuple[np.ndarray, np.ndarray]:
    """Permutation tests of the difference of two groups' mean scores: p-values, (K,), and the null in standard errors, (B, K).

    Studentised, lest groups that buy unlike amounts raise false alarms (Chung & Romano, Annals of Statistics 41, 2013).

    Args:
        score: (U, K). label: (U,) 0 or 1.
    """
    scale = score.std(axis=0)
    z = (score - score.mean(axis=0)) / np.where(scale > 0, scale, 1.0)
    moments = np.column_stack([z, z**2])
    n = np.bincount(label, minlength=2)
    seen = np.stack([moments[label == side].mean(axis=0) for side in (0, 1)])
    null = permuted_means(
        moments, label, n_groups=2, permutations=permutations, rng=rng, strata=strata
    ) + moments.mean(axis=0)
    t, t_null = _t(seen[None], n), _t(null, n)
    return p_values(t, t_null[:, None])[0], t_null


def _t(moments: np.ndarray, n: np.ndarray) -> np.ndarray:
    """Second group minus first, in standard errors, of means of scores and squared scores, (B, 2, 2 K) -> (B, K)."""
    mean, square = np.split(moments, 2, axis=-1)
    variance = np.maximum(square - mean**2, 0) / np.maximum(n - 1, 1)[:, None]
    error = np.sqrt(variance.sum(axis=1))
    off = mean[:, 1] - mean[:, 0]
    return np.divide(off, error, out=np.zeros_like(off), where=error > 0)
