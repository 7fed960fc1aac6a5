"""Alerts of broken rules: which there are, and saying that one is seen."""

import streamlit as st

from core.errors import EvenhandError
from core.figures.monitoring import alert_table
from core.figures.text import markdown_text, plain
from core.workflow.alerts import Alerted, acknowledge, alerts
from pages.ui import blocks
from pages.ui.shell import View

_SAID = "alerts-said"


def show(view: View) -> None:
    """The alerts of these data, those first that nobody has seen; and the form that says one is seen."""
    found = [one for one in alerts(view.workspace) if one.alert.dataset == view.dataset.id]
    open_ones = [one for one in found if not one.acknowledged]
    blocks.section("Alerts", _sentence(found, open_ones))
    if said := st.session_state.pop(_SAID, None):
        st.success(said, icon=":material/check_circle:")
    if not found:
        st.caption(
            "Rules are kept in a file, and held against a model by `python -m core gate RUN --rules rules.yaml --alert`, every night or "
            "in a pipeline; docs/monitoring.md shows how."
        )
        return
    ordered = [*open_ones, *(one for one in found if one.acknowledged)]
    table = alert_table([one.alert for one in ordered], {one.alert.id: one.acknowledged for one in ordered})
    blocks.table(table, name="alerts")
    if open_ones:
        _acknowledge(view, open_ones)


def _sentence(found: list[Alerted], open_ones: list[Alerted]) -> str:
    if not found:
        return "**No rule was found broken.**"
    if not open_ones:
        return f"**Every alert is seen** ({len(found):,})."
    return f"**{len(open_ones):,} of {len(found):,} alerts wait for somebody.**"


def _acknowledge(view: View, open_ones: list[Alerted]) -> None:
    named = {one.alert.id: one.alert for one in open_ones}
    with st.form("acknowledge", enter_to_submit=False, border=True):
        id = st.selectbox(
            "Alert",
            list(named),
            format_func=lambda id: plain(f"{named[id].rule} (owner: {named[id].owner})"),
            key="alert-chosen",
        )
        author = st.text_input("Signed by", key="alert-author", max_chars=80, placeholder="who has seen it")
        comment = st.text_area("What is done about it", key="alert-comment", max_chars=2000, height=80)
        asked = st.form_submit_button("Acknowledge", type="primary", icon=":material/visibility:")
    if not asked:
        return
    try:
        made = acknowledge(view.workspace, id, author=author, comment=comment)
    except EvenhandError as error:
        blocks.failed(error)
        return
    st.session_state[_SAID] = (
        f"Acknowledged by {markdown_text(made.author)}. It stays in the list, and in the trail."
    )
    st.rerun()
