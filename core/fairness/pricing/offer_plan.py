"""Whom a plan of offers reaches, by group, and what it gives up for that."""

from dataclasses import replace

import numpy as np

from core.fairness.group_rows import mean_rows
from core.fairness.partition import Partition
from core.fairness.pricing.sides import SECTION
from core.fairness.rows import AuditRow
from core.fairness.stats import Interval
from core.fairness.totals import total_intervals
from core.schema.settings import Statistics

OFFER_RATE, SAVING = "planned_offer_rate", "planned_saving"


def plan_rows(
    offered: np.ndarray, worth: np.ndarray, part: Partition, settings: Statistics, *, tolerance: float
) -> list[AuditRow]:
    """Share of users with an offer, and mean expected saving, of each group.

    For these users a plan's shares are exact. Intervals and p-values are those of other users like them who are treated
    alike: is a gap more than the chance of who happens to be a customer?

    Args:
        offered: bool (U,). worth: (U,) expected value of the offer a user gets, 0 without one.
        tolerance: as a share of the mean over all users.
    """
    values = np.column_stack([offered, worth]).astype(float)
    names = [OFFER_RATE, SAVING]
    rows = mean_rows(
        values,
        names,
        part,
        settings,
        section=SECTION,
        tolerances={
            name: tolerance * level
            for name, level in zip(names, values.mean(axis=0).tolist(), strict=True)
            if level > 0
        },
        bounds={OFFER_RATE: (0.0, 1.0), SAVING: (0.0, np.inf)},
    )
    # Standardised means of a group that gets nothing can be a rounding error below it
    return [
        replace(row, value=max(row.value, 0.0)) if row.statistic == "mean" and not row.suppressed else row
        for row in rows
    ]


def value_lost(before: np.ndarray, after: np.ndarray, settings: Statistics) -> Interval:
    """What one plan is worth less than another, (2,): in total, and as a share of the other; paired by user.

    Intervals draw users again, each with what both plans give to them.

    Args:
        before, after: (U,) expected value of the offer a user gets.
    """

    def lost(totals: np.ndarray) -> np.ndarray:
        first, second = totals.sum(axis=-2)[..., 0], totals.sum(axis=-2)[..., 1]
        with np.errstate(invalid="ignore", divide="ignore"):
            return np.stack([first - second, 1 - second / first], axis=-1)

    return total_intervals(
        np.column_stack([before, after]).astype(float),
        np.zeros(len(before), int),
        lost,
        n_groups=1,
        draws=settings.draws,
        confidence=settings.confidence,
        rng=np.random.default_rng(settings.seed),
    )
