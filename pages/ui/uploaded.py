"""Uploaded files that are not in the form of a table yet: each gets its mapping."""

from collections.abc import Sequence

import streamlit as st

from core.errors import EvenhandError
from core.figures.text import markdown_text, plain
from core.store.workspace import Workspace
from pages.ui import mapping, uploads

_READ = "uploads-read"  # what was read of each upload; no key of a widget
SET_ASIDE = "With *Bad rows* on *Set aside* they are left out and counted, else nothing is prepared."


def mapped(workspace: Workspace, files: Sequence[uploads.Upload]) -> dict[int, uploads.Mapped]:
    """By place among the files: what was chosen for those that are not named and built like a table."""
    read = st.session_state.get(_READ, {})
    ids = [getattr(file, "file_id", file.name) for file in files]
    st.session_state[_READ] = read = {id: read[id] for id in ids if id in read}
    chosen = {}
    for place, (id, file) in enumerate(zip(ids, files, strict=True)):
        if uploads.conforms(file):
            continue
        with st.expander(f"Columns of {markdown_text(uploads.shown_name(file.name))}", expanded=True):
            if id not in read:
                read[id] = _read(workspace, file)
            if isinstance(read[id], EvenhandError):
                st.warning(markdown_text(str(read[id]), limit=400), icon=":material/rule:")
            else:
                chosen[place] = _choose(workspace, read[id], file, key=f"map-{id}")
    return chosen


def _read(workspace: Workspace, file: uploads.Upload) -> mapping.Columns | EvenhandError:
    try:
        with st.spinner("Reading the file …"):
            frame, notes = uploads.opened(workspace, file)
            return mapping.Columns.of(frame, notes)
    except EvenhandError as error:
        return error


def _choose(
    workspace: Workspace, columns: mapping.Columns, file: uploads.Upload, *, key: str
) -> uploads.Mapped:
    for note in columns.notes:
        st.caption(plain(note, limit=200))
    table = mapping.choose_table(columns, key=key, suggested=uploads.named_table(file.name))
    chosen = mapping.choose_columns(workspace, columns, table, key=key, whose="file")
    mapping.check(columns, chosen, bad_rows=SET_ASIDE)
    mapping.save(workspace, columns, chosen, key=key)
    return uploads.Mapped(columns.frame, chosen.table, chosen.columns, chosen.keep)
