"""Repair it live: what every group gains from a policy, and what that costs."""

import streamlit as st

from pages.ui import blocks, tune_desk, tune_state
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

tune_state.begin(view.k)
blocks.notes()
tune_desk.show(view)
