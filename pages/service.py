"""How satisfied is each group, how late do its orders come, and can the predictions be relied on?"""

import streamlit as st

from core.figures.absence import absence_sentence
from core.workflow.service import OUTCOMES
from core.workflow.showing_service import outcomes_told
from pages.ui import blocks, cached, links, service_of_groups
from pages.ui.shell import begin_page

view = begin_page("service")
if view.run is None:
    blocks.waiting(
        "Predictions of service appear here as soon as a first model is trained.", **view.next_step
    )
    st.stop()

told = {each.name: each for each in outcomes_told(view.run)}
if not told:
    reason = absence_sentence(
        view.run,
        view.dataset,
        model="service",
        reports=[each.name for each in OUTCOMES],
        needs=("service", "reviews"),
    )
    blocks.absent(view.run, reason, model="service")
    st.stop()

names = list(told)
links.restore("outcome", names, names[0])
blocks.notes()
outcome = st.segmented_control(
    "What is predicted",
    names,
    key="outcome",
    format_func=service_of_groups.title,
    required=True,
    persist_state="session",
)
links.publish_choice("outcome", outcome, default=names[0])
found = cached.service_of_groups(view.workspace, view.run.id, by=view.by, outcome=outcome)
service_of_groups.show(view, found)
