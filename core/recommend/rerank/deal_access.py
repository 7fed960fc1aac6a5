"""Deal-access parity: every group of users is shown discounted offers about as much as all users are."""

import numpy as np
from pydantic import Field

from core.recommend.rerank.dual import Limits, no_limits
from core.recommend.rerank.market import Kinds
from core.recommend.rerank.user_grouping import UserGroupingSettings


class DealAccessSettings(UserGroupingSettings):
    """Equal exposure to discounted offers.

    Moves how much of the attention of a group's lists lies on offers. Does not decide who gets a coupon, nor how deep a
    discount is.
    """

    gap: float | None = Field(
        None,
        ge=0,
        le=1,
        description="How far a group's exposure to offers may be from that of all users, as a share of it; unset: lists "
        "stay as they are",
    )


def deal_kinds(deal: np.ndarray) -> Kinds:
    """Items by whether they are on offer, bool (I,)."""
    return Kinds(deal.astype(np.int64), np.array([[0.0, 1.0]]))


def access_limits(overall: float, n_groups: int, gap: float | None) -> Limits:
    """Limits (G, 1) around the exposure of all users to offers."""
    if gap is None:
        return no_limits((n_groups, 1))
    everyone = np.full((n_groups, 1), overall)
    return Limits((1 - gap) * everyone, (1 + gap) * everyone)
