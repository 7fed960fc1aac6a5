"""FairRec+: every item in a least number of lists, and hardly a user who would rather have another's list less one item.

Source: Biswas, Patro, Ganguly, Gummadi & Chakraborty, Towards fair recommendation in two-sided platforms, 2021; first as
FairRec: Patro et al., WWW 2020.
"""

from collections import deque
from dataclasses import dataclass

import numpy as np
from pydantic import Field
from scipy.optimize import linear_sum_assignment
from scipy.sparse import csr_array
from scipy.sparse.csgraph import connected_components

from core.metrics import NOTHING
from core.recommend.rerank.batch import Candidates, in_new_order
from core.schema.settings import Settings

ROUNDING = 1e-5  # of relevance: whoever gains less does not envy
WHOLE = 1e-9  # of a count: 100 x 0.29 is 29
NEVER = -1e9  # what it is worth to swap to a list that is none of one's own candidates
AT_ONCE = 256  # users whose envy of all others is looked at


class FairRecSettings(Settings):
    """Each item is in a least number of lists, and what that costs is spread over users.

    Moves how many lists each single item is in. Does not move at what place it is there, nor what groups of items get as
    such. Offline only: users choose one after the other.
    """

    strength: float = Field(
        0.5,
        ge=0,
        le=1,
        description="Least number of lists of each item, as a share of what all would be in if shown alike; 0 keeps the "
        "order. Does not look at places within a list",
    )


@dataclass(frozen=True)
class FairLists:
    """What FairRec+ comes to.

    Attributes:
        candidates: lists first, best first; then the others in their old order.
        least: lists that each item should be in. shown: (I,) lists that it is in.
        unreachable: codes of items in fewer than that: too few users have them as a candidate, or those who do must show
            others of this kind. No lists of these candidates give such items and all others more of what they should have.
        envious: users who would rather have someone's list less the item in it that they like best.
    """

    candidates: Candidates
    least: int
    shown: np.ndarray
    unreachable: np.ndarray
    envious: int


def fair_rec(
    candidates: Candidates, *, n_items: int, k: int, strength: float, rng: np.random.Generator
) -> FairLists:
    """Lists in two phases. Not for live use: thousands of users take seconds, memory grows with the square of their number.

    First, each item gets least = floor(strength U k / I) copies, or as many as users have it as a candidate. In rounds,
    each user takes the best copy left that is not yet theirs. After each round lists go around wherever users would all
    rather have the next one's, and those whom nobody envies choose first in the next. Copies that nobody took are placed by
    augmenting paths, which the paper has not: without them the guarantee can be missed at a strength near 1. Second, lists
    are filled with each user's best.
    The paper proves users envy-free up to one item (EF1). As an item cannot be twice in a list, rare exceptions are
    possible; they are counted.

    Args:
        n_items: I, the catalogue, also what is nobody's candidate. k: length of lists.
        strength: alpha, the share of an item's maximin share of all places; 0 keeps the order exactly.
        rng: draws who chooses first in the first round.
    """
    k = min(k, candidates.items.shape[1])
    filled = candidates.filled
    least = int(strength * candidates.n_users * k / n_items + WHOLE)
    copies = np.minimum(np.bincount(candidates.items[filled], minlength=n_items), least)
    held = _rounds(candidates, copies, k, rng)
    _place(candidates, held, copies, k)
    spare = filled & ~held
    chosen = held | spare & (spare.cumsum(axis=1) <= k - held.sum(axis=1, keepdims=True))
    found = in_new_order(candidates, np.argsort(~chosen, axis=1, kind="stable"))
    top = found.lists(k)
    shown = np.bincount(top[top != NOTHING], minlength=n_items)
    return FairLists(
        found, least, shown, np.flatnonzero(shown < least), int(envious(candidates, top, n_items).sum())
    )


def _rounds(candidates: Candidates, copies: np.ndarray, k: int, rng: np.random.Generator) -> np.ndarray:
    """Which candidates users hold when nobody can take another copy, bool (U, C); copies taken are taken off."""
    items, filled = candidates.items, candidates.filled
    held = np.zeros(items.shape, bool)
    order = rng.permutation(candidates.n_users)
    while copies.any():
        size = held.sum(axis=1)
        took = False
        for user in order[size[order] < k]:
            free = (copies[items[user]] > 0) & ~held[user] & filled[user]
            best = free.argmax()
            if free[best]:
                held[user, best] = took = True
                copies[items[user, best]] -= 1
        if not took:
            break
        order = _settle(candidates, held, len(copies), order)
    return held


def _settle(candidates: Candidates, held: np.ndarray, n_items: int, order: np.ndarray) -> np.ndarray:
    """Send lists around cycles of users who would all rather have the next one's, in place.

    Returns:
        Users, those first whom nobody envies, then those whom only these envy, and so on; otherwise as in `order`.
    """
    gain = _gain(candidates, held, n_items)
    _, part = connected_components(csr_array(gain > ROUNDING), connection="strong")
    sizes = np.bincount(part)
    going = np.arange(len(held))  # whose list each user gets
    for number in np.flatnonzero(sizes > 1):
        # Of all ways to swap by which nobody loses the one that gains most: no cycle is left
        some = np.flatnonzero(part == number)
        among = gain[np.ix_(some, some)]
        among = np.where(among > ROUNDING, among, NEVER)
        np.fill_diagonal(among, 0)
        going[some] = some[linear_sum_assignment(among, maximize=True)[1]]
    moved = np.flatnonzero(going != np.arange(len(held)))
    new = [np.isin(candidates.items[u], candidates.items[going[u], held[going[u]]]) for u in moved]
    if new:
        held[moved] = np.stack(new)
    envies = gain[:, going] > gain[np.arange(len(held)), going][:, None] + ROUNDING
    return _unenvied_first(envies, order)


def _gain(candidates: Candidates, held: np.ndarray, n_items: int) -> np.ndarray:
    """What each user would gain by each other's list, float32 (U, U); NEVER where the user could not have it."""
    shape = len(held), n_items
    filled = candidates.filled
    lists = csr_array((np.ones(held.sum(), np.float32), _entries(candidates, held)), shape=shape).T.tocsr()
    entries = _entries(candidates, filled)
    worth = csr_array((candidates.relevance[filled], entries), shape=shape)
    known = csr_array((np.ones(filled.sum(), np.float32), entries), shape=shape)
    gain = (worth @ lists).toarray()
    gain -= gain.diagonal()[:, None].copy()
    gain[(known @ lists).toarray() < held.sum(axis=1)] = NEVER
    return gain


def _entries(candidates: Candidates, these: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Users and items of some candidates."""
    return np.nonzero(these)[0], candidates.items[these]


def _unenvied_first(envies: np.ndarray, order: np.ndarray) -> np.ndarray:
    """Users in an order in which nobody comes after one whom they envy; `envies` (U, U) has no cycles."""
    by = envies.sum(axis=0)
    left = np.ones(len(by), bool)
    layers = []
    while left.any():
        first = order[(left & (by == 0))[order]]
        layers.append(first)
        left[first] = False
        by = by - envies[first].sum(axis=0)
    return np.concatenate(layers)


def _place(candidates: Candidates, held: np.ndarray, copies: np.ndarray, k: int) -> None:
    """Place copies left by paths on which users pass on what they hold, in place; those that cannot be are left.

    An item goes to a user with room, or to one who passes another item on to someone else, and so on: no placing has more
    copies (Berge). Who was reached in vain can never be of use.
    """
    items = candidates.items
    users, places = np.nonzero(candidates.filled)
    by_item = np.argsort(items[users, places], kind="stable")
    users, places = users[by_item], places[by_item]
    starts = np.searchsorted(items[users, places], np.arange(len(copies) + 1))
    size = held.sum(axis=1)
    in_vain = np.zeros(len(held), bool)
    for item in np.repeat(np.arange(len(copies)), copies):
        seen, queue = in_vain.copy(), deque([item])
        got: dict[int, tuple[int, int]] = {}  # user -> the item on the way to them, and its place with them
        gave: dict[int, tuple[int, int]] = {}  # item -> the user who passes it on, and its place with them
        end = None
        while queue and end is None:
            one = queue.popleft()
            here = slice(starts[one], starts[one + 1])
            can = ~held[users[here], places[here]] & ~seen[users[here]]
            for user, place in zip(users[here][can].tolist(), places[here][can].tolist(), strict=True):
                seen[user] = True
                got[user] = one, place
                if size[user] < k:
                    end = user
                    break
                for passed in np.flatnonzero(held[user]).tolist():
                    other = int(items[user, passed])
                    if other != item and other not in gave:
                        gave[other] = user, passed
                        queue.append(other)
        if end is None:
            in_vain = seen
            continue
        size[end] += 1
        copies[item] -= 1
        user = end
        while True:
            one, place = got[user]
            held[user, place] = True
            if one == item:
                break
            user, passed = gave[one]
            held[user, passed] = False


def envious(candidates: Candidates, lists: np.ndarray, n_items: int) -> np.ndarray:
    """Who would rather have someone's list less the item in it that they like best, bool (U,): not envy-free up to one item.

    Args:
        lists: (U, k) items, NOTHING where there is none. An item that is not one's candidate is worth nothing.
    """
    n_users = len(lists)
    found = np.zeros(n_users, bool)
    filled = candidates.filled
    for start in range(0, n_users, AT_ONCE):
        rows = np.arange(start, min(start + AT_ONCE, n_users))
        worth = np.zeros((len(rows), n_items + 1), np.float32)  # NOTHING is at the end
        there = filled[rows]
        worth[np.nonzero(there)[0], candidates.items[rows][there]] = candidates.relevance[rows][there]
        total, most = np.zeros((2, len(rows), n_users), np.float32)
        for place in lists.T:
            one = worth[:, place]
            total += one
            np.maximum(most, one, out=most)
        own = total[np.arange(len(rows)), rows]
        found[rows] = (total - most > own[:, None] + ROUNDING).any(axis=1)
    return found
