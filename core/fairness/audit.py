"""The audit of users: how well each group is recommended to, how sure that is, and what must not be told."""

import zlib
from dataclasses import dataclass, replace

import numpy as np
import pandas as pd

from core.errors import InputError, NotFound, SettingsError, TableError
from core.fairness.comparison import Comparison, compare_groups
from core.fairness.correction import NAMES, needed_permutations
from core.fairness.coverage import common_size, rarefied_coverage
from core.fairness.groups import group_labels
from core.fairness.notes import notes, tolerance_words
from core.fairness.partition import Partition, partition
from core.fairness.rows import partition_rows, tidy
from core.fairness.stats import Interval, bootstrap, intervals
from core.fairness.verdicts import Verdicts, judge
from core.schema.settings import AuditSettings, Statistics
from core.schema.tables import ITEM, RANK, USER

MAXIMUM_PERMUTATIONS = 10_000
INTERVAL_FIELDS = ("value", "low", "high", "error")


@dataclass(frozen=True)
class AuditResult:
    """What an audit found.

    Attributes:
        rows: the tidy table of `core.fairness.rows`.
        metrics: names of the metrics compared, e.g. `ndcg@10`. attributes: names of the groupings.
        tests: comparisons that were corrected for together (m). correction: by what, in words.
        users: users audited. users_skipped: users without a test purchase, for whom no list can be judged.
        tolerance: when a gap matters, in words. notes: what a reader must know besides.
    """

    rows: pd.DataFrame
    metrics: tuple[str, ...]
    attributes: tuple[str, ...]
    tests: int
    correction: str
    users: int
    users_skipped: int
    tolerance: str
    notes: tuple[str, ...]


def audit_users(
    per_user: pd.DataFrame,
    top_k: pd.DataFrame,
    users: pd.DataFrame,
    n_catalogue: int,
    settings: AuditSettings,
) -> AuditResult:
    """Compare the groups of users on every metric at k.

    Args:
        per_user: one row per user with test purchases: `user` (code) and columns such as `ndcg@10`.
        top_k: the lists shown: `user`, `item`, `rank` (1 is the top); rows beyond k or of others are ignored.
        users: row r is user code r; attribute columns.
        n_catalogue: items that could have been shown; codes from there on cover nothing.

    Raises:
        NotFound: no such attribute or reference group.
        SettingsError: too many groups, a hidden reference group, or no metric at this k.
        InputError: fewer users than `minimum_group`.
        TableError: a metric value is missing, or a user is given twice or unknown.
    """
    metrics = metrics_at(per_user, settings.k)
    codes = checked_users(per_user, metrics, n_users=len(users))
    names = (*metrics, f"coverage@{settings.k}")
    listed = np.isin(codes, top_k.loc[top_k[RANK] <= settings.k, USER])
    parts = _partitions(users, codes, listed, names, settings)
    tests = sum(part.comparisons for part in parts) * len(names)
    permutations = enough_permutations(tests, settings)
    values = per_user[metrics].to_numpy(dtype=np.float64)
    lists = _lists(top_k, codes, settings.k, n_catalogue)
    compared = [_compare(part, values, lists, n_catalogue, permutations, settings) for part in parts]
    return AuditResult(
        rows=_rows(parts, compared, mean_intervals(values, settings).within(0, 1), names, settings),
        metrics=names,
        attributes=tuple(part.attribute for part in parts),
        tests=tests,
        correction=NAMES[settings.correction],
        users=len(codes),
        users_skipped=len(users) - len(codes),
        tolerance=tolerance_words(settings),
        notes=notes(parts, names, tests, permutations, settings),
    )


def _partitions(
    users: pd.DataFrame,
    codes: np.ndarray,
    listed: np.ndarray,
    metrics: tuple[str, ...],
    settings: AuditSettings,
) -> list[Partition]:
    """The audited users by each grouping, if they are enough to show any; lists that are not there hit nothing, so that a
    group's numbers are those of its users with a list."""
    least = settings.minimum_group
    for enough, lacking in ((len(codes), "purchases to judge by"), (listed.sum(), "a list to judge")):
        if enough < least:
            raise InputError(f"Fewer than {least} users have {lacking}; nothing can be shown.")
    options = {"minimum": least, "reference": settings.reference, "counted": listed}
    parts = [partition(group_labels(users, by, bins=settings.bins), codes, **options) for by in settings.by]
    _check_names(parts, metrics, settings)
    return parts


def _rows(
    parts: list[Partition],
    compared: list[Comparison | None],
    overall: Interval,
    names: tuple[str, ...],
    settings: AuditSettings,
) -> pd.DataFrame:
    """The tidy table of all groupings, judged as one family; `overall` are the means of all users, (1, K - 1)."""
    everyone = [_with_coverage(overall, found) for found in compared]
    tolerances = [_shares(names, settings) * np.abs(means.value[0]) for means in everyone]
    verdicts = _judge(compared, tolerances, settings)
    each = zip(parts, compared, everyone, tolerances, verdicts, strict=True)
    return tidy([row for one in each for row in partition_rows(*one, names, settings)])


def metrics_at(per_user: pd.DataFrame, k: int) -> list[str]:
    """The metric columns at this k; SettingsError if there is none."""
    found = [str(name) for name in per_user.columns if str(name).endswith(f"@{k}")]
    if not found:
        known = sorted({int(name.split("@")[1]) for name in map(str, per_user.columns) if "@" in name})
        raise SettingsError(
            f"No metric was computed at k={k}; there are k = {', '.join(map(str, known)) or 'none'}."
        )
    return found


def checked_users(per_user: pd.DataFrame, metrics: list[str], *, n_users: int) -> np.ndarray:
    """The user codes, (U,), each once and known; every metric value is finite. TableError otherwise."""
    codes = per_user[USER].to_numpy()
    for problem, bad in (
        ("is no known user", (codes < 0) | (codes >= n_users)),
        ("appears twice", per_user[USER].duplicated().to_numpy()),
    ):
        if bad.any():
            raise TableError(
                problem, source="per-user metrics", column=USER, rows=np.flatnonzero(bad)[:6] + 1
            )
    for name in metrics:
        bad = ~np.isfinite(per_user[name].to_numpy(dtype=float, na_value=np.nan))
        if bad.any():
            raise TableError(
                "is not a number", source="per-user metrics", column=name, rows=np.flatnonzero(bad)[:6] + 1
            )
    return codes


def mean_intervals(values: np.ndarray, settings: Statistics) -> Interval:
    """Means over all users with their intervals, (1, K); the same wherever values and seed are the same.

    One user shows no spread: the ends are NaN.

    Args:
        values: (U, K) metrics of each user, at least one user.
    """
    if len(values) < 2:
        unknown = np.full((1, values.shape[1]), np.nan)
        return Interval(values.mean(axis=0, keepdims=True), unknown, unknown, unknown)
    rng = np.random.default_rng(settings.seed)
    moments = bootstrap(values, np.zeros(len(values), dtype=int), n_groups=1, draws=settings.draws, rng=rng)
    return intervals(moments, np.ones((1, 1)), confidence=settings.confidence)


def _lists(top_k: pd.DataFrame, codes: np.ndarray, k: int, n_catalogue: int) -> tuple[np.ndarray, np.ndarray]:
    """What of the catalogue the audited users were shown, (L,) each: position of the user in `codes`, item code."""
    shown = top_k[(top_k[RANK] <= k) & (top_k[ITEM] < n_catalogue)]
    positions = pd.Index(codes).get_indexer(shown[USER])
    return positions[positions >= 0], shown[ITEM].to_numpy()[positions >= 0]


def _check_names(parts: list[Partition], metrics: tuple[str, ...], settings: AuditSettings) -> None:
    """The reference group and the metrics with a tolerance of their own must exist."""
    known = dict.fromkeys(family(name) for name in metrics)
    for name in settings.tolerances:
        if name not in known:
            raise SettingsError(
                f"Setting 'tolerances': there is no metric '{name}'; there are {', '.join(known)}."
            )
    if settings.reference and all(settings.reference not in part.names for part in parts):
        named = ", ".join(name for part in parts for name in part.names[:12])
        raise NotFound(f"There is no group '{settings.reference}' to compare with; there are: {named}.")


def family(metric: str) -> str:
    """`ndcg@10` -> `ndcg`."""
    return metric.partition("@")[0]


def enough_permutations(tests: int, settings: Statistics) -> int:
    """At least as many as are needed, but no more than MAXIMUM_PERMUTATIONS for that."""
    return max(settings.permutations, min(needed_permutations(tests, settings), MAXIMUM_PERMUTATIONS))


def _compare(
    part: Partition, values: np.ndarray, lists, n_catalogue: int, permutations: int, settings: AuditSettings
) -> Comparison | None:
    """Compare one partition's groups on all metrics, coverage last; None where no group is shown."""
    if not part.n_shown:
        return None
    coverage = rarefied_coverage(
        *lists, part.strata, n_groups=part.n_strata, n_items=n_catalogue, m=common_size(part.n)
    )
    found = compare_groups(
        np.column_stack([values, coverage]),
        part.strata,
        n_shown=part.n_shown,
        reference=part.reference,
        draws=settings.draws,
        permutations=permutations,
        confidence=settings.confidence,
        rng=np.random.default_rng([settings.seed, zlib.crc32(part.attribute.encode())]),
    )
    shares = {"mean": found.mean.within(0, 1), "overall": found.overall.within(0, 1)}
    return replace(found, gap=found.gap.within(-1, 1), **shares)


def _with_coverage(overall: Interval, found: Comparison | None) -> Interval:
    """Means over all users, (1, K): coverage is the mean over their groups, NaN where none is shown."""
    parts = (
        (getattr(overall, name), found and getattr(found.overall, name)[:, -1:]) for name in INTERVAL_FIELDS
    )
    return Interval(
        *(np.hstack([own, [[np.nan]] if coverage is None else coverage]) for own, coverage in parts)
    )


def _shares(metrics: tuple[str, ...], settings: AuditSettings) -> np.ndarray:
    """The tolerance of each metric as a share of its mean over all users, (K,)."""
    return np.array([settings.tolerances.get(family(name), settings.tolerance) for name in metrics])


def _judge(
    compared: list[Comparison | None], tolerances: list[np.ndarray], settings: AuditSettings
) -> list[Verdicts | None]:
    """Verdicts of all partitions as one family; arrays (C, K) for each partition."""
    kept = [(found, tolerance) for found, tolerance in zip(compared, tolerances, strict=True) if found]

    def flat(take) -> np.ndarray:
        return np.concatenate([np.broadcast_to(take(*one), one[0].gap.value.shape).ravel() for one in kept])

    if not kept:
        return [None] * len(compared)
    judged = judge(
        flat(lambda found, _: found.gap.value),
        flat(lambda found, _: found.gap.low),
        flat(lambda found, _: found.gap.high),
        flat(lambda found, _: found.p_value),
        tolerance=flat(lambda _, tolerance: tolerance),
        n=flat(lambda found, _: found.n[found.compared][:, None]),
        confidence=settings.confidence,
        false_discovery_rate=settings.false_discovery_rate,
        correction=settings.correction,
    )
    ends = np.cumsum([found.gap.value.size for found, _ in kept])[:-1]
    pieces = zip(
        *(np.split(array, ends) for array in (judged.p_adjusted, judged.verdict, judged.more_users)),
        strict=True,
    )
    return [
        Verdicts(*(array.reshape(found.gap.value.shape) for array in next(pieces))) if found else None
        for found in compared
    ]
