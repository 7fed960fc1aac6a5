"""Steps that put prices on kinds of items: everyone's new order, and a sentence on what the engine reached."""

import hashlib
import math
import threading
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property

import numpy as np

from core.errors import InputError
from core.recommend.rerank.batch import Candidates, by_relevance
from core.recommend.rerank.dual import Limits, Solution, keep_limits
from core.recommend.rerank.market import Kinds, Market, open_market
from core.recommend.rerank.reach import attainable
from core.workflow.policies.ground import Ground, UserGroups

NEARLY = 1e-9  # numbers that differ by less are one
MARKETS = 4  # kept of one set of candidates: a moved knob asks for the same one again
_KEEPING = threading.Lock()  # sessions of one server share candidates


class Shortfall(str):
    """A note on something that was asked for and is not kept; every other note tells of what was reached."""


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
    bonus = np.vstack([prices @ kinds.features, np.zeros(kinds.features.shape[1])]).astype(np.float32)
    of_items = bonus[:, kinds.codes]
    first = np.zeros(candidates.n_users, np.int32)  # of each user's prices
    if users is not None:
        first = users.codes * np.int32(of_items.shape[1])

    def relevance(some: slice) -> np.ndarray:
        return candidates.relevance[some] + of_items.take(candidates.items[some] + first[some, None])

    return by_relevance(candidates, relevance)


def keeping(
    candidates: Candidates,
    kinds: Kinds,
    opened: Opened,
    asked: Limits,
    names: Sequence[str],
    *,
    amount: str,
    users: UserGroups | None = None,
) -> Reranked:
    """Everyone's lists within limits as far as they are within reach, and what there is to say of that.

    Args:
        opened: of the candidates. names: of the groups, of items or of users, that each have one low and one high limit.
        amount: what is limited, `{} % of the attention`. users: whose groups have prices of their own.
    """
    limits = asked.within(opened.reach)
    found = within(opened.market, limits)
    notes = limit_notes(found, asked, limits, names, amount)
    return Reranked(priced(candidates, kinds, found.prices, users), notes)


def limit_notes(
    found: Solution, asked: Limits, limits: Limits, names: Sequence[str], amount: str
) -> tuple[str, ...]:
    """What is not kept of the limits, or else how good the lists are; nothing where there are no limits.

    Args:
        found: lists within `limits`, which are those `asked` for as far as they are within reach. names, amount: see `keeping`.
    """
    low, high = asked.low.ravel(), asked.high.ravel()
    if not (np.isfinite(low) | np.isfinite(high)).any():
        return ()
    short = _beyond_reach(asked, limits, names, amount)
    if not found.kept:
        short += (_not_kept(found, limits, names, amount),)
    return short or (_certificate(found),)


def _beyond_reach(asked: Limits, limits: Limits, names: Sequence[str], amount: str) -> tuple[Shortfall, ...]:
    """What the candidates do not allow."""
    said = []
    for place, name in enumerate(names):
        low, high = (float(side.flat[place]) for side in (asked.low, asked.high))
        most, least = (float(side.flat[place]) for side in (limits.low, limits.high))
        if low > max(most, 0.0) + NEARLY:
            said.append(
                f"'{name}' can get at most {_of(amount, most)} within these candidates; at least {_of('{}', low)} was "
                "asked for."
            )
        if high < least - NEARLY:
            said.append(
                f"'{name}' gets at least {_of(amount, least)} within these candidates; at most {_of('{}', high)} was "
                "asked for."
            )
    return tuple(map(Shortfall, said))


def _not_kept(found: Solution, limits: Limits, names: Sequence[str], amount: str) -> Shortfall:
    """Which limit the lists are furthest from, although each alone is within reach."""
    place = int(found.missed.argmax())
    has, low, high = (float(side.flat[place]) for side in (found.response.exposure, limits.low, limits.high))
    side, limit = ("at least", low) if has < low else ("at most", high)
    return Shortfall(
        f"Not all of these limits are kept: '{names[place]}' is furthest off, with {_of(amount, has)} instead of {side} "
        f"{_of('{}', limit)}."
    )


def _of(amount: str, share: float) -> str:
    return amount.format(f"{100 * share:.1f}")


def _certificate(found: Solution) -> str:
    """How far lists that keep their limits are from the best possible within them."""
    relevance = found.response.relevance
    more = found.bound / relevance - 1 if relevance > 0 else 0.0
    tenths = max(math.ceil(1000 * more - NEARLY), 1)  # never less than it is
    return f"No lists within these limits can be more than {tenths / 10:.1f} % more relevant."
