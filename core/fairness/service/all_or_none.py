"""Shares that are 0 or 1 in a group: there no row differs from another, and intervals from their spread say too much."""

from dataclasses import replace

from core.fairness.rows import AuditRow

OF_NONE = 3.0  # over n: how high a share may be of which none of n was seen
ROUNDING = 1e-9


def all_or_none(rows: list[AuditRow], share: str, *others: str) -> list[AuditRow]:
    """The same rows; where a group's share is 0 or 1, ends and p-values say no more than its users can.

    Of n users of whom none (all) was seen, the share may be up to 3 / n (down to 1 - 3 / n) at 95 %, the rule of three
    (Hanley & Lippman-Hand, JAMA 249, 1983): the ends of value and gap move by as much. A gap d is as likely as
    (1 - |d|)^n, the chance that n users like the others show none, both sides counted.

    Args:
        share: metric of the share, observed. others: metrics of the same share given something else.
    """
    found = {
        (row.attribute, row.group, row.metric.removesuffix("_gap"), row.statistic): row
        for row in rows
        if not row.suppressed and row.n
    }
    return [_careful(row, found, share, (share, *others)) for row in rows]


def _careful(row: AuditRow, found: dict, share: str, metrics: tuple[str, ...]) -> AuditRow:
    mean = found.get((row.attribute, row.group, share, "mean"))
    if (
        row.suppressed
        or row.statistic not in ("mean", "gap")
        or row.metric.removesuffix("_gap") not in metrics
        or mean is None
        or min(abs(mean.value), abs(1 - mean.value)) > ROUNDING
        or row.low is None
    ):
        return row
    more = OF_NONE / mean.n
    ends = {"high": row.high + more} if mean.value < ROUNDING else {"low": row.low - more}
    gap = found.get((row.attribute, row.group, share, "gap"))
    if row.p_value is not None and gap is not None:
        ends["p_value"] = max(row.p_value, min(1.0, 2 * (1 - abs(gap.value)) ** mean.n))
    return replace(row, **ends)
