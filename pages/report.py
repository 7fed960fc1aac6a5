"""All that was found, on one page that stands alone."""

import streamlit as st

from core.report.keeping import kept_reports
from pages.ui import blocks, reports
from pages.ui.shell import begin_page

view = begin_page("report")
if view.run is None:
    blocks.waiting(
        "A report tells of a model's lists: it can be made once a model is trained.", **view.next_step
    )
    st.stop()
if not view.by:
    blocks.waiting(
        "A report compares groups of users, and these data name no user attributes.",
        page="data",
        label="See the data",
    )
    st.stop()

found = kept_reports(view.workspace, view.run.id)
if found:
    reports.show(view, found)
else:
    blocks.waiting(
        "No report of this model yet. It takes about as long as opening every page once, and goes on when the tab is closed."
    )
reports.another(view)
