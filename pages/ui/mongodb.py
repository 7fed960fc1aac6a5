"""Which collections of a MongoDB database are which tables, and which of their fields which columns."""

from collections.abc import Sequence
from typing import Any

import streamlit as st

from core.data.mapping import Looks
from core.data.sources import mongodb
from core.errors import EvenhandError, InputError
from core.figures.sentences import listed
from core.figures.text import markdown_text, plain, spoken
from core.schema.tables import CONTRACTS, REQUIRED_TABLES
from pages.ui import blocks, mapping
from pages.ui.shell import View

_NAMES, _SAMPLES = "mongodb-names", "mongodb-samples"  # what the database answered; no keys of widgets
SET_ASIDE = "They will be left out, and the cleaning report counts them."
NOT_NAMED = (
    f"Set {mongodb.ADDRESS} in the environment of the app and its worker to the address of the database "
    "(mongodb://…), and start both again. The address is a secret: it is neither kept nor shown."
)


def form(
    view: View,
    *,
    prefix: str = "mongodb",
    choice: Sequence[str] = tuple(CONTRACTS),
    usual: Sequence[str] = REQUIRED_TABLES,
) -> dict[str, Any] | None:
    """The collections that were chosen, as the setting `mongodb`; None while there is nothing to choose from.

    Args:
        prefix: of the keys of the widgets. choice: tables that can be chosen; usual: those that are at first.
    """
    if not mongodb.is_named():
        blocks.waiting(NOT_NAMED)
        return None
    with st.container(horizontal=True, vertical_alignment="bottom"):
        database = st.text_input(
            "Database", key=f"{prefix}-database", max_chars=63, placeholder="the one that the address names"
        ).strip()
        asked = st.button("Look at the database", key=f"{prefix}-look", icon=":material/database_search:")
    if asked:
        _look(database or None)
    names = st.session_state.get(_NAMES)
    if not names:
        return None
    tables = st.pills(
        "Tables",
        list(choice),
        selection_mode="multi",
        default=list(usual),
        format_func=spoken,
        key=f"{prefix}-tables",
    )
    found = {table: _table(view, database or None, table, names, key=f"{prefix}-{table}") for table in tables}
    given = {table: settings for table, settings in found.items() if settings is not None}
    return {"database": database or None, "tables": given}


def checked(given: dict[str, Any] | None) -> dict[str, Any]:
    """The same; InputError where a table lacks a column that it cannot do without."""
    if given is None:
        raise InputError("Look at the database first, and choose the collections to read.")
    for table, settings in given["tables"].items():
        needed = [name for name, column in CONTRACTS[table].columns.items() if column.required]
        lacking = [name for name in needed if name not in settings["fields"]]
        if lacking:
            raise InputError(f"Choose a field for {listed(lacking)}: table {table} cannot do without.")
    return given


def _look(database: str | None) -> None:
    st.session_state.pop(_SAMPLES, None)
    try:
        with st.spinner("Asking the database …"):
            st.session_state[_NAMES] = mongodb.collection_names(database)
    except EvenhandError as error:
        st.session_state.pop(_NAMES, None)
        blocks.failed(error)
        return
    if not st.session_state[_NAMES]:
        st.info("The database holds no collection.", icon=":material/database_off:")


def _table(
    view: View, database: str | None, table: str, names: list[str], *, key: str
) -> dict[str, Any] | None:
    """One table: its collection, the list that rows are made of, and a field for each column."""
    with st.expander(f"{spoken(table)}", expanded=True):
        left, right = st.columns(2)
        collection = left.selectbox(
            f"Collection of {table}",
            names,
            index=names.index(table) if table in names else None,
            key=f"{key}-collection",
            format_func=plain,
        )
        if collection is None:
            return None
        each = st.session_state.get(f"{key}-{collection}-each")
        sampled = _sample(database, collection, each)
        if isinstance(sampled, EvenhandError):
            st.warning(markdown_text(str(sampled), limit=400), icon=":material/rule:")
            return None
        columns, lists = sampled
        with right:
            each = _each(lists, key=f"{key}-{collection}-each")
        chosen = mapping.choose_columns(
            view.workspace,
            columns,
            table,
            key=f"{key}-{collection}-{each}",
            whose="collection",
            remember=False,
        )
        changed_at = _changed_at(columns.looks, key=f"{key}-{collection}-changed")
        mapping.check(columns, chosen, bad_rows=SET_ASIDE)
    fields = dict(chosen.columns) | {name.replace(".", "_"): name for name in chosen.keep}
    return {"collection": collection, "fields": fields, "each": each, "changed_at": changed_at}


def _each(lists: list[str], *, key: str) -> str | None:
    if not lists:
        return None
    return st.selectbox(
        "One row for each element of",
        lists,
        index=None,
        key=key,
        format_func=plain,
        placeholder="no list: one row per document",
        help="Orders often hold a list of lines: each line becomes a row",
    )


def _changed_at(looks: Looks, *, key: str) -> str | None:
    times = [name for name, look in looks.items() if look.times]
    if not times:
        return None
    return st.selectbox(
        "Field that tells when a document was changed",
        times,
        index=None,
        key=key,
        format_func=plain,
        placeholder="none: changed documents are not noticed",
        help="New and deleted documents are noticed without it",
    )


def _sample(
    database: str | None, collection: str, each: str | None
) -> tuple[mapping.Columns, list[str]] | EvenhandError:
    """The latest documents, asked for once in a session."""
    samples = st.session_state.setdefault(_SAMPLES, {})
    asked = (database, collection, each)
    if asked not in samples:
        try:
            with st.spinner("Reading some documents …"):
                frame, lists = mongodb.sample(database, collection, each)
            samples[asked] = mapping.Columns.of(frame), lists
        except EvenhandError as error:
            return error
    return samples[asked]
