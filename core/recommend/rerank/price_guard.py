"""The price-steering guard: no group of users is shown dearer or cheaper goods than a band around its measure allows."""

from typing import Literal

import numpy as np
from pydantic import Field

from core.recommend.rerank.dual import Limits, no_limits
from core.recommend.rerank.market import Kinds
from core.recommend.rerank.user_grouping import UserGroupingSettings

STEPS = 50  # kinds of price percentile: items within 2 percentiles are alike to the guard


class PriceGuardSettings(UserGroupingSettings):
    """Keeps how dear the goods are that each group of users is shown within a band.

    Moves the mean price percentile (within the category) of what a group is shown. Does not change any price, nor what
    single users are shown as long as their group's mean is in its band.
    """

    around: Literal["history", "everyone"] = Field(
        "everyone", description="The middle of the band: what the group bought before, or what all are shown"
    )
    band: float | None = Field(
        None,
        ge=0,
        le=0.5,
        description="How far a group's mean price percentile may be from the middle; unset: lists stay as they are",
    )


def price_kinds(percentile: np.ndarray) -> Kinds:
    """Items by their price percentile, in `STEPS` steps; items without a price count as the middle.

    Args:
        percentile: (I,) within the category, 0 to 1, NaN where unknown.
    """
    codes = np.rint(np.nan_to_num(percentile, nan=0.5) * STEPS).astype(np.int64)
    return Kinds(codes, (np.arange(STEPS + 1) / STEPS)[None])


def guard_limits(middle: np.ndarray, band: float | None) -> Limits:
    """Limits (G, 1) around the middle of each user group.

    Args:
        middle: (G,), NaN: a group without a measure of its own has no limit.
    """
    if band is None:
        return no_limits((len(middle), 1))
    known = np.isfinite(middle)
    low, high = np.where(known, middle - band, -np.inf), np.where(known, middle + band, np.inf)
    return Limits(low[:, None], high[:, None])
