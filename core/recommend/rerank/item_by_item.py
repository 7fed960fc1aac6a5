"""What re-rankers share that build everyone's list item by item, each place with the best item given those before."""

from collections.abc import Callable

import numpy as np

from core.recommend.rerank.batch import Candidates, in_new_order, scaled

LAST = np.float32(-1e30)  # worth of an empty place: after every item, before what is taken
TAKEN = np.float32(-np.inf)


def worth(candidates: Candidates, weight: float) -> np.ndarray:
    """`weight` times the relevance as a share of the way from a user's last candidate to the best, float32 (U, C).

    The scale makes a setting mean the same for every user, and whatever the relevances were before. LAST at empty
    places.
    """
    shares = np.where(candidates.filled, scaled(candidates.relevance), 0).astype(np.float32)
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
    found = np.empty_like(candidates.items)
    for start in range(0, n_users, at_once):
        here = slice(start, start + at_once)
        some = Candidates(candidates.items[here], candidates.relevance[here])
        chosen = choose(some, here, min(k, width))
        found[here] = in_new_order(some, _with_rest(chosen, width)).items
    return Candidates(found, candidates.relevance)


def _with_rest(chosen: np.ndarray, width: int) -> np.ndarray:
    """All places 0 .. C - 1 of each row: the chosen ones, then the others in their order, (u, C)."""
    left = np.ones((len(chosen), width), bool)
    np.put_along_axis(left, chosen, False, axis=1)
    rest = np.nonzero(left)[1].reshape(len(chosen), width - chosen.shape[1])
    return np.concatenate([chosen, rest], axis=1)
