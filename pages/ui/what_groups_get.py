"""What one group, or two side by side, are shown."""

import pandas as pd
import streamlit as st

from core.figures import about_lists
from core.figures.groups import group_styles
from core.figures.shares import share_figure
from core.figures.text import spoken
from core.workflow.showing import REPEAT
from pages.ui import blocks, cached, links
from pages.ui.group_picker import choose_groups, hidden_caption
from pages.ui.shell import View


def show(view: View) -> None:
    """Groups, what their lists are made of, and how much of it they bought before."""
    shown = cached.shown_to_groups(view.workspace, view.run.id, by=view.by, k=view.k)
    if not shown.shown:
        blocks.waiting("Every group of this grouping has fewer than 10 users, so nothing can be shown.")
        return
    groups = choose_groups(shown.shown)
    rows = shown.rows[shown.rows["group"].isin(groups)]
    blocks.section(
        "What they are shown", about_lists.repeat_sentence(rows[rows["dimension"] == REPEAT], k=view.k)
    )
    blocks.cards(about_lists.repeat_cards(rows[rows["dimension"] == REPEAT]))
    _mix(view, rows, groups, group_styles(shown.groups))
    hidden_caption(shown.hidden)


def _mix(view: View, rows: pd.DataFrame, groups: list[str], styles: dict) -> None:
    dimensions = [name for name in dict.fromkeys(rows["dimension"]) if name != REPEAT]
    if not dimensions:
        st.caption("The items have no category, brand or price to divide the lists by.")
        return
    links.restore("of", dimensions, dimensions[0])
    of = st.segmented_control(
        "Divided by", dimensions, key="of", format_func=spoken, required=True, persist_state="session"
    )
    links.publish_choice("of", of, default=dimensions[0])
    chosen = rows[rows["dimension"] == of]
    chosen = chosen.sort_values("group", key=lambda names: names.map(groups.index), kind="stable")
    list_name = f"top {view.k} list"
    answer = about_lists.mix_sentence(chosen, of=list_name)
    st.markdown(answer)
    blocks.chart(
        share_figure(chosen, styles, of=list_name),
        key=f"mix-{of}",
        alt=f"Share of the {list_name} by {spoken(of).lower()}. {answer}",
        reading="A bar is the mean share of a user's list in that group, its whisker the 95 % interval over users. "
        "Shares say what is shown, not whether it was wanted.",
    )
    blocks.folded_table(rows, name=f"lists by {'-'.join(view.by)} at {view.k}")
