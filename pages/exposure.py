"""Who is seen?"""

import streamlit as st

from pages.ui import blocks, cached, exposure_choices, who_is_seen
from pages.ui.shell import begin_page

view = begin_page("exposure")
if view.run is None:
    blocks.waiting("Exposure is told from lists: they are there once a model is trained.", **view.next_step)
    st.stop()

dimensions = cached.shop(view.workspace, view.dataset.id).item_dimensions
if not dimensions:
    blocks.waiting(
        "The items of these data have nothing to group them by: no brand, seller, category or price.",
        page="data",
        label="See the data",
    )
    st.stop()

settings = exposure_choices.choose(view, dimensions)
blocks.notes()
who_is_seen.show(view, cached.exposure(view.workspace, view.run.id, settings=settings), settings)
