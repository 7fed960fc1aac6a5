"""Outcomes and predictions by group: means, residuals, errors and coverage, users being the unit.

All are functions of group totals over users, for `core.fairness.group_rows.total_rows`; a user may have several rows
(orders, reviews), which are pooled.
"""

from collections.abc import Mapping

import numpy as np
import pandas as pd

from core.fairness.group_rows import total_rows
from core.fairness.partition import Partition
from core.fairness.rows import AuditRow
from core.fairness.service.calibration import (
    ECE_METRICS,
    LINE_METRICS,
    calibration_error,
    calibration_line,
    error_contributions,
    line_contributions,
)
from core.fairness.service.rows import user_sums
from core.schema.settings import Statistics
from core.schema.tables import EXPECTED, HIGH, LOW, OBSERVED, PREDICTED, USER

OUTCOME_METRICS = ("observed", "predicted", "residual", "mae", "rmse")
INTERVAL_METRICS = ("coverage", "width")
BOUNDS = {
    "mae": (0.0, np.inf),
    "rmse": (0.0, np.inf),
    "coverage": (0.0, 1.0),
    "width": (0.0, np.inf),
    "calibration_error": (0.0, np.inf),
}


def outcome_contributions(rows: pd.DataFrame, codes: np.ndarray) -> tuple[np.ndarray, tuple[str, ...]]:
    """Contributions of each user, (U, 1 + K), and the names of the K metrics.

    The mean prediction (`expected`) stands for what the model says, and is judged by residual and RMSE; the median
    (`predicted`) is judged by MAE. Where only one is there, it is both. Intervals count where there are any.

    Args:
        rows: `user`, `observed`, `predicted`, and `expected`, `low`, `high` where there are; no value is missing.
    """
    observed, median = (rows[name].to_numpy(float) for name in (OBSERVED, PREDICTED))
    mean = rows[EXPECTED].to_numpy(float) if EXPECTED in rows else median
    columns = [np.ones(len(rows)), observed, mean, observed - mean]
    columns += [np.abs(observed - median), (observed - mean) ** 2]
    names = OUTCOME_METRICS
    if LOW in rows and HIGH in rows:
        low, high = (rows[name].to_numpy(float) for name in (LOW, HIGH))
        columns += [(low <= observed) & (observed <= high), high - low]
        names = (*OUTCOME_METRICS, *INTERVAL_METRICS)
    return user_sums(rows[USER].to_numpy(), np.column_stack(columns).astype(float), codes), names


def outcome_measures(totals: np.ndarray) -> np.ndarray:
    """Metrics of a group's rows, (..., 1 + K) -> (..., K), in the unit of the outcome; coverage a share.

        observed   mean of s: what users got                          predicted  mean of s^: what the model says
        residual   mean of s - s^; below 0 the model over-promises    mae        mean of |s - median|
        rmse       root of the mean of (s - s^)^2                     coverage   share of s within its interval
        width      mean width of the interval

    Equal observed means and equal predicted means are two different claims. A model can be right on average for
    everybody (residual 0) and much less exact for some (MAE). Coverage is to be held against the promised level.
    Source: METRICS of service quality; group error bounds: Agarwal et al., ICML 2019.
    """
    n = totals[..., :1]
    found = totals[..., 1:] / np.where(n > 0, n, np.nan)
    place = OUTCOME_METRICS.index("rmse")
    found[..., place] = np.sqrt(np.maximum(found[..., place], 0.0))
    return found


def outcome_rows(
    rows: pd.DataFrame,
    codes: np.ndarray,
    part: Partition,
    settings: Statistics,
    *,
    prefix: str = "",
    tolerances: Mapping[str, float] | None = None,
) -> list[AuditRow]:
    """All metrics of outcomes and of calibration by group, in section `service`; nothing where there are no rows.

    Args:
        rows: of one outcome, as `judged_rows` gives. codes: (U,) audited users, in the order of the partition.
        prefix: before the name of each metric, e.g. "satisfaction_at_order_". tolerances: by full name.
    """
    if rows.empty:
        return []
    contributions, names = outcome_contributions(rows, codes)
    asked = [
        (contributions, outcome_measures, names),
        (line_contributions(rows, codes), calibration_line, LINE_METRICS),
        (error_contributions(rows, codes), calibration_error, ECE_METRICS),
    ]
    said = rows[[name for name in (OBSERVED, PREDICTED, EXPECTED) if name in rows]]
    bounds = BOUNDS | (
        {} if (said < 0).any(axis=None) else dict.fromkeys(("observed", "predicted"), (0.0, np.inf))
    )
    found: list[AuditRow] = []
    for added, measure, metrics in asked:
        full = [prefix + metric for metric in metrics]
        found += total_rows(
            added,
            measure,
            full,
            part,
            settings,
            section="service",
            tolerances=tolerances,
            bounds={prefix + metric: ends for metric, ends in bounds.items()},
        )
    return found
