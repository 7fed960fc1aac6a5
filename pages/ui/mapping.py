"""The mapping assistant: which columns of a file, or fields of a collection, are which columns of a table."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

import pandas as pd
import streamlit as st

from core.data.mapped import BadRow, Examined, examine
from core.data.mapping import Looks, Proposal, attributes, likely_table, looks_of, propose
from core.data.mapping_store import find_mapping, save_mapping
from core.errors import EvenhandError
from core.figures.sentences import plural
from core.figures.text import markdown_text, plain, spoken
from core.schema.documents import ColumnMapping
from core.schema.tables import CONTRACTS
from core.store.workspace import Workspace
from pages.ui import blocks

PREVIEW_ROWS = (
    20_000  # that are looked through while somebody chooses; all of them once the table is prepared
)


@dataclass
class Columns:
    """Columns that can be chosen from, with what was found out about them while somebody chooses.

    Attributes:
        frame: the rows, or a sample of them. looks: of each column that has a name of its own.
    """

    frame: pd.DataFrame
    looks: Looks
    notes: Sequence[str] = ()
    examined: dict[tuple, Examined | EvenhandError] = field(default_factory=dict)

    @classmethod
    def of(cls, frame: pd.DataFrame, notes: Sequence[str] = ()) -> "Columns":
        return cls(frame, looks_of(frame), notes)


@dataclass(frozen=True)
class Chosen:
    """A table, and for its columns those that were chosen; `keep` come along under their own names."""

    table: str
    columns: Mapping[str, str]
    keep: tuple[str, ...]


def choose_table(
    columns: Columns, *, key: str, suggested: str | None = None, offered: Sequence[str] = tuple(CONTRACTS)
) -> str:
    """Which table a file is."""
    likely = suggested or likely_table(columns.looks)
    st.session_state.setdefault(f"{key}-table", likely if likely in offered else offered[0])
    return st.selectbox(
        "Which table is it?",
        list(offered),
        key=f"{key}-table",
        format_func=spoken,
        help="Only events is required; each further table switches on what needs it.",
    )


def choose_columns(
    workspace: Workspace, columns: Columns, table: str, *, key: str, whose: str, remember: bool = True
) -> Chosen:
    """One choice for each column of the table, beginning with the saved mapping or with what looks right.

    Args:
        whose: of what the columns are, in words: "file" or "collection". remember: whether saved mappings count.
    """
    saved = find_mapping(workspace, table, list(columns.looks)) if remember else None
    proposals = {one.column: one for one in propose(columns.looks, table)}
    if saved is not None:
        st.caption(
            f":material/bookmark: Mapping **{markdown_text(saved.name)}** was saved for a {whose} like this one."
        )
    else:
        st.caption(
            f"Proposed by the names and values of the {whose}. Correct what is wrong; columns with * are needed."
        )
    chosen = _grid(columns, table, proposals, saved, key=f"{key}-{table}")
    keep = _further(columns, table, chosen, saved, key=f"{key}-{table}")
    return Chosen(table, chosen, keep)


def _grid(
    columns: Columns,
    table: str,
    proposals: Mapping[str, Proposal],
    saved: ColumnMapping | None,
    *,
    key: str,
) -> dict[str, str]:
    contract, chosen = CONTRACTS[table].columns, {}
    first = [
        name for name in contract if contract[name].required or proposals[name].source or _in(saved, name)
    ]
    for names, folded in ((first, False), ([name for name in contract if name not in first], True)):
        if not names:
            continue
        place = st.expander(f"{plural(len(names), 'more column')} of {table}") if folded else st.container()
        with place:
            grid = st.grid(3, min_column_width=190)
            for name in names:
                with grid.cell():
                    source = _choice(name, contract[name].required, columns, proposals[name], saved, key=key)
                chosen |= {name: source} if source is not None else {}
    return {name: chosen[name] for name in contract if name in chosen}


def _choice(
    name: str, required: bool, columns: Columns, proposal: Proposal, saved: ColumnMapping | None, *, key: str
) -> str | None:
    state = f"{key}-{name}"
    begin = proposal.source if saved is None else saved.columns.get(name)
    if st.session_state.setdefault(state, begin) not in columns.looks:
        st.session_state[state] = None
    source = st.selectbox(
        f"{markdown_text(name)}{' *' if required else ''}",
        list(columns.looks),
        index=None,
        key=state,
        format_func=plain,
        placeholder="not there",
    )
    if source is not None and source == proposal.source:
        st.caption(f"{100 * proposal.score:.0f} % · {markdown_text(proposal.reason, limit=90)}")
    elif source is not None:
        st.caption("your choice")
    return source


def _further(
    columns: Columns, table: str, chosen: Mapping[str, str], saved: ColumnMapping | None, *, key: str
) -> tuple[str, ...]:
    possible = attributes(columns.looks, table, set(chosen.values()))
    if not possible:
        return ()
    begin = possible if saved is None else saved.keep
    state = f"{key}-keep"
    kept = st.session_state.setdefault(state, begin)
    st.session_state[state] = [name for name in kept if name in possible]
    return tuple(
        st.multiselect(
            "Attributes that come along",
            possible,
            key=state,
            format_func=plain,
            help="Attributes of users with 2 to 50 values, and numbers, can name groups",
        )
    )


def _in(saved: ColumnMapping | None, name: str) -> bool:
    return saved is not None and name in saved.columns


def check(columns: Columns, chosen: Chosen, *, bad_rows: str) -> None:
    """How many of the first rows break the contract of the table, and which.

    Args:
        bad_rows: what will become of them, in words.
    """
    asked = (chosen.table, tuple(chosen.columns.items()), chosen.keep)
    if asked not in columns.examined:
        rows = columns.frame.head(PREVIEW_ROWS)
        try:
            columns.examined[asked] = examine(rows, chosen.table, chosen.columns, chosen.keep)
        except EvenhandError as error:
            columns.examined[asked] = error
    found = columns.examined[asked]
    if isinstance(found, EvenhandError):
        st.warning(markdown_text(str(found), limit=400), icon=":material/rule:")
        return
    seen = plural(found.rows, "row") if found.rows == len(columns.frame) else f"The first {found.rows:,} rows"
    if found.refused is not None:
        st.warning(markdown_text(found.refused, limit=400), icon=":material/rule:")
    elif found.bad:
        st.warning(f"{seen} looked through, {found.bad:,} cannot be used. {bad_rows}", icon=":material/rule:")
    else:
        st.success(f"{seen} looked through: all can be used.", icon=":material/check_circle:")
    if found.first:
        st.dataframe(bad_table(found.first), hide_index=True, alt="first rows that cannot be used")


def bad_table(rows: Sequence[BadRow]) -> pd.DataFrame:
    """The first bad rows for the screen."""
    return pd.DataFrame(
        {
            "Row": [row.row for row in rows],
            "Column": [row.column or "whole row" for row in rows],
            "In the file": [plain(row.source or "") for row in rows],
            "Value": [plain(row.value) for row in rows],
            "Why": [row.why for row in rows],
        }
    )


def save(workspace: Workspace, columns: Columns, chosen: Chosen, *, key: str) -> None:
    """Name and button: the next file with the same columns finds the mapping again."""
    with st.container(horizontal=True, vertical_alignment="bottom"):
        name = st.text_input(
            "Name of this mapping", key=f"{key}-name", max_chars=60, placeholder="Till of the Berlin store"
        )
        asked = st.button("Save mapping", key=f"{key}-save", icon=":material/bookmark_add:")
    if not asked:
        return
    try:
        saved = save_mapping(workspace, name, chosen.table, list(columns.looks), chosen.columns, chosen.keep)
    except EvenhandError as error:
        blocks.failed(error)
        return
    st.success(
        f"Saved **{markdown_text(saved.name)}** for files with these columns.",
        icon=":material/bookmark_added:",
    )
