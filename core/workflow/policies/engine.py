"""Steps that put prices on kinds of items: everyone's new order, and a sentence on what the engine reached."""

import hashlib
import threading
from dataclasses import dataclass
from functools import cached_property

import numpy as np

from core.errors import InputError
from core.recommend.rerank.batch import Candidates, by_relevance
from core.recommend.rerank.dual import Limits, Solution, keep_limits
from core.recommend.rerank.market import Kinds, Market, open_market
from core.recommend.rerank.reach import attainable
from core.workflow.policies.ground import Ground, UserGroups

MARKETS = 4  # kept of one set of candidates: a moved knob asks for the same one again
_KEEPING = threading.Lock()  # sessions of one server share candidates


@dataclass(frozen=True)
class Reranked:
    """Candidates in a new order, and what there is to say of it."""

    candidates: Candidates
    notes: tuple[str, ...] = ()


@dataclass(frozen=True)
class Opened:
    """A market, and what lists made in it can reach."""

    market: Market

    @cached_property
    def reach(self) -> Limits:
        """See `attainable`."""
        return attainable(self.market)


def market_of(
    candidates: Candidates, kinds: Kinds, ground: Ground, users: UserGroups | None = None
) -> Opened:
    """The market of everyone who has candidates; others would count as users who see nothing. It is kept for the next time.

    Raises:
        InputError: nobody has any.
    """
    of = [kinds.codes, kinds.features, ground.weights, *(() if users is None else (users.codes,))]
    key = hashlib.blake2b(b"|".join(np.ascontiguousarray(part).tobytes() for part in of)).digest()
    with _KEEPING:
        kept = candidates.kept
        if key not in kept:
            while len(kept) >= MARKETS:
                kept.pop(next(iter(kept)))
            kept[key] = Opened(_market_of(candidates, kinds, ground, users))
        return kept[key]


def _market_of(candidates: Candidates, kinds: Kinds, ground: Ground, users: UserGroups | None) -> Market:
    rows = candidates.filled[:, 0]
    if not rows.any():
        raise InputError("Nobody has candidates, so there is nothing to re-rank.")
    some = Candidates(candidates.items[rows], candidates.relevance[rows])
    groups = {} if users is None else {"user_groups": users.codes[rows], "n_groups": len(users.names)}
    return open_market(some, kinds, ground.weights, **groups)


def within(market: Market, limits: Limits) -> Solution:
    """Lists within limits; the sample on which prices are found first is always the same."""
    return keep_limits(market, limits, rng=np.random.default_rng(0))


def priced(
    candidates: Candidates, kinds: Kinds, prices: np.ndarray, users: UserGroups | None = None
) -> Candidates:
    """Everyone's candidates by relevance plus price.

    Args:
        prices: (G, Q); users in no group have none.
    """
    if not prices.any():
        return candidates
    group = np.zeros(candidates.n_users, int) if users is None else users.codes
    bonus = np.vstack([prices @ kinds.features, np.zeros(kinds.features.shape[1])])
    kind = np.append(kinds.codes, 0)[candidates.items]  # NOTHING is at the end; its relevance stays EMPTY
    return by_relevance(candidates, candidates.relevance + bonus[group[:, None], kind].astype(np.float32))


def certificate(solution: Solution) -> str:
    """How far the lists are from the best possible within their limits."""
    share = max(100 * solution.from_best, 0.1)
    return f"No lists within these limits can be more than {share:.1f} % more relevant."


def out_of_reach(wanted: np.ndarray, limits: Limits, names: tuple[str, ...]) -> tuple[str, ...]:
    """What the candidates cannot reach, in words.

    Args:
        wanted: (H,) floors as asked for, 0 for none. limits: as they were set, within reach.
    """
    return tuple(
        f"'{name}' can get at most {100 * low:.1f} % of the attention within these candidates; "
        f"{100 * asked:.1f} % were asked for."
        for name, asked, low in zip(names, wanted, limits.low[0], strict=True)
        if asked > max(low, 0.0) + 1e-9
    )
