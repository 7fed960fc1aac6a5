"""Which rows of feedback can be used: each that cannot is set aside with the first reason that applies."""

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
import pandas as pd

from core.data.files import require_columns
from core.data.sifting import sift
from core.schema.documents import RuleCount
from core.schema.tables import (
    CLICKED,
    COMPLAINED,
    CONTRACTS,
    DISMISSED,
    ITEM_ID,
    PURCHASED,
    RANK,
    SATISFACTION,
    TIMESTAMP,
    USER_ID,
)

IMPRESSIONS, SERVICE = "impressions", "service"
REACTIONS = (CLICKED, PURCHASED, DISMISSED)  # flags of impressions
SAYS_SO = {  # reaction: table and column that tell it
    "shown": (IMPRESSIONS, RANK),
    "clicked": (IMPRESSIONS, CLICKED),
    "bought": (IMPRESSIONS, PURCHASED),
    "dismissed": (IMPRESSIONS, DISMISSED),
    "rated": (SERVICE, SATISFACTION),
    "complained": (SERVICE, COMPLAINED),
}
REASON_ASIDE, ROW = "set_aside_because", "row"  # columns of rows set aside
LAST_PLACE = 10_000  # of a list
PAIR = [USER_ID, ITEM_ID]
SHOWN = [*PAIR, TIMESTAMP]


@dataclass(frozen=True)
class Known:
    """What rows are held against.

    Attributes:
        users, items: ids of the dataset.
        impressions: rows that came before, in the columns of the contract; `service` likewise.
    """

    users: pd.Index
    items: pd.Index
    impressions: pd.DataFrame
    service: pd.DataFrame


@dataclass(frozen=True)
class Judged:
    """Feedback that was looked at.

    Attributes:
        rows: usable ones, in the columns and types of the contract; `rank` is missing in reactions that came on their own.
        aside: the others as they came, with `row` (its number among all, from 1) and `set_aside_because`.
        counts: the reasons, in the order in which they were asked.
    """

    rows: pd.DataFrame
    aside: pd.DataFrame
    counts: list[RuleCount]


def judge(frame: pd.DataFrame, table: str, source: str, known: Known) -> Judged:
    """Hold rows of feedback against the contract, against the dataset and against the impressions that they react to.

    A row of `impressions` with a rank says what was shown, and may say what came of it. One without a rank is a reaction that
    came on its own, such as a click from another log: it belongs to the last impression of that product before it.

    Args:
        frame: columns as text, or in the types of a Parquet file. table: `impressions` or `service`.

    Raises:
        TableError: a required column is missing.
    """
    if table == IMPRESSIONS and RANK not in frame:
        # Asked here, so that the columns it names are those of the file.
        require_columns(frame, table, source, but=RANK)
        frame = frame.assign(**{RANK: None})
    sound, left, counts, reasons = _of_contract(frame, table, source)
    # Further columns say nothing of a row: a `rank` beside ratings makes them no impressions.
    sound = sound[[name for name in CONTRACTS[table].columns if name in sound]]
    for name, note, find in _rules(table):
        bad = find(sound, known)
        counts.append(_count(table, name, len(sound), int(bad.sum()), note))
        reasons[left[bad]] = name
        sound, left = sound[~bad].reset_index(drop=True), left[~bad]
    aside = frame.reset_index(drop=True).assign(
        **{ROW: np.arange(1, len(frame) + 1), REASON_ASIDE: pd.Series(reasons, dtype="str")}
    )
    return Judged(
        sound,
        aside[reasons != ""].reset_index(drop=True),
        [count for count in counts if count.affected],
    )


def reactions_in(rows: pd.DataFrame, table: str) -> dict[str, int]:
    """How many rows say each reaction; those that no row says are left out."""
    found = {}
    for reaction, (of_table, column) in SAYS_SO.items():
        if of_table == table and column in rows:
            values = rows[column]
            said = values.fillna(False).astype(bool) if values.dtype == "boolean" else values.notna()
            found[reaction] = int(said.sum())
    return {reaction: n for reaction, n in found.items() if n}


def _of_contract(
    frame: pd.DataFrame, table: str, source: str
) -> tuple[pd.DataFrame, np.ndarray, list[RuleCount], np.ndarray]:
    """Rows that keep the contract in its types, their places, what is wrong with the others, and the reason of each row."""
    alone = _is_blank(frame[RANK]) if table == IMPRESSIONS else np.zeros(len(frame), bool)
    filled = frame.reset_index(drop=True)
    if alone.any():  # the contract wants a rank; theirs is taken away again below
        filled = filled.assign(**{RANK: filled[RANK].astype("str").where(~alone, "1")})
    sound, problems = sift(filled, table, source, most=1.0)
    reasons = np.full(len(frame), "", dtype=object)
    counts = []
    for problem in problems:
        name = f"{problem.column or 'The row'} {problem.problem}"[:120]
        reasons[problem.rows] = name
        counts.append(
            _count(table, name, problem.read, len(problem.rows), "The row breaks the contract of the table")
        )
    left = np.flatnonzero(reasons == "")
    if alone.any():
        sound = sound.assign(**{RANK: sound[RANK].mask(alone[left])})
    return sound, left, counts, reasons


def _rules(table: str) -> Iterator[tuple]:
    """Name, note and finder of each rule of a table, in the order in which they are asked."""
    if table == IMPRESSIONS:
        yield "No place in a list", f"The rank is no whole number up to {LAST_PLACE:,}", _no_place
    yield (
        "Unknown user",
        "Not among the users of these data",
        lambda rows, known: ~rows[USER_ID].isin(known.users).to_numpy(),
    )
    yield "Unknown item", "Not among the items of these data", _unknown_items
    yield "The same row twice", "Equal to an earlier row in every column, here or in what came before", _twice
    if table == SERVICE:
        yield "Says nothing", "Neither a rating nor a complaint nor anything else of the contract", _silent
        yield "Before the impression", "Earlier than the first time that the product was shown", _rated_early
        return
    yield "Says nothing", "No rank, so it was not shown here, and no reaction either", _no_reaction
    yield "Without an impression", "A reaction to what was never shown to this user", _never_shown
    yield "Before the impression", "A reaction earlier than the first time that the product was shown", _early


def _no_place(rows: pd.DataFrame, known: Known) -> np.ndarray:
    return ((rows[RANK] % 1 != 0) | (rows[RANK] > LAST_PLACE)).to_numpy() & rows[RANK].notna().to_numpy()


def _unknown_items(rows: pd.DataFrame, known: Known) -> np.ndarray:
    if ITEM_ID not in rows:
        return np.zeros(len(rows), bool)
    return (rows[ITEM_ID].notna() & ~rows[ITEM_ID].isin(known.items)).to_numpy()


def _twice(rows: pd.DataFrame, known: Known) -> np.ndarray:
    table = IMPRESSIONS if RANK in rows else SERVICE
    columns = [name for name in CONTRACTS[table].columns if name in rows]
    before = getattr(known, table)
    everything = pd.concat([before.reindex(columns=columns), rows[columns]], ignore_index=True)
    return everything.astype(object).where(everything.notna(), None).duplicated().to_numpy()[len(before) :]


def _silent(rows: pd.DataFrame, known: Known) -> np.ndarray:
    told = [name for name in CONTRACTS[SERVICE].columns if name in rows and name not in SHOWN]
    return ~rows[told].notna().any(axis=1).to_numpy() if told else np.ones(len(rows), bool)


def _no_reaction(rows: pd.DataFrame, known: Known) -> np.ndarray:
    return rows[RANK].isna().to_numpy() & ~reacted(rows)


def _never_shown(rows: pd.DataFrame, known: Known) -> np.ndarray:
    return rows[RANK].isna().to_numpy() & np.isnat(_first_shown(rows, known))


def _early(rows: pd.DataFrame, known: Known) -> np.ndarray:
    return rows[RANK].isna().to_numpy() & (rows[TIMESTAMP].to_numpy() < _first_shown(rows, known))


def _rated_early(rows: pd.DataFrame, known: Known) -> np.ndarray:
    if ITEM_ID not in rows:
        return np.zeros(len(rows), bool)
    return rows[TIMESTAMP].to_numpy() < _first_shown(rows, known)


def _first_shown(rows: pd.DataFrame, known: Known) -> np.ndarray:
    """When each row's product was first shown to its user, datetime64[us]; NaT where that is not known."""
    there = [known.impressions] + ([rows] if RANK in rows else [])
    shown = pd.concat([each.loc[each[RANK].notna(), SHOWN] for each in there], ignore_index=True)
    first = shown.groupby(PAIR)[TIMESTAMP].min()
    return first.reindex(pd.MultiIndex.from_frame(rows[PAIR])).to_numpy("datetime64[us]")


def reacted(rows: pd.DataFrame) -> np.ndarray:
    """Whether anything came of each impression, bool (rows,)."""
    found = [rows[name].fillna(False).to_numpy(bool) for name in REACTIONS if name in rows]
    return np.any(found, axis=0) if found else np.zeros(len(rows), bool)


def _is_blank(values: pd.Series) -> np.ndarray:
    return (values.isna() | (values.astype("str").str.strip() == "")).to_numpy()


def _count(table: str, rule: str, read: int, affected: int, note: str) -> RuleCount:
    return RuleCount(table=table, rule=rule, action="dropped", read=read, affected=affected, note=note)
