"""Audit rows to draw: three groups that are judged, one that is small and one that is hidden."""

import pandas as pd

from core.fairness.rows import AuditRow, tidy

EVIL = "<img src=x onerror=alert(1)> $$x$$ %{x} [a](javascript:b)"
GROUPS = ("19-24", "25-34", EVIL, "Unknown", "65+")
SHARED = {"section": "users", "attribute": "age"}


def audit_rows() -> pd.DataFrame:
    """Rows of NDCG@10 by age as an audit gives them."""
    numbers = {
        "19-24": (-0.08, -0.12, -0.04, 40, "unequal", 0),
        "25-34": (0.01, -0.01, 0.02, 900, "equal_within_tolerance", 0),
        EVIL: (0.05, -0.02, 0.12, 25, "not_enough_data", 780),
        "Unknown": (0.0, -0.01, 0.01, 1200, "equal_within_tolerance", 0),
    }
    rows = [
        AuditRow(
            **SHARED, group="all", metric="ndcg@10", statistic="mean", value=0.3, low=0.28, high=0.32, n=2165
        )
    ]
    for group, (gap, low, high, n, verdict, more) in numbers.items():
        judged = {
            "n": n,
            "reference": "rest",
            "p_value": 0.01,
            "p_adjusted": 0.02,
            "verdict": verdict,
            "small": n < 30,
        }
        ends = {"value": 0.3 + gap, "low": 0.3 + low, "high": 0.3 + high}
        rows.append(AuditRow(**SHARED, group=group, metric="ndcg@10", statistic="mean", **ends, **judged))
        null = {"null_low": -0.02, "null_high": 0.02, "tolerance": 0.03, "more_users": more}
        null["detectable"] = 1.43 * (high - low) / 2
        ends = {"value": gap, "low": low, "high": high}
        rows.append(
            AuditRow(**SHARED, group=group, metric="ndcg@10_gap", statistic="gap", **ends, **judged, **null)
        )
        ends = {"value": 1 + gap, "low": 1 + low, "high": 1 + high}
        rows.append(AuditRow(**SHARED, group=group, metric="ndcg@10_ratio", statistic="ratio", **ends, n=n))
    for metric, statistic in (("ndcg@10", "mean"), ("ndcg@10_gap", "gap"), ("ndcg@10_ratio", "ratio")):
        rows.append(
            AuditRow(**SHARED, group="65+", metric=metric, statistic=statistic, n="hidden", suppressed=True)
        )
    spread = {"value": 0.13, "low": 0.05, "high": 0.2, "null_low": 0.0, "null_high": 0.04, "n": 2165}
    rows.append(AuditRow(**SHARED, group="all", metric="ndcg@10_max_min", statistic="max_min", **spread))
    return tidy(rows)
