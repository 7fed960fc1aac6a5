"""Uploaded files that are not in the form of a table yet: each gets its mapping."""

from collections.abc import Callable, Sequence

import streamlit as st

from core.errors import EvenhandError
from core.figures.text import markdown_text, plain
from core.schema.tables import CONTRACTS
from core.store.workspace import Workspace
from pages.ui import mapping, uploads

_READ = "uploads-read"  # what was read of each upload; no key of a widget
SET_ASIDE = "With *Bad rows* on *Set aside* they are left out and counted, else nothing is prepared."


def mapped(
    workspace: Workspace,
    files: Sequence[uploads.Upload],
    *,
    fits: Callable[[uploads.Upload], bool] = uploads.conforms,
    offered: Sequence[str] = tuple(CONTRACTS),
    bad_rows: str = SET_ASIDE,
) -> dict[int, uploads.Mapped]:
    """By place among the files: what was chosen for those that do not fit as they are.

    Args:
        fits: whether a file is built like a table. offered: tables that it may become.
        bad_rows: what becomes of rows that cannot be used, in words.
    """
    kept = f"{_READ}-{fits.__name__}"
    read = st.session_state.get(kept, {})
    ids = [getattr(file, "file_id", file.name) for file in files]
    st.session_state[kept] = read = {id: read[id] for id in ids if id in read}
    chosen = {}
    for place, (id, file) in enumerate(zip(ids, files, strict=True)):
        if fits(file):
            continue
        with st.expander(f"Columns of {markdown_text(uploads.shown_name(file.name))}", expanded=True):
            if id not in read:
                read[id] = _read(workspace, file)
            if isinstance(read[id], EvenhandError):
                st.warning(markdown_text(str(read[id]), limit=400), icon=":material/rule:")
            else:
                key = f"map-{id}"
                chosen[place] = _choose(
                    workspace, read[id], file, key=key, offered=offered, bad_rows=bad_rows
                )
    return chosen


def _read(workspace: Workspace, file: uploads.Upload) -> mapping.Columns | EvenhandError:
    try:
        with st.spinner("Reading the file …"):
            frame, notes = uploads.opened(workspace, file)
            return mapping.Columns.of(frame, notes)
    except EvenhandError as error:
        return error


def _choose(
    workspace: Workspace,
    columns: mapping.Columns,
    file: uploads.Upload,
    *,
    key: str,
    offered: Sequence[str],
    bad_rows: str,
) -> uploads.Mapped:
    for note in columns.notes:
        st.caption(plain(note, limit=200))
    named = uploads.named_table(file.name)
    table = mapping.choose_table(columns, key=key, suggested=named, offered=offered)
    chosen = mapping.choose_columns(workspace, columns, table, key=key, whose="file")
    mapping.check(columns, chosen, bad_rows=bad_rows)
    mapping.save(workspace, columns, chosen, key=key)
    return uploads.Mapped(columns.frame, chosen.table, chosen.columns, chosen.keep)
