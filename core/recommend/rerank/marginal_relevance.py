"""Marginal relevance: no item that is much like those above it in the list."""

import numpy as np
from pydantic import Field

from core.recommend.rerank.batch import Candidates
from core.recommend.rerank.item_by_item import TAKEN, item_by_item, worth
from core.schema.settings import Settings

AT_ONCE = 32  # users whose vectors fit into the processor's cache


class MarginalRelevanceSettings(Settings):
    """Lists of items that are less alike.

    Moves how alike the items of one list are. Does not move what providers or groups of items get over all users, nor how
    well a list mirrors its user's taste.
    """

    strength: float = Field(
        0.3,
        ge=0,
        le=1,
        description="Weight of being unlike the items above, against relevance; 0 keeps the order. Makes each list more "
        "varied; does not give small providers their share",
    )


def marginal_relevance(candidates: Candidates, vectors: np.ndarray, *, k: int, strength: float) -> Candidates:
    """Lists built item by item from the highest marginal relevance, MMR.

        (1 - l) s(u, i) - l max_{j in list so far} v_i . v_j,  l = strength

    s: relevance from 1 (the user's best candidate) to 0 (the last). The first item is the most relevant one. Equal
    ones stay as they were. Greedy, without a guarantee.
    Source: Carbonell & Goldstein, The use of MMR, SIGIR 1998 (their lambda is 1 - l).

    Args:
        vectors: (I, D) float32 rows of length 1, so that similarity is a cosine.
    """

    def choose(some: Candidates, users: slice, places: int) -> np.ndarray:
        rows = np.arange(some.n_users)
        theirs = vectors[some.items]  # (u, C, D)
        left = worth(some, 1 - strength)
        score, nearest = left.copy(), None
        chosen = np.empty((some.n_users, places), np.intp)
        for place in range(places):
            best = score.argmax(axis=1)
            chosen[:, place] = best
            left[rows, best] = TAKEN
            alike = np.matmul(theirs, theirs[rows, best, :, None])[:, :, 0]
            nearest = alike if nearest is None else np.maximum(nearest, alike, out=nearest)
            np.multiply(nearest, np.float32(-strength), out=score)
            score += left
        return chosen

    return item_by_item(candidates, k, choose, at_once=AT_ONCE)
