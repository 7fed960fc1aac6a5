"""What becomes of sellers and customers when a recommender learns from the clicks on its own lists?"""

import streamlit as st

from pages.ui import blocks, simulation
from pages.ui.shell import begin_page

view = begin_page("loop")
found = st.container()  # stands above the knobs, and waits for them
blocks.section("Another shop")
settings = simulation.choose()
with found:
    blocks.notes()
    simulation.show(view, settings)
