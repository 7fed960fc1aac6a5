"""Why is a group served worse, why does a product stand in a list, and what do the models go by?"""

import streamlit as st

from pages.ui import blocks, explain_gap, explain_item, explain_model, links
from pages.ui.shell import begin_page

view = begin_page("explain")
if view.run is None:
    blocks.waiting("Explanations appear here as soon as a first model is trained.", **view.next_step)
    st.stop()
PARTS = {
    "gap": ("Why this gap", explain_gap.show),
    "item": ("Why this product", explain_item.show),
    "model": ("What a model goes by", explain_model.show),
}
links.restore("why", list(PARTS), "gap")
part = st.segmented_control(
    "What is to be explained",
    list(PARTS),
    key="why",
    format_func=lambda name: PARTS[name][0],
    required=True,
    persist_state="session",
)
links.publish_choice("why", part, default="gap")
PARTS[part][1](view)
blocks.notes()
