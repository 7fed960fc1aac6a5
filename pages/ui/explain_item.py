"""Why one product stands in one user's list."""

import streamlit as st

from core.figures import about_explanations
from core.figures.explanations import effects_figure
from core.figures.text import plain
from pages.ui import blocks, cached, explain_cached, links
from pages.ui.shell import View
from pages.ui.user_picker import choose_user


def show(view: View) -> None:
    """A user, a product of the user's list, and what its place rests on."""
    if view.run.brought:
        blocks.waiting("Another system made these lists; what its scores are made of is not known here.")
        return
    chosen = choose_user(view)
    if chosen is None:
        return
    code, asked = chosen
    listed = cached.one_user(view.workspace, view.run.id, user=code, k=view.k).shown
    if listed.empty:
        blocks.waiting("This user has no list.")
        return
    names = {
        str(row.Index): f"{row.rank}. {plain(getattr(row, 'title', row.Index))}"
        for row in listed.itertuples()
    }
    first = next(iter(names))
    links.restore("product", list(names), first)
    product = st.selectbox(
        "Product of the list", list(names), key="product", format_func=names.get, persist_state="session"
    )
    links.publish_choice("product", product, default=first)
    why = blocks.asked(
        explain_cached.why_item, view.workspace, view.run.id, user=code, item_code=int(product), k=view.k
    )
    if why is None:
        return
    blocks.section("Why this product", " ".join(about_explanations.item_sentences(why)))
    if why.history["effect"].notna().any():
        blocks.chart(
            effects_figure(why.history),
            key="effects",
            alt=f"What the absence of each product of the history would take from the score of {why.title}.",
            reading=(
                "Each bar is exact: the model was asked again as if this product had never been bought, and the bar is what the "
                "score lost. Effects of several products together need not add up. The list is the model's own, before any "
                "policy; what a policy did to it stands on *Tune*."
            ),
        )
    blocks.table(
        why.history,
        name=f"history behind {plain(why.title, limit=30)}",
        shown=about_explanations.history_table(why.history),
    )
    left, right = st.columns(2)
    with left:
        st.markdown("**What the score is the sum of**")
        blocks.table(
            why.parts,
            name=f"score of {plain(why.title, limit=30)} for user {plain(asked)}",
            shown=about_explanations.parts_table(why.parts),
        )
    with right:
        st.markdown("**Similar customers**")
        st.markdown(about_explanations.similar_sentence(why.similar))
        blocks.how_to_read(
            "Similar: the model's vectors of what customers bought point the same way. Only counts are told, and none of fewer "
            "than ten."
        )
