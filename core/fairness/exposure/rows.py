"""Rows of the audit of exposure, section "exposure"."""

import numpy as np
from scipy import stats

from core.fairness.exposure.inference import MeanTest
from core.fairness.exposure.matrix import ExposureMatrix
from core.fairness.exposure.measures import Shown
from core.fairness.exposure.parity import parity_ratio_of_share
from core.fairness.groups import CROSS
from core.fairness.partition import Partition
from core.fairness.rows import AuditRow
from core.fairness.stats import Interval
from core.fairness.suppression import HIDDEN_TEXT
from core.schema.settings import ALL, REST, AuditSettings

SECTION = "exposure"
SHARE = "exposure_share"
RANDOM_FILLING = "lists filled at random by the target"


def estimate_row(
    attribute: str,
    metric: str,
    found: Interval,
    q: int,
    n: int,
    *,
    group: str = ALL,
    statistic: str = "mean",
) -> AuditRow:
    """One estimate with its interval, of arrays (Q,) or (1, Q); what is not defined is None, never 0."""
    value, low, high = (_number(np.ravel(part)[q]) for part in (found.value, found.low, found.high))
    reference = REST if statistic == "ratio" else None
    return AuditRow(SECTION, attribute, group, metric, statistic, value, low, high, n=n, reference=reference)


def _number(value: float) -> float | None:
    return float(value) if np.isfinite(value) else None


def share_rows(lists: Shown, found: MeanTest, target_name: str, settings: AuditSettings) -> list[AuditRow]:
    """Each item group's share of attention, and the share minus its target.

    The tolerance is a share of the group's target or of all others' together, whichever is less, so that of two
    groups both have the same. A group outside of the target has none, and is not judged.
    """
    rows, n = [], len(lists.users)
    blank = {"section": SECTION, "attribute": lists.item_groups.attribute, "n": n}
    clipped = found.interval.within(0, 1)
    for h, name in enumerate(lists.item_groups.names):
        aim = float(lists.target[h])
        value, low, high = (float(part[0, h]) for part in (clipped.value, clipped.low, clipped.high))
        metric = f"{SHARE}@{settings.k}"
        rows.append(
            AuditRow(**blank, group=name, metric=metric, statistic="mean", value=value, low=low, high=high)
        )
        rows.append(
            AuditRow(
                **blank,
                group=name,
                metric=f"{metric}_gap",
                statistic="gap",
                value=value - aim,
                low=low - aim,
                high=high - aim,
                reference=target_name,
                p_value=float(found.p_value[h]),
                null_low=float(found.null_low[h]),
                null_high=float(found.null_high[h]),
                tolerance=_tolerance(aim, settings),
            )
        )
    return rows


def parity_rows(lists: Shown, found: MeanTest, merit: np.ndarray | None, k: int) -> list[AuditRow]:
    """Exposure parity ratio, and disparate treatment ratio where merit is known, of each group against the rest."""
    yardsticks = {"exposure_dp": lists.item_groups.sizes}
    if merit is not None and merit.sum() > 0:
        yardsticks["dtr"] = merit
    clipped, rows = found.interval.within(0, 1), []
    for metric, yardstick in yardsticks.items():
        of_all = yardstick / yardstick.sum()
        ratios = Interval(
            *(parity_ratio_of_share(part[0], of_all) for part in (clipped.value, clipped.low, clipped.high)),
            np.full(lists.n_groups, np.nan),
        )
        rows += [
            estimate_row(
                lists.item_groups.attribute,
                f"{metric}@{k}_ratio",
                ratios,
                h,
                len(lists.users),
                group=name,
                statistic="ratio",
            )
            for h, name in enumerate(lists.item_groups.names)
        ]
    return rows


def random_filling_row(
    attribute: str,
    name: str,
    found: MeanTest,
    q: int,
    level: float,
    spread: float,
    n: int,
    settings: AuditSettings,
) -> AuditRow:
    """A per-user metric minus its mean over lists filled at random; the null band is that of n such lists.

    The tolerance is a share of how far such lists are from the target.

    Args:
        level, spread: expected value and standard deviation of such lists.
    """
    off_target = 1 - level if name.startswith("awrf") else level  # AWRF is one minus a divergence
    margin = float(stats.norm.isf((1 - settings.confidence) / 2) * spread / np.sqrt(n))
    value, low, high = (
        float(part[0, q]) - level for part in (found.interval.value, found.interval.low, found.interval.high)
    )
    return AuditRow(
        SECTION,
        attribute,
        ALL,
        f"{name}@{settings.k}_gap",
        "gap",
        value,
        low,
        high,
        n=n,
        reference=RANDOM_FILLING,
        p_value=float(found.p_value[q]),
        null_low=-margin,
        null_high=margin,
        tolerance=settings.tolerance * off_target if off_target > 0 else None,
    )


def matrix_rows(
    lists: Shown, part: Partition, matrix: ExposureMatrix | None, settings: AuditSettings
) -> list[AuditRow]:
    """What share of attention each item group has in each user group's lists, and the gap to other users.

    The tolerance is a share of the item group's mean share over all users, or of the others' if that is less.
    """
    attribute = f"{part.attribute}{CROSS}{lists.item_groups.attribute}"
    rows = []
    for h, item_group in enumerate(lists.item_groups.names):
        for user_group, place in part.positions():
            name = f"{user_group}{CROSS}{item_group}"
            if place is None:
                rows += _hidden(attribute, name, settings.k)
            else:
                rows += _cell_rows(attribute, name, matrix, part, place, h, settings)
    return rows


def _hidden(attribute: str, name: str, k: int) -> list[AuditRow]:
    return [
        AuditRow(SECTION, attribute, name, metric, statistic, n=HIDDEN_TEXT, suppressed=True)
        for metric, statistic in ((f"{SHARE}@{k}", "mean"), (f"{SHARE}@{k}_gap", "gap"))
    ]


def _cell_rows(
    attribute: str,
    name: str,
    matrix: ExposureMatrix,
    part: Partition,
    place: int,
    h: int,
    settings: AuditSettings,
) -> list[AuditRow]:
    found, n = matrix.found, int(matrix.found.n[place])
    blank = {"section": SECTION, "attribute": attribute, "group": name, "n": n}
    blank |= {"small": n < settings.small_group}
    metric = f"{SHARE}@{settings.k}"
    rows = [AuditRow(**blank, metric=metric, statistic="mean", **_cell(found.mean.within(0, 1), place, h))]
    if place not in found.compared:
        return rows
    c = int(np.searchsorted(found.compared, place))
    overall = float(found.overall.value[0, h])
    gap = AuditRow(
        **blank,
        metric=f"{metric}_gap",
        statistic="gap",
        **_cell(found.gap.within(-1, 1), c, h),
        reference=part.reference_name,
        p_value=float(found.p_value[c, h]),
        null_low=float(found.null_low[c, h]),
        null_high=float(found.null_high[c, h]),
        tolerance=_tolerance(overall, settings),
    )
    return [*rows, gap]


def _tolerance(share: float, settings: AuditSettings) -> float | None:
    """In shares of attention; None where nothing is to be seen, or everything."""
    smaller = min(share, 1 - share)
    return settings.tolerance * smaller if smaller > 1e-9 else None


def _cell(interval: Interval, row: int, column: int) -> dict[str, float]:
    """Rounding of the engine may leave a share of zero slightly below it."""
    return {name: 0.0 if abs(value) < 1e-12 else value for name, value in interval.at(row, column).items()}


def lift_rows(part: Partition, found: Interval, settings: AuditSettings) -> list[AuditRow]:
    """Popularity lift of each shown group.

    Args:
        part: of users who bought before.
    """
    metric = f"popularity_lift@{settings.k}"
    rows = []
    for name, place in part.positions():
        if place is None:
            rows.append(
                AuditRow(SECTION, part.attribute, name, metric, "mean", n=HIDDEN_TEXT, suppressed=True)
            )
        else:
            rows.append(estimate_row(part.attribute, metric, found, place, int(part.n[place]), group=name))
    return rows
