"""Reactions to recommendations: what has come, and bringing in more from files or collections."""

import streamlit as st

from core.data.feedback.keeping import TABLES, feedback_of
from core.data.feedback.rules import IMPRESSIONS
from core.data.sources.mongodb import is_named
from core.errors import EvenhandError, InputError, SettingsError
from core.figures.about_feedback import aside_table, feedback_table, feedback_words, named, rows_aside
from core.figures.numbers import moment
from core.schema.documents import Feedback
from core.workflow.policies.saved import signed
from pages.ui import blocks, jobs, mongodb, uploaded, uploads
from pages.ui.shell import View

FILES, COLLECTIONS = "Upload files", "MongoDB"
MAXIMUM_MB = 200
_STARTED = "feedback-started"  # told once the page is drawn again; no key of a widget
BAD_ROWS = "They are set aside, counted and named."


def section(view: View) -> None:
    """What came, what could not be used, and the form."""
    found = feedback_of(view.workspace, view.dataset)
    blocks.section("Feedback on recommendations", feedback_words(found))
    if found:
        learnt = view.run.feedback if view.run else []
        blocks.table(feedback_table(found, learnt=learnt), name="feedback")
        _aside(view, found)
    blocks.how_to_read(
        "What customers did with lists that they were shown, and what analysts said of them. It joins the next training set: "
        "*Train* says how much has come since a run, and trains on with it. A reaction counts at the time at which it came: "
        "those within the test window judge the next run and do not teach it."
    )
    _form(view)


def _aside(view: View, found: list[Feedback]) -> None:
    table = aside_table(found)
    if table.empty:
        return
    with st.expander(
        f"Rows set aside: {table['Rows'].sum():,}", icon=":material/rule:", key="feedback-set-aside"
    ):
        blocks.table(table, name="reasons")
        kept = {one.id: one for one in reversed(found) if one.kept_aside is not None}
        labels = {id: f"{named(one)} · {moment(one.created_at)}" for id, one in kept.items()}
        chosen = st.selectbox("Rows of", list(kept), key="feedback-aside", format_func=labels.get)
        rows = view.workspace.artefacts.read_table(kept[chosen].kept_aside)
        blocks.table(rows, name="rows set aside", shown=rows_aside(rows))


def _form(view: View) -> None:
    with st.expander("Bring in feedback", icon=":material/add_comment:", key="feedback-form"):
        way = FILES
        if is_named():
            way = st.segmented_control(
                "Feedback from", (FILES, COLLECTIONS), default=FILES, required=True, key="feedback-way"
            )
        if st.session_state.pop(_STARTED, False):
            st.info(
                "It is being brought in. How far it is stands at the top of the page.",
                icon=":material/hourglass_top:",
            )
        collections, files, mapped = None, [], {}
        if way == COLLECTIONS:
            collections = mongodb.form(view, prefix="feedback", choice=TABLES, usual=[IMPRESSIONS])
        elif files := _files():
            asked = {"fits": uploads.is_feedback, "offered": TABLES, "bad_rows": BAD_ROWS}
            mapped = uploaded.mapped(view.workspace, files, **asked)
            if mapped:
                st.caption(
                    "Whether users and products are known to these data is looked at as it is brought in."
                )
        with st.form("feedback", enter_to_submit=False, border=False):
            who = st.text_input(
                "Brought in by", key="feedback-who", max_chars=80, placeholder="who answers for it"
            )
            asked = st.form_submit_button("Bring in", type="primary", icon=":material/add_comment:")
        if not asked:
            return
        try:
            _start(view, way, files, mapped, collections, who)
        except EvenhandError as error:
            blocks.failed(error)
            return
        st.session_state[_STARTED] = True
        st.rerun()


def _files() -> list[uploads.Upload]:
    return st.file_uploader(
        "Impressions (user_id, item_id, rank, timestamp, and clicked, purchased, dismissed) or service (user_id, timestamp, "
        "and item_id, satisfaction, complained)",
        type=[ending.lstrip(".") for ending in uploads.ENDINGS],
        accept_multiple_files=True,
        key="feedback-files",
        max_upload_size=MAXIMUM_MB,
        help="CSV or Parquet, whatever the columns are called. A row of impressions without a rank is a reaction that came on its own, such as a click from "
        "another log. Rows that cannot be used are counted, named and kept aside.",
    )


def _start(
    view: View,
    way: str,
    files: list[uploads.Upload],
    mapped: dict[int, uploads.Mapped],
    collections: dict | None,
    who: str,
) -> None:
    """Queue the job; InputError where something is missing. Bad input changes nothing."""
    try:
        author = signed(who)
    except SettingsError:
        raise InputError("Say who brings the feedback in.") from None
    params = {"dataset": view.dataset.id, "who": author}
    if way == COLLECTIONS:
        params["mongodb"] = mongodb.checked(collections)
    elif not files:
        raise InputError("No file was chosen. Choose a CSV or Parquet file of impressions or service.")
    else:
        params["files"] = uploads.keep_feedback(view.workspace, files, mapped)
    jobs.start(view.workspace, "feedback", params)
