"""Bring lists of another system: a file becomes a run that every page audits; nothing is trained."""

import streamlit as st

from core.errors import EvenhandError
from pages.ui import blocks, jobs, uploads
from pages.ui.prepare import MAXIMUM_MB
from pages.ui.shell import View


def form(view: View) -> None:
    """File, name, and the button."""
    blocks.section(
        "Bring lists of another system",
        "What another recommender shows to these users is audited like a model's lists; nothing is trained.",
    )
    uploads.sweep(view.workspace)
    with st.form("bring-lists", enter_to_submit=False):
        file = st.file_uploader(
            "Lists made for the test window: columns user_id, item_id and rank (1 is the top)",
            type=[ending.lstrip(".") for ending in uploads.ENDINGS],
            key="lists-file",
            max_upload_size=MAXIMUM_MB,
            help="CSV or Parquet. A column score is kept if there is one. Rows that cannot be used are told, not guessed.",
        )
        name = st.text_input(
            "Name of the lists",
            key="lists-name",
            max_chars=60,
            placeholder="the name of the file, if left empty",
        )
        asked = st.form_submit_button("Audit these lists", type="primary", icon=":material/upload_file:")
    if asked:
        _start(view, file, name)


def _start(view: View, file: uploads.Upload | None, name: str) -> None:
    """Queue the job, or say what is wrong; bad input changes nothing."""
    if file is None:
        st.error("No file was chosen. Choose a CSV or Parquet file of lists.", icon=":material/error:")
        return
    try:
        with st.spinner("Reading the lists …"):
            path = uploads.keep_lists(view.workspace, view.dataset.id, file)
    except EvenhandError as error:
        blocks.failed(error)
        return
    named = name.strip() or uploads.shown_name(file.name)
    jobs.start(view.workspace, "import_lists", {"dataset": view.dataset.id, "path": str(path), "name": named})
    st.rerun()
