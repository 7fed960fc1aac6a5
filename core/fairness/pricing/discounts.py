"""How often and how deep each group's purchases are discounted, by kind of discount."""

from collections.abc import Callable

import numpy as np

from core.errors import InputError
from core.fairness.partition import Partition
from core.fairness.pricing.overlap import cells
from core.fairness.pricing.purchases import DISCOUNTS, HALF_CENT, Purchases
from core.fairness.pricing.same_product import WithinStrata, within_strata
from core.fairness.pricing.sides import Gaps
from core.fairness.stats import Interval, p_values
from core.fairness.totals import permuted_totals, total_intervals
from core.schema.settings import Statistics
from core.schema.tables import LIST_PRICE, PAID_PRICE

ANY = "any"


def discount_outcomes(purchases: Purchases) -> dict[str, np.ndarray]:
    """Of each line, (N,) each: was there a discount of the kind (`loyalty_discount_rate`), and how deep was it as a share
    of the list price (`loyalty_discount_depth`, 0 where there was none); kinds that the data know, and `any`.

    Rate and depth are the D and d = 1 - paid / list of METRICS' discount parity; kinds add up to `any` but for rounding.

    Raises:
        InputError: a line has no list price.
    """
    listed, paid = (purchases.lines[name].to_numpy() for name in (LIST_PRICE, PAID_PRICE))
    if np.isnan(listed).any():
        raise InputError("Discounts need the list price of every purchase; these data lack it.")
    taken = {
        kind: purchases.lines[name].to_numpy() for kind, name in DISCOUNTS.items() if name in purchases.lines
    }
    taken[ANY] = listed - paid
    outcomes = {}
    for kind, amount in taken.items():
        amount = np.nan_to_num(amount)
        outcomes[f"{kind}_discount_rate"] = (amount > HALF_CENT).astype(float)
        outcomes[f"{kind}_discount_depth"] = np.clip(amount / listed, 0, 1)
    return outcomes


def contributions(purchases: Purchases, outcome: np.ndarray) -> np.ndarray:
    """(U, 2): each user's sum of the outcome, and lines."""
    n_users = len(purchases.users)
    sums = np.bincount(purchases.place, outcome, minlength=n_users)
    return np.column_stack([sums, np.bincount(purchases.place, minlength=n_users)])


def group_shares(
    contributions: np.ndarray,
    part: Partition,
    *,
    settings: Statistics,
    permutations: int,
    rng: np.random.Generator,
) -> tuple[Interval, Gaps]:
    """Ratios of the totals of users, first contribution over second: of shown groups and all, (S + 1,), and gaps, (C,).

    A gap is a group's ratio minus that of the reference, or of all others taken together. A ratio that rests on fewer
    users than `minimum_group` (those with something below the line) is not told, nor are its gaps.

    Args:
        contributions: (U, 2), the second not negative.
    """
    groups, n_groups = part.compared, part.n_strata
    options = {"n_groups": n_groups, "rng": rng}
    resting = np.bincount(part.strata[contributions[:, 1] > 0], minlength=n_groups)
    statistic = _ratios_and_gaps(part, groups, resting >= settings.minimum_group)
    found = total_intervals(
        contributions, part.strata, statistic, draws=settings.draws, confidence=settings.confidence, **options
    )
    shown = part.n_shown
    means, gaps = (
        Interval(*(getattr(found, name)[place] for name in ("value", "low", "high", "error")))
        for place in (slice(shown + 1), slice(shown + 1, None))
    )
    if not len(groups):
        return means, Gaps(gaps, *[np.array([])] * 3)
    null = permuted_totals(contributions, part.strata, permutations=permutations, **options)
    null_gaps = statistic(null)[:, shown + 1 :]  # (B, C)
    known = np.isfinite(null_gaps).all(axis=0) & np.isfinite(gaps.value)
    null_gaps, value = np.where(known, null_gaps, 0.0), np.where(known, gaps.value, 0.0)
    p_value = p_values(value[:, None], null_gaps[:, :, None])[:, 0]
    tails = (1 - settings.confidence) / 2, (1 + settings.confidence) / 2
    low, high = np.quantile(null_gaps, tails, axis=0)
    return means, Gaps(gaps, *(np.where(known, one, np.nan) for one in (p_value, low, high)))


def _ratios_and_gaps(
    part: Partition, groups: np.ndarray, told: np.ndarray
) -> Callable[[np.ndarray], np.ndarray]:
    """Totals (..., G, 2) -> ratios of the shown groups, of all, and gaps (..., S + 1 + C).

    Args:
        told: (G,) whether a group's ratio may be told.
    """
    shown, reference = part.n_shown, part.reference
    told_gaps = told[groups] & (reference is None or told[reference])

    def statistic(totals: np.ndarray) -> np.ndarray:
        whole = totals.sum(axis=-2, keepdims=True)  # (..., 1, 2)
        own = totals[..., groups, :]
        other = whole - own if reference is None else totals[..., [reference], :]
        gaps = np.where(told_gaps, _ratio(own) - _ratio(other), np.nan)
        means = np.where(told[:shown], _ratio(totals[..., :shown, :]), np.nan)
        return np.concatenate([means, _ratio(whole), gaps], axis=-1)

    return statistic


def _ratio(totals: np.ndarray) -> np.ndarray:
    with np.errstate(invalid="ignore", divide="ignore"):
        return np.where(totals[..., 1] > 0, totals[..., 0] / totals[..., 1], np.nan)


def within_strata_gap(
    purchases: Purchases,
    outcome: np.ndarray,
    part: Partition,
    *,
    settings: Statistics,
    permutations: int,
    rng: np.random.Generator,
    stratum: str | None = None,
) -> WithinStrata:
    """The gap in an outcome of lines among those of the same stratum, overlap-weighted, in the outcome's own unit.

    Args:
        outcome: (N,), one of `discount_outcomes`. stratum: a name of `STRATA`; None: the finest that the data know.
    """
    code = purchases.stratum(stratum or purchases.finest)
    table = cells(outcome, purchases.place, code, purchases.revenue, n_users=len(purchases.users))
    return within_strata(table, part, settings=settings, permutations=permutations, rng=rng)
