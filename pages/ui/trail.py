"""What was done in this workspace, by whom and when, and whether the record of it is whole."""

from collections.abc import Mapping

import streamlit as st

from core.errors import EvenhandError
from core.figures import about_trail as about
from core.schema.documents import Policy
from core.store.trail import read
from core.store.trail_check import verify
from pages.ui import blocks
from pages.ui.shell import View

SHOWN = 30  # entries


def show(view: View, named: Mapping[str, Policy]) -> None:
    """The last entries, and the button that verifies all.

    Args:
        named: policies by id.
    """
    blocks.section("What was done")
    found = read(view.workspace, limit=SHOWN)
    if found.spoilt:
        st.error(about.spoilt_sentence(found), icon=":material/error:")
    if found.entries:
        shown = about.trail_table(found.entries, named)
        blocks.table(about.trail_rows(found.entries), name="what was done", shown=shown)
        st.caption(
            f"The last {SHOWN} at most, of every dataset in this workspace. Each entry holds the hash of the one before."
        )
    _verify(view)


def _verify(view: View) -> None:
    noted = st.text_input(
        "Hash that was noted",
        key="trail-noted",
        max_chars=80,
        placeholder="optional: of the last entry, as somebody noted it",
    )
    if not st.button("Verify the trail", key="trail-verify", icon=":material/verified_user:"):
        return
    try:
        found = verify(view.workspace, head=noted.strip() or None)
    except EvenhandError as error:
        blocks.failed(error)
        return
    answer = about.verified_answer(found)
    if found.damage:
        st.error(
            "\n".join([answer, "", *(f"- {one}" for one in about.faults(found))]), icon=":material/error:"
        )
    else:
        st.success(answer, icon=":material/verified_user:")
    if found.head:
        st.code(found.head, language=None)
    for sentence in [*about.untold_sentences(found), *about.set_back_sentences(found)]:
        st.caption(sentence)
