"""Calibrated lists: the groups of items in each list in the proportions that its user wants."""

import numpy as np
from pydantic import Field

from core.recommend.rerank.batch import Candidates
from core.recommend.rerank.group_heads import GroupHeads, Queue, by_heads, check_groups
from core.schema.settings import Settings

SMOOTHING = 0.01  # alpha of the paper, as in the audit's distance from taste


class CalibratedSettings(Settings):
    """Lists that hold groups of items in the proportions of what their users bought before.

    Moves how far a list is from its user's taste. Does not move what providers get over all users: where few buy from
    small providers, calibrated lists show few of them.
    """

    strength: float = Field(
        0.3,
        ge=0,
        le=1,
        description="Weight of mirroring what a user bought before, against relevance; 0 keeps the order. Keeps what is "
        "skewed in the purchases: does not give small providers their share",
    )
    items_by: str = Field(
        "category",
        description="Groups of items whose proportions are mirrored: category, price_band, provider_size, ...",
    )


def calibrated(
    candidates: Candidates, groups: np.ndarray, wanted: np.ndarray, *, weights: np.ndarray, strength: float
) -> Candidates:
    """Lists built item by item from relevance and how near they come to the wanted shares.

        (1 - l) sum_r v_r s(u, i_r) - l KL(p_u || q~_u),   q~ = (1 - a) q + a p,   l = strength, a = 0.01
        KL(p || q~) = sum_h p_h ln(p_h / q~_h),            q_h = sum_r v_r 1[h(i_r) = h]

    s: relevance from 1 (the user's best candidate) to 0 (the last); v: attention by place, so that both terms are for the
    whole list whatever its length, and the knob works over its whole range (the paper adds up s unweighted: with equal
    weights that is the same family of lists). Places yet to be filled count as nothing in q, so an item changes the term
    of its own group alone, and the objective, less its value for an empty list, is monotone and submodular where places
    weigh the same: then a list reaches at least 1 - 1/e of the best one's. Equal items stay as they were.
    Source: Steck, Calibrated recommendations, RecSys 2018.

    Args:
        groups: (I,) group of each item, 0 .. H - 1.
        wanted: (U, H) p, rows sum to 1, such as shares of a user's purchases. NaN where nothing is known: the order stays.
        weights: (k,) attention by place, positive, never rising, on any scale.

    Raises:
        InputError: the numbers of users or groups do not fit.
    """
    check_groups(groups, wanted, candidates.n_users)
    n_groups = wanted.shape[1]
    attention = (weights / weights.sum()).astype(np.float32)

    def choose(heads: GroupHeads, users: slice, places: int) -> np.ndarray:
        queue, want = Queue(heads, 1 - strength), heads.of_each(wanted[users])
        reached = np.where(want > 0, SMOOTHING * want, 1).astype(np.float32)  # q~ so far
        pull = np.float32(strength) * want
        rows = np.arange(want.shape[1])
        chosen = np.empty((len(rows), places), np.intp)
        for place, weight in enumerate(attention[:places]):
            seen = np.float32(1 - SMOOTHING) * weight
            gain = seen / reached
            gain += 1
            np.log(
                gain, out=gain
            )  # several times as fast as log1p, and as exact where places weigh at least 0.01
            gain *= pull
            group, chosen[:, place] = queue.take(gain, weight)
            reached[group, rows] += seen
        return chosen

    return by_heads(candidates, groups, n_groups, len(weights), choose)
