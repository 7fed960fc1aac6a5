"""With whom groups are compared: everyone else, or one group; the same choice on every page that has it."""

from collections.abc import Sequence

import streamlit as st

from core.figures.text import plain
from core.schema.settings import REST
from pages.ui import links


def restore_reference(groups: Sequence[str]) -> str | None:
    """The group that the link or an earlier choice asks for; None: everyone else. Call it before the audit."""
    links.restore("reference", [REST, *groups], REST)
    chosen = st.session_state["reference"]
    return None if chosen == REST else chosen


def show_reference(groups: Sequence[str]) -> None:
    """The picker, where it belongs on the page."""
    st.selectbox(
        "Compared with",
        [REST, *groups],
        key="reference",
        format_func=lambda group: "everyone else" if group == REST else plain(group),
        persist_state="session",
        help="Everyone else, those of unknown attributes included; or one group that all others are held against",
    )
    links.publish_choice("reference", st.session_state["reference"], default=REST)
