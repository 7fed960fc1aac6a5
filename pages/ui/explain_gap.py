"""Why a group's lists are better or worse, and what would remain of the gap if groups were alike."""

import pandas as pd
import streamlit as st

from core.figures import about_explanations
from core.figures.groups import group_styles
from core.figures.ladder import parts_figure
from core.figures.text import markdown_text, plain
from core.schema.tables import UNKNOWN
from core.workflow.auditing import AUDITED
from core.workflow.explaining.gaps import ABOUT
from pages.ui import blocks, explain_cached, links
from pages.ui.group_picker import hidden_caption
from pages.ui.shell import View

MEASURES = dict(zip(AUDITED, ("NDCG", "recall", "MRR"), strict=True))


def show(view: View) -> None:
    """One group's gap taken apart, then all groups in a table."""
    if not view.by:
        blocks.waiting(
            "These data name no user attributes, so there are no groups.", page="data", label="See why"
        )
        return
    links.restore("measure", list(MEASURES), "ndcg")
    measure = st.session_state["measure"]
    found = blocks.asked(
        explain_cached.why_gap, view.workspace, view.run.id, measure=measure, settings=view.settings()
    )
    if found is None:
        return
    rows = about_explanations.gap_part_rows(found.rows, found.metric)
    told = rows[(rows["metric"] == "gap") & ~rows["suppressed"].astype(bool)]
    if told.empty:
        blocks.waiting("No group here may be shown, so none can be compared.")
        return
    names = _largest_first(told)
    links.restore("of", names, names[0])
    group, words = st.session_state["of"], f"{MEASURES[measure]}@{view.k}"
    answer = about_explanations.gap_sentence(rows, group=group, metric=words)
    blocks.section(f"Why {words} differs for {markdown_text(group)}", answer)
    left, right = st.columns(2)
    left.selectbox("Group", names, key="of", format_func=plain, persist_state="session")
    links.publish_choice("of", group, default=names[0])
    right.segmented_control(
        "Measured by",
        list(MEASURES),
        key="measure",
        format_func=MEASURES.get,
        required=True,
        persist_state="session",
    )
    links.publish_choice("measure", measure, default="ndcg")
    every = list(dict.fromkeys(rows["group"]))
    own = rows[(rows["group"] == group) & ~rows["suppressed"].astype(bool)]
    blocks.chart(
        parts_figure(own, group_styles(every)[group], about_explanations.PART_WORDS, total="gap", of=words),
        key="gap-parts",
        alt=f"The gap in {words} of {group}, taken apart. {answer}",
        reading=(
            "The causes add up to *all causes together*, and with what is not explained to the whole gap (Kitagawa, Oaxaca and "
            "Blinder; slopes pooled over groups). The last bar is told in another way: the others are weighted until they are "
            "like the group on average, and what is left is the gap."
        ),
    )
    with st.expander("What the causes are", icon=":material/list:"):
        st.markdown(about_explanations.causes_words(found.causes, ABOUT))
    for note in found.notes:
        st.caption(markdown_text(note, limit=400))
    blocks.table(
        found.rows,
        name=f"{words} taken apart by {'-'.join(view.by)}",
        shown=about_explanations.gap_parts_table(rows),
    )
    hidden_caption(tuple(dict.fromkeys(rows.loc[rows["suppressed"].astype(bool), "group"])))


def _largest_first(gaps: pd.DataFrame) -> list[str]:
    """Groups by the size of their gap; that of unknown users, who are no group of people, last."""
    unknown = gaps["group"].str.contains(UNKNOWN, regex=False)
    order = gaps.assign(unknown=unknown, size=-gaps["value"].abs()).sort_values(["unknown", "size"])
    return order["group"].tolist()
