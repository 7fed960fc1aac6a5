"""What caps on personalised prices change for each group, against personalised prices without a rule; model estimates."""

from dataclasses import dataclass

import numpy as np
import pandas as pd

from core.fairness.pricing.whatif import (
    DEMAND,
    EQUAL,
    NO_PURCHASE,
    NOTIONS,
    PRICE,
    SURPLUS,
    Market,
    Outcome,
    what_if,
)


@dataclass(frozen=True)
class Capped:
    """Personalised prices without a rule and within caps.

    Attributes:
        groups: a row per group: `group`; `price_before`, `price_after`, shares of the usual price; `units_`, `profit_`
            and `surplus_`, each `before` and `after`: pieces a week, and a week's profit and surplus of buyers in usual
            prices of one piece.
        notions: a row per notion of fairness: `notion`; `gap_before`, `gap_after` of the groups' values; `closed`, the share
            of the gap that is gone: the notion holds for every alpha up to it. Below 0 the caps widen it; NaN without a
            gap. `holds`: for the alpha asked.
    """

    free: Outcome
    capped: Outcome
    groups: pd.DataFrame
    notions: pd.DataFrame


def under_caps(
    market: Market,
    *,
    cost: float,
    alpha: float,
    largest_difference: float | None,
    largest_ratio: float | None,
) -> Capped:
    """The most profitable prices within caps, and what becomes of each group; see `what_if`, also for errors."""
    found = what_if(
        market,
        cost=cost,
        alpha=alpha,
        largest_difference=largest_difference,
        largest_ratio=largest_ratio,
    )
    sides = {"before": found.free.prices, "after": found.capped.prices}
    groups: dict[str, np.ndarray] = {}
    for side, prices in sides.items():
        units = market.size * market.valuations.demand(prices)
        groups |= {
            f"price_{side}": prices,
            f"units_{side}": units,
            f"profit_{side}": units * (prices - cost),
            f"surplus_{side}": market.size * market.valuations.surplus(prices),
        }
    return Capped(
        found.free,
        found.capped,
        pd.DataFrame({"group": list(market.names), **groups}),
        _notions(market, found.free.prices, found.capped),
    )


def _notions(market: Market, before: np.ndarray, capped: Outcome) -> pd.DataFrame:
    values = market.valuations
    of = {PRICE: lambda prices: prices, DEMAND: values.demand, SURPLUS: values.surplus}
    of[NO_PURCHASE] = values.no_purchase
    rows = []
    for notion in NOTIONS:
        first, second = (float(np.ptp(of[notion](prices))) for prices in (before, capped.prices))
        closed = 1 - second / first if first > EQUAL else float("nan")
        rows.append(
            {
                "notion": notion,
                "gap_before": first,
                "gap_after": second,
                "closed": closed,
                "holds": capped.holds[notion],
            }
        )
    return pd.DataFrame(rows)
