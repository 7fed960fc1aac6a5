"""Why one group gets more discount than another: what it buys, when, where, and what is left."""

from dataclasses import dataclass, replace

import numpy as np
from scipy import linalg
from scipy.sparse import csr_array, diags_array

from core.errors import InputError
from core.fairness.partition import Partition
from core.fairness.pricing.discounts import discount_outcomes
from core.fairness.pricing.overlap import influence_intervals
from core.fairness.pricing.purchases import Purchases
from core.fairness.pricing.sides import INTERVAL, Gaps, t_tested, users_who_meet
from core.fairness.stats import Interval
from core.schema.settings import Statistics
from core.schema.tables import CHANNEL, ITEM, WEEK

WHERE_FROM = {"when": WEEK, "where": CHANNEL}  # besides what: the product


@dataclass(frozen=True)
class Decomposition:
    """Parts of the gap in mean discount depth of each compared group.

    Attributes:
        parts: names in order: gap, explained, then the parts that make `explained` up, and unexplained.
        intervals: (C, parts). lines, users: how many were used. confidence: of the intervals.
        group_users: (C,) users of each compared group who buy a product that the other side buys too.
        told: (C,) bool, whether these are `minimum_group` of either side.
    """

    parts: tuple[str, ...]
    intervals: Interval
    lines: int
    users: int
    confidence: float
    group_users: np.ndarray
    told: np.ndarray

    def gaps(self, name: str) -> Gaps:
        """One part, (C,), with p-values of Student's t on its standard error.

        Only products that both sides buy tell effects of products from those of groups. So all parts rest on the users
        who buy these, and where they are too few of either side nothing is told.
        """
        number = self.parts.index(name)
        fields = (getattr(self.intervals, field)[:, number] for field in INTERVAL)
        found = t_tested(
            Interval(*(np.where(self.told, field, np.nan) for field in fields)),
            self.users - 1,
            self.confidence,
        )
        return found if name == "gap" else replace(found, n=self.group_users)


@dataclass(frozen=True)
class Fit:
    """Least squares on effects of products and of blocks of dummies (weeks, stores, groups), added up by user.

    Letters in shapes: U users, P products, D dummies.

    Attributes:
        blocks: where each block's dummies are.
        products, dummies: (U, P), (U, D) lines. product_residuals, dummy_residuals: sums of residuals, alike.
        inverse: (D, D) of the dummies with product effects swept out. crossed: (P, D) lines.
        outcome: (U,) sums. effects: sums of the effect of the product (`what`) and of each block, (U,).
    """

    blocks: dict[str, slice]
    products: csr_array
    dummies: csr_array
    product_residuals: csr_array
    dummy_residuals: csr_array
    inverse: np.ndarray
    crossed: csr_array
    outcome: np.ndarray
    effects: dict[str, np.ndarray]

    @property
    def lines(self) -> np.ndarray:
        """(U,) lines of each user."""
        return self.products.sum(axis=1)


def decompose_discount(
    purchases: Purchases, part: Partition, *, settings: Statistics, rng: np.random.Generator
) -> Decomposition:
    """Kitagawa-Oaxaca-Blinder decomposition of the gap in discount depth, 1 - paid / list, per line:

        depth = alpha_product + week + store + beta_group + error
        gap = [mean_a - mean_b of alpha] + [of week] + [of store] + (beta_a - beta_b)
            =       what             +    when    +   where    +   unexplained

    Twofold, with pooled coefficients from a fit that holds the groups' own effects: without these, pooled coefficients
    would count some of what is unexplained as explained (Jann, The Blinder-Oaxaca decomposition for linear regression
    models, Stata Journal 8, 2008). Effects add up; there are none of product by store. Where there is no reference,
    the other side is all lines of the others. Intervals draw users again and count the error of coefficients too.

    Args:
        purchases: with what was free (`priced_lines(free=True)`), or that discount is missed. part: of their users.

    Raises:
        InputError: no list prices, or only one group.
    """
    groups = part.compared
    if not len(groups):
        raise InputError("There is only one group, so there is nothing to compare.")
    depth = discount_outcomes(purchases)["any_discount_depth"]
    fit = _fit(purchases, part.strata[purchases.place], depth)
    value, influence = _parts(fit, *zip(*(part.sides(group) for group in groups), strict=True))
    found = influence_intervals(
        value.ravel(), influence.reshape(len(influence), -1), part.strata, settings=settings, rng=rng
    )
    shaped = (getattr(found, name).reshape(value.shape) for name in INTERVAL)
    own, smaller = users_who_meet(purchases.place, purchases.stratum("product"), part)
    return Decomposition(
        parts=("gap", "explained", *fit.effects),
        intervals=Interval(*shaped),
        lines=len(depth),
        users=len(part.strata),
        confidence=settings.confidence,
        group_users=own,
        told=smaller >= settings.minimum_group,
    )


def _parts(fit: Fit, own: tuple, other: tuple) -> tuple[np.ndarray, np.ndarray]:
    """Values of all parts, (C, parts), and users' influences on them, (U, C, parts).

    Args:
        own, other: C sides, bool (U,) each.
    """
    own, other = (np.array(side).T.astype(float) for side in (own, other))  # (U, C)
    whole = _mean_gap(fit.outcome, fit.lines, own, other)
    each = [_part(fit, name, own, other) for name in fit.effects]
    reasons = each[:-1]  # the last is what they leave
    explained = tuple(sum(one) for one in zip(*reasons, strict=True))
    return tuple(np.stack(one, axis=-1) for one in zip(whole, explained, *each, strict=True))


def _fit(purchases: Purchases, group: np.ndarray, outcome: np.ndarray) -> Fit:
    """By Frisch-Waugh-Lovell: product effects are swept out exactly, the rest is a small dense system."""
    lines = purchases.lines
    columns = {name: lines[column].to_numpy() for name, column in WHERE_FROM.items() if column in lines}
    blocks, places, start = {}, [], 0
    for name, column in (columns | {"unexplained": group}).items():
        kinds, place = np.unique(column, return_inverse=True)
        blocks[name] = slice(start, start + len(kinds))
        places.append(start + place)
        start += len(kinds)
    present, product = np.unique(lines[ITEM].to_numpy(), return_inverse=True)
    design, by_product = _dummies(np.stack(places, axis=1), start), _dummies(product[:, None], len(present))
    by_user = _dummies(purchases.place[:, None], len(purchases.users)).T.tocsr()
    n, crossed = np.bincount(product), csr_array(by_product.T @ design)
    swept = design.T @ design - crossed.T @ (diags_array(1 / n) @ crossed)
    inverse = linalg.pinvh(
        swept.toarray()
    )  # effects are told up to a constant a block, which no contrast sees
    mean = np.bincount(product, outcome) / n
    effect = inverse @ (design.T @ outcome - crossed.T @ mean)
    product_effect = mean - crossed @ effect / n
    residual = diags_array(outcome - product_effect[product] - design @ effect)
    products, dummies = csr_array(by_user @ by_product), csr_array(by_user @ design)
    effects = {"what": products @ product_effect}
    effects |= {name: dummies[:, block] @ effect[block] for name, block in blocks.items()}
    of_users = by_user @ residual
    return Fit(
        blocks,
        products,
        dummies,
        of_users @ by_product,
        of_users @ design,
        inverse,
        crossed,
        by_user @ outcome,
        effects,
    )


def _dummies(places: np.ndarray, width: int) -> csr_array:
    """(N, width) with ones at the places, (N, k), of each row."""
    rows = np.arange(0, places.size + 1, places.shape[1])
    return csr_array((np.ones(places.size), places.ravel(), rows), shape=(len(places), width))


def _mean_gap(
    sums: np.ndarray, lines: np.ndarray, own: np.ndarray, other: np.ndarray
) -> tuple[np.ndarray, np.ndarray]:
    """Mean per line of one side minus the other, (C,), and users' influences on it, (U, C).

    Args:
        sums, lines: (U,). own, other: (U, C) 0 or 1.
    """
    gap, influence = 0.0, 0.0
    for side, sign in ((own, 1), (other, -1)):
        n = lines @ side
        mean = sums @ side / n
        gap = gap + sign * mean
        influence = influence + sign * side * (sums[:, None] - lines[:, None] * mean) / n
    return gap, influence


def _part(fit: Fit, name: str, own: np.ndarray, other: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """What the effects of one block make of the gaps, (C,), and users' influences on it, (U, C).

    A user counts through the own lines, and through the coefficients: by the residuals of these lines, times weights
    that solve the normal equations for the part.
    """
    gap, direct = _mean_gap(fit.effects[name], fit.lines, own, other)
    weight = own / (fit.lines @ own) - other / (fit.lines @ other)  # (U, C)
    n = fit.products.sum(axis=0)[:, None]
    product_aim = fit.products.T @ weight if name == "what" else np.zeros((len(n), weight.shape[1]))
    aim = np.zeros((len(fit.inverse), weight.shape[1]))
    if name in fit.blocks:
        block = fit.blocks[name]
        aim[block] = fit.dummies[:, block].T @ weight
    solved = fit.inverse @ (aim - fit.crossed.T @ (product_aim / n))
    of_products = (product_aim - fit.crossed @ solved) / n
    return gap, direct + fit.product_residuals @ of_products + fit.dummy_residuals @ solved
