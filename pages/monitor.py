"""Is it still so? Groups window after window, what has changed, run after run, and which alerts wait for somebody."""

import streamlit as st

from pages.ui import alerts, blocks, over_time
from pages.ui.shell import begin_page

view = begin_page("monitor")
if view.run is None:
    blocks.waiting(
        "What is watched are a model's lists: they are there once a model is trained.", **view.next_step
    )
    st.stop()
if not view.by:
    blocks.waiting(
        "Watched are groups of users, and these data name no user attributes.",
        page="data",
        label="See the data",
    )
    st.stop()

over_time.show(view)
alerts.show(view)
