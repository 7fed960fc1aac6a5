"""One user's list beside that user's own history."""

import streamlit as st

from core.data.support import TIMING
from core.figures import about_lists
from core.figures.text import markdown_text, plain, spoken
from core.schema.documents import Dataset, Run
from core.workflow.showing import OneUser
from pages.ui import blocks, cached, judging
from pages.ui.shell import View
from pages.ui.user_picker import choose_user


def show(view: View) -> tuple[int, OneUser] | None:
    """A search by user id, then the list and the history side by side; who was found, by code."""
    blocks.section("One user's list")
    chosen = choose_user(view)
    if chosen is None:
        return None
    code, asked = chosen
    user = cached.one_user(view.workspace, view.run.id, user=code, k=view.k)
    _side_by_side(user, asked, view.dataset, view.run)
    if not view.run.brought and len(user.shown):
        link = {"why": "item", "user": asked, "run": view.run.id}
        st.page_link(
            "pages/explain.py",
            label="Why these products",
            icon=":material/lightbulb:",
            query_params=link,
        )
    judging.show(view, asked, user)
    return code, user


def _side_by_side(user: OneUser, asked: str, dataset: Dataset, run: Run) -> None:
    known = [
        f"{markdown_text(spoken(name).lower())} {markdown_text(value)}"
        for name, value in user.attributes.items()
    ]
    st.markdown(
        f"{about_lists.hits_sentence(user.hits, len(user.shown))} "
        + (f"Known: {', '.join(known)}." if known else "")
    )
    left, right = st.columns(2)
    with left:
        st.markdown("**What the other system shows**" if run.brought else "**What the model shows**")
        blocks.table(
            user.shown,
            name=f"list of user {plain(asked)}",
            shown=about_lists.list_table(user.shown, currency=dataset.settings["currency"]),
        )
    with right:
        st.markdown("**What the user bought before the test**")
        shown = about_lists.past_table(user.history, timed=TIMING not in dataset.missing)
        blocks.table(user.history, name=f"history of user {plain(asked)}", shown=shown)
    maker = (
        "Another system made the list" if run.brought else "The list was made without knowing the test window"
    )
    blocks.how_to_read(
        "*Before* counts purchases before the test window; a tick under *Next* marks what the user really bought in it. "
        f"{maker}. Prices are shelf prices, before any discount."
    )
