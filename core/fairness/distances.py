"""Rows of an audit for distances: how far one group is from the reference or the rest, zero where they are alike."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace

import numpy as np

from core.fairness.group_rows import among, generator, known_rows, place_of
from core.fairness.partition import Partition
from core.fairness.rows import AuditRow
from core.fairness.stats import upper_p_values
from core.fairness.suppression import HIDDEN_TEXT
from core.fairness.totals import permuted_totals, total_intervals
from core.schema.settings import Statistics

Distance = Callable[[np.ndarray, np.ndarray], np.ndarray]  # totals (..., C) of two groups -> (..., K), >= 0


def distance_rows(
    contributions: np.ndarray,
    distance: Distance,
    metrics: Sequence[str],
    part: Partition,
    settings: Statistics,
    *,
    section: str,
    tolerances: Mapping[str, float] | None = None,
) -> list[AuditRow]:
    """How far each group's totals are from those of the reference group, or of all other users.

    A distance is above zero even between halves of one group: read it beside `null_high`, which it exceeds once in
    twenty times (at 95 %) where labels say nothing. Its interval reaches zero wherever the permutation test does not
    reject, because the bootstrap alone does not cover zero.

    Args:
        contributions: (U, C), users with NaN do not count. distance: two totals (..., C) -> (..., K), >= 0.
    """
    there = np.isfinite(contributions).all(axis=1)
    own = among(part, there, minimum=settings.minimum_group)
    if own is None or own.n_strata < 2:
        return []

    def compare(shown: int) -> list[dict[str, float]]:
        return _distances(contributions[there], distance, own, shown, settings)

    return pair_rows(compare, metrics, own, settings, section=section, tolerances=tolerances)


def pair_rows(
    compare: Callable[[int], list[dict[str, float]]],
    metrics: Sequence[str],
    part: Partition,
    settings: Statistics,
    *,
    section: str,
    tolerances: Mapping[str, float] | None = None,
) -> list[AuditRow]:
    """A gap row of each metric and group that is compared with the reference or the rest, metric by metric.

    Args:
        compare: position of a shown group -> the numbers of each metric, as of `distance_numbers`; none where
            nothing can be told.
    """
    rows: list[AuditRow] = []
    for name, shown in part.positions():
        blank = AuditRow(section, part.attribute, name, "", "gap")
        if shown is None:
            rows += [replace(blank, metric=f"{m}_gap", n=HIDDEN_TEXT, suppressed=True) for m in metrics]
        elif shown != part.reference:
            n = int(part.n[shown])
            blank = replace(blank, n=n, small=n < settings.small_group, reference=part.reference_name)
            rows += known_rows(
                [
                    replace(
                        blank, metric=f"{metric}_gap", tolerance=(tolerances or {}).get(metric), **numbers
                    )
                    for metric, numbers in zip(metrics, compare(shown), strict=False)
                ]
            )
    return sorted(rows, key=lambda row: place_of(row.metric, metrics))


def distance_numbers(
    value: np.ndarray, low: np.ndarray, high: np.ndarray, null: np.ndarray, settings: Statistics
) -> list[dict[str, float]]:
    """The numbers of distances, (K,) each, for a row; null (B, K): distances under shuffled labels.

    The test is one-sided. Permutations without a value count against the finding; the band is that of the others. The
    interval reaches 0 unless the test rejects.
    """
    p_value = upper_p_values(value, null)
    known = np.isfinite(null)
    others = np.where(known, null, np.where(known.any(axis=0), np.nan, 0.0))
    columns = {
        "value": value,
        "low": np.minimum(np.where(p_value > 1 - settings.confidence, 0.0, np.maximum(low, 0.0)), value),
        "high": np.maximum(high, value),
        "p_value": p_value,
        "null_low": np.zeros(len(value)),
        "null_high": np.nanquantile(others, settings.confidence, axis=0),
    }
    return [{name: float(column[k]) for name, column in columns.items()} for k in range(len(value))]


def _distances(
    contributions: np.ndarray, distance: Distance, part: Partition, shown: int, settings: Statistics
) -> list[dict[str, float]]:
    """Value, interval, p-value and null of each metric, of one group against its reference."""
    own, other = part.sides(shown)
    asked = own | other
    other = other[asked].astype(np.int64)
    rng = generator(part, settings)

    def statistic(totals: np.ndarray) -> np.ndarray:
        return distance(totals[..., 0, :], totals[..., 1, :])

    with np.errstate(invalid="ignore", divide="ignore"):
        found = total_intervals(
            contributions[asked],
            other,
            statistic,
            n_groups=2,
            draws=settings.draws,
            confidence=settings.confidence,
            rng=rng,
            lend=False,  # the logarithms of shares near zero bend sharply
        )
        null = statistic(
            permuted_totals(
                contributions[asked], other, n_groups=2, permutations=settings.permutations, rng=rng
            )
        )
    return distance_numbers(found.value, found.low, found.high, null, settings)
