"""How exposure is looked at: groups of items, the target, and how attention falls along a list."""

from collections.abc import Sequence

import streamlit as st

from core.figures.text import spoken
from core.schema.settings import AuditSettings
from pages.ui import links
from pages.ui.shell import View

TARGETS = {
    "catalogue": "share of the catalogue",
    "purchases": "share of purchases (merit)",
    "equal": "equal shares",
    "blend": "a blend",
}
ATTENTION = {"logarithmic": "slowly (logarithmic)", "geometric": "fast (geometric)"}
WEIGHTS = tuple(share / 10 for share in range(11))
GOING_ON = tuple(share / 20 for share in range(4, 20))


def choose(view: View, dimensions: Sequence[str]) -> AuditSettings:
    """The settings that the controls of the page ask for; they stand in the link."""
    left, middle, right = st.columns([2, 3, 2], vertical_alignment="bottom")
    with left:
        items_by = _select("items", "Items grouped by", dimensions, dimensions[0], spoken)
    with middle:
        target = _select("target", "Each group should get", list(TARGETS), "catalogue", TARGETS.get)
    chosen: dict[str, object] = {"items_by": items_by, "target": target}
    with right:
        attention = _select("attention", "Attention falls", list(ATTENTION), "logarithmic", ATTENTION.get)
    chosen["attention"] = attention
    if target == "blend":
        chosen["purchase_weight"] = _slide("weight", "Weight of purchases in the target", WEIGHTS, 0.5)
    if attention == "geometric":
        chosen["going_on"] = _slide(
            "going_on", "Chance that a reader goes on to the next place", GOING_ON, 0.5
        )
    return view.settings(**chosen)


def _select(name: str, label: str, options: Sequence[str], default: str, words) -> str:
    links.restore(name, options, default)
    value = st.selectbox(label, options, key=name, format_func=words, persist_state="session")
    links.publish_choice(name, value, default=default)
    return value


def _slide(name: str, label: str, options: Sequence[float], default: float) -> float:
    links.restore(name, options, default)
    value = st.select_slider(label, options, key=name, persist_state="session")
    links.publish_choice(name, str(value), default=str(default))
    return value
