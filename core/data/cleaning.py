"""Cleaning rules: each counts what it does, and accepted + rejected lines are the lines read.

A broken contract is refused where files are read; these rules are for lines that are well-formed and still
cannot be used, or can be once repaired.
"""

from collections.abc import Callable
from dataclasses import dataclass, replace

import numpy as np
import pandas as pd

from core.schema.documents import RuleCount
from core.schema.settings import DatasetSettings
from core.schema.tables import (
    COUPON_DISCOUNT,
    ITEM_ID,
    LIST_PRICE,
    PAID_PRICE,
    QUANTITY,
    TIMESTAMP,
    USER_ID,
    Tables,
)

CENT = 0.01
ROUNDING = 1e-6  # prices per unit come from divisions

Mask = np.ndarray  # bool (rows,)


@dataclass(frozen=True)
class DropRule:
    """Which event lines cannot be used, and why; `needs` are the columns without which it does not apply."""

    name: str
    note: str
    needs: tuple[str, ...]
    find: Callable[[pd.DataFrame, DatasetSettings], Mask]


def duplicate_lines(events: pd.DataFrame, settings: DatasetSettings) -> Mask:
    """All but the first of lines equal in every column."""
    return events.duplicated().to_numpy()


def zero_quantities(events: pd.DataFrame, settings: DatasetSettings) -> Mask:
    """Coupons and returns booked as lines."""
    return (events[QUANTITY] == 0).to_numpy()


def sold_by_volume(events: pd.DataFrame, settings: DatasetSettings) -> Mask:
    """Quantities that are no count of pieces."""
    return (events[QUANTITY] > settings.maximum_quantity).to_numpy()


def zero_list_prices(events: pd.DataFrame, settings: DatasetSettings) -> Mask:
    """A shelf price of nothing."""
    return (events[LIST_PRICE] <= 0).to_numpy()


def paid_above_list(events: pd.DataFrame, settings: DatasetSettings) -> Mask:
    """Paid more than the shelf price, beyond rounding to a cent."""
    return (events[PAID_PRICE] > events[LIST_PRICE] + CENT + ROUNDING).to_numpy()


DROP_RULES = (
    DropRule(
        "Duplicate lines",
        "Equal to an earlier line in every column: the same line exported twice",
        (),
        duplicate_lines,
    ),
    DropRule(
        "Zero quantity",
        "Coupons, returns and corrections booked as lines; they have no unit price",
        (QUANTITY,),
        zero_quantities,
    ),
    DropRule(
        "Sold by volume",
        "Quantity above the setting maximum_quantity: a volume such as litres of fuel, no count of pieces",
        (QUANTITY,),
        sold_by_volume,
    ),
    DropRule(
        "Shelf price of zero",
        "No price could be had from it or compared with it",
        (LIST_PRICE,),
        zero_list_prices,
    ),
    DropRule(
        "Paid above shelf price",
        "More than a cent above the shelf price per unit: one of the two is wrong",
        (PAID_PRICE, LIST_PRICE),
        paid_above_list,
    ),
)


def clean(tables: Tables, settings: DatasetSettings) -> tuple[Tables, list[RuleCount]]:
    """Apply every rule; the clean tables (events in each user's time order) and what each rule did.

    For `events`, the lines dropped by all rules and the lines that come out add up to the lines that went in.
    """
    tables, repaired = _apply((unknown_items, users_without_row, coupon_above_price), tables)
    events, dropped = drop_unusable(tables.events, settings)
    tables, ordered = _apply((time_order, users_without_events), replace(tables, events=events))
    return tables, repaired + dropped + ordered


def drop_unusable(events: pd.DataFrame, settings: DatasetSettings) -> tuple[pd.DataFrame, list[RuleCount]]:
    """Drop lines rule by rule; each rule reads what the ones before it left."""
    counts = []
    for rule in DROP_RULES:
        if not set(rule.needs) <= set(events.columns):
            continue
        found = rule.find(events, settings)
        counts.append(_count("events", rule.name, "dropped", len(events), found.sum(), rule.note))
        if found.any():
            events = events[~found]
    return events.reset_index(drop=True), counts


def coupon_above_price(tables: Tables) -> tuple[Tables, RuleCount | None]:
    """A coupon worth more than the product: the product was free, and the coupon counts up to its price."""
    events = tables.events
    if PAID_PRICE not in events:
        return tables, None
    below = (events[PAID_PRICE] < 0).to_numpy()
    note = "A coupon worth more than the product: paid price set to zero, the coupon cut to the price"
    count = _count("events", "Coupon above price", "repaired", len(events), below.sum(), note)
    if not below.any():
        return tables, count
    excess = events[PAID_PRICE].where(below, 0.0)
    changes = {PAID_PRICE: events[PAID_PRICE] - excess}
    if COUPON_DISCOUNT in events:
        changes[COUPON_DISCOUNT] = events[COUPON_DISCOUNT] + excess
    return replace(tables, events=events.assign(**changes)), count


def time_order(tables: Tables) -> tuple[Tables, RuleCount]:
    """Sort lines by time; counted are those that stood after a later line of the same user."""
    events = tables.events
    latest = events.groupby(USER_ID, observed=True, sort=False)[TIMESTAMP].cummax()
    late = (events[TIMESTAMP] < latest).to_numpy()
    note = "Stood after a later line of the same user; sorted by time"
    count = _count("events", "Out of time order", "repaired", len(events), late.sum(), note)
    return replace(tables, events=events.sort_values(TIMESTAMP, kind="stable", ignore_index=True)), count


def unknown_items(tables: Tables) -> tuple[Tables, RuleCount | None]:
    """Give items that are bought but not described a row of their own (their attributes become Unknown)."""
    bought = pd.Index(tables.events[ITEM_ID].unique()).astype(str)
    if tables.items is None:
        return replace(tables, items=pd.DataFrame({ITEM_ID: bought.sort_values()})), None
    added = bought.difference(tables.items[ITEM_ID].astype(str))
    lines = tables.events[ITEM_ID].isin(added).sum() if len(added) else 0
    note = f"{len(added):,} items that the item table lacks; kept, with Unknown attributes"
    count = _count("events", "Unknown items", "repaired", len(tables.events), lines, note)
    return replace(tables, items=_with_rows(tables.items, ITEM_ID, added)), count


def users_without_row(tables: Tables) -> tuple[Tables, RuleCount | None]:
    """Give users who buy but are not described a row of their own (their attributes become Unknown)."""
    buyers = pd.Index(tables.events[USER_ID].unique()).astype(str)
    if tables.users is None:
        return replace(tables, users=pd.DataFrame({USER_ID: buyers.sort_values()})), None
    added = buyers.difference(tables.users[USER_ID].astype(str))
    note = "Users with events that the user table lacks; kept, with Unknown attributes"
    count = _count("users", "Users without a row", "repaired", len(buyers), len(added), note)
    return replace(tables, users=_with_rows(tables.users, USER_ID, added)), count


def users_without_events(tables: Tables) -> tuple[Tables, RuleCount]:
    """Leave out users of whom no event is left: there is nothing to recommend from or to audit."""
    active = tables.users[USER_ID].isin(tables.events[USER_ID].unique().astype(str)).to_numpy()
    note = "No usable event; there is nothing to recommend from or to audit"
    count = _count("users", "Users without events", "dropped", len(active), (~active).sum(), note)
    return replace(tables, users=tables.users[active].reset_index(drop=True)), count


def _apply(
    rules: tuple[Callable[[Tables], tuple[Tables, RuleCount | None]], ...], tables: Tables
) -> tuple[Tables, list[RuleCount]]:
    counts = []
    for rule in rules:
        tables, count = rule(tables)
        counts += [count] if count else []
    return tables, counts


def _with_rows(table: pd.DataFrame, key: str, added: pd.Index) -> pd.DataFrame:
    """The table and one row per added id, whose other columns are missing."""
    ids = pd.Index(table[key].astype(str)).append(added)
    return (
        table.assign(**{key: table[key].astype(str)})
        .set_index(key)
        .reindex(ids)
        .rename_axis(key)
        .reset_index()
    )


def _count(table: str, rule: str, action, read: int, affected: int, note: str) -> RuleCount:
    return RuleCount(table=table, rule=rule, action=action, read=int(read), affected=int(affected), note=note)
