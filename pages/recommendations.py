"""What do people in each group actually get?"""

import streamlit as st

from pages.ui import blocks, one_user, product, what_groups_get
from pages.ui.shell import begin_page

view = begin_page("recommendations")
if view.run is None:
    blocks.waiting("Lists appear here as soon as a first model is trained.", **view.next_step)
    st.stop()

if view.by:
    what_groups_get.show(view)
else:
    blocks.waiting(
        "These data name no user attributes, so there are no groups.", page="data", label="See why"
    )
if found := one_user.show(view):
    product.show(view, *found)
blocks.notes()
