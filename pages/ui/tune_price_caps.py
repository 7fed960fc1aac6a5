"""Caps on personalised prices as knobs: which groups gain and lose by them; what follows from a model."""

import streamlit as st

from core.errors import InputError
from core.fairness.pricing.caps import under_caps
from core.fairness.pricing.demand import MODEL_ESTIMATE
from core.fairness.pricing.whatif import DEMAND, NO_PURCHASE, PRICE, SURPLUS, market
from core.figures import price_caps as words
from core.figures.groups import group_styles
from core.figures.text import markdown_text
from core.figures.what_if import prices_figure
from core.workflow.audits.what_if import Demanded
from pages.ui import blocks, cached, choices
from pages.ui.shell import View

NOTIONS = {
    PRICE: "equal prices",
    DEMAND: "equal shares who buy",
    SURPLUS: "equal gains of buyers",
    NO_PURCHASE: "equal worth to those who do not buy",
}
SHAPES = {"linear": "straight line", "exponential": "as fitted (exponential)"}
NO_CAP = "none"
DIFFERENCES = (NO_CAP, "0.2", "0.1", "0.05", "0.02", "0.01", "0")
RATIOS = (NO_CAP, "1.25", "1.1", "1.05", "1.02", "1.01", "1")
COSTS = tuple(share / 20 for share in range(20))
ALPHAS = tuple(share / 10 for share in range(11))


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
        difference = choices.choose(
            "caps_difference", "Prices differ at most by", DIFFERENCES, default="0.05", words=_words
        )
        ratio = choices.choose(
            "caps_ratio", "Highest over lowest at most", RATIOS, default=NO_CAP, words=_words
        )
        alpha = choices.slide("caps_alpha", "How fair: 0 no rule, 1 equal", ALPHAS, default=0.5)
        cost = choices.slide("caps_cost", "Cost of a piece, share of its usual price", COSTS, default=0.6)
        shape = choices.choose(
            "caps_curve", "Demand beyond what was seen", tuple(SHAPES), default="linear", words=SHAPES.get
        )
    with right:
        try:
            place = market(found.demand, found.part, shape)
        except InputError as lacking:
            blocks.waiting(markdown_text(str(lacking), limit=300))
            return
        capped = under_caps(
            place,
            cost=cost,
            alpha=alpha,
            largest_difference=None if difference == NO_CAP else float(difference),
            largest_ratio=None if ratio == NO_CAP else float(ratio),
        )
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


def _words(value: str) -> str:
    return "no cap" if value == NO_CAP else value
