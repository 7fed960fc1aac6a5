"""A prepared dataset in memory: tables cleaned, coded and split; training alone fixes the catalogue."""

import hashlib
import heapq
from dataclasses import dataclass, replace

import numpy as np
import pandas as pd

from core.data.activity import NOTE, purchases_so_far
from core.data.catalogue import Core, choose, describe
from core.data.cleaning import clean
from core.data.coding import (
    code_events,
    code_further,
    code_items,
    code_numbers,
    code_promotions,
    code_users,
)
from core.data.labels import can_name_groups, labels, many_numbers
from core.data.purchases import purchases
from core.data.splits import TEST, VALIDATION, assign_split, local_dates, temporal_windows
from core.data.support import TIMING, missing
from core.errors import SettingsError
from core.progress import Progress, part_of, quiet
from core.schema.documents import RuleCount
from core.schema.settings import DatasetSettings
from core.schema.tables import (
    CATEGORY,
    CONTRACTS,
    EVENT,
    IN_CATALOGUE,
    ITEM,
    ITEM_ID,
    PURCHASE,
    PURCHASES_SO_FAR,
    SPLIT,
    TIMESTAMP,
    UNKNOWN,
    USER_ID,
    USER_NUMBERS,
    Tables,
)


@dataclass(frozen=True)
class Prepared:
    """A dataset before it is written; the fields are those of the `Dataset` document."""

    tables: dict[str, pd.DataFrame]
    quality: list[RuleCount]
    missing: dict[str, str]
    period: dict[str, str]
    attributes: list[str]
    notes: list[str]


def build(tables: Tables, settings: DatasetSettings, *, progress: Progress = quiet) -> Prepared:
    """Clean, code and split tables.

    Raises:
        SettingsError: unknown protected attributes, no or too short a calendar, or nothing to recommend.
    """
    lacking = missing(tables)
    if TIMING in lacking and settings.split == "temporal":
        raise SettingsError(
            "The times of these data are only an order, so there is no calendar to split by. Choose "
            "split=leave_one_out or split=by_user."
        )
    notes, found = _notes(tables), _found_by_source(tables)
    tables, sampled = sample_users(tables, settings)
    progress("Cleaning", 0.0, f"{len(tables.events):,} events")
    tables, quality = clean(tables, settings)
    if tables.events.empty:
        raise SettingsError(f"No event is left after cleaning: {_reasons(quality)}.")
    progress("Coding", 0.3, "users and items")
    users, items = code_users(tables.users), code_items(tables.items)
    attributes = _group_attributes(users, settings)
    events = code_events(tables.events, pd.Index(users[USER_ID]), pd.Index(items[ITEM_ID]))
    progress("Splitting", 0.5, settings.split)
    events[SPLIT] = assign_split(events, settings, user_ids=users[USER_ID])
    progress("Choosing the catalogue", 0.6)
    core = choose(events, settings, n_users=len(users), n_items=len(items))
    events, items = _catalogue_first(events, items, core)
    _check_answers(events, items, settings)
    items = describe(items, events, items.get(CATEGORY, pd.Series(UNKNOWN, items.index)))
    further, counts = _further(tables, events, users, items, part_of(progress, 0.7, 1.0))
    numbers = code_numbers(tables.users)
    if not attributes:
        users, numbers = _with_purchases_so_far(users, numbers, events)
        attributes = _group_attributes(users, settings)
        notes += [NOTE] if attributes else []
    kept = {} if numbers is None else {USER_NUMBERS: numbers}
    return Prepared(
        tables={"events": events, "users": users, "items": items} | kept | further,
        quality=found + quality + _outside(events, items, core, settings) + counts,
        missing=lacking,
        period={} if TIMING in lacking else _period(events, settings),
        attributes=attributes,
        notes=notes + sampled + _without_purchases(events),
    )


def _notes(tables: Tables) -> list[str]:
    """How files were read where not as they stand, and columns of `events` that nothing uses."""
    notes = [note for table in tables.present().values() for note in table.attrs.get("notes", [])]
    unused = [str(name)[:40] for name in tables.events if name not in CONTRACTS["events"].columns]
    return notes + ([f"Columns of events that are not used: {', '.join(unused)}."] if unused else [])


def _found_by_source(tables: Tables) -> list[RuleCount]:
    """What the source itself did to lines that it could not give as they stand."""
    return [count for table in tables.present().values() for count in table.attrs.get("quality", [])]


def _without_purchases(events: pd.DataFrame) -> list[str]:
    kinds = events[EVENT].cat
    if (kinds.codes == 0).any():
        return []
    named = ", ".join(str(kind)[:40] for kind in kinds.categories[1:6])
    return [f"No event is a '{PURCHASE}' (there are: {named}), so each counts as one."]


def sample_users(tables: Tables, settings: DatasetSettings) -> tuple[Tables, list[str]]:
    """Only the users whose ids have the smallest hashes, in every table; a note if that left any out."""
    everyone = tables.events[USER_ID].unique().astype(str)
    if settings.sample_users is None or settings.sample_users >= len(everyone):
        return tables, []
    chosen = heapq.nsmallest(
        settings.sample_users, everyone, key=lambda id: hashlib.blake2b(id.encode()).digest()
    )
    sampled = {
        name: table[table[USER_ID].isin(chosen)].reset_index(drop=True)
        for name, table in tables.present().items()
        if USER_ID in table
    }
    return replace(tables, **sampled), [f"A sample of {len(chosen):,} of {len(everyone):,} users."]


def _group_attributes(users: pd.DataFrame, settings: DatasetSettings) -> list[str]:
    """The attributes that can name groups.

    Raises:
        SettingsError: a protected attribute is not among them.
    """
    attributes = [name for name in users.columns.drop(USER_ID) if can_name_groups(users[name])]
    for name in settings.protected or ():
        if name not in attributes:
            reason = "has one value, or too many, to name groups" if name in users else "is no user attribute"
            known = ", ".join(attributes) or "none"
            raise SettingsError(f"Protected attribute '{name[:60]}' {reason}. Attributes that can: {known}.")
    return attributes


def _with_purchases_so_far(
    users: pd.DataFrame, numbers: pd.DataFrame | None, events: pd.DataFrame
) -> tuple[pd.DataFrame, pd.DataFrame | None]:
    """Users and their numbers with what they had bought by then; a column of the shop's own of that name stays."""
    if PURCHASES_SO_FAR in users:
        return users, numbers
    counts = purchases_so_far(events, n_users=len(users))
    many = many_numbers(counts)
    if many is not None:
        numbers = pd.DataFrame(index=users.index) if numbers is None else numbers
        numbers = numbers.assign(**{PURCHASES_SO_FAR: many.astype(float)})
    return users.assign(**{PURCHASES_SO_FAR: labels(counts)}), numbers


def _catalogue_first(
    events: pd.DataFrame, items: pd.DataFrame, core: Core
) -> tuple[pd.DataFrame, pd.DataFrame]:
    """Renumber items so that the catalogue has the first codes, each part in the order of its ids."""
    order = np.lexsort([items[ITEM_ID].to_numpy(), ~core.items])
    renumbered = np.empty(len(order), np.int32)
    renumbered[order] = np.arange(len(order), dtype=np.int32)
    items = items.assign(**{IN_CATALOGUE: core.items}).iloc[order].reset_index(drop=True)
    return events.assign(**{ITEM: renumbered[events[ITEM]]}), items


def _check_answers(events: pd.DataFrame, items: pd.DataFrame, settings: DatasetSettings) -> None:
    """Without a purchase of a catalogue item in both windows nothing could be tuned or reported."""
    held_out = set(events.loc[(events[ITEM] < items[IN_CATALOGUE].sum()) & purchases(events), SPLIT])
    longer = "Choose longer windows or lower" if settings.split == "temporal" else "Lower"
    for split, name in ((VALIDATION, "validation"), (TEST, "test")):
        if split not in held_out:
            raise SettingsError(
                f"No item of the catalogue is bought in the {name} window, so no recommendation could be "
                f"judged. {longer} minimum_item_users."
            )


def _outside(
    events: pd.DataFrame, items: pd.DataFrame, core: Core, settings: DatasetSettings
) -> list[RuleCount]:
    """What the k-core leaves outside of the catalogue; kept for prices and groups."""
    outside = int((events[ITEM] >= core.items.sum()).sum())
    few_buyers = "Too few buyers before the split to be recommended"
    if settings.minimum_item_users == 0:
        few_buyers = "Never bought"
    few_purchases = (
        "Too few purchases before the split to count as buyers; recommended to and audited all the same"
    )
    return [
        _kept("items", "Outside the catalogue", len(items), (~core.items).sum(), few_buyers),
        _kept("events", "Outside the catalogue", len(events), outside, "Kept for prices, never recommended"),
        _kept("users", "Few purchases", len(core.users), (~core.users).sum(), few_purchases),
    ]


def _further(
    tables: Tables, events: pd.DataFrame, users: pd.DataFrame, items: pd.DataFrame, progress: Progress
) -> tuple[dict[str, pd.DataFrame], list[RuleCount]]:
    """All tables but events, users and items, coded."""
    user_ids, item_ids = pd.Index(users[USER_ID]), pd.Index(items[ITEM_ID])
    coded, counts = {}, []
    for name, table in tables.present().items():
        if name in ("events", "users", "items"):
            continue
        progress("Coding", 0.0, name)
        if name == "promotions":
            bought = np.bincount(events[ITEM], minlength=len(items)) > 0
            coded[name], found = code_promotions(table, item_ids, bought=bought, progress=progress)
        else:
            coded[name], found = code_further(name, table, user_ids, item_ids)
        counts += found
    return coded, counts


def _period(events: pd.DataFrame, settings: DatasetSettings) -> dict[str, str]:
    """Local dates of the first and last event and, in a temporal split, of the first days of the windows."""
    zone = settings.timezone or "UTC"
    moments = {"start": events[TIMESTAMP].min()}
    if settings.split == "temporal":
        windows = temporal_windows(events[TIMESTAMP], settings)
        moments |= {"validation_start": windows.validation, "test_start": windows.test}
    moments["end"] = events[TIMESTAMP].max()
    days = local_dates(pd.Series(moments), zone)
    return {name: f"{day:%Y-%m-%d}" for name, day in days.items()}


def _reasons(quality: list[RuleCount]) -> str:
    dropped = [f"{count.affected:,} × {count.rule.lower()}" for count in quality if count.affected]
    return ", ".join(dropped) or "there was none"


def _kept(table: str, rule: str, read: int, affected: int, note: str) -> RuleCount:
    return RuleCount(table=table, rule=rule, action="kept", read=int(read), affected=int(affected), note=note)
