"""Which crossing of all user attributes is served worst, and could that be chance?"""

import streamlit as st

from core.fairness.slices import MINIMUM
from core.figures.about_slices import slices_sentence, slices_table
from core.figures.sentences import metric_name, plural
from pages.ui import blocks, cached, definitions
from pages.ui.shell import View


def show(view: View) -> None:
    """The answer, then the worst crossings with what chance allows."""
    blocks.section("Is any crossing of attributes served worst?")
    found = blocks.asked(cached.slices, view.workspace, view.run.id, settings=view.settings())
    if found is None:
        return
    answer = slices_sentence(found.table, metric=found.metric, looked_at=found.looked_at, beyond=found.beyond)
    with st.container(border=True):
        st.markdown(answer)
        st.caption(
            f"Looked at: crossings of up to {found.depth} of {plural(len(found.attributes), 'attribute')} that have at least "
            f"{MINIMUM} of {found.users:,} users, and may be shown."
        )
    blocks.table(
        found.table,
        name=f"worst crossings at {view.k}",
        shown=slices_table(found.table, metric=found.metric),
    )
    blocks.how_to_read(
        f"A line is a group of users with these values, whatever the others are. The interval of its {metric_name(found.metric)} "
        "against all others holds for all crossings at once; *shrunk* is the difference after borrowing from the other "
        "crossings of the same attributes, a better guess for small groups. *p* is how often the worst of all crossings "
        "is as bad when users are shuffled. The last column is the smallest true gap that this search would find in the "
        "group four times in five."
    )
    definitions.explained(found.metric, section="users", key="crossing")
