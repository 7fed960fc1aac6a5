"""How much less each group buys of a product when its price is higher: a demand curve from past sales."""

from dataclasses import dataclass
from typing import Literal

import numpy as np
import pandas as pd
from scipy.special import xlogy

from core.errors import InputError
from core.fairness.group_rows import among
from core.fairness.partition import Partition
from core.fairness.pricing.overlap import influence_intervals
from core.fairness.pricing.purchases import Purchases, codes
from core.fairness.pricing.sides import INTERVAL
from core.fairness.pricing.valuations import ExponentialValuations, UniformValuations, Valuations
from core.fairness.stats import Interval
from core.fairness.suppression import SHOWN
from core.schema.settings import Statistics
from core.schema.tables import ITEM, LIST_PRICE, LOYALTY_DISCOUNT, PAID_PRICE, QUANTITY, WEEK

MODEL_ESTIMATE = (
    "model estimate: it follows from a demand curve fitted to past sales, not from data on valuations"
)
SOLD_WEEKS = 0.8  # of all weeks, for a product to be used: of weeks without a sale the price is unknown
FOLDS = 5  # every fifth week is held out in turn
STEEPEST = 100.0  # a sensitivity above this is no estimate: all was sold at the lowest price
OBSERVED = (0.025, 0.975)  # quantiles of prices between which the curve rests on sales

Shape = Literal["exponential", "linear"]


@dataclass(frozen=True)
class Demand:
    """Demand of the shown groups and of all users, (S + 1,); NaN where it cannot be told or rests on too few buyers.

    All but `buyers`, `products`, `weeks` and `coverage` are model estimates.

    Attributes:
        elasticity: change of units by change of price at the usual price; -2: 1 % dearer, 2 % less.
        weekly: units of all used products that are bought in a week in which each has its usual price.
        explained: share of the Poisson deviance in weeks held out that the price explains; below 0, it misleads.
        buyers: users who bought a used product.
        products, weeks: how many were used. coverage: share of the units asked for that are of used products.
        observed: prices between which the middle 95 % of units were sold, as shares of the usual price.
    """

    elasticity: Interval
    weekly: np.ndarray
    explained: np.ndarray
    buyers: np.ndarray
    products: int
    weeks: int
    coverage: float
    observed: tuple[float, float]


@dataclass(frozen=True)
class _Sales:
    """Sales of the used products. Letters in shapes: U users, P products, W weeks, N lines.

    Attributes:
        price: (P, W) shares of the usual price, 0 where unknown. known: bool (P, W).
        user, product, week, units: (N,) of lines. active: bool (U, W).
        coverage: share of units.
    """

    price: np.ndarray
    known: np.ndarray
    user: np.ndarray
    product: np.ndarray
    week: np.ndarray
    units: np.ndarray
    active: np.ndarray
    coverage: float


@dataclass(frozen=True)
class _Curve:
    """Fitted rates base exp(-sensitivity price) of each side. Q sides.

    Attributes:
        sensitivity, information: (Q,). base, mean_price: (Q, P), prices weighted by fitted units.
        rate: (Q, P, W) exp(-sensitivity price), 0 where the price is unknown.
    """

    sensitivity: np.ndarray
    information: np.ndarray
    base: np.ndarray
    mean_price: np.ndarray
    rate: np.ndarray


def estimate_demand(
    purchases: Purchases,
    part: Partition,
    chosen: np.ndarray,
    *,
    settings: Statistics,
    rng: np.random.Generator,
) -> Demand:
    """Poisson regression of weekly units on the price, within products and apart for each group:

        E[units of product j in week w] = active users in w x exp(alpha_j - eta p_jw),  elasticity at p = 1: -eta

    p_jw is the median over lines of the price open to everybody (shelf price less loyalty discount, no coupons; the paid
    price where no other is known), divided by the product's median shelf price. The price, not its logarithm: a constant
    elasticity would have endless buyers at a price of 0, and so no valuations. Product effects alpha_j are a group's own,
    so that only changes of a product's price over weeks count; an active user is one who buys anything in that week. With
    the effects concentrated out it is a logit of the week in which a unit is sold. Intervals draw users again, which
    allows for lines of one user being alike and for more spread than Poisson's. Deviance explained compares forecasts for
    weeks held out with those of the same model without the price.

    What it cannot do. Prices are the shop's choice: offers go with mailers, displays and seasons, whose effect is read as
    the price's. Who stocks up at a low price buys less later, and who switches from one product to another counts as
    a buyer lost, so the answer to a lasting change of all prices is weaker than this one. Who comes only for an offer
    is not told apart from who would have come. Stores of one week share a price. Products sold in too few weeks are left
    out; of the rest, weeks without a sale are, which makes elasticities a little too small.

    Args:
        purchases: of products sold by the piece. part: of their users.
        chosen: bool (N,) lines of the products asked about, such as those of a category.

    Raises:
        InputError: no weeks, or no product is sold in most of them at a price that changes.
    """
    sales = _sales(purchases, chosen)
    sides = np.concatenate([np.eye(part.n_strata)[: part.n_shown], np.ones((1, part.n_strata))])  # (Q, G)
    units, active = _by_side(sales, part.strata, sides)
    bought = np.bincount(sales.user, sales.units, minlength=len(part.strata)) > 0
    buyers = sides @ np.bincount(part.strata[bought], minlength=part.n_strata)
    enough = np.append(
        _shown_among(part, bought, settings.minimum_group), bought.sum() >= settings.minimum_group
    )
    curve = _fit(units, active, sales.price, sales.known)
    told = enough & np.isfinite(curve.sensitivity)
    if not told[-1]:
        raise InputError("Demand cannot be told: no price changes between weeks, or too few users buy.")
    level = curve.base.sum(axis=1) * np.exp(-curve.sensitivity)  # units of an active user in a week
    return Demand(
        elasticity=_elasticity(sales, curve, sides[:, part.strata] > 0, told, settings, rng),
        weekly=np.where(told, active.mean(axis=1) * level, np.nan),
        explained=np.where(told, _explained(units, active, sales), np.nan),
        buyers=np.where(told, buyers, np.nan),
        products=len(sales.price),
        weeks=sales.active.shape[1],
        coverage=sales.coverage,
        observed=_observed(sales),
    )


def implied_valuations(elasticity: np.ndarray, shape: Shape) -> Valuations:
    """What buyers are willing to pay if their curve holds at all prices; a model estimate (`MODEL_ESTIMATE`).

    `exponential` is the curve that was fitted. `linear` is the straight line that touches it at the usual price, the
    textbook case, which falls short of the sales at low prices. Neither was seen near a price of 0.

    Args:
        elasticity: (G,) below 0, at the usual price.
    """
    if shape == "exponential":
        return ExponentialValuations(-elasticity)
    return UniformValuations(1 - 1 / elasticity)


def offered_price(lines: pd.DataFrame) -> np.ndarray:
    """(N,) price of one piece that is open to everybody: shelf price less loyalty discount, else the paid price."""
    listed, paid = (lines[name].to_numpy() for name in (LIST_PRICE, PAID_PRICE))
    loyalty = np.nan_to_num(lines[LOYALTY_DISCOUNT].to_numpy()) if LOYALTY_DISCOUNT in lines else 0.0
    return np.where(np.isnan(listed), paid, listed - loyalty)


def _sales(purchases: Purchases, chosen: np.ndarray) -> _Sales:
    if WEEK not in purchases.lines:
        raise InputError("Demand needs the weeks of purchases; the times of these data are only an order.")
    all_weeks = purchases.lines[WEEK].to_numpy()
    week = np.unique(all_weeks, return_inverse=True)[1]
    active = np.zeros((len(purchases.users), week.max(initial=0) + 1), bool)
    active[purchases.place, week] = True
    lines, week, user = purchases.lines[chosen], week[chosen], purchases.place[chosen]
    product, units = codes([lines[ITEM].to_numpy()]), lines[QUANTITY].to_numpy()
    price, listed = pd.Series(offered_price(lines)), lines[LIST_PRICE].reset_index(drop=True)
    usual = listed.fillna(price).groupby(product).transform("median")
    table = (price / usual).groupby([product, week]).median().unstack()
    table = table.reindex(columns=range(active.shape[1])).to_numpy()  # (all products, W)
    used = np.isfinite(table).sum(axis=1) >= SOLD_WEEKS * active.shape[1]
    if not used.any():
        raise InputError(
            f"Demand cannot be told: none of these products is sold in {100 * SOLD_WEEKS:g} % of the weeks."
        )
    kept, table = used[product], table[used]
    return _Sales(
        price=np.nan_to_num(table),
        known=np.isfinite(table),
        user=user[kept],
        product=(np.cumsum(used) - 1)[product[kept]],
        week=week[kept],
        units=units[kept],
        active=active,
        coverage=float(units[kept].sum() / units.sum()),
    )


def _shown_among(part: Partition, bought: np.ndarray, minimum: int) -> np.ndarray:
    """(S,) which shown groups may also be shown by their buyers alone."""
    own = among(part, bought, minimum=minimum)
    return np.zeros(part.n_shown, bool) if own is None else (own.states == SHOWN)[part.states == SHOWN]


def _by_side(sales: _Sales, strata: np.ndarray, sides: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Units, (Q, P, W), and active users, (Q, W), of each side, 0 or 1 of each group, (Q, G)."""
    n_groups, shape = sides.shape[1], sales.price.shape
    cell = np.ravel_multi_index((strata[sales.user], sales.product, sales.week), (n_groups, *shape))
    units = np.bincount(cell, sales.units, minlength=n_groups * sales.price.size).reshape(n_groups, -1)
    active = np.stack([sales.active[strata == group].sum(axis=0) for group in range(n_groups)])
    return (sides @ units).reshape(-1, *shape), sides @ active


def _fit(units: np.ndarray, active: np.ndarray, price: np.ndarray, known: np.ndarray) -> _Curve:
    """Newton's method on the likelihood with product effects concentrated out, which is concave; all sides at once."""
    total = (units * known).sum(axis=2)  # (Q, P)
    bought = (units * known * price).sum(axis=(1, 2))
    eta = np.zeros(len(units))
    for _ in range(100):
        rate = np.exp(-eta[:, None, None] * price) * known
        weight = rate * active[:, None]
        exposure = weight.sum(axis=2)
        safe = np.where(exposure > 0, exposure, 1.0)
        mean = (weight * price).sum(axis=2) / safe
        spread = (weight * price**2).sum(axis=2) / safe - mean**2
        information = (total * spread).sum(axis=1)
        score = (total * mean).sum(axis=1) - bought
        informed = information > 1e-9 * np.maximum(total.sum(axis=1), 1)
        step = np.divide(score, information, out=np.zeros_like(score), where=informed)
        if np.abs(step).max() < 1e-10:
            break
        eta = np.clip(eta + np.clip(step, -2, 2), -STEEPEST, STEEPEST)
    told = informed & (np.abs(eta) < STEEPEST)
    return _Curve(np.where(told, eta, np.nan), information, total / safe, mean, rate)


def _elasticity(
    sales: _Sales,
    curve: _Curve,
    member: np.ndarray,
    told: np.ndarray,
    settings: Statistics,
    rng: np.random.Generator,
) -> Interval:
    """Minus the sensitivities, (Q,), with intervals from users drawn again; NaN where not told.

    Args:
        member: bool (Q, U).
    """
    n_users = len(sales.active)
    price = sales.price[sales.product, sales.week]
    influence = np.zeros((n_users, len(told)))
    for side in np.flatnonzero(told):
        mean = curve.mean_price[side]
        off = np.bincount(sales.user, sales.units * (price - mean[sales.product]), minlength=n_users)
        expected = curve.base[side][:, None] * curve.rate[side] * (sales.price - mean[:, None])
        off = (off - sales.active @ expected.sum(axis=0)) * member[side]
        influence[:, side] = off / curve.information[side]
    values = np.where(told, -curve.sensitivity, 0.0)
    together = np.zeros(n_users, int)
    found = influence_intervals(values, influence, together, settings=settings, rng=rng)
    return Interval(*(np.where(told, getattr(found, name), np.nan) for name in INTERVAL))


def _explained(units: np.ndarray, active: np.ndarray, sales: _Sales) -> np.ndarray:
    """(Q,) share of the deviance in weeks held out that goes when the price is known."""
    fold = np.arange(units.shape[2]) % FOLDS
    with_price, without = np.zeros(len(units)), np.zeros(len(units))
    for held in range(FOLDS):
        train, test = sales.known & (fold != held), sales.known & (fold == held)
        curve = _fit(units, active, sales.price, train)
        exposure = active @ train.T  # (Q, P)
        plain = (units * train).sum(axis=2) / np.where(exposure > 0, exposure, 1.0)
        told = test & (plain > 0)[:, :, None]  # of a product never sold before, neither can tell
        expected = active[:, None] * np.exp(-curve.sensitivity[:, None, None] * sales.price)
        known = np.where(np.isfinite(curve.sensitivity), 0.0, np.nan)
        with_price += _deviance(units, curve.base[:, :, None] * expected, told) + known
        without += _deviance(units, plain[:, :, None] * active[:, None], told)
    return np.where(without > 0, 1 - with_price / np.where(without > 0, without, 1.0), np.nan)


def _deviance(units: np.ndarray, expected: np.ndarray, counted: np.ndarray) -> np.ndarray:
    """(Q,) Poisson deviance of the counted cells; those without an active user have none."""
    safe = np.where(expected > 0, expected, 1.0)
    each = xlogy(units, units / safe) - units + expected
    return 2 * np.where(counted & (expected > 0), each, 0.0).sum(axis=(1, 2))


def _observed(sales: _Sales) -> tuple[float, float]:
    price = sales.price[sales.product, sales.week]
    order = np.argsort(price)
    share = np.cumsum(sales.units[order]) / sales.units.sum()
    low, high = price[order][np.searchsorted(share, OBSERVED)]
    return float(low), float(high)
