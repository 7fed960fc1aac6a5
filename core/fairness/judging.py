"""Rows of an audit get their verdicts together: one family, one correction."""

from dataclasses import replace

import numpy as np

from core.fairness.rows import AuditRow, with_detectable
from core.fairness.verdicts import judge
from core.schema.settings import Statistics


def judged(rows: list[AuditRow], settings: Statistics) -> list[AuditRow]:
    """The same rows; those with a p-value and a tolerance are judged as one family (`core.fairness.verdicts`).

    All gaps that were tested are told with the smallest one that would be found.
    """
    rows = [with_detectable(row, settings) for row in rows]
    asked = [place for place, row in enumerate(rows) if row.p_value is not None and row.tolerance is not None]
    if not asked:
        return rows
    value, low, high, p_value, tolerance, n = np.array(
        [(r.value, r.low, r.high, r.p_value, r.tolerance, r.n) for r in (rows[place] for place in asked)],
        dtype=float,
    ).T
    found = judge(
        value,
        low,
        high,
        p_value,
        tolerance=tolerance,
        n=n,
        confidence=settings.confidence,
        false_discovery_rate=settings.false_discovery_rate,
        correction=settings.correction,
    )
    told = list(rows)
    for number, place in enumerate(asked):
        told[place] = replace(
            rows[place],
            p_adjusted=float(found.p_adjusted[number]),
            verdict=str(found.verdict[number]),
            more_users=int(found.more_users[number]) or None,
        )
    return told
