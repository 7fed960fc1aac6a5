"""The ladder: how much of a price gap is left the more is held equal."""

import warnings
from dataclasses import dataclass

import numpy as np
import pandas as pd
from scipy import stats

from core.errors import InputError
from core.fairness.comparison import reference_weights
from core.fairness.partition import Partition
from core.fairness.pricing.purchases import Purchases
from core.fairness.pricing.sides import Gaps
from core.fairness.stats import Interval
from core.schema.settings import Statistics
from core.schema.tables import PAID_PRICE, QUANTITY

RAW, CONDITIONAL = "price_gap_raw", "price_gap_conditional"
RUNGS = {"product": "price_gap_product", "product_time": "price_gap_product_time"} | {
    "product_time_store": "price_gap_product_time_store"
}
OUTCOME, USERS, STRATUM, LOG_QUANTITY, GROUP = "log_price", "buyer", "stratum", "log_quantity", "group_"


@dataclass(frozen=True)
class Rung:
    """One step: gaps of the compared groups, (C,), with so much held equal.

    Attributes:
        users, lines: what the fit kept; lines alone in their stratum tell nothing.
        group_users: (C,) users of each compared group among them.
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
    these with the quantity. Where there is no reference, a group is compared with the mean of all others' beta, by their
    lines. Standard errors are clustered by user (CR1 with the degrees of freedom of the strata; pyfixest); intervals and
    p-values by Student's t with one degree of freedom less than the smaller side has users, as few clusters on one side
    make the errors too small (MacKinnon & Webb, Journal of Applied Econometrics 32, 2017). They count lines of one user
    as alike, not users who share a small stratum: for groups of a dozen users, 8 % of intervals of 95 % were off where there
    was no gap, and `same_product_gap` (6.5 %, its p-values 2.5 %) is the safer of the two.
    Rungs keep different lines: each says how many.

    Raises:
        InputError: nothing to compare, or a price of zero (`priced_lines` without `free`).
    """
    data = _data(purchases, part)
    rungs = [_rung(RAW, data, part, settings, absorb=False)]
    for name in purchases.strata:
        data[STRATUM] = purchases.stratum(name)
        rungs.append(_rung(RUNGS[name], data, part, settings))
    return [*rungs, _conditional(data, part, settings)]


def conditional_gap(purchases: Purchases, part: Partition, *, settings: Statistics) -> Rung:
    """The last rung alone."""
    data = _data(purchases, part)
    data[STRATUM] = purchases.stratum(purchases.finest)
    return _conditional(data, part, settings)


def _conditional(data: pd.DataFrame, part: Partition, settings: Statistics) -> Rung:
    """With the strata that `data` hold, and the quantity if it varies."""
    controls = (LOG_QUANTITY,) if np.ptp(data[LOG_QUANTITY]) > 0 else ()
    return _rung(CONDITIONAL, data, part, settings, controls=controls)


def _data(purchases: Purchases, part: Partition) -> pd.DataFrame:
    """What the fits need of each line: outcome, user, dummies of all groups but the largest, logarithm of the quantity."""
    if (purchases.lines[PAID_PRICE] <= 0).any():
        raise InputError("A price of nothing has no logarithm: leave out what was had for free.")
    group = part.strata[purchases.place]
    lines = np.bincount(group, minlength=part.n_strata)
    base = int(lines.argmax()) if part.reference is None else part.reference
    dummies = {f"{GROUP}{g}": (group == g).astype(float) for g in range(part.n_strata) if g != base}
    if not dummies:
        raise InputError("There is only one group, so there is nothing to compare.")
    paid, quantity = (purchases.lines[name].to_numpy() for name in (PAID_PRICE, QUANTITY))
    return pd.DataFrame(
        {OUTCOME: np.log(paid), LOG_QUANTITY: np.log(quantity), USERS: purchases.place, **dummies}
    )


def _rung(
    name: str,
    data: pd.DataFrame,
    part: Partition,
    settings: Statistics,
    *,
    absorb: bool = True,
    controls: tuple[str, ...] = (),
) -> Rung:
    kept = np.ones(len(data), bool)
    if absorb:
        code = data[STRATUM].to_numpy()
        kept = (np.bincount(code) > 1)[code]
    buyers = np.unique(data[USERS].to_numpy()[kept])
    users = np.bincount(part.strata[buyers], minlength=part.n_strata)
    group_users = users[part.compared]
    others = len(buyers) - group_users if part.reference is None else users[part.reference]
    if group_users.size == 0 or len(buyers) < 3:
        beta, covariance = np.full(part.n_strata, np.nan), np.full((part.n_strata,) * 2, np.nan)
    else:
        beta, covariance = _fit(data[kept], part.n_strata, absorb, controls)
    lines = np.bincount(part.strata[data[USERS].to_numpy()[kept]], minlength=part.n_strata)
    contrasts = _contrasts(part, np.where(np.isnan(beta), 0, lines))
    return Rung(
        name,
        _gaps(beta, covariance, contrasts, np.minimum(group_users, others) - 1, settings),
        len(buyers),
        int(kept.sum()),
        group_users,
    )


def _fit(
    data: pd.DataFrame, n_groups: int, absorb: bool, controls: tuple[str, ...]
) -> tuple[np.ndarray, np.ndarray]:
    """Effect of each group, (G,), 0 for the one left out and NaN where it cannot be told, and their covariance, (G, G)."""
    from pyfixest import feols  # slow to load, and only audits of prices need it

    dummies = [name for name in data if name.startswith(GROUP)]
    columns = [OUTCOME, USERS, *dummies, *controls, *([STRATUM] if absorb else [])]
    formula = f"{OUTCOME} ~ {' + '.join([*dummies, *controls])}" + (f" | {STRATUM}" if absorb else "")
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # on groups that cannot be told apart, and of pandas on pyfixest
        options = {"copy_data": False, "store_data": False, "lean": True}
        found = feols(formula, data[columns], vcov={"CRV1": USERS}, **options)
    names = list(found.coef().index)
    left_out = {int(name.removeprefix(GROUP)) for name in dummies}
    beta, covariance = np.full(n_groups, np.nan), np.zeros((n_groups, n_groups))
    beta[[group for group in range(n_groups) if group not in left_out]] = 0.0
    groups = [int(name.removeprefix(GROUP)) for name in names if name.startswith(GROUP)]
    places = [place for place, name in enumerate(names) if name.startswith(GROUP)]
    beta[groups] = found.coef().to_numpy()[places]
    covariance[np.ix_(groups, groups)] = found._vcov[np.ix_(places, places)]
    return beta, covariance


def _contrasts(part: Partition, lines: np.ndarray) -> np.ndarray:
    """(C, G) each compared group minus the reference, or minus all others by their lines."""
    groups = part.compared
    return np.eye(part.n_strata)[groups] - reference_weights(lines, groups, part.reference)


def _gaps(
    beta: np.ndarray, covariance: np.ndarray, contrasts: np.ndarray, degrees: np.ndarray, settings: Statistics
) -> Gaps:
    known = np.isfinite(beta) | (contrasts == 0)
    off = contrasts @ np.nan_to_num(beta)
    error = np.sqrt(np.einsum("cg,gh,ch->c", contrasts, np.nan_to_num(covariance), contrasts))
    bad = ~known.all(axis=1) | ~(error > 0) | (degrees < 1)
    off, error = np.where(bad, np.nan, off), np.where(bad, np.nan, error)
    reach = stats.t.ppf((1 + settings.confidence) / 2, np.maximum(degrees, 1)) * error
    value, low, high = (np.expm1(x) for x in (off, off - reach, off + reach))
    p_value = 2 * stats.t.sf(np.abs(off) / error, np.maximum(degrees, 1))
    interval = Interval(value, low, high, np.exp(off) * error)
    return Gaps(interval, p_value, np.where(bad, np.nan, np.expm1(-reach)), np.expm1(reach))
