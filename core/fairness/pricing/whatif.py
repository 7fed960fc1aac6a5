"""What if each group had its own price? The most profitable prices, free and under notions of fairness."""

from dataclasses import dataclass

import numpy as np

from core.errors import InputError, SettingsError
from core.fairness.partition import Partition
from core.fairness.pricing.demand import Demand, Shape, implied_valuations
from core.fairness.pricing.valuations import Valuations
from core.fairness.stats import Interval

PRICE, DEMAND, SURPLUS, NO_PURCHASE = "price", "demand", "surplus", "no_purchase_valuation"
NOTIONS = (PRICE, DEMAND, SURPLUS, NO_PURCHASE)
EQUAL = 1e-6  # of the usual price or of all buyers: what differs less is equal
LEVELS, STARTS, ZOOMS = 201, 61, 6  # points along the notion's and along the caps' window, and rounds


@dataclass(frozen=True)
class Market:
    """Groups who can be charged apart.

    Attributes:
        names: (G,). size: (G,) buyers who would take one if it cost nothing, in a week.
        valuations: in shares of the usual price. observed: prices between which the demand rests on sales.
    """

    names: tuple[str, ...]
    size: np.ndarray
    valuations: Valuations
    observed: tuple[float, float]


@dataclass(frozen=True)
class Outcome:
    """What the most profitable prices of one rule bring; model estimates all. NaN where none that keep it earn anything.

    Attributes:
        prices: (G,) shares of the usual price. profit, welfare: of all groups, a week, in usual prices of one piece;
            welfare is profit and surplus. surplus: (G,) of the consumers.
        price_of_fairness: share of the free profit that is lost.
        holds: by notion, whether values of the groups are as close as alpha asks.
        extrapolated: a price lies outside of those observed.
    """

    prices: np.ndarray
    profit: float
    surplus: np.ndarray
    welfare: float
    price_of_fairness: float
    holds: dict[str, bool]
    extrapolated: bool


@dataclass(frozen=True)
class WhatIf:
    """Outcomes of personalised prices.

    Attributes:
        free: without any rule. capped: within the caps alone. fair: within the caps and one notion each.
    """

    free: Outcome
    capped: Outcome
    fair: dict[str, Outcome]


@dataclass(frozen=True)
class _Caps:
    difference: float
    ratio: float

    @property
    def bind(self) -> bool:
        return np.isfinite(self.difference) or np.isfinite(self.ratio)


def market(demand: Demand, part: Partition, shape: Shape) -> Market:
    """The shown groups whose demand surely falls with the price: the interval of their elasticity is below 0.

    Raises:
        InputError: there are not two such groups.
    """
    told = np.flatnonzero(demand.elasticity.high[: part.n_shown] < 0)
    if len(told) < 2:
        raise InputError(
            "Personalised prices need two groups whose demand surely falls with the price; there "
            f"{'is 1' if len(told) else 'are none'}. Choose coarser groups or more products."
        )
    valuations = implied_valuations(demand.elasticity.value[told], shape)
    names = tuple(part.shown_names[group] for group in told)
    return Market(
        names, demand.weekly[told] / valuations.demand(np.ones(len(told))), valuations, demand.observed
    )


def free_prices(demand: Demand, part: Partition, shape: Shape, *, cost: float) -> Interval:
    """The most profitable price of each shown group, (S,), with the interval that its elasticity's ends make.

    NaN of groups whose demand does not surely fall with the price; there is no standard error.
    """
    shown = slice(part.n_shown)
    known = demand.elasticity.high[shown] < 0

    def price(elasticity: np.ndarray) -> np.ndarray:
        safe = np.where(known, elasticity[shown], -1.0)
        return np.where(known, implied_valuations(safe, shape).best_price(cost), np.nan)

    found = demand.elasticity
    return Interval(price(found.value), price(found.low), price(found.high), np.full(part.n_shown, np.nan))


def what_if(
    market: Market,
    *,
    cost: float,
    alpha: float,
    largest_difference: float | None = None,
    largest_ratio: float | None = None,
) -> WhatIf:
    """The prices of most profit, sum of size (p - cost) P(V >= p), without a rule and under each notion of fairness:

        |M_a(p_a) - M_b(p_b)| <= (1 - alpha) |M_a(p*_a) - M_b(p*_b)|,  p* the prices without a rule

    with M the price p, the demand P(V >= p), the surplus E[(V - p)+], or the no-purchase valuation E[V | V < p] of a
    group (Cohen, Elmachtoub & Lei, Price discrimination with fairness constraints, Management Science 68, 2022). Of
    more than two groups the largest difference counts on either side; that extension is ours. Caps: p_max - p_min <=
    largest_difference and p_max / p_min <= largest_ratio (Xu et al., Regulatory instruments for fair personalized
    pricing, WWW 2022). Price of fairness: (profit* - profit) / profit* (Bertsimas, Farias & Trichakis, The price of
    fairness, Operations Research 59, 2011).

    Each M goes one way with the price, so that a rule leaves each group an interval of prices, and in it the one nearest
    to p* is best; where the intervals lie is searched.

    Args:
        cost: of a piece, as a share of its usual price. alpha: 0, no rule, to 1, equal.

    Raises:
        SettingsError: alpha outside of 0 to 1, a negative cost or difference, a ratio below 1.
    """
    _check(cost, alpha, largest_difference, largest_ratio)
    caps = _Caps(
        np.inf if largest_difference is None else largest_difference,
        np.inf if largest_ratio is None else largest_ratio,
    )
    best = market.valuations.best_price(cost)
    allowed = {
        name: (1 - alpha) * np.ptp(values) for name, values in _values(market.valuations, best).items()
    }

    def outcome(prices: np.ndarray) -> Outcome:
        return _outcome(market, prices, cost, allowed, _profit(market, best, cost))

    return WhatIf(
        outcome(best),
        outcome(_best(market, best, cost, caps, None, np.inf)),
        {name: outcome(_best(market, best, cost, caps, name, allowed[name])) for name in NOTIONS},
    )


def impossibility(market: Market) -> str:
    """Whether all four notions can hold at once, in words.

    E[V] = P(V < p) E[V | V < p] + E[(V - p)+] + p P(V >= p) at any price, so that prices fair in all four at once
    (alpha = 1) exist only where mean valuations are equal.
    """
    mean = market.valuations.mean
    low, high = int(mean.argmin()), int(mean.argmax())
    if mean[high] - mean[low] <= EQUAL:
        return "The groups value the product alike, so that one price for all is fair in all four notions."
    return (
        "No prices are fair in price, demand, surplus and no-purchase valuation at once: that would make the mean "
        f"valuations equal, and they are {mean[low]:.3g} ({market.names[low]}) to {mean[high]:.3g} "
        f"({market.names[high]}) of the usual price. One has to choose."
    )


def _check(cost: float, alpha: float, difference: float | None, ratio: float | None) -> None:
    if not 0 <= alpha <= 1:
        raise SettingsError("alpha goes from 0 (no rule) to 1 (equal).")
    if not 0 <= cost < np.inf:
        raise SettingsError("The cost is a share of the usual price, 0 or more.")
    if difference is not None and not difference >= 0:
        raise SettingsError("The largest difference of prices is 0 or more.")
    if ratio is not None and not ratio >= 1:
        raise SettingsError("The largest ratio of prices is 1 or more.")


def _values(valuations: Valuations, prices: np.ndarray) -> dict[str, np.ndarray]:
    """Each notion's M."""
    return {
        PRICE: prices,
        DEMAND: valuations.demand(prices),
        SURPLUS: valuations.surplus(prices),
        NO_PURCHASE: valuations.no_purchase(prices),
    }


def _profit(market: Market, prices: np.ndarray, cost: float) -> np.ndarray:
    return (market.size * (prices - cost) * market.valuations.demand(prices)).sum(axis=-1)


def _outcome(
    market: Market, prices: np.ndarray, cost: float, allowed: dict[str, float], free: float
) -> Outcome:
    values = _values(market.valuations, prices)
    profit, surplus = float(_profit(market, prices, cost)), market.size * values[SURPLUS]
    low, high = market.observed
    return Outcome(
        prices=prices,
        profit=profit,
        surplus=surplus,
        welfare=float(profit + surplus.sum()),
        price_of_fairness=max(1 - profit / free, 0.0) if free > 0 else float("nan"),
        holds={name: bool(np.ptp(values[name]) <= allowed[name] + EQUAL) for name in NOTIONS},
        extrapolated=bool((prices < low).any() or (prices > high).any()),
    )


def _best(
    market: Market, target: np.ndarray, cost: float, caps: _Caps, notion: str | None, width: float
) -> np.ndarray:
    """(G,) the prices of most profit under the caps, with the notion's values within a window of some width.

    Searched are the lower end of that window and, in what it leaves, that of the window of prices, ever closer to the
    best.

    Args:
        target: (G,) prices without a rule.
    """
    n_levels, n_starts = (1 if notion is None else LEVELS), (STARTS if caps.bind else 1)
    level, start = (0.0, _highest(market.valuations, notion, target)), (0.0, 1.0)
    ends = [] if notion is None else _ends(_values(market.valuations, target)[notion], width)
    prices, most = np.full(len(target), np.nan), -np.inf
    for _ in range(ZOOMS):
        levels = np.append(np.linspace(*level, n_levels), ends)
        starts = np.linspace(*start, n_starts)
        low, high = _intervals(market.valuations, notion, levels[:, None], width)
        found = _nearest(target, low, high, starts, caps)
        profit = np.nan_to_num(_profit(market, found, cost), nan=-np.inf)
        at = np.unravel_index(profit.argmax(), profit.shape)
        if profit[at] > most:
            most, prices = profit[at], found[at]
        level = _closer(level, levels[at[0]], n_levels)
        start = _closer(start, starts[at[1]], n_starts)
    return prices if most > 0 else np.full(len(target), np.nan)


def _ends(values: np.ndarray, width: float) -> list[float]:
    """Where a window of that width touches the lowest or the highest value: from there on it changes a group's price."""
    return [values.min(), max(values.max() - width, values.min())]


def _highest(valuations: Valuations, notion: str | None, target: np.ndarray) -> float:
    """How high the lower end of a notion's window can be."""
    mean = float(valuations.mean.max())
    return {None: 0.0, PRICE: float(target.max()), DEMAND: 1.0, SURPLUS: mean, NO_PURCHASE: mean}[notion]


def _intervals(
    valuations: Valuations, notion: str | None, level: np.ndarray, width: float
) -> tuple[np.ndarray, np.ndarray]:
    """Lowest and highest price at which a group's value is in the window from the level up, (T, G) each.

    Args:
        level: (T, 1).
    """
    n_groups = len(valuations.mean)
    if notion is None:
        return np.zeros((1, n_groups)), np.full((1, n_groups), np.inf)
    if notion == PRICE:
        return np.tile(level, (1, n_groups)), np.tile(level + width, (1, n_groups))
    if notion == NO_PURCHASE:
        return valuations.price_of_no_purchase(level), valuations.price_of_no_purchase(level + width)
    price_of = valuations.price_of_demand if notion == DEMAND else valuations.price_of_surplus
    return np.maximum(price_of(level + width), 0), price_of(level)


def _nearest(
    target: np.ndarray, low: np.ndarray, high: np.ndarray, starts: np.ndarray, caps: _Caps
) -> np.ndarray:
    """Prices nearest to the target in each interval and in a window of prices as wide as the caps allow, (T, Z, G).

    Args:
        low, high: (T, G). starts: (Z,) where the window begins, between 0, as low as it can, and 1.

    Returns:
        NaN where no prices do.
    """
    bad = (~np.isfinite(low) | (high < low)).any(axis=1, keepdims=True)
    low, high = (np.where(bad, 0.0, side)[:, None] for side in (low, high))  # (T, 1, G)
    top = low.max(axis=-1, keepdims=True)
    first = np.maximum(np.maximum(top - caps.difference, top / caps.ratio), 0)
    last = np.minimum(high.min(axis=-1, keepdims=True), np.maximum(target.max(), top))
    bad = bad[:, None] | (first > last)
    start = first + starts[:, None] * (last - first)
    end = np.minimum(start + caps.difference, start * caps.ratio if np.isfinite(caps.ratio) else np.inf)
    return np.where(bad, np.nan, np.clip(target, np.maximum(low, start), np.minimum(high, end)))


def _closer(within: tuple[float, float], at: float, points: int) -> tuple[float, float]:
    """One step of a grid around one of its points."""
    step = (within[1] - within[0]) / max(points - 1, 1)
    return max(at - step, within[0]), min(at + step, within[1])
