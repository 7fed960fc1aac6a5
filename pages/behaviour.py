"""What will users do next: who buys soon, what, and which way do their next steps go?"""

import streamlit as st

from pages.ui import blocks, intent_of_groups, next_of_user, next_steps
from pages.ui.shell import begin_page

view = begin_page("behaviour")
if view.run is None:
    blocks.waiting("Forecasts appear here as soon as a first model is trained.", **view.next_step)
    st.stop()

intent_of_groups.show(view)
next_steps.show(view)
next_of_user.show(view)
blocks.notes()
