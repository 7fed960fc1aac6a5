"""The dual exposure engine: everyone's most relevant lists under limits on what is seen, with a bound on the best possible.

    max  (1/U) sum_u sum_k v_k r(u, R_uk)    over lists R
    s.t. low_gq <= exposure_gq <= high_gq,   exposure_gq = mean over users of g of sum_k v_k feature_q(R_uk)

Every limit gets a price. At given prices each user's best list is a sort, and the value at the best lists, less what the
limits cost, is never below the best that any lists within the limits can reach (weak duality): minimised over prices it
is a certificate. With thousands of users it is nearly smooth in the prices, so quasi-Newton steps find them.
Source: Balseiro, Lu & Mirrokni, The best of many worlds: dual mirror descent for online allocation problems, Operations
Research 71, 2023 (the dual and its gradient); here all users are known at once, so the dual is minimised directly.
"""

from dataclasses import dataclass

import numpy as np
from scipy.optimize import lsq_linear, minimize

from core.recommend.rerank.market import Market, Response, respond, sample

HIGHEST = 100.0  # price, in relevance: far above what moves any item whose relevance is between 0 and 1
SAMPLED, MOST_SAMPLED = 1024, 4096  # users of each group, and of all, on whom first prices are found
BENT = 1024  # users who show how exposures follow prices
FIRST, WIDER = 1 / 16, 8.0  # price that is tried first, and by how much the next is higher
NARROWINGS = 60  # of the range of a price, at most
FINEST = 1e-5  # width of it at which a price is found
SEARCH = 200  # evaluations of the dual with the sample, at most
SAMPLE_ENOUGH = {"ftol": 1e-7, "gtol": 1e-4}  # the sample errs by more than this
STEPS = 5  # passes over all users, at most
ENOUGH = 2.5e-4  # of all attention: closer than this no further pass is made
NUDGE, LONGEST, FLATTEST = 0.02, 0.25, 1e-3  # of prices: to see the curvature, in one step; of the curvature
EXACT = 1e-3  # of all attention: limits missed by less count as kept; lists are whole, so none is met to the digit


@dataclass(frozen=True)
class Limits:
    """What the mean list of each user group may hold, (G, Q) each; -inf and inf where there is no limit."""

    low: np.ndarray
    high: np.ndarray

    def within(self, reach: "Limits") -> "Limits":
        """The same limits, none beyond what can be reached."""
        return Limits(np.minimum(self.low, reach.high), np.maximum(self.high, reach.low))


def no_limits(shape: tuple[int, int]) -> Limits:
    """Anything goes, (G, Q)."""
    return Limits(np.full(shape, -np.inf), np.full(shape, np.inf))


@dataclass(frozen=True)
class Solution:
    """Prices, and what everyone's lists are under them.

    Attributes:
        prices: (G, Q). response: with the lists.
        bound: no lists within the limits have a higher mean relevance.
        missed: (G, Q) how far exposures are outside of their limits, 0 where they are kept.
    """

    prices: np.ndarray
    response: Response
    bound: float
    missed: np.ndarray

    @property
    def kept(self) -> bool:
        """Whether all limits are kept, up to `EXACT`."""
        return bool(self.missed.max(initial=0) <= EXACT)

    @property
    def from_best(self) -> float:
        """At most this share of the best possible relevance is missing; 0 where limits that are missed allow more."""
        return max(1 - self.response.relevance / self.bound, 0.0) if self.bound > 0 else 0.0


def keep_limits(
    market: Market, limits: Limits, *, start: np.ndarray | None = None, rng: np.random.Generator
) -> Solution:
    """The lists of most relevance within the limits.

    Args:
        start: (G, Q) prices to begin with, such as those of a setting nearby; None: found with a sample of users first.
        rng: draws the sample.
    """
    if start is None:
        few = sample(market, min(SAMPLED * len(market.sizes), MOST_SAMPLED), rng)
        start = _narrow(few, limits) if limits.low.shape[1] == 1 else _minimise(few, limits)
    response, prices = _polish(market, sample(market, BENT, rng), limits, start)
    return Solution(
        prices=prices,
        response=response,
        bound=response.value - _cost(market, limits, np.maximum(prices, 0), np.maximum(-prices, 0)),
        missed=_missed(limits, response.exposure),
    )


def _missed(limits: Limits, exposure: np.ndarray) -> np.ndarray:
    return np.maximum(np.maximum(limits.low - exposure, exposure - limits.high), 0.0)


def _polish(market: Market, few: Market, limits: Limits, prices: np.ndarray) -> tuple[Response, np.ndarray]:
    """Quasi-Newton steps from prices that are nearly right: the curvature is first what a sample of users shows, then what the
    steps themselves have shown (Broyden, Fletcher, Goldfarb and Shanno)."""
    best, curvature, last = None, None, None
    for _ in range(STEPS):
        response = respond(market, prices, lists=True)
        aim, lowest, highest = _sides(limits, response.exposure, prices)
        off = response.exposure - aim
        wrong = float(np.abs(off).max(initial=0))
        if best is None or wrong < best[0]:
            best = wrong, response, prices
        if wrong < ENOUGH:
            break
        if curvature is None:
            curvature = _curvature(few, prices)
        else:
            moved, seen = prices - last[0], response.exposure - last[1]
            curvature = np.stack([_learnt(*parts) for parts in zip(curvature, moved, seen, strict=True)])
        last = prices, response.exposure
        steps = [
            _step(*parts) for parts in zip(curvature, off, lowest - prices, highest - prices, strict=True)
        ]
        prices = prices + np.stack(steps)
    return best[1], best[2]


def _sides(
    limits: Limits, exposure: np.ndarray, prices: np.ndarray
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Of each exposure the limit that its price is about, and between what the price may lie."""
    up = (prices > 0) | ((prices == 0) & (exposure < limits.low))
    down = (prices < 0) | ((prices == 0) & (exposure > limits.high))
    aim = np.select([up, down], [limits.low, limits.high], exposure)
    return aim, np.where(down, -HIGHEST, 0.0), np.where(up, HIGHEST, 0.0)


def _curvature(few: Market, prices: np.ndarray) -> np.ndarray:
    """How exposures follow prices, (G, Q, Q), symmetric; user groups do not touch each other."""
    n_groups, n_amounts = prices.shape
    found = np.empty((n_groups, n_amounts, n_amounts))
    for number in range(n_amounts):
        moved = np.zeros(n_amounts)
        moved[number] = NUDGE
        ends = [respond(few, prices + sign * moved).exposure for sign in (1, -1)]
        found[:, :, number] = (ends[0] - ends[1]) / (2 * NUDGE)
    return (found + found.transpose(0, 2, 1)) / 2


def _learnt(curvature: np.ndarray, moved: np.ndarray, seen: np.ndarray) -> np.ndarray:
    """The curvature (Q, Q) of one user group after a step of its prices (Q,) moved its exposures (Q,)."""
    expected = curvature @ moved
    there, here = moved @ seen, moved @ expected
    if min(there, here) <= 0:  # nothing moved, or tied candidates hid the curvature
        return curvature
    return curvature - np.outer(expected, expected) / here + np.outer(seen, seen) / there


def _step(curvature: np.ndarray, error: np.ndarray, low: np.ndarray, high: np.ndarray) -> np.ndarray:
    """The step of one user group to the lowest point of the dual's parabola within bounds, at most LONGEST long."""
    values, vectors = np.linalg.eigh(curvature)
    values = np.maximum(values, FLATTEST)
    root = np.sqrt(values)[:, None] * vectors.T
    low, high = low.clip(-LONGEST, LONGEST), high.clip(-LONGEST, LONGEST)
    free = high > low
    step = np.zeros(len(error))
    if free.any():
        wanted = -(vectors.T @ error) / np.sqrt(values)
        step[free] = lsq_linear(root[:, free], wanted, bounds=(low[free], high[free])).x
    return step


def _narrow(market: Market, limits: Limits) -> np.ndarray:
    """Prices (G, 1) on a single amount: its exposure rises with its price, also where few users make it jump.

    Between a price that is short of the limit and one that is enough, the next to be tried is by turns where a straight line
    meets the limit and half-way, until enough is near the limit or near short.
    """
    seen = respond(market, np.zeros(limits.low.shape)).exposure
    side = (seen < limits.low).astype(float) - (seen > limits.high)
    limit = np.select([side > 0, side < 0], [limits.low, limits.high], seen)
    short, lacking = (
        np.zeros(side.shape),
        side * (seen - limit),
    )  # how far above the limit, where that is the aim
    enough, above = np.full(side.shape, HIGHEST), np.full(side.shape, np.inf)
    price = np.full(side.shape, FIRST)
    for number in range(NARROWINGS):
        open_ = (side != 0) & (above > ENOUGH) & (enough - short > FINEST)
        if not open_.any():
            break
        off = side * (respond(market, side * np.where(open_, price, enough)).exposure - limit)
        done, not_yet = open_ & (off >= 0), open_ & (off < 0)
        enough, above = np.where(done, price, enough), np.where(done, off, above)
        short, lacking = np.where(not_yet, price, short), np.where(not_yet, off, lacking)
        straight = short + (enough - short) * np.clip(
            lacking / np.minimum(lacking - above, -1e-300), 0.02, 0.98
        )
        between = straight if number % 2 else (short + enough) / 2
        price = np.where(np.isinf(above), np.minimum(WIDER * short, HIGHEST), between)
    return side * enough


def _minimise(market: Market, limits: Limits) -> np.ndarray:
    """Prices (G, Q) at which the dual is lowest: a floor can only push up, a ceiling only down."""
    floors, ceilings = np.isfinite(limits.low), np.isfinite(limits.high)
    if not (floors | ceilings).any():
        return np.zeros(limits.low.shape)
    low, high = np.where(floors, limits.low, 0.0), np.where(ceilings, limits.high, 0.0)
    share = market.shares[:, None]

    def dual(flat: np.ndarray) -> tuple[float, np.ndarray]:
        up, down = flat.reshape(2, *limits.low.shape)
        response = respond(market, up - down)
        slopes = np.stack([share * (response.exposure - low), share * (high - response.exposure)])
        return response.value - _cost(market, limits, up, down), slopes.ravel()

    highest = HIGHEST * np.stack([floors, ceilings])
    found = minimize(
        dual,
        np.zeros(highest.size),
        jac=True,
        method="L-BFGS-B",
        bounds=[(0.0, top) for top in highest.ravel()],
        options={"maxfun": SEARCH} | SAMPLE_ENOUGH,
    )
    up, down = found.x.reshape(2, *limits.low.shape)
    return up - down


def _cost(market: Market, limits: Limits, up: np.ndarray, down: np.ndarray) -> float:
    """What the limits take off the value at prices up (on floors) and down (on ceilings), (G, Q) each."""
    floors, ceilings = up[up > 0] * limits.low[up > 0], down[down > 0] * limits.high[down > 0]
    share = np.broadcast_to(market.shares[:, None], up.shape)
    return float(share[up > 0] @ floors - share[down > 0] @ ceilings)
