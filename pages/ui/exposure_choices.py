"""How exposure is looked at: groups of items, the target, and how attention falls along a list."""

from collections.abc import Sequence

import streamlit as st

from core.figures.text import spoken
from core.schema.settings import AuditSettings
from pages.ui import choices
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
        items_by = choices.choose(
            "items", "Items grouped by", dimensions, default=dimensions[0], words=spoken
        )
    with middle:
        target = choices.choose(
            "target", "Each group should get", list(TARGETS), default="catalogue", words=TARGETS.get
        )
    chosen: dict[str, object] = {"items_by": items_by, "target": target}
    with right:
        attention = choices.choose(
            "attention", "Attention falls", list(ATTENTION), default="logarithmic", words=ATTENTION.get
        )
    chosen["attention"] = attention
    if target == "blend":
        chosen["purchase_weight"] = choices.slide(
            "weight", "Weight of purchases in the target", WEIGHTS, default=0.5
        )
    if attention == "geometric":
        chosen["going_on"] = choices.slide(
            "going_on", "Chance that a reader goes on to the next place", GOING_ON, default=0.5
        )
    return view.settings(**chosen)


def looked_at(dimensions: Sequence[str]) -> tuple[str, str]:
    """Groups of products and their target as the knobs stand elsewhere; what these begin with where they were not drawn yet."""
    items_by, target = (st.session_state.get(name) for name in ("items", "target"))
    return (
        items_by if items_by in dimensions else dimensions[0],
        target if target in TARGETS else "catalogue",
    )
