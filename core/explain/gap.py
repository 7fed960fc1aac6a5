"""Why one group is served better than another: what would remain of a gap if the groups were alike in other things."""

from collections.abc import Mapping
from dataclasses import dataclass, replace

import numpy as np

from core.errors import InputError
from core.fairness.group_rows import generator
from core.fairness.judging import judged
from core.fairness.partition import Partition
from core.fairness.pricing.overlap import influence_intervals
from core.fairness.pricing.sides import INTERVAL, Gaps, gap_rows, t_tested
from core.fairness.rows import AuditRow
from core.fairness.stats import Interval
from core.schema.settings import Statistics

SECTION = "explain"
GAP, EXPLAINED, UNEXPLAINED, REMAINING = "gap", "explained", "unexplained", "remaining"
FEWEST_EFFECTIVE = 10  # users that a reweighted side must be worth
LARGEST_SHARE = 0.2  # that one user may have of it
FURTHEST = 1e-6  # weighted means may be off, in standard deviations
ITERATIONS = 100


@dataclass(frozen=True)
class GapParts:
    """Parts of the gap of each compared group, C of them.

    Attributes:
        parts: names in order: gap, explained, the causes that make `explained` up, unexplained, remaining.
        gaps: of each part, (C,). `remaining` is NaN where the groups are too unlike to be made alike.
        effective: (C,) users that the reweighted side is worth; NaN where it cannot be reweighted.
        left_out: of each compared group, the causes in which the other side has nobody like it, so that `remaining` is told
            without them. users: (U,) all.
    """

    parts: tuple[str, ...]
    gaps: dict[str, Gaps]
    effective: np.ndarray
    left_out: tuple[tuple[str, ...], ...]
    users: int


def decompose_gap(
    values: np.ndarray,
    causes: Mapping[str, np.ndarray],
    part: Partition,
    settings: Statistics,
) -> GapParts:
    """Take the gaps of a metric of users apart, twice.

    Twofold (Kitagawa 1955; Oaxaca 1973; Blinder 1973), with slopes pooled over all groups and the groups' own effects held
    (Jann, Stata Journal 8, 2008): value = x'g + effect of the group + error, so that

        gap = sum over causes of (mean x_a - mean x_b)'g + unexplained

    It says how much each cause makes, and supposes that a cause works alike in all groups. `remaining` does not: the other
    side is reweighted until the means of all causes are those of the group (entropy balancing: Hainmueller, Political
    Analysis 20, 2012; causes in which it has nobody like the group are left out), and what is left of the gap is told where that side is still worth FEWEST_EFFECTIVE users, none of
    them with more than LARGEST_SHARE. Intervals draw users again and count the errors of slopes and weights, by the
    users' influences.

    None of this says that a cause is just, nor that it comes from outside: short histories can be what worse lists led to.

    Args:
        values: (U,) of the users of the partition. causes: by name, (U, d) numbers.

    Raises:
        InputError: nobody to compare with, or fewer users than there are numbers to compare them by.
    """
    groups = part.compared
    if not len(groups):
        raise InputError("There is only one group, so there is nothing to compare.")
    columns, owners = _columns(causes, part.strata)
    if len(values) < 2 * (columns.shape[1] + part.n_strata):
        raise InputError(
            f"{len(values):,} users are too few to compare by {columns.shape[1]} numbers of each."
        )
    names = list(causes)
    slopes, slope_influence = _fit(values, columns, part.strata)
    found = [
        _one(values, columns, owners, len(names), slopes, slope_influence, *part.sides(group))
        for group in groups
    ]
    parts = (GAP, EXPLAINED, *names, UNEXPLAINED, REMAINING)
    value = np.stack([one[0] for one in found])  # (C, parts)
    influence = np.stack([one[1] for one in found], axis=1)  # (U, C, parts)
    told = np.isfinite(value)
    interval = influence_intervals(
        np.where(told, value, 0.0).ravel(),
        np.where(told, influence, 0.0).reshape(len(values), -1),
        part.strata,
        settings=settings,
        rng=generator(part, settings),
    )
    shaped = {name: np.where(told, getattr(interval, name).reshape(value.shape), np.nan) for name in INTERVAL}
    degrees = len(values) - columns.shape[1] - part.n_strata
    gaps = {
        name: t_tested(
            Interval(*(shaped[field][:, place] for field in INTERVAL)), degrees, settings.confidence
        )
        for place, name in enumerate(parts)
    }
    left_out = tuple(tuple(names[cause] for cause in one[3]) for one in found)
    return GapParts(parts, gaps, np.array([one[2] for one in found]), left_out, len(values))


def gap_table(
    found: GapParts, part: Partition, metric: str, *, tolerance: float, settings: Statistics
) -> list[AuditRow]:
    """Audit rows of all parts, metric `<metric>: <part>`; the gap and what remains of it are judged, as one family."""
    rows = []
    for name in found.parts:
        asked = tolerance if name in (GAP, REMAINING) else None
        rows += gap_rows(part, f"{metric}: {name}", found.gaps[name], tolerance=asked, settings=settings)
    return judged([replace(row, section=SECTION) for row in rows], settings)


def balanced(columns: np.ndarray, target: np.ndarray) -> np.ndarray | None:
    """Weights (n,) that sum to one, closest to equal ones in entropy, whose means of the columns (n, D) are the target (D,).

    Newton's method on the convex dual log mean exp((x - target)'l). None where there are no such weights: the target lies
    outside of what any mix of the rows can be.
    """
    away = columns - target
    dual = np.zeros(away.shape[1])
    weights = np.full(len(away), 1 / len(away))
    value = 0.0
    for _ in range(ITERATIONS):
        slope = weights @ away
        if np.abs(slope).max(initial=0) < FURTHEST:
            return weights
        centred = away - slope
        curvature = (weights[:, None] * centred).T @ centred + 1e-10 * np.eye(len(dual))
        step, length = np.linalg.solve(curvature, slope), 1.0
        while length > 1e-6:
            tried = dual - length * step
            logits = away @ tried
            new = logits.max() + np.log(np.exp(logits - logits.max()).mean())
            if new <= value - 1e-4 * length * float(slope @ step):
                break
            length /= 2
        else:
            return None
        dual, value = tried, new
        weights = np.exp(logits - logits.max())
        weights /= weights.sum()
    return None


def _columns(causes: Mapping[str, np.ndarray], strata: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """All causes side by side, standardised, without what does not vary within groups; and which cause each is of."""
    sizes = [block.shape[1] for block in causes.values()]
    owners = np.repeat(np.arange(len(sizes)), sizes)
    joined = np.hstack([np.zeros((len(strata), 0)), *causes.values()]).astype(float)
    spread = _within(joined, strata).std(axis=0)
    varied = spread > 1e-9
    joined = joined[:, varied]
    return (joined - joined.mean(axis=0)) / spread[varied], owners[varied]


def _within(values: np.ndarray, strata: np.ndarray) -> np.ndarray:
    """Less the mean of each stratum."""
    n = np.maximum(np.bincount(strata), 1)
    sums = np.zeros((len(n), *values.shape[1:]))
    np.add.at(sums, strata, values)
    return values - (sums.T / n).T[strata]


def _fit(values: np.ndarray, columns: np.ndarray, strata: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Slopes within groups, (D,), and users' influences on them, (U, D), with residuals enlarged by leverage (HC3)."""
    x, y = _within(columns, strata), _within(values, strata)
    inverse = np.linalg.pinv(x.T @ x, hermitian=True)
    slopes = inverse @ (x.T @ y)
    leverage = np.einsum("ud,de,ue->u", x, inverse, x) + 1 / np.bincount(strata)[strata]
    residuals = (y - x @ slopes) / np.maximum(1 - leverage, 0.1)
    return slopes, (x * residuals[:, None]) @ inverse


def _one(
    values: np.ndarray,
    columns: np.ndarray,
    owners: np.ndarray,
    n_causes: int,
    slopes: np.ndarray,
    slope_influence: np.ndarray,
    own: np.ndarray,
    other: np.ndarray,
) -> tuple[np.ndarray, np.ndarray, float, list[int]]:
    """Values (parts,), influences (U, parts), effective users and causes left out of one comparison."""
    gap, of_gap = _mean_gap(values[:, None], own, other)
    apart, of_apart = _mean_gap(columns, own, other)
    member = (owners[:, None] == np.arange(n_causes)).astype(float)  # (D, causes)
    made = (apart * slopes) @ member
    of_made = (of_apart * slopes + slope_influence * apart) @ member
    explained, of_explained = made.sum(keepdims=True), of_made.sum(axis=1, keepdims=True)
    left_out = _unlike(columns, owners, own, other)
    alike = columns[:, ~np.isin(owners, left_out)]
    remaining, of_remaining, effective = _remaining(values, alike, own, other)
    value = np.concatenate([gap, explained, made, gap - explained, [remaining]])
    influence = np.hstack([of_gap, of_explained, of_made, of_gap - of_explained, of_remaining[:, None]])
    return value, influence, effective, left_out


def _unlike(columns: np.ndarray, owners: np.ndarray, own: np.ndarray, other: np.ndarray) -> list[int]:
    """Causes whose mean on one side no mix of the other side's users has."""
    target = columns[own].mean(axis=0)
    if balanced(columns[other], target) is not None:
        return []
    found = []
    for cause in np.unique(owners).tolist():
        kept = owners == cause
        if balanced(columns[np.ix_(other, kept)], target[kept]) is None:
            found.append(cause)
    return found


def _mean_gap(columns: np.ndarray, own: np.ndarray, other: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Mean of one side minus the other's, (D,), and users' influences on it, (U, D)."""
    gap, influence = 0.0, 0.0
    for side, sign in ((own, 1), (other, -1)):
        mean = columns[side].mean(axis=0)
        gap = gap + sign * mean
        influence = influence + sign * side[:, None] * (columns - mean) / side.sum()
    return gap, influence


def _remaining(
    values: np.ndarray, columns: np.ndarray, own: np.ndarray, other: np.ndarray
) -> tuple[float, np.ndarray, float]:
    """The gap to the other side as it would be with the group's means of all causes; influences; effective users."""
    nothing = np.full(len(values), np.nan)
    target = columns[own].mean(axis=0)
    weights = balanced(columns[other], target) if columns.shape[1] else None
    if weights is None:
        return np.nan, nothing, np.nan
    effective = 1 / float(weights @ weights)
    if effective < FEWEST_EFFECTIVE or weights.max() > LARGEST_SHARE:
        return np.nan, nothing, effective
    away = columns - target
    theirs = away[other]
    mean = float(weights @ values[other])
    # The slope of the values on the causes under the weights is what the weights' own error works through.
    curvature = (weights[:, None] * theirs).T @ theirs
    slope = np.linalg.pinv(curvature, hermitian=True) @ ((weights * (values[other] - mean)) @ theirs)
    influence = np.zeros(len(values))
    n = own.sum()
    mine = values[own].mean()
    influence[own] = (values[own] - mine - away[own] @ slope) / n
    influence[other] = -weights * (values[other] - mean - theirs @ slope)
    return float(mine - mean), influence, effective
