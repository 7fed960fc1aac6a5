"""What can be said of a product for a customer without review text: its price, who bought it, what the customer bought."""

from dataclasses import dataclass

import numpy as np
import pandas as pd

from core.opinions.likeness import Population
from core.schema.tables import BRAND, CATEGORY, ITEM, LIST_PRICE, TIMESTAMP, UNKNOWN, USER

FEWEST_PRICES = 5  # products of a category with a price, below which it has no place to speak of


@dataclass(frozen=True)
class Fact:
    """A sentence that rests on the tables of the shop, not on reviews; written by a machine too.

    Attributes:
        source: the table that was counted ("items" or "events"); n: rows that it rests on.
    """

    text: str
    source: str
    n: int


def facts(
    user: int, item: int, *, items: pd.DataFrame, bought: pd.DataFrame, like: Population, currency: str = ""
) -> tuple[Fact, ...]:
    """All that the tables support.

    Args:
        items: row r is item code r.
        bought: `user`, `item` and, if they are real, `timestamp` of purchases; those that may be known.
        like: the customers whose purchases are counted.
    """
    own = bought[bought[USER] == user]
    found = [_price(item, items, currency), _buyers(item, bought, like), _again(item, own)]
    found += [_of_its_kind(item, items, own, name) for name in (CATEGORY, BRAND)]
    return tuple(fact for fact in found if fact)


def _price(item: int, items: pd.DataFrame, currency: str) -> Fact | None:
    if LIST_PRICE not in items or not np.isfinite(items[LIST_PRICE].iloc[item]):
        return None
    price, kind = items[LIST_PRICE].iloc[item], _value(items, CATEGORY, item)
    peers = (
        items[LIST_PRICE][items[CATEGORY].astype("str") == kind].dropna()
        if kind
        else items[LIST_PRICE].dropna()
    )
    if len(peers) < FEWEST_PRICES:
        return None
    others = len(peers) - 1
    cheaper = int((peers < price).sum())
    where = f"of its category ({kind})" if kind else "of the shop"
    amount = f"{price:,.2f} {currency}".strip()
    return Fact(
        f"Its usual price is {amount}; {cheaper:,} of the {others:,} other products {where} cost less.",
        "items",
        len(peers),
    )


def _buyers(item: int, bought: pd.DataFrame, like: Population) -> Fact | None:
    if not like.n:
        return None
    buyers = np.unique(bought[USER].to_numpy()[(bought[ITEM] == item).to_numpy()])
    count = int(like.holds(buyers).sum())
    return Fact(f"{count:,} of the {like.n:,} {like.words} bought it.", "events", like.n)


def _again(item: int, own: pd.DataFrame) -> Fact | None:
    times = own[own[ITEM] == item]
    if times.empty:
        return None
    last = f", last on {times[TIMESTAMP].max():%Y-%m-%d}" if TIMESTAMP in times else ""
    return Fact(f"You bought it {_times(len(times))}{last}.", "events", len(times))


def _of_its_kind(item: int, items: pd.DataFrame, own: pd.DataFrame, name: str) -> Fact | None:
    value = _value(items, name, item)
    if value is None or own.empty:
        return None
    same = (items[name].astype("str").to_numpy()[own[ITEM].to_numpy()] == value).sum()
    purchases = f"{len(own):,} purchase{'s' if len(own) > 1 else ''}"
    text = f"{same:,} of your {purchases} {'was' if same == 1 else 'were'} of its {name} ({value})."
    return Fact(
        text if same else f"None of your {purchases} was of its {name} ({value}).", "events", len(own)
    )


def _value(items: pd.DataFrame, name: str, item: int) -> str | None:
    if name not in items:
        return None
    value = items[name].iloc[item]
    return (
        None
        if pd.isna(value) or str(value) == UNKNOWN
        else "".join(c for c in str(value) if c.isprintable())[:60]
    )


def _times(count: int) -> str:
    return {1: "once", 2: "twice"}.get(count, f"{count:,} times")
