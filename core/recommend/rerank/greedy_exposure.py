"""Greedy exposure: every list trades relevance against how far the exposure of item groups is from its target."""

from dataclasses import dataclass

import numpy as np
from pydantic import Field

from core.errors import InputError
from core.recommend.rerank.batch import EMPTY, Candidates
from core.recommend.rerank.item_target import ItemTargetSettings
from core.recommend.rerank.order import best_first

BLOCK = 2000  # users who answer to the same prices, at most
BLOCKS = 8  # of a pass at least, where there are as many users
SLOWLY = 30  # times as many users were served before as answer to the same prices in the first pass; more where prices move more
PASSES = 6  # more over everyone, at most
STABLE = 1e-4  # of the objective: a pass that adds less is the last
ROUNDING = 1e-9  # of a gain


class GreedyExposureSettings(ItemTargetSettings):
    """Item groups come nearer to their target share of attention, as far as that is worth the relevance.

    Moves what groups of items get over all users. Promises no group a floor, as the dual exposure engine does; nor does it
    move which items of a group are shown, or make any single list look like the target.
    """

    strength: float = Field(
        1.0,
        ge=0,
        le=100,
        description="What the squared distance of the groups' exposure from their target costs, in relevance; 0 keeps the "
        "order. Promises no floor to any group",
    )


@dataclass
class _Lists:
    """Everyone's lists as they are.

    Attributes:
        utility: (U,). shown: (U, k) groups by place, H where there is no item. priced: (U,) which prices they are the best
            at. prices: (H,) each.
    """

    utility: np.ndarray
    shown: np.ndarray
    priced: np.ndarray
    prices: list[np.ndarray]


def greedy_exposure(
    candidates: Candidates,
    groups: np.ndarray,
    target: np.ndarray,
    *,
    weights: np.ndarray,
    strength: float,
    rng: np.random.Generator,
) -> Candidates:
    """Everyone's candidates by relevance plus the price of their group, block after block until hardly anything is gained.

        max  mean_u sum_r v_r s(u, i_r) - l sum_h (E_h - E*_h)^2,   E_h = mean_u sum_r v_r 1[h(i_r) = h],   l = strength

    v: attention by place, sum 1; E*: target shares of all attention that lists of the candidates can hold. The objective's
    slope is a price -2 l (E_h - E*_h) on each item of group h, at which every user's best list is a sort. In a first pass
    users answer to the exposure of those before them, a few at a time. Then blocks of users answer in the order of what each
    gains, as long as the objective rises with them; after each, exposures and prices are new. So it never falls below that
    of the lists as they were, and ends where hardly a block gains: near the optimum of the relaxation to mixed lists where
    users are many, but a local optimum.
    Source: the slope is that of Do, Corbett-Davies, Atif & Usunier, Two-sided fairness in rankings via Lorenz dominance,
    NeurIPS 2021; their Frank-Wolfe steps move everyone at once, which here took more passes.

    Args:
        groups: (I,) group of each item, 0 .. H - 1. target: (H,) shares, sum 1.
        weights: (k,) attention by place, positive, never rising, on any scale.
        strength: l; 0 keeps the order exactly. rng: draws the order of users.

    Returns:
        Relevance with the prices added.

    Raises:
        InputError: the target is no set of shares, or an item is in none of its groups.
    """
    if not np.isclose(target.sum(), 1) or (target < 0).any():
        raise InputError("Target shares of item groups must not be negative, and must sum to 1.")
    if groups.min(initial=0) < 0 or groups.max(initial=0) >= len(target):
        raise InputError(f"An item is in a group that is none of the {len(target):,} with target shares.")
    if strength == 0 or not candidates.n_users:
        return candidates
    problem = _Problem(candidates, groups, target, weights, strength)
    order = rng.permutation(candidates.n_users)
    lists = _first(problem, order)
    _passes(problem, lists, order)
    return problem.sorted(lists)


class _Problem:
    """What stays the same while lists change."""

    def __init__(
        self,
        candidates: Candidates,
        groups: np.ndarray,
        target: np.ndarray,
        weights: np.ndarray,
        strength: float,
    ):
        self.candidates, self.strength = candidates, strength
        self.n_groups = len(target)
        kind = np.int16 if self.n_groups < np.iinfo(np.int16).max else np.int32
        self.codes = np.append(groups, self.n_groups).astype(kind)[candidates.items]  # NOTHING is at the end
        self.weights = (weights / weights.sum())[: candidates.items.shape[1]]
        self.target = target * float((candidates.filled[:, : len(weights)] @ self.weights).mean())

    def answer(self, rows: np.ndarray | slice, prices: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """Best lists of some users at prices (H,): their utility without the prices, (u,), and groups by place, (u, k)."""
        relevance, codes = self.candidates.relevance[rows], self.codes[rows]
        order = best_first(relevance + _with_none(prices)[codes])[:, : len(self.weights)]
        shown = np.take_along_axis(codes, order, axis=1)
        taken = np.where(shown < self.n_groups, np.take_along_axis(relevance, order, axis=1), 0)
        return taken @ self.weights, shown

    def attention(self, shown: np.ndarray) -> np.ndarray:
        """What each of these lists gives each group, (u, H)."""
        cells = np.arange(len(shown))[:, None] * (self.n_groups + 1) + shown
        length = len(shown) * (self.n_groups + 1)
        found = np.bincount(cells.ravel(), np.tile(self.weights, len(shown)), minlength=length)
        return found.reshape(len(shown), self.n_groups + 1)[:, :-1]

    def exposure(self, shown: np.ndarray) -> np.ndarray:
        """Mean of `attention`, (H,)."""
        found = np.bincount(shown.ravel(), np.tile(self.weights, len(shown)), minlength=self.n_groups + 1)
        return found[:-1] / len(shown)

    def objective(self, utility: np.ndarray | float, exposure: np.ndarray) -> np.ndarray:
        """Of mean utility and exposure (..., H)."""
        return utility - self.strength * ((exposure - self.target) ** 2).sum(axis=-1)

    def slope(self, exposure: np.ndarray) -> np.ndarray:
        """Prices of the groups at these exposures, (H,)."""
        return -2 * self.strength * (exposure - self.target)

    def as_they_were(self) -> _Lists:
        """All lists without prices."""
        shown = self.codes[:, : len(self.weights)].copy()
        relevance = np.where(shown < self.n_groups, self.candidates.relevance[:, : len(self.weights)], 0)
        return _Lists(
            relevance @ self.weights, shown, np.zeros(len(shown), np.intp), [np.zeros(self.n_groups)]
        )

    def sorted(self, lists: _Lists) -> Candidates:
        """Candidates by relevance and the prices that each user's list was made at."""
        prices = np.stack([_with_none(one) for one in lists.prices])
        items, relevance = np.empty_like(self.candidates.items), np.empty_like(self.candidates.relevance)
        for start in range(0, len(items), BLOCK):
            here = slice(start, start + BLOCK)
            values = self.candidates.relevance[here] + prices[lists.priced[here, None], self.codes[here]]
            order = best_first(values)
            items[here] = np.take_along_axis(self.candidates.items[here], order, axis=1)
            relevance[here] = np.take_along_axis(values, order, axis=1)
        return Candidates(items, relevance)


def _with_none(prices: np.ndarray) -> np.ndarray:
    """Prices and that of an empty place, float32 (H + 1,)."""
    return np.append(prices, EMPTY).astype(np.float32)


def _first(problem: _Problem, order: np.ndarray) -> _Lists:
    """Lists in one pass at the prices of the lists so far, or as they were where those are no better."""
    was = problem.as_they_were()
    found = _Lists(was.utility.copy(), was.shown.copy(), was.priced.copy(), [])
    exposure, start = problem.target, 0
    while start < len(order):
        rows = order[start : start + min(max(start // int(SLOWLY + 2 * problem.strength), 1), BLOCK)]
        prices = problem.slope(exposure)
        found.utility[rows], found.shown[rows] = problem.answer(rows, prices)
        found.priced[rows] = len(found.prices)
        found.prices.append(prices)
        more = problem.exposure(found.shown[rows])
        exposure = (start * exposure + len(rows) * more) / (start + len(rows))
        start += len(rows)
    return max(was, found, key=lambda way: problem.objective(way.utility.mean(), problem.exposure(way.shown)))


def _passes(problem: _Problem, lists: _Lists, order: np.ndarray) -> None:
    """Blocks of users answer to the prices of the moment; in place."""
    n_users = problem.candidates.n_users
    block = min(BLOCK, -(-n_users // BLOCKS))
    mean, exposure = lists.utility.mean(), problem.exposure(lists.shown)
    value = problem.objective(mean, exposure)
    for _ in range(PASSES):
        before = value
        for start in range(0, n_users, block):
            rows = order[start : start + block]
            prices = problem.slope(exposure)
            utility, shown = problem.answer(rows, prices)
            more = utility - lists.utility[rows]
            moved = problem.attention(shown) - problem.attention(lists.shown[rows])
            gain = more + moved @ prices
            first = np.argsort(-gain, kind="stable")
            first = first[gain[first] > ROUNDING]
            if not len(first):
                continue
            means = mean + np.cumsum(more[first]) / n_users
            exposures = exposure + np.cumsum(moved[first], axis=0) / n_users
            values = problem.objective(means, exposures)
            best = int(values.argmax())
            if values[best] <= value:
                continue
            mean, exposure, value = means[best], exposures[best], values[best]
            taken = first[: best + 1]
            lists.utility[rows[taken]], lists.shown[rows[taken]] = utility[taken], shown[taken]
            lists.priced[rows[taken]] = len(lists.prices)
            lists.prices.append(prices)
        if value - before <= STABLE * max(abs(value), ROUNDING):
            break
