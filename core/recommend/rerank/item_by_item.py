"""What re-rankers share that build everyone's list item by item, each place with the best item given those before."""

from collections.abc import Callable

import numpy as np

from core.recommend.rerank.batch import Candidates

LAST = np.float32(-1e30)  # worth of an empty place: after every item, before what is taken
TAKEN = np.float32(-np.inf)


def relevance_shares(candidates: Candidates) -> np.ndarray:
    """Relevance as a share of the way from a user's last candidate (0) to the best (1), float32 (U, C); LAST at empty places.

    The scale makes a setting mean the same for every user, and whatever the relevances were before.
    """
    there = candidates.filled
    length = there.sum(axis=1, keepdims=True)
    best = candidates.relevance[:, :1]
    last = np.take_along_axis(candidates.relevance, np.maximum(length - 1, 0), axis=1) if there.size else best
    with np.errstate(invalid="ignore"):
        shares = np.where(best > last, (candidates.relevance - last) / (best - last), 1)
    return np.where(there, shares, LAST)


def worth(candidates: Candidates, weight: float) -> np.ndarray:
    """`weight` times `relevance_shares`, float32 (U, C); LAST at empty places."""
    shares = relevance_shares(candidates)
    return np.where(candidates.filled, np.float32(weight) * shares, LAST)


def item_by_item(
    candidates: Candidates, k: int, choose: Callable[[Candidates, slice, int], np.ndarray], *, at_once: int
) -> Candidates:
    """The first k places as chosen; all other candidates follow in their old order.

    Args:
        choose: takes some users' candidates, which users they are, and the number of places, and gives the chosen
            candidates, (u, places), each once. at_once: users that it is given, so that what it works on stays in the
            processor's cache, and memory small.
    """
    n_users, width = candidates.items.shape
    places = min(k, width)
    found = np.empty_like(candidates.items)
    for start in range(0, n_users, at_once):
        here = slice(start, start + at_once)
        some = candidates.some(here)
        at = choose(some, here, places) + np.arange(some.n_users)[:, None] * width
        left = np.ones(some.items.size, bool)
        left[at] = False
        found[here, :places] = some.items.take(at)
        found[here, places:] = some.items.ravel()[left].reshape(some.n_users, width - places)
    return Candidates(found, candidates.relevance)
