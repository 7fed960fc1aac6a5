"""Identifiers into dense codes: clean tables of the edge become tables of a prepared dataset."""

import numpy as np
import pandas as pd

from core.data.labels import labels, many_numbers
from core.errors import TableError
from core.progress import Progress, quiet
from core.schema.documents import RuleCount
from core.schema.tables import (
    BASKET,
    BASKET_ID,
    BRAND,
    CATEGORY,
    CHANNEL,
    DESCRIPTION,
    DISPLAY,
    EVENT,
    IMAGE,
    ITEM,
    ITEM_ID,
    LIST_PRICE,
    MAILER,
    PER_UNIT,
    PROVIDER_ID,
    PURCHASE,
    QUANTITY,
    TIMESTAMP,
    TITLE,
    UNKNOWN,
    USER,
    USER_ID,
    WEEK,
)

TEXTS = (TITLE, DESCRIPTION, IMAGE)
STANDARD = (CATEGORY, BRAND, PROVIDER_ID)
MOST_KINDS = 100  # of events


def codes_of(ids: pd.Series, known: pd.Index) -> np.ndarray:
    """Place of each id among the known ones: int32 (rows,), -1 where unknown or missing."""
    if isinstance(ids.dtype, pd.CategoricalDtype):
        places = known.get_indexer(ids.cat.categories.astype(str)).astype(np.int32)
        return np.append(places, np.int32(-1))[ids.cat.codes]
    return known.get_indexer(ids).astype(np.int32)


def code_events(events: pd.DataFrame, users: pd.Index, items: pd.Index) -> pd.DataFrame:
    """Coded events sorted by user, timestamp, basket and item; columns outside of the contract go.

    Args:
        events: clean events, each of whose users and items is known.

    Raises:
        TableError: more kinds of event than could mean anything.
    """
    coded = pd.DataFrame({USER: codes_of(events[USER_ID], users), ITEM: codes_of(events[ITEM_ID], items)})
    coded[TIMESTAMP] = events[TIMESTAMP].astype("datetime64[us]")
    coded[BASKET] = _baskets(coded, events)
    coded[EVENT] = _kinds(events)
    for name in (QUANTITY, *PER_UNIT):
        if name in events:
            coded[name] = events[name].astype(float)
    if CHANNEL in events:
        coded[CHANNEL] = _category(events[CHANNEL])
    order = np.lexsort([coded[name] for name in (ITEM, BASKET, TIMESTAMP, USER)])
    return coded.iloc[order].reset_index(drop=True)


def code_users(users: pd.DataFrame) -> pd.DataFrame:
    """The user table in the order of its ids, attributes as labels."""
    table = users.sort_values(USER_ID, ignore_index=True)
    return pd.DataFrame({USER_ID: table[USER_ID]} | {name: labels(table[name]) for name in table.columns[1:]})


def code_numbers(users: pd.DataFrame) -> pd.DataFrame | None:
    """Attributes of users whose labels are bands, as the numbers they were, in the same order; None without any."""
    table = users.sort_values(USER_ID, ignore_index=True)
    found = {name: many_numbers(table[name]) for name in table.columns[1:]}
    kept = {name: numbers.astype(float) for name, numbers in found.items() if numbers is not None}
    return pd.DataFrame(kept) if kept else None


def code_items(items: pd.DataFrame) -> pd.DataFrame:
    """The item table with a title for every item and attributes as categories, "Unknown" where missing.

    Other attributes with nearly as many values as items stay text: they describe, but do not group.
    """
    table = {ITEM_ID: items[ITEM_ID]}
    title = items[TITLE] if TITLE in items else pd.Series(None, index=items.index, dtype="str")
    table[TITLE] = title.fillna(items[ITEM_ID])
    most_values = max(len(items) // 20, 20)
    for name in items.columns.drop([ITEM_ID, TITLE], errors="ignore"):
        grouping = name in STANDARD or (
            name not in (*TEXTS, LIST_PRICE) and items[name].nunique() <= most_values
        )
        table[name] = _category(items[name]) if grouping else items[name]
    return pd.DataFrame(table)


def code_further(
    name: str, table: pd.DataFrame, users: pd.Index, items: pd.Index
) -> tuple[pd.DataFrame, list[RuleCount]]:
    """Another table with codes in place of ids; rows of unknown users or items go, counted.

    A row without an item (an offer of a whole campaign, the service of a whole order) keeps item -1.
    """
    counts = []
    for column, code, known in ((USER_ID, USER, users), (ITEM_ID, ITEM, items)):
        if column not in table:
            continue
        found = codes_of(table[column], known)
        unknown = (found < 0) & table[column].notna().to_numpy()
        if unknown.any():
            rule, note = (
                f"Unknown {code}s",
                f"Rows of {code}s without an event or outside of the {code} table",
            )
            counts.append(_dropped(name, rule, len(table), unknown.sum(), note))
        table = table.assign(**{code: found}).drop(columns=column)[~unknown]
    codes = [code for code in (USER, ITEM) if code in table]
    return table[[*codes, *table.columns.drop(codes)]].reset_index(drop=True), counts


def code_promotions(
    promotions: pd.DataFrame, items: pd.Index, *, bought: np.ndarray, progress: Progress = quiet
) -> tuple[pd.DataFrame, list[RuleCount]]:
    """Promotions of bought items, one per item, channel and week, sorted by these; codes throughout.

    Args:
        bought: bool (n_items,), items that somebody bought; nothing can be learnt from promoting the others.
    """
    item = codes_of(promotions[ITEM_ID], items)
    wanted = np.append(bought, False)[item]
    counts = [
        _dropped("promotions", "Items never bought", len(item), (~wanted).sum(), "No event to compare with")
    ]
    columns = {
        name: _codes(promotions[name], wanted)
        for name in (CHANNEL, WEEK, DISPLAY, MAILER)
        if name in promotions
    }
    progress("Coding", 0.3, "promotions")
    key = item[wanted].astype(np.int64)
    for name in (CHANNEL, WEEK):
        if name in columns:
            codes, categories = columns[name]
            key = key * (len(categories) + 1) + codes
    order = np.argsort(key, kind="stable")
    progress("Coding", 0.8, "promotions")
    first = np.concatenate([np.ones(min(len(key), 1), bool), np.diff(key[order]) > 0])
    note = "Another line for the same item, channel and week; the first one counts"
    counts.append(_dropped("promotions", "Duplicate promotions", len(key), (~first).sum(), note))
    kept = order[first]
    coded = pd.DataFrame({ITEM: item[wanted][kept]})
    for name, (codes, categories) in columns.items():
        coded[name] = pd.Categorical.from_codes(codes[kept], categories)
    return coded, counts


def _codes(values: pd.Series, wanted: np.ndarray) -> tuple[np.ndarray, pd.Index]:
    category = values.cat if isinstance(values.dtype, pd.CategoricalDtype) else values.astype("category").cat
    return category.codes.to_numpy()[wanted], category.categories


def _baskets(coded: pd.DataFrame, events: pd.DataFrame) -> np.ndarray:
    """Dense basket codes: a basket id within its user; without one, whatever a user did at one instant."""
    user = coded[USER].to_numpy(np.int64)
    instants, distinct = pd.factorize(coded[TIMESTAMP], sort=True)
    key = user * len(distinct) + instants
    if BASKET_ID in events:
        baskets, names = pd.factorize(events[BASKET_ID], sort=True)
        without_id = int(key.max(initial=0)) + 1
        key = np.where(baskets >= 0, without_id + user * len(names) + baskets, key)
    return np.unique(key, return_inverse=True)[1].astype(np.int32)


def _kinds(events: pd.DataFrame) -> pd.Categorical:
    """Kinds of event in small letters; purchase is always code 0, and what is meant where none is given."""
    if EVENT not in events:
        return pd.Categorical.from_codes(np.zeros(len(events), np.int8), [PURCHASE])
    kinds = events[EVENT].astype("str").str.lower().fillna(PURCHASE)
    others = sorted(set(kinds) - {PURCHASE})
    if len(others) >= MOST_KINDS:
        problem = f"has {len(others):,} kinds of event such as '{others[0][:40]}'; at most {MOST_KINDS} are told apart"
        raise TableError(problem, source="events", column=EVENT)
    return pd.Categorical(kinds, [PURCHASE, *others])


def _category(values: pd.Series) -> pd.Series:
    """Text as a category in alphabetical order, "Unknown" where missing."""
    known = values.astype("category").cat.remove_unused_categories()
    categories = sorted(set(known.cat.categories.astype(str)) - {UNKNOWN})
    known = known.cat.rename_categories(known.cat.categories.astype(str))
    return known.cat.set_categories([*categories, UNKNOWN]).fillna(UNKNOWN).cat.remove_unused_categories()


def _dropped(table: str, rule: str, read: int, affected: int, note: str) -> RuleCount:
    return RuleCount(
        table=table, rule=rule, action="dropped", read=int(read), affected=int(affected), note=note
    )
