"""Which user: a search by the shop's own id, the same on every page that speaks of one user."""

import streamlit as st

from core.figures.text import markdown_text
from pages.ui import cached, links
from pages.ui.shell import View


def choose_user(view: View) -> tuple[int, str] | None:
    """The user's code and id; None, with a note for the reader, where there is no such user."""
    ids = cached.user_ids(view.workspace, view.run.id)
    links.fill("user", default=str(ids.iloc[0]))
    asked = st.text_input(
        "User id",
        key="user",
        max_chars=200,
        type="search",
        persist_state="session",
        help="The id that the shop uses",
    ).strip()
    links.publish_choice("user", asked, default=str(ids.iloc[0]))
    found = ids.index[ids == asked]
    if len(found):
        return int(found[0]), asked
    known = markdown_text(ids.iloc[0])
    st.info(
        f"There is no user “{markdown_text(asked, limit=60)}” in these data. One that there is: {known}.",
        icon=":material/person_search:",
    )
    return None
