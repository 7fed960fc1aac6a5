"""Feedback joins the tables of a shop before they are prepared: from there on it is data like any other."""

from dataclasses import replace

import numpy as np
import pandas as pd

from core.data.feedback.rules import PAIR, SHOWN
from core.data.reactions import POSITIVE
from core.schema.documents import RuleCount
from core.schema.tables import (
    CLICKED,
    COMPLAINED,
    DISMISSED,
    EVENT,
    ITEM_ID,
    POLICY,
    PURCHASE,
    PURCHASED,
    QUANTITY,
    RANK,
    RATING,
    SATISFACTION,
    TIMESTAMP,
    USER_ID,
    Tables,
)

SAME_PURCHASE = pd.Timedelta(
    days=7
)  # after an impression: a purchase that the shop's events hold is the one it tells of
LOWEST = 1.0  # satisfaction of a complaint that gives none
FED = "of_feedback"  # column: whether feedback tells of a row: an impression or what came of it, a rating, a complaint
LATE = "Later than the shop's own events, which set the windows; joins when newer events reach it"


def with_feedback(
    tables: Tables,
    impressions: pd.DataFrame,
    service: pd.DataFrame,
    *,
    judged_impressions: pd.DataFrame,
    judged_service: pd.DataFrame,
) -> tuple[Tables, list[RuleCount]]:
    """The tables with feedback among them, and what became of it.

    What customers did is data: it joins at its time, and the windows say whether it teaches, tunes or judges. Feedback later
    than the shop's last event waits. Impressions become one row each, with everything that came of it, those of the shop's own
    tables too; purchases that the events lack join them, without a price. What analysts judged joins as `judgements`,
    whatever its time. Rows of `service` say in FED which of them customers volunteered: these are of no order.

    Args:
        impressions, service: of customers, in the columns of the contracts; impressions without a rank are reactions that
            came on their own.
        judged_impressions, judged_service: of analysts: products flagged, and products of rated lists.
    """
    end, counts = tables.events[TIMESTAMP].max(), []
    known = {"impressions": impressions, "service": service}
    for name, rows in known.items():
        late = (rows[TIMESTAMP] > end).to_numpy()
        if late.any():
            counts.append(_count(name, "Feedback that waits", "dropped", len(rows), late.sum(), LATE))
            known[name] = rows[~late].reset_index(drop=True)
    if len(known["impressions"]):
        own, told = tables.impressions, known["impressions"]
        shown = _of_feedback(own, told)
        counts.append(
            _count("impressions", "Feedback", "kept", len(shown), len(shown), "Impressions that joined")
        )
        tables, count = _with_purchases(tables, shown)
        counts.append(count)
        every = shown if own is None else together(_joined(_plain(own), told))
        every.attrs = {} if own is None else own.attrs
        tables = replace(tables, impressions=every)
    if len(known["service"]):
        rows = _rated(known["service"].drop_duplicates(ignore_index=True))
        counts.append(_count("service", "Feedback", "kept", len(rows), len(rows), "Rows that joined"))
        own = None if tables.service is None else tables.service.assign(**{FED: False})
        tables = replace(tables, service=_joined(own, rows.assign(**{FED: True})))
    judged = _judgements(judged_impressions, judged_service)
    if len(judged):
        note = "What analysts said of products in lists; their users no longer judge"
        counts.append(_count("judgements", "Feedback", "kept", len(judged), len(judged), note))
        tables = replace(tables, judgements=judged)
    return tables, counts


def together(impressions: pd.DataFrame) -> pd.DataFrame:
    """One row per impression with all that came of it: the same one told again, and reactions that came on their own.

    A reaction without a rank belongs to the last impression of that product to that user at or before its time. Where clicks,
    or purchases, come on their own, impressions between the first and the last of them that say nothing of it had none.
    """
    if impressions.empty:
        return impressions
    key = [name for name in (*SHOWN, RANK, POLICY) if name in impressions]
    flags = [name for name in (CLICKED, PURCHASED, DISMISSED, FED) if name in impressions]
    alone = impressions[RANK].isna()
    whole = _merged(impressions[~alone], key, flags)
    if not alone.any():
        return whole
    whole = whole.sort_values(TIMESTAMP, kind="stable", ignore_index=True)
    reactions = impressions[alone].sort_values(TIMESTAMP, kind="stable", ignore_index=True)
    place = pd.merge_asof(
        reactions[SHOWN], whole[SHOWN].assign(place=np.arange(len(whole))), on=TIMESTAMP, by=PAIR
    )["place"]
    found = place.notna().to_numpy()
    moved = whole.loc[place[found].astype(int), key].reset_index(drop=True)
    moved = pd.concat([moved, reactions.loc[found, flags].reset_index(drop=True)], axis=1)
    return _in_vain(_merged(pd.concat([whole, moved], ignore_index=True), key, flags), reactions)


def _of_feedback(own: pd.DataFrame | None, told: pd.DataFrame) -> pd.DataFrame:
    """The impressions that feedback tells of, also where they are the shop's own, with what it says came of them."""
    if own is None:
        return together(told)
    key = [name for name in (*SHOWN, RANK, POLICY) if name in own]
    both = pd.concat([_plain(own)[key].assign(**{FED: False}), told.assign(**{FED: True})], ignore_index=True)
    found = together(both.astype({FED: "boolean"}))
    return found[found[FED].to_numpy(bool)].drop(columns=FED)


def _plain(table: pd.DataFrame) -> pd.DataFrame:
    """The same with ids that are no categories."""
    return table.assign(**{name: table[name].astype("str") for name in PAIR})


def _in_vain(whole: pd.DataFrame, reactions: pd.DataFrame) -> pd.DataFrame:
    """No for yes or no, where a log of such reactions ran and has none of an impression."""
    for name in (name for name in POSITIVE if name in whole):
        heard = reactions.loc[reactions[name].fillna(False).to_numpy(bool), TIMESTAMP]
        running = whole[TIMESTAMP].between(heard.min(), heard.max())
        whole[name] = whole[name].mask(whole[name].isna() & running, False)
    return whole


def _merged(rows: pd.DataFrame, key: list[str], flags: list[str]) -> pd.DataFrame:
    """Rows of one key as one: a flag holds if any says so, of the rest the first that is known."""
    rest = [name for name in rows if name not in key and name not in flags]
    groups = rows.groupby(key, sort=False, dropna=False)
    merged = groups[rest].first() if rest else groups.size().to_frame().iloc[:, :0]
    for name in flags:
        merged[name] = groups[name].max()
    return merged.reset_index()[list(rows)]


def _with_purchases(tables: Tables, shown: pd.DataFrame) -> tuple[Tables, RuleCount]:
    """The events, and purchases that impressions tell of and the events lack, of users and items that the shop still has."""
    events = tables.events
    for name, table in ((USER_ID, tables.users), (ITEM_ID, tables.items)):
        there = set(events[name].unique()) | set(() if table is None else table[name])
        shown = shown[shown[name].isin(there)]
    told = (
        shown[shown[PURCHASED].fillna(False).to_numpy(bool)] if PURCHASED in shown else shown.iloc[:0]
    ).sort_values(TIMESTAMP)
    bought = events if EVENT not in events else events[events[EVENT].fillna(PURCHASE).str.lower() == PURCHASE]
    bought = bought.loc[bought[USER_ID].isin(told[USER_ID].unique()), SHOWN]
    bought = bought.assign(**{name: bought[name].astype("str") for name in PAIR}, there=True)
    matched = pd.merge_asof(
        told[SHOWN].astype(dict.fromkeys(PAIR, "str")),
        bought.sort_values(TIMESTAMP),
        on=TIMESTAMP,
        by=PAIR,
        direction="forward",
        tolerance=SAME_PURCHASE,
    )
    lacking = told[matched["there"].isna().to_numpy()]
    count = _count(
        "impressions",
        "Bought, and not among the events",
        "kept",
        len(told),
        len(lacking),
        "Joined the events as purchases, without a price",
    )
    if lacking.empty:
        return tables, count
    added = lacking[SHOWN].assign(
        **({EVENT: PURCHASE} if EVENT in events else {}), **({QUANTITY: 1.0} if QUANTITY in events else {})
    )
    return replace(tables, events=_joined(_plain(events), added)), count


def _rated(service: pd.DataFrame) -> pd.DataFrame:
    """A complaint without a rating counts as the lowest one."""
    if COMPLAINED not in service:
        return service
    rating = (
        service[SATISFACTION] if SATISFACTION in service else pd.Series(np.nan, service.index, dtype=float)
    )
    silent = rating.isna() & service[COMPLAINED].fillna(False).astype(bool)
    return service.assign(**{SATISFACTION: rating.mask(silent, LOWEST)})


def _judgements(flagged: pd.DataFrame, rated: pd.DataFrame) -> pd.DataFrame:
    """`user_id`, `item_id`, `rating` and `dismissed` of what analysts said; the last word on a product of a user counts."""
    parts = []
    if len(flagged):
        dismissed = flagged[flagged[DISMISSED].fillna(False).to_numpy(bool)]
        parts.append(dismissed[SHOWN].assign(**{RATING: LOWEST, DISMISSED: True}))
    if len(rated):
        parts.append(rated[SHOWN].assign(**{RATING: rated[SATISFACTION], DISMISSED: False}))
    if not parts:
        return pd.DataFrame(columns=[*PAIR, RATING, DISMISSED])
    every = pd.concat(parts, ignore_index=True)
    every = every[every[ITEM_ID].notna()].sort_values(TIMESTAMP, kind="stable")
    groups = every.groupby(PAIR, sort=True)
    return groups[[RATING]].last().assign(**{DISMISSED: groups[DISMISSED].max()}).reset_index()


def _joined(table: pd.DataFrame | None, rows: pd.DataFrame) -> pd.DataFrame:
    if table is None:
        return rows.reset_index(drop=True)
    joined = pd.concat([table, rows], ignore_index=True)
    joined.attrs = table.attrs
    return joined


def _count(table: str, rule: str, action, read: int, affected: int, note: str) -> RuleCount:
    return RuleCount(table=table, rule=rule, action=action, read=int(read), affected=int(affected), note=note)
