"""More ways to measure how groups are served: asked for when wanted, as it takes a moment."""

import streamlit as st

from core.fairness.definitions import definition_of
from core.figures.about_measures import measures_sentence, measures_table
from core.figures.sentences import metric_name
from core.figures.text import markdown_text
from pages.ui import blocks, cached
from pages.ui.definitions import all_explained
from pages.ui.shell import View

KEY = "more-measures"


@st.fragment
def show(view: View, reference: str | None) -> None:
    """The measures, once their fold is opened."""
    blocks.section("More ways to measure it")
    fold = st.expander(
        "Spread, worst-off, parity, taste, popularity, envy, ratings",
        key=KEY,
        icon=":material/query_stats:",
        on_change="rerun",
    )
    if fold.open:
        with fold:
            _measures(view, reference)


def _measures(view: View, reference: str | None) -> None:
    found = blocks.asked(
        cached.quality, view.workspace, view.run.id, settings=view.settings(reference=reference)
    )
    if found is None:
        return
    st.markdown(measures_sentence(found.rows, _called))
    blocks.table(
        found.rows,
        name=f"more measures by {'-'.join(view.by)} at {view.k}",
        shown=measures_table(found.rows, _called),
    )
    blocks.how_to_read(
        "One line a measure, with the group that matters most: the widest unequal gap, else the widest open one. Numbers "
        "are in the measure's own unit, with their 95 % interval. *Without disparity* is where they would lie if groups "
        "did not differ. What is neither good nor bad by itself is not judged."
    )
    for note in found.notes:
        st.caption(markdown_text(note, limit=400))
    one_of_each = {_called(metric): metric for metric in found.rows["metric"].unique()}
    all_explained(list(one_of_each.values()), section="users", key=KEY)


def _called(metric: str) -> str:
    """What a row's measure is called; those of the spread of NDCG say so."""
    definition = definition_of(metric, "users")
    if definition is None:
        return metric_name(metric)
    return f"{definition.name} of NDCG" if metric.startswith("ndcg@") else definition.name
