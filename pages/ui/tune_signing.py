"""Propose a saved policy, approve it or send it back, and whether publishing needs that."""

from collections.abc import Callable

import streamlit as st

from core.errors import EvenhandError
from core.figures import about_signing
from core.schema.documents import Decision, Policy
from core.workflow.policies.governance import GovernanceSettings, govern, governance
from core.workflow.policies.signing import approve, propose, send_back
from pages.ui import blocks
from pages.ui.shell import View

AUTHOR = "publish-author"  # whoever signs what is clicked
_COMMENT, _NEEDED = "signing-comment", "signing-needed"
_REFUSED = "signing-refused"  # why the last click did nothing; told once


def show(view: View, policy: Policy, last: Decision | None, author: str) -> None:
    """Where the policy stands, and the buttons that move it on.

    Args:
        author: who signs what is clicked; nothing can be clicked without.
    """
    st.markdown(about_signing.standing_sentence(policy, last))
    st.text_area("Comment", key=_COMMENT, max_chars=2000, height=80, placeholder="a return needs a reason")
    proposed = last is not None and last.decided == "proposed"
    with st.container(horizontal=True):
        for name, icon, decide, possible in (
            ("Propose", "outbox", propose, last is None or last.decided == "returned"),
            ("Approve", "check_circle", approve, proposed),
            ("Return", "undo", send_back, proposed),
        ):
            st.button(
                name,
                key=f"signing-{name.lower()}",
                icon=f":material/{icon}:",
                disabled=not possible or not author.strip(),
                on_click=_decide,
                args=(view, decide, policy.id),
            )
    if refused := st.session_state.pop(_REFUSED, None):
        blocks.failed(refused)


def rules(view: View, author: str) -> None:
    """The setting of the workspace, which whoever changes it signs."""
    st.session_state[_NEEDED] = governance(view.workspace).publishing_needs_approval
    st.toggle(
        "Publishing needs approval",
        key=_NEEDED,
        disabled=not author.strip(),
        help=f"{GovernanceSettings.model_fields['publishing_needs_approval'].description}. Holds for the whole workspace. "
        "Sign above to change it",
        on_change=_govern,
        args=(view,),
    )


def _decide(view: View, decide: Callable[..., Decision], policy_id: str) -> None:
    signed = {"author": st.session_state[AUTHOR], "comment": st.session_state[_COMMENT]}
    try:
        decide(view.workspace, policy_id, **signed)
    except EvenhandError as error:
        st.session_state[_REFUSED] = error
        return
    st.session_state[_COMMENT] = ""


def _govern(view: View) -> None:
    asked = {"publishing_needs_approval": st.session_state[_NEEDED]}
    try:
        settings = governance(view.workspace).model_copy(update=asked)
        govern(view.workspace, settings, author=st.session_state[AUTHOR])
    except EvenhandError as error:
        st.session_state[_REFUSED] = error
