"""The tidy table of an audit, one row per section, attribute, group, metric and statistic."""

from dataclasses import dataclass, fields, replace
from typing import Any

import numpy as np
import pandas as pd

from core.fairness.comparison import Comparison
from core.fairness.groups import ALL
from core.fairness.partition import Partition
from core.fairness.shrinkage import detectable_of_interval
from core.fairness.stats import Interval
from core.fairness.suppression import HIDDEN_TEXT
from core.fairness.verdicts import Verdicts
from core.schema.settings import AuditSettings, Statistics

SECTIONS = ("users", "exposure", "pricing", "service")
STATISTICS = {"mean": "", "gap": "_gap", "ratio": "_ratio"}  # statistic -> suffix of the metric's name


@dataclass(frozen=True)
class AuditRow:
    """One number of an audit with everything needed to read it.

    Attributes:
        section: users, exposure, pricing or service. attribute: `age`, or `age × income`.
        group: its name, or "all".
        metric: `ndcg@10`, with suffix `_gap`, `_ratio` or `_max_min` for those statistics. What exists as a gap alone
            (`same_product_price`, the rungs `price_gap_*`, `discount_gap_*`) has no suffix: `statistic` tells.
        value, low, high: estimate and interval. n: users; a text where the group is hidden.
        reference: the group compared with, or "rest"; of a `max_min` row the worst group (the smallest mean).
        p_value, p_adjusted: permutation test of the gap, alone and corrected for all tests.
        null_low, null_high: where the value would lie without disparity. tolerance: in the metric's own unit.
        verdict: unequal, equal_within_tolerance, not_enough_data; none where nothing is judged.
        suppressed: hidden; such a row carries no number. small: fewer users than `small_group`.
        more_users: how many more users of the group would decide an open verdict; a million: no number would.
        detectable: of a gap, the smallest true one that its test, taken alone, would find four times in five.
    """

    section: str
    attribute: str
    group: str
    metric: str
    statistic: str
    value: float | None = None
    low: float | None = None
    high: float | None = None
    n: int | str | None = None
    reference: str | None = None
    p_value: float | None = None
    p_adjusted: float | None = None
    null_low: float | None = None
    null_high: float | None = None
    tolerance: float | None = None
    verdict: str | None = None
    suppressed: bool = False
    small: bool = False
    more_users: int | None = None
    detectable: float | None = None


NUMBERS = (
    "value",
    "low",
    "high",
    "p_value",
    "p_adjusted",
    "null_low",
    "null_high",
    "tolerance",
    "detectable",
)


def tidy(rows: list[AuditRow]) -> pd.DataFrame:
    """The rows as a table: numbers are floats (NaN where none), `more_users` a nullable integer."""
    frame = pd.DataFrame([vars(row) for row in rows], columns=[field.name for field in fields(AuditRow)])
    mixed = dict.fromkeys(("n", "reference", "verdict"), object)
    return frame.astype(dict.fromkeys(NUMBERS, float) | mixed | {"more_users": "Int64"})


def records(rows: pd.DataFrame) -> list[dict[str, Any]]:
    """The rows as JSON-ready dictionaries: plain Python values, None in place of NaN."""
    return rows.astype(object).where(rows.notna(), None).to_dict("records")


def with_detectable(row: AuditRow, settings: Statistics) -> AuditRow:
    """A gap that was tested, with the smallest true one that would be found, as the width of its interval tells it.

    Not of a distance, which is never below zero: its interval says how large it is, not how sure zero would be.
    """
    if row.statistic != "gap" or None in (row.low, row.high, row.null_low) or row.null_low >= 0:
        return row
    found = detectable_of_interval(row.low, row.high, confidence=settings.confidence)
    return replace(row, detectable=float(found))


def partition_rows(
    part: Partition,
    found: Comparison | None,
    everyone: Interval,
    tolerance: np.ndarray,
    verdicts: Verdicts | None,
    metrics: tuple[str, ...],
    settings: AuditSettings,
) -> list[AuditRow]:
    """All rows of one grouping, metric by metric: means and the mean of all, gaps, ratios, and the range.

    Args:
        found, verdicts: None where every group is hidden. everyone: (1, K) means over all users.
        tolerance: (K,).
    """
    rows: list[AuditRow] = []
    for k, metric in enumerate(metrics):
        blank = AuditRow("users", part.attribute, ALL, metric, "mean")
        for statistic, suffix in STATISTICS.items():
            row = replace(blank, metric=metric + suffix, statistic=statistic)
            rows += [
                replace(row, group=name, n=HIDDEN_TEXT, suppressed=True)
                if shown is None
                else _shown_row(
                    replace(row, group=name), part, found, shown, k, tolerance[k], verdicts, settings
                )
                for name, shown in part.positions()
                if statistic == "mean" or shown is None or shown in found.compared
            ]
            if statistic == "mean":
                rows.append(replace(blank, n=len(part.strata), **everyone.at(0, k)))
        if part.n_shown > 1:
            rows.append(_range_row(blank, part, found, k, tolerance[k]))
    return rows


def _shown_row(
    row: AuditRow,
    part: Partition,
    found: Comparison,
    shown: int,
    k: int,
    tolerance: float,
    verdicts: Verdicts,
    settings: AuditSettings,
) -> AuditRow:
    n = int(found.n[shown])
    row = replace(row, n=n, small=n < settings.small_group)
    if row.statistic == "mean":
        row = replace(row, **found.mean.at(shown, k))
    if shown not in found.compared:
        return row
    c = int(np.searchsorted(found.compared, shown))
    row = replace(row, reference=part.reference_name)
    if row.statistic == "ratio":
        return replace(row, **found.ratio.at(c, k))
    row = replace(
        row,
        p_value=float(found.p_value[c, k]),
        p_adjusted=float(verdicts.p_adjusted[c, k]),
        verdict=str(verdicts.verdict[c, k]),
        more_users=int(verdicts.more_users[c, k]) or None,
        tolerance=float(tolerance),
    )
    if row.statistic == "mean":
        return row
    band = {"null_low": float(found.null_low[c, k]), "null_high": float(found.null_high[c, k])}
    return with_detectable(replace(row, **found.gap.at(c, k), **band), settings)


def _range_row(blank: AuditRow, part: Partition, found: Comparison, k: int, tolerance: float) -> AuditRow:
    """Largest minus smallest mean. Its null band runs from zero to the 95 % point; no verdict."""
    return replace(
        blank,
        metric=f"{blank.metric}_max_min",
        statistic="max_min",
        n=len(part.strata),
        reference=part.shown_names[int(found.mean.value[:, k].argmin())],
        p_value=float(found.range_p_value[k]),
        null_low=0.0,
        null_high=float(found.range_null[k]),
        tolerance=float(tolerance),
        **found.range.at(0, k),
    )
