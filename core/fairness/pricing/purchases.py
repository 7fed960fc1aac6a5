"""Purchase lines that have a unit price, with the strata in which like is compared with like."""

from dataclasses import dataclass, replace
from functools import cached_property

import numpy as np
import pandas as pd

from core.data.purchases import purchases
from core.data.splits import local_dates
from core.errors import InputError
from core.schema.tables import (
    CATEGORY,
    CHANNEL,
    COUPON_DISCOUNT,
    COUPON_MATCH,
    EVENT,
    ITEM,
    LIST_PRICE,
    LOYALTY_DISCOUNT,
    PAID_PRICE,
    QUANTITY,
    SPLIT,
    TIMESTAMP,
    USER,
    WEEK,
)

DISCOUNTS = {"loyalty": LOYALTY_DISCOUNT, "coupon": COUPON_DISCOUNT, "coupon_match": COUPON_MATCH}
VARIES = (
    0.1  # shelf prices that differ by more than this share within a week are those of packs of other weights
)
WEIGHED = 0.1  # of repeated purchases with another price, above which a product is sold by weight
PRIOR_LINES = 4  # what is known of the category counts as much as this many lines of the product
HALF_CENT = 0.005  # less is no discount, only a division
DAY = "day"
FIRST_MONDAY = 4  # 5 January 1970, in days

# What is held equal, from coarse to fine; a name is used where all its columns are there.
STRATA = {
    "product": (ITEM,),
    "product_time": (ITEM, WEEK),
    "product_time_store": (ITEM, WEEK, CHANNEL),
}


@dataclass(frozen=True)
class Purchases:
    """Priced purchase lines.

    Attributes:
        lines: `user` (code), `item`, `quantity`, `list_price`, `paid_price` (per unit; the list price is NaN where the
            data have none), discounts per unit where the data have them, `day` and `week` (numbers of the local
            calendar's), `split`, `channel` and `category` (codes, -1 where missing), where the data have them.
        users: (U,) codes of the users with a line, ascending: who is audited.
        read: purchase lines looked at. dropped: how many of them went, by reason. notes: what to know of the prices.
    """

    lines: pd.DataFrame
    users: np.ndarray
    read: int
    dropped: dict[str, int]
    notes: tuple[str, ...] = ()

    @cached_property
    def place(self) -> np.ndarray:
        """(N,) position of each line's user in `users`."""
        return np.searchsorted(self.users, self.lines[USER].to_numpy())

    @cached_property
    def revenue(self) -> np.ndarray:
        """(N,) money paid."""
        return (self.lines[PAID_PRICE] * self.lines[QUANTITY]).to_numpy()

    @property
    def strata(self) -> list[str]:
        """Names of the strata that the data can tell apart, coarse to fine."""
        return [name for name, columns in STRATA.items() if set(columns) <= set(self.lines)]

    @property
    def finest(self) -> str:
        return self.strata[-1]

    def stratum(self, name: str) -> np.ndarray:
        """(N,) code of each line's stratum, 0.. without gaps."""
        return codes([self.lines[column].to_numpy() for column in STRATA[name]])


def codes(columns: list[np.ndarray]) -> np.ndarray:
    """Dense codes of the combinations of some code columns, (N,) each."""
    key = np.zeros(len(columns[0]), np.int64)
    for column in columns:
        low = int(column.min(initial=0))
        key = key * (int(column.max(initial=0)) - low + 1) + (column - low)
    return pd.factorize(key)[0]


def priced_lines(
    events: pd.DataFrame,
    items: pd.DataFrame | None = None,
    *,
    zone: str | None,
    maximum_quantity: float = 50,
    free: bool = False,
) -> Purchases:
    """The purchase lines with an effective unit price: what was paid for one piece after all discounts.

    Where only the list price and discounts are known, paid = list - discounts; where only the paid price is known,
    the list price stays NaN and no discount can be told. Dropped, each line for the first reason that holds: price
    missing, quantity missing, quantity 0 (coupons and returns booked as lines), sold by volume (fuel), price 0, and
    `free`: paid nothing, all of the price being taken off.

    Args:
        events: of a prepared dataset, all or filtered. items: row r is item code r; gives the category.
        zone: time zone whose weeks count; None: times are only an order, and there are no weeks.
        free: keep what was had for nothing, as discounts do; a price in logarithms has no place for it.

    Raises:
        InputError: the events hold no prices, or no line is left.
    """
    if PAID_PRICE not in events and LIST_PRICE not in events:
        raise InputError("These data hold no prices: events need paid_price or list_price.")
    bought = events[purchases(events).to_numpy()] if EVENT in events else events
    lines = _lines(bought, items, zone)
    dropped, kept = _unpriced(lines, maximum_quantity, free)
    if not kept.any():
        raise InputError("No purchase has a unit price: each lacks its price or its quantity.")
    lines = lines[kept].reset_index(drop=True)
    return Purchases(lines, np.unique(lines[USER]), len(kept), dropped)


def _lines(bought: pd.DataFrame, items: pd.DataFrame | None, zone: str | None) -> pd.DataFrame:
    discounts = {name: bought[name].astype(float) for name in DISCOUNTS.values() if name in bought}
    listed = bought[LIST_PRICE].astype(float) if LIST_PRICE in bought else np.nan
    paid = bought[PAID_PRICE] if PAID_PRICE in bought else listed - sum(discounts.values())
    columns = {
        USER: bought[USER],
        ITEM: bought[ITEM],
        QUANTITY: bought.get(QUANTITY, 1.0),
        LIST_PRICE: listed,
        PAID_PRICE: paid,
        **discounts,
    }
    if zone is not None:
        columns[DAY] = _days(bought[TIMESTAMP], zone)
        columns[WEEK] = (columns[DAY] - FIRST_MONDAY) // 7
    if SPLIT in bought:
        columns[SPLIT] = bought[SPLIT]
    if CHANNEL in bought:
        columns[CHANNEL] = bought[CHANNEL].cat.codes.astype(np.int64)
    if items is not None and CATEGORY in items:
        columns[CATEGORY] = items[CATEGORY].cat.codes.to_numpy()[bought[ITEM]]
    return pd.DataFrame(columns)


def _days(times: pd.Series, zone: str) -> np.ndarray:
    """Local calendar day of each UTC time, counted from 1970."""
    return local_dates(times, zone).to_numpy("datetime64[D]").astype(np.int64)


def _unpriced(lines: pd.DataFrame, maximum_quantity: float, free: bool) -> tuple[dict[str, int], np.ndarray]:
    """How many lines go for which reason, and which stay."""
    quantity, paid, listed = (lines[name].to_numpy() for name in (QUANTITY, PAID_PRICE, LIST_PRICE))
    nothing = paid <= 0
    reasons = {
        "price missing": np.isnan(paid),
        "quantity missing": np.isnan(quantity),
        "quantity 0": quantity <= 0,
        "sold by volume": quantity > maximum_quantity,
        "price 0": (listed <= 0) | (nothing & np.isnan(listed)),
        "free": nothing & (not free),
    }
    kept, dropped = np.ones(len(lines), bool), {}
    for reason, found in reasons.items():
        dropped[reason] = int((kept & found).sum())
        kept &= ~found
    return dropped, kept


def only(purchases: Purchases, kept: np.ndarray) -> Purchases:
    """Some of the lines, bool (N,), with their users; what was dropped before is told as it was.

    Raises:
        InputError: none is left.
    """
    if not kept.any():
        raise InputError("No purchase is left in this part of the shop.")
    if kept.all():
        return purchases
    lines = purchases.lines[kept].reset_index(drop=True)
    return replace(purchases, lines=lines, users=np.unique(lines[USER]))


def sold_by_weight(purchases: Purchases) -> np.ndarray:
    """(N,) whether a line's product is sold by weight.

    Of what is sold by weight (produce, meat) a line tells the price of a pack, so that who buys larger packs seems to pay
    more. Such products give themselves away where one user buys one of them repeatedly in the same store and week at
    shelf prices that are far apart: a product is one if its share of such lines, drawn towards that of its category where
    there are few, is above a tenth. Only prices within one user count, so prices that differ between persons, which an
    audit is to find, tell nothing; nor do paid prices, which discounts move.
    """
    lines = purchases.lines
    price = lines[LIST_PRICE].to_numpy()
    known = np.isfinite(price)
    same = codes([purchases.place, *(lines[name].to_numpy() for name in STRATA[purchases.finest])])
    low, high = np.full(same.max() + 1, np.inf), np.zeros(same.max() + 1)
    np.minimum.at(low, same[known], price[known])
    np.maximum.at(high, same[known], price[known])
    repeated = known & (np.bincount(same, known) > 1)[same]
    varies = repeated & (high > low * (1 + VARIES))[same]
    item, category = codes([lines[ITEM].to_numpy()]), codes([lines.get(CATEGORY, lines[ITEM]).to_numpy()])
    of_category = np.bincount(category, varies) / np.maximum(np.bincount(category, repeated), 1)
    seen, n = np.bincount(item, varies)[item], np.bincount(item, repeated)[item]
    return (seen + PRIOR_LINES * of_category[category]) / (n + PRIOR_LINES) > WEIGHED
