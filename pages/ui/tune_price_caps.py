"""Caps on personalised prices as knobs: which groups gain and lose by them; what follows from a model."""

import streamlit as st

from core.fairness.pricing.caps import under_caps
from core.fairness.pricing.demand import MODEL_ESTIMATE
from core.figures import price_caps as words
from core.figures.groups import group_styles
from core.figures.text import markdown_text
from core.figures.what_if import prices_figure
from core.workflow.audits.what_if import Demanded
from pages.ui import blocks, cached, price_knobs
from pages.ui.price_knobs import NO_CAP, NOTIONS
from pages.ui.shell import View

DIFFERENCES = (NO_CAP, "0.2", "0.1", "0.05", "0.02", "0.01", "0")
RATIOS = (NO_CAP, "1.25", "1.1", "1.05", "1.02", "1.01", "1")


def show(view: View) -> None:
    """The knobs at the left, group by group what the caps change at the right."""
    if view.dataset is None:
        blocks.waiting("Prices are tried out as soon as data are prepared.", **view.next_step)
        return
    if not view.by or not cached.shop(view.workspace, view.dataset.id).has_prices:
        blocks.waiting("Caps on personalised prices need prices and user attributes.")
        return
    found = blocks.asked(cached.demanded, view.workspace, view.dataset.id, settings=view.settings())
    if found is not None:
        _knobs(view, found)


@st.fragment
def _knobs(view: View, found: Demanded) -> None:
    """Runs by itself while a knob is moved."""
    left, right = st.columns([1, 2.4], gap="large")
    with left:
        difference = price_knobs.largest_difference("caps_difference", DIFFERENCES, default="0.05")
        ratio = price_knobs.largest_ratio("caps_ratio", RATIOS)
        alpha = price_knobs.fairness("caps_alpha")
        cost = price_knobs.cost("caps_cost")
        shape = price_knobs.shape("caps_curve")
    with right:
        place = price_knobs.market_of(found, shape)
        if place is None:
            return
        capped = under_caps(place, cost=cost, alpha=alpha, largest_difference=difference, largest_ratio=ratio)
        answer = words.caps_sentence(capped.groups, by=view.by)
        with st.container(border=True):
            st.markdown(answer)
            st.markdown(words.notions_sentence(capped.notions, NOTIONS, alpha=alpha))
            st.badge("model estimate", icon=":material/model_training:", color="orange")
        blocks.chart(
            prices_figure(
                words.prices_of_rules(capped.groups), group_styles(place.names), observed=place.observed
            ),
            key="price-caps",
            alt=f"Most profitable price of each group without caps and within them. {answer}",
            reading=(
                "Each dot is the most profitable price of a group. The pale band holds the prices that were seen: outside of it "
                "the curve is a guess."
            ),
        )
        blocks.table(
            capped.groups,
            name=f"price caps by {'-'.join(view.by)}",
            shown=words.change_table(capped.groups),
        )
        blocks.table(
            capped.notions,
            name="fairness within price caps",
            shown=words.notions_table(capped.notions, NOTIONS),
        )
        st.caption(
            f"{markdown_text(found.called, limit=60)}; every number is a {MODEL_ESTIMATE}. The Pricing page shows how demand was "
            "estimated and compares caps with other rules; here is who gains and loses by the caps."
        )
