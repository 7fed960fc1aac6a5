"""Which groups: one, or two side by side; the same choice on every page."""

import streamlit as st

from core.figures.text import plain
from pages.ui import links

NOBODY = ""


def choose_groups(visible: list[str]) -> list[str]:
    """One or two of the groups that may be shown (at least one)."""
    links.restore("a", visible, visible[0])
    left, right = st.columns(2)
    first = left.selectbox("Group", visible, key="a", format_func=plain, persist_state="session")
    others = [NOBODY, *(group for group in visible if group != first)]
    links.restore("b", others, others[1] if len(others) > 1 else NOBODY)
    second = right.selectbox(
        "beside",
        others,
        key="b",
        format_func=lambda group: plain(group) if group else "no other group",
        persist_state="session",
    )
    links.publish(
        {"a": first, "b": second} if (first, second) != tuple(visible[:2]) else {"a": None, "b": None}
    )
    return [group for group in (first, second) if group]


def hidden_caption(hidden: tuple[str, ...]) -> None:
    """How many groups are not shown, if any."""
    if hidden:
        verb = "group is" if len(hidden) == 1 else "groups are"
        st.caption(f"{len(hidden)} {verb} hidden: too few users, or needed to keep a small group hidden.")
