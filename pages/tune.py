"""Repair it live: what every group gains from a policy, and what that costs."""

import streamlit as st

from core.schema.policies import PolicySettings
from pages.ui import (
    blocks,
    links,
    sidebar,
    tune_desk,
    tune_frontier,
    tune_ledger,
    tune_offers,
    tune_policies,
    tune_price_caps,
    tune_state,
)
from pages.ui.shell import begin_page

view = begin_page("tune")
if view.run is None:
    blocks.waiting(
        "A policy re-ranks a model's lists: it can be tuned once a model is trained.", **view.next_step
    )
    st.stop()
if not view.by:
    blocks.waiting("These data name no groups of users to be fair to.", page="data", label="See the data")
    st.stop()

if "candidates_validation" not in view.run.artefacts:
    blocks.waiting(
        "Another system made these lists, for the test split alone. A policy is chosen on the validation split, so there "
        "is nothing to tune it by: train a model on these data, and hold its lists against these on the Train page.",
        page="train",
        label="Train a model",
    )
    st.stop()

DESK = "Desk"


def load(policy: PolicySettings, *, carried: str | None = None) -> None:
    """Put a policy on the desk, for lists of its own length where the page has that.

    Args:
        carried: the id of a saved policy, where that is one of another run.
    """
    tune_state.put(policy, carried=carried)
    st.session_state["part"] = DESK
    if policy.k in sidebar.KS:
        st.session_state["k"] = policy.k


tune_state.begin(view.k)
blocks.notes()
parts = {
    DESK: lambda: tune_desk.show(view),
    "Frontier": lambda: tune_frontier.show(view, tune_state.current(), load),
    "Policies": lambda: tune_policies.show(view, tune_state.current(), load),
    "Ledger": lambda: tune_ledger.show(view, tune_state.current()),
    "Coupons": lambda: tune_offers.show(view),
    "Price caps": lambda: tune_price_caps.show(view),
}
links.restore("part", list(parts), DESK)
for tab, (name, show) in zip(st.tabs(list(parts), key="part", on_change="rerun"), parts.items(), strict=True):
    if tab.open:
        links.publish_choice("part", name, default=DESK)
        with tab:
            show()
