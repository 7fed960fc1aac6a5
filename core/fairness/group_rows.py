"""Rows of an audit for any metric of single users (means) or of totals (ratios and the like)."""

import zlib
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace

import numpy as np
import pandas as pd

from core.fairness.comparison import Contrasts, compare_groups
from core.fairness.partition import Partition
from core.fairness.rows import STATISTICS, AuditRow
from core.fairness.stats import Interval, p_values
from core.fairness.suppression import HIDDEN, HIDDEN_TEXT, SHOWN, group_states
from core.fairness.totals import Variance, permuted_totals, slopes, spread_along, total_intervals
from core.schema.settings import ALL, Statistics

OPTIONAL = ("low", "high", "p_value", "null_low", "null_high")
Bounds = tuple[float, float]
Measure = Callable[[np.ndarray], np.ndarray]  # totals (..., C) of some users -> (..., K)


def among(part: Partition, there: np.ndarray, *, minimum: int) -> Partition | None:
    """The same groups among those users for whom a metric exists; groups that become too small are hidden.

    Args:
        there: bool (U,).

    Returns:
        None where no group is left to show, or the reference group is none of them.
    """
    cells = part.cells
    of_user = cells.of_user[there]
    counts = np.bincount(of_user, minlength=int(np.prod(cells.shape)))
    states = group_states(counts.reshape(cells.shape), minimum).ravel()[cells.of_name]
    still = (states == SHOWN) & (part.states == SHOWN)  # less than may be shown is as safe
    kept = (np.cumsum(part.states == SHOWN) - 1)[still]
    if not len(kept) or (part.reference is not None and part.reference not in kept):
        return None
    places = np.full(part.n_strata, len(kept))
    places[kept] = np.arange(len(kept))
    return replace(
        part,
        states=np.where(still, SHOWN, HIDDEN),
        strata=places[part.strata[there]],
        reference=None if part.reference is None else int(places[part.reference]),
        table=replace(cells, of_user=of_user),
    )


def among_rows(
    users: np.ndarray, codes: np.ndarray, part: Partition, *, minimum: int
) -> tuple[Partition, np.ndarray, np.ndarray] | None:
    """The same groups among the users of some rows, as `among`.

    Args:
        users: (N,) user code of each row. codes: (U,) audited users, in the order of the partition.

    Returns:
        the groups; bool (N,), rows of audited users; and the place in these groups of the user of each such row.
    """
    places = pd.Index(codes).get_indexer(users)
    kept = places >= 0
    there = np.zeros(len(codes), bool)
    there[places[kept]] = True
    own = among(part, there, minimum=minimum)
    return None if own is None else (own, kept, (np.cumsum(there) - 1)[places[kept]])


def mean_rows(
    values: np.ndarray,
    metrics: Sequence[str],
    part: Partition,
    settings: Statistics,
    *,
    section: str,
    tolerances: Mapping[str, float] | None = None,
    bounds: Mapping[str, Bounds] | None = None,
    strata: np.ndarray | None = None,
) -> list[AuditRow]:
    """Means, gaps and ratios of metrics of single users; users without a value do not count for that metric.

    Args:
        values: (U, K), NaN where a user has no value. tolerances: by metric, in its unit; those without one are
            not judged. bounds: by metric, how far its values can go, and so their intervals; only metrics with a lower
            one of zero or more have ratios. strata: (U,) control strata within which labels are permuted.
    """
    alike: dict[bytes, list[int]] = {}  # metrics that the same users have
    for column, known in enumerate(np.isfinite(values).T):
        alike.setdefault(known.tobytes(), []).append(column)
    rows: list[AuditRow] = []
    for columns in alike.values():
        there = np.isfinite(values[:, columns[0]])
        own = among(part, there, minimum=settings.minimum_group)
        if own is None:
            continue
        found = compare_groups(
            values[np.ix_(there, columns)],
            own.strata,
            n_shown=own.n_shown,
            reference=own.reference,
            draws=settings.draws,
            permutations=settings.permutations,
            confidence=settings.confidence,
            rng=generator(own, settings),
            strata=None if strata is None else strata[there],
            resample_up_to=settings.resample_up_to,
        )
        names = [metrics[column] for column in columns]
        found = within(found, names, bounds or {})
        rows += rows_of(found, names, own, settings, section=section, tolerances=tolerances)
    return sorted(rows, key=lambda row: place_of(row.metric, metrics))


def place_of(name: str, metrics: Sequence[str]) -> int:
    """Which of the metrics a row's metric belongs to, whatever its suffix."""
    bare = [name.removesuffix(suffix) if suffix else name for suffix in STATISTICS.values()]
    return min(metrics.index(one) for one in bare if one in metrics)


def generator(part: Partition, settings: Statistics) -> np.random.Generator:
    """The random numbers of one grouping: the same whenever it is asked again."""
    return np.random.default_rng([settings.seed, zlib.crc32(part.attribute.encode())])


def total_rows(
    contributions: np.ndarray,
    measure: Measure,
    metrics: Sequence[str],
    part: Partition,
    settings: Statistics,
    *,
    section: str,
    tolerances: Mapping[str, float] | None = None,
    bounds: Mapping[str, Bounds] | None = None,
    strata: np.ndarray | None = None,
) -> list[AuditRow]:
    """Values, gaps and ratios of functions of group totals, such as sums over sums.

    Users whose contributions are not finite do not count. A group's gap is its value minus that of the reference
    group, or of all other users taken together.

    Args:
        contributions: (U, C). measure: totals (..., C) -> (..., K), NaN where undefined. bounds: by metric, how far
            its values can go, and so their intervals; only metrics with a lower one of zero or more have ratios.
    """
    there = np.isfinite(contributions).all(axis=1)
    own = among(part, there, minimum=settings.minimum_group)
    if own is None:
        return []
    control = None if strata is None else strata[there]
    found = compare_totals(contributions[there], measure, own, settings, strata=control)
    found = within(found, metrics, bounds or {})
    return rows_of(found, metrics, own, settings, section=section, tolerances=tolerances)


def within(found: Contrasts, metrics: Sequence[str], bounds: Mapping[str, Bounds]) -> Contrasts:
    """The same with intervals of values, gaps and ratios no further than the metrics can go.

    A metric that may be below zero has no ratio: it would say nothing.
    """
    low, high = np.array([bounds.get(metric, (-np.inf, np.inf)) for metric in metrics]).T
    ends = {
        "mean": (low, high),
        "overall": (low, high),
        "gap": (low - high, high - low),
        "ratio": (0, np.inf),
    }
    cut = {name: getattr(found, name).within(*pair) for name, pair in ends.items()}
    cut["ratio"] = replace(cut["ratio"], value=np.where(low >= 0, found.ratio.value, np.nan))
    return replace(found, **cut)


def compare_totals(
    contributions: np.ndarray,
    measure: Measure,
    part: Partition,
    settings: Statistics,
    *,
    strata: np.ndarray | None = None,
) -> Contrasts:
    """Compare each shown group with the reference or the rest on functions of totals; see `total_rows`."""
    shown, compared = np.arange(part.n_shown), part.compared
    size = len(shown), 1, len(compared), len(compared)

    def statistic(totals: np.ndarray) -> np.ndarray:
        values, gap, ratio = contrasts(totals, measure, compared, part.reference)
        overall = measure(totals.sum(axis=-2))[..., None, :]
        stacked = np.concatenate([values[..., shown, :], overall, gap, ratio], axis=-2)
        return stacked.reshape(*totals.shape[:-2], -1)

    rng, options = generator(part, settings), {"n_groups": part.n_strata}
    few = contributions.shape[1] <= statistic(np.zeros((part.n_strata, contributions.shape[1]))).shape[-1]
    with np.errstate(invalid="ignore", divide="ignore"):
        found = total_intervals(
            contributions,
            part.strata,
            statistic,
            draws=settings.draws,
            confidence=settings.confidence,
            rng=rng,
            variance=_variance(measure, part, compared) if few else None,
            **options,
        )
        null = permuted_totals(
            contributions,
            part.strata,
            permutations=settings.permutations,
            rng=rng,
            strata=strata,
            **options,
        )
        null_gaps = contrasts(null, measure, compared, part.reference)[1]  # (B, C, K)
    mean, overall, gap, ratio = _split(found, size)
    p_value, low, high = against_null(gap.value, null_gaps, settings)
    return Contrasts(part.n[: part.n_shown], compared, mean, overall, gap, ratio, p_value, low, high)


def _variance(measure: Measure, part: Partition, compared: np.ndarray) -> Variance:
    """Squared standard errors of what `compare_totals` tells, in its order: the variance of totals along the slopes of the
    measure at a group's own totals, and at those of the others, who are other users."""

    def variance(totals: np.ndarray, step: np.ndarray, scatter: np.ndarray) -> np.ndarray:
        all_users, all_scatter = totals.sum(axis=1, keepdims=True), scatter.sum(axis=1, keepdims=True)
        if part.reference is None:
            others, their_scatter = all_users - totals[:, compared], all_scatter - scatter[:, compared]
        else:
            others, their_scatter = totals[:, [part.reference]], scatter[:, [part.reference]]
        own, overall, other = (
            spread_along(spread, slopes(measure, users, step))  # (B, R, K)
            for users, spread in ((totals, scatter), (all_users, all_scatter), (others, their_scatter))
        )
        value, beside = measure(totals)[:, compared], measure(others)
        beside = np.where(beside != 0, beside, np.nan)
        gap = own[:, compared] + other
        ratio = own[:, compared] / beside**2 + other * (value / beside**2) ** 2
        parts = own[:, : part.n_shown], overall, gap, np.nan_to_num(ratio, posinf=0.0)
        return np.concatenate(parts, axis=1).reshape(len(totals), -1)

    return variance


def contrasts(
    totals: np.ndarray, measure: Measure, compared: np.ndarray, reference: int | None
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Values of all groups (..., G, K), gaps and ratios of the compared ones (..., C, K)."""
    values = measure(totals)
    if reference is None:
        other = measure(totals.sum(axis=-2, keepdims=True) - totals[..., compared, :])
    else:
        other = values[..., [reference], :]
    own = values[..., compared, :]
    return values, own - other, np.divide(own, np.where(other != 0, other, np.nan))


def _split(found: Interval, size: tuple[int, ...]) -> list[Interval]:
    """One long row of statistics as intervals of (rows, K) for each block of rows."""
    ends = np.cumsum(size)[:-1]
    fields = [part.reshape(sum(size), -1) for part in (found.value, found.low, found.high, found.error)]
    blocks = [np.split(field, ends) for field in fields]
    return [Interval(*block) for block in zip(*blocks, strict=True)]


def against_null(
    observed: np.ndarray, null: np.ndarray, settings: Statistics
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """P-values and the band of the null, all of the shape of `observed`; null (B, ...).

    NaN where the value is undefined. Permutations in which it is count against the finding; the band is that of the
    others.
    """
    if not observed.size:  # nobody to compare with
        return observed, observed, observed
    known = np.isfinite(observed) & np.isfinite(null).any(axis=0)
    tail = (1 - settings.confidence) / 2
    filled = np.where(np.isfinite(null), null, np.where(known, observed, 0.0))
    band = np.nanquantile(np.where(known, null, 0.0), [tail, 1 - tail], axis=0)
    p_value = p_values(np.where(known, observed, 0.0), filled)
    return tuple(np.where(known, part, np.nan) for part in (p_value, *band))


def rows_of(
    found: Contrasts,
    metrics: Sequence[str],
    part: Partition,
    settings: Statistics,
    *,
    section: str,
    tolerances: Mapping[str, float] | None = None,
) -> list[AuditRow]:
    """Mean, gap and ratio rows, metric by metric; hidden groups carry no number, what is undefined has no row."""
    rows: list[AuditRow] = []
    for k, metric in enumerate(metrics):
        blank = AuditRow(section, part.attribute, ALL, metric, "mean", n=len(part.strata))
        rows += known_rows([replace(blank, **found.overall.at(0, k))])
        for statistic, suffix in STATISTICS.items():
            if statistic == "ratio" and not np.isfinite(found.ratio.value[:, k]).any():
                continue
            for name, shown in part.positions():
                row = replace(blank, group=name, metric=metric + suffix, statistic=statistic)
                if shown is None:
                    rows.append(replace(row, n=HIDDEN_TEXT, suppressed=True))
                    continue
                n = int(found.n[shown])
                row = replace(row, n=n, small=n < settings.small_group)
                rows += known_rows(_shown(row, found, shown, k, part, (tolerances or {}).get(metric)))
    return rows


def _shown(
    row: AuditRow,
    found: Contrasts,
    shown: int,
    k: int,
    part: Partition,
    tolerance: float | None,
) -> list[AuditRow]:
    if row.statistic == "mean":
        return [replace(row, **found.mean.at(shown, k))]
    if shown not in found.compared:
        return []
    c = int(np.searchsorted(found.compared, shown))
    row = replace(row, reference=part.reference_name)
    if row.statistic == "ratio":
        return [replace(row, **found.ratio.at(c, k))]
    tests = {name: float(getattr(found, name)[c, k]) for name in ("p_value", "null_low", "null_high")}
    return [replace(row, tolerance=tolerance, **tests, **found.gap.at(c, k))]


def known_rows(rows: list[AuditRow]) -> list[AuditRow]:
    """Those with a value; what has no interval or no test cannot be judged, and has no tolerance."""
    kept = [row for row in rows if np.isfinite(row.value)]
    return [
        row
        if np.isfinite([row.low, row.high, 0.0 if row.p_value is None else row.p_value]).all()
        else replace(row, tolerance=None, **{name: _finite(getattr(row, name)) for name in OPTIONAL})
        for row in kept
    ]


def _finite(number: float | None) -> float | None:
    return number if number is not None and np.isfinite(number) else None
