"""What one user is foretold to do next."""

import streamlit as st

from core.figures import about_behaviour
from core.workflow.behaviour_intent import INTENT
from core.workflow.behaviour_paths import NEXT_CATEGORIES, PATHS
from core.workflow.showing_behaviour import UserNext
from pages.ui import blocks, cached
from pages.ui.shell import View
from pages.ui.user_picker import choose_user


def show(view: View) -> None:
    """A search by user id, then the forecasts; nothing where the run has none for anybody."""
    if not {INTENT, NEXT_CATEGORIES, PATHS} & view.run.artefacts.keys():
        return
    blocks.section("One user's next steps")
    chosen = choose_user(view)
    if chosen is None:
        return
    code, asked = chosen
    found = cached.user_next(view.workspace, view.run.id, user=code)
    if found.intent.empty and found.categories.empty and found.paths.empty:
        blocks.waiting(
            "There is no forecast for this user: there is nothing from before the test window to go by."
        )
        return
    if not found.intent.empty:
        st.markdown(about_behaviour.user_intent_sentence(found.intent))
        blocks.table(
            found.intent,
            name=f"forecasts of user {asked}",
            shown=about_behaviour.user_intent_table(found.intent),
        )
    _steps(found, asked)
    blocks.how_to_read(
        "One forecast for one user has no interval of its own; beside it stands what came of all forecasts of its size. "
        "Categories and paths are asked when the test window begins, from what came before it."
    )


def _steps(found: UserNext, asked: str) -> None:
    left, right = st.columns([1, 2])
    if not found.categories.empty:
        with left:
            st.markdown("**Next category**")
            shown = about_behaviour.user_categories_table(found.categories)
            blocks.table(found.categories, name=f"next categories of user {asked}", shown=shown)
    if not found.paths.empty:
        with right:
            st.markdown("**Likeliest paths**")
            shown = about_behaviour.user_paths_table(found.paths)
            blocks.table(found.paths, name=f"paths of user {asked}", shown=shown)
