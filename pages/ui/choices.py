"""Choices of one page that stand in the link once they differ from its defaults."""

from collections.abc import Callable, Sequence

import streamlit as st

from pages.ui import links


def choose(
    name: str, label: str, options: Sequence[str], *, default: str, words: Callable[[str], str | None]
) -> str:
    """One of some options, in a select box."""
    links.restore(name, options, default)
    value = st.selectbox(label, options, key=name, format_func=words, persist_state="session")
    links.publish_choice(name, value, default=default)
    return value


def slide(name: str, label: str, options: Sequence[float], *, default: float) -> float:
    """One of some numbers, on a slider."""
    links.restore(name, options, default)
    value = st.select_slider(label, options, key=name, persist_state="session")
    links.publish_choice(name, str(value), default=str(default))
    return value
