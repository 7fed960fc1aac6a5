"""Floors and ceilings on the exposure of item groups: how far each must come to its target, and may go beyond it."""

import numpy as np
from pydantic import Field

from core.recommend.rerank.dual import Limits, no_limits
from core.recommend.rerank.item_target import ItemTargetSettings


class ExposureLimitSettings(ItemTargetSettings):
    """Every item group is seen at least so much, at the least cost in relevance.

    Moves the exposure of item groups over all users. Does not move which items of a group are shown, nor promises
    anything to a single list.
    """

    floor: float = Field(
        0.0,
        ge=0,
        le=1,
        description="Each group of items gets at least this share of its target; 0: lists stay as they are",
    )
    ceiling: float | None = Field(
        None, ge=1, le=100, description="No group gets more than this multiple of its target; unset: no limit"
    )


def exposure_limits(target: np.ndarray, *, floor: float, ceiling: float | None) -> Limits:
    """Limits (1, H) for item groups.

    Args:
        target: (H,) shares.
    """
    free = no_limits((1, len(target)))
    low = floor * target[None] if floor > 0 else free.low
    high = free.high if ceiling is None else ceiling * target[None]
    return Limits(low, high)
