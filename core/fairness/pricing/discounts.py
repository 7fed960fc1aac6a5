"""How often and how deep each group's purchases are discounted, by kind of discount."""

from collections.abc import Iterable, Mapping

import numpy as np

from core.errors import InputError
from core.fairness.group_rows import total_rows
from core.fairness.partition import Partition
from core.fairness.pricing.overlap import cells
from core.fairness.pricing.purchases import DISCOUNTS, HALF_CENT, Purchases
from core.fairness.pricing.same_product import WithinStrata, within_strata
from core.fairness.pricing.sides import SECTION
from core.fairness.rows import AuditRow
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


def discount_contributions(purchases: Purchases) -> tuple[np.ndarray, tuple[str, ...]]:
    """Of each user the lines, and the sum of each outcome over them, (U, 1 + K); with the names of the outcomes."""
    outcomes = discount_outcomes(purchases)
    return line_sums(purchases, outcomes.values()), tuple(outcomes)


def line_sums(purchases: Purchases, outcomes: Iterable[np.ndarray]) -> np.ndarray:
    """Lines of each user, and sums of outcomes of lines, (N,) each, over them: (U, 1 + K)."""
    columns = (np.ones(len(purchases.lines)), *outcomes)
    return np.stack(
        [np.bincount(purchases.place, column, minlength=len(purchases.users)) for column in columns], axis=1
    )


def per_line(totals: np.ndarray) -> np.ndarray:
    """Means over the lines of a group, (..., 1 + K) -> (..., K)."""
    return totals[..., 1:] / np.where(totals[..., :1] > 0, totals[..., :1], np.nan)


def discount_rows(
    purchases: Purchases, part: Partition, settings: Statistics, *, tolerance: float
) -> list[AuditRow]:
    """Rate and depth of each kind of discount by group, over all its lines; users are what is drawn again.

    Args:
        purchases: with what was free. part: of their users. tolerance: as a share of the metric over all users.
    """
    sums, metrics = discount_contributions(purchases)
    overall = per_line(sums.sum(axis=0))
    return total_rows(
        sums,
        per_line,
        metrics,
        part,
        settings,
        section=SECTION,
        tolerances={
            name: tolerance * value for name, value in zip(metrics, overall, strict=True) if value > 0
        },
        bounds=dict.fromkeys(metrics, (0.0, 1.0)),
    )


def within_strata_gaps(
    purchases: Purchases,
    outcomes: Mapping[str, np.ndarray],
    part: Partition,
    *,
    settings: Statistics,
    permutations: int,
    rng: np.random.Generator,
) -> dict[str, WithinStrata]:
    """Gaps in outcomes of lines among those of the same stratum, the finest that the data know, by outcome.

    Overlap-weighted, each in the outcome's own unit.

    Args:
        outcomes: (N,) each, of `discount_outcomes`.
    """
    code = purchases.stratum(purchases.finest)
    n_users = len(purchases.users)
    table = cells(tuple(outcomes.values()), purchases.place, code, purchases.revenue, n_users=n_users)
    found = within_strata(table, part, settings=settings, permutations=permutations, rng=rng)
    return dict(zip(outcomes, found, strict=True))
