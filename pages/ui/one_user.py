"""One user's list beside that user's own history."""

import streamlit as st

from core.figures import about_lists
from core.figures.text import markdown_text, plain, spoken
from core.workflow.showing import OneUser
from pages.ui import blocks, cached, links
from pages.ui.shell import View


def show(view: View) -> None:
    """A search by user id, then the list and the history side by side."""
    blocks.section("One user's list")
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
    if len(found) == 0:
        known = markdown_text(ids.iloc[0])
        st.info(
            f"There is no user “{markdown_text(asked, limit=60)}” in these data. One that there is: {known}.",
            icon=":material/person_search:",
        )
        return
    user = cached.one_user(view.workspace, view.run.id, user=int(found[0]), k=view.k)
    _side_by_side(user, asked, currency=view.dataset.settings["currency"])


def _side_by_side(user: OneUser, asked: str, *, currency: str) -> None:
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
        st.markdown("**What the model shows**")
        blocks.table(
            user.shown,
            name=f"list of user {plain(asked)}",
            shown=about_lists.list_table(user.shown, currency=currency),
        )
    with right:
        st.markdown("**What the user bought before the test**")
        blocks.table(
            user.history, name=f"history of user {plain(asked)}", shown=about_lists.past_table(user.history)
        )
    blocks.how_to_read(
        "*Before* counts purchases before the test window; a tick under *Next* marks what the user really bought in it. "
        "The list was made without knowing the test window. Prices are shelf prices, before any discount."
    )
