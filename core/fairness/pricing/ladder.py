"""The ladder: how much of a price gap is left the more is held equal."""

import warnings
from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
import pandas as pd
from scipy import stats

from core.errors import InputError
from core.fairness.comparison import reference_weights
from core.fairness.partition import Partition
from core.fairness.pricing.purchases import Purchases
from core.fairness.pricing.sides import Gaps, stacked, unknown_gap, users_who_meet
from core.fairness.pricing.within import Effects, effects_within
from core.fairness.stats import Interval
from core.schema.settings import Statistics
from core.schema.tables import PAID_PRICE, QUANTITY

RAW, CONDITIONAL = "price_gap_raw", "price_gap_conditional"
RUNGS = {"product": "price_gap_product", "product_time": "price_gap_product_time"} | {
    "product_time_store": "price_gap_product_time_store"
}
TOLD = 1e-9  # a projection smaller than this is none
OUTCOME, USERS, STRATUM, LOG_QUANTITY, GROUP = "log_price", "buyer", "stratum", "log_quantity", "group_"


@dataclass(frozen=True)
class Rung:
    """One step: gaps of the compared groups, (C,), with so much held equal.

    Attributes:
        users, lines: what the fit kept; lines alone in their stratum tell nothing.
        group_users: (C,) users of each compared group with a line in a stratum of both sides.
    """

    name: str
    gaps: Gaps
    users: int
    lines: int
    group_users: np.ndarray


def ladder(purchases: Purchases, part: Partition, *, settings: Statistics) -> list[Rung]:
    """Price gaps, raw and with more and more held equal, as shares of the price.

    Least squares of the logarithm of the unit price on groups, with an effect per stratum:

        log p = alpha_stratum + beta_group (+ gamma log quantity) + error,  gap = exp(beta_group - beta_reference) - 1

    `price_gap_raw` has one stratum for all; the next rungs have a stratum per product, per product and week, and per
    product, week and store (the data's channel: they know one column for both); `price_gap_conditional` is the last of
    these with the quantity, fitted by pyfixest. Where there is no reference, a group is compared with the mean of all
    others' beta, by their lines. Standard errors are clustered by user (CR1 with the degrees of freedom of the strata);
    intervals and p-values by Student's t with one degree of freedom less than the smaller side has users, as few clusters
    on one side make the errors too small (MacKinnon & Webb, Journal of Applied Econometrics 32, 2017). They count lines of
    one user as alike, not users who share a small stratum: for groups of a dozen users, 8 % of intervals of 95 % were off
    where there was no gap, and `same_product_gap` (6.5 %, its p-values 2.5 %) is the safer of the two.
    Rungs keep different lines: each says how many. No gap is told that rests on fewer than `minimum_group` users of either
    side, those with a line in a stratum where the other side has one.

    Raises:
        InputError: nothing to compare, or a price of zero (`priced_lines` without `free`).
    """
    lines = _lines(purchases, part)
    rungs = [_rung(RAW, lines, np.zeros(len(lines.log_price), np.int64), part, settings)]
    for name in purchases.strata:
        rungs.append(_rung(RUNGS[name], lines, purchases.stratum(name), part, settings))
    return [*rungs, _conditional(lines, purchases, part, settings)]


def conditional_gap(purchases: Purchases, part: Partition, *, settings: Statistics) -> Rung:
    """The last rung alone."""
    return _conditional(_lines(purchases, part), purchases, part, settings)


@dataclass(frozen=True)
class _Lines:
    """What fits need of each line, (N,)."""

    log_price: np.ndarray
    log_quantity: np.ndarray
    user: np.ndarray

    def of(self, kept: np.ndarray) -> "_Lines":
        return _Lines(self.log_price[kept], self.log_quantity[kept], self.user[kept])


def _lines(purchases: Purchases, part: Partition) -> _Lines:
    paid, quantity = (purchases.lines[name].to_numpy() for name in (PAID_PRICE, QUANTITY))
    if (paid <= 0).any():
        raise InputError("A price of nothing has no logarithm: leave out what was had for free.")
    if part.n_strata < 2:
        raise InputError("There is only one group, so there is nothing to compare.")
    return _Lines(np.log(paid), np.log(quantity), purchases.place)


def _conditional(lines: _Lines, purchases: Purchases, part: Partition, settings: Statistics) -> Rung:
    """With the finest strata that the data know, and the quantity if it varies."""
    varies = np.ptp(lines.log_quantity) > 0
    fit = _with_quantity if varies else _within
    return _rung(CONDITIONAL, lines, purchases.stratum(purchases.finest), part, settings, fit=fit)


def _within(lines: _Lines, stratum: np.ndarray, part: Partition) -> Effects:
    return effects_within(lines.log_price, lines.user, stratum, part.strata, n_groups=part.n_strata)


def _rung(
    name: str,
    lines: _Lines,
    stratum: np.ndarray,
    part: Partition,
    settings: Statistics,
    *,
    fit: Callable[[_Lines, np.ndarray, Partition], Effects] = _within,
) -> Rung:
    kept = (np.bincount(stratum) > 1)[stratum]  # a line alone in its stratum is fitted exactly
    left, code = lines.of(kept), pd.factorize(stratum[kept])[0]
    own, smaller = users_who_meet(left.user, code, part)
    by_group = np.bincount(part.strata[left.user], minlength=part.n_strata)
    if (smaller >= settings.minimum_group).any():
        found = fit(left, code, part)
        gaps = _gaps(found, _contrasts(part, by_group, found), own, smaller, settings)
    else:
        gaps = stacked([unknown_gap()] * len(part.compared))
    return Rung(name, gaps, len(np.unique(left.user)), int(kept.sum()), own)


def _with_quantity(lines: _Lines, stratum: np.ndarray, part: Partition) -> Effects:
    """With the logarithm of the quantity beside the groups, by pyfixest."""
    from pyfixest import feols  # slow to load, and only audits of prices need it

    group = part.strata[lines.user]
    base = int(np.bincount(group).argmax()) if part.reference is None else part.reference
    dummies = {f"{GROUP}{g}": (group == g).astype(float) for g in range(part.n_strata) if g != base}
    columns = {
        OUTCOME: lines.log_price,
        LOG_QUANTITY: lines.log_quantity,
        USERS: lines.user,
        STRATUM: stratum,
    }
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # on groups that cannot be told apart, and of pandas on pyfixest
        found = feols(
            f"{OUTCOME} ~ {' + '.join([*dummies, LOG_QUANTITY])} | {STRATUM}",
            pd.DataFrame(columns | dummies),
            vcov={"CRV1": USERS},
            copy_data=False,
            store_data=False,
            lean=True,
        )
    places = {name: place for place, name in enumerate(found.coef().index) if name.startswith(GROUP)}
    groups, kept = [int(name.removeprefix(GROUP)) for name in places], list(places.values())
    beta, covariance = np.zeros(part.n_strata), np.zeros((part.n_strata, part.n_strata))
    beta[groups] = found.coef().to_numpy()[kept]
    covariance[np.ix_(groups, groups)] = found._vcov[np.ix_(kept, kept)]
    known = np.isin(np.arange(part.n_strata), [base, *groups]).astype(float)
    return Effects(beta, covariance, np.diag(known) - np.outer(known, known) / known.sum())


def _contrasts(part: Partition, lines: np.ndarray, found: Effects) -> np.ndarray:
    """(C, G) each compared group minus the reference, or minus all others that it shares strata with, by their lines."""
    groups = part.compared
    weights = [np.where(np.abs(found.told[group]) > TOLD, lines, 0) for group in groups]
    against = [
        reference_weights(weight, groups[[place]], part.reference)[0] for place, weight in enumerate(weights)
    ]
    return np.eye(part.n_strata)[groups] - np.stack(against)


def _gaps(
    found: Effects, contrasts: np.ndarray, own: np.ndarray, smaller: np.ndarray, settings: Statistics
) -> Gaps:
    degrees = smaller - 1
    off = contrasts @ found.beta
    error = np.sqrt(np.einsum("cg,gh,ch->c", contrasts, found.covariance, contrasts))
    told = np.isclose(contrasts @ found.told, contrasts, atol=1e-6).all(axis=1)
    bad = ~told | ~(error > 0) | (smaller < settings.minimum_group)
    off, error = np.where(bad, np.nan, off), np.where(bad, np.nan, error)
    reach = stats.t.ppf((1 + settings.confidence) / 2, np.maximum(degrees, 1)) * error
    value, low, high = (np.expm1(x) for x in (off, off - reach, off + reach))
    p_value = 2 * stats.t.sf(np.abs(off) / error, np.maximum(degrees, 1))
    interval = Interval(value, low, high, np.exp(off) * error)
    return Gaps(interval, p_value, np.where(bad, np.nan, np.expm1(-reach)), np.expm1(reach), own)
