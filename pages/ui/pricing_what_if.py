"""What if prices were personal: demand estimated from past sales, and what rules of fairness would do to the prices."""

import pandas as pd
import streamlit as st

from core.fairness.pricing.demand import MODEL_ESTIMATE
from core.fairness.pricing.model_definitions import ELASTICITY, MODEL_DEFINITIONS, PRICE_OF_FAIRNESS, WELFARE
from core.fairness.pricing.whatif import Market, Outcome, WhatIf, impossibility, what_if
from core.figures import about_pricing
from core.figures.groups import group_styles
from core.figures.numbers import MISSING, count, share, with_interval
from core.figures.sentences import plural
from core.figures.text import markdown_text, plain
from core.figures.what_if import prices_figure
from core.workflow.audits.what_if import Demanded
from pages.ui import blocks, cached, definitions, price_knobs
from pages.ui.price_knobs import NO_CAP, NOTIONS
from pages.ui.shell import View

DIFFERENCES = (NO_CAP, "0.02", "0.05", "0.1", "0.2")
RATIOS = (NO_CAP, "1.02", "1.05", "1.1", "1.25")


def show(view: View, _: list[str]) -> None:
    """How demand falls with the price in each group, then the knobs."""
    found = blocks.asked(cached.demanded, view.workspace, view.dataset.id, settings=view.settings())
    if found is None:
        return
    blocks.section(
        f"How demand for {markdown_text(found.called, limit=60)} falls with the price",
        about_pricing.demand_sentence(found.demand.elasticity, found.demand.explained),
    )
    st.badge("model estimate", icon=":material/model_training:", color="orange")
    st.caption(
        f"Everything below is a {MODEL_ESTIMATE}. Promotions that came with the low prices are read as the price's effect."
    )
    blocks.table(_elasticities(found), name=f"elasticity of {found.called}")
    st.caption(
        f"{plural(found.demand.products, 'product')} in {plural(found.demand.weeks, 'week')}, {share(found.demand.coverage)} of the "
        "units asked for. Choose other categories in the sidebar."
    )
    _defined(ELASTICITY)
    _knobs(found)


def _elasticities(found: Demanded) -> pd.DataFrame:
    told = found.demand.elasticity
    lines = []
    for name, place in [*found.part.positions(), ("all users", found.part.n_shown)]:
        hidden = place is None or pd.isna(told.value[place])
        lines.append(
            {
                "Group": plain(name),
                "Buyers": "hidden" if hidden else count(found.demand.buyers[place]),
                "Elasticity at the usual price": "hidden"
                if hidden
                else with_interval(
                    *(getattr(told, end)[place] for end in ("value", "low", "high")), form=_two
                ),
                "Explained by the price, weeks held out": MISSING
                if hidden
                else share(found.demand.explained[place]),
            }
        )
    return pd.DataFrame(lines)


def _two(value: float) -> str:
    return f"{value:.2f}".replace("-", "−")


@st.fragment
def _knobs(found: Demanded) -> None:
    """The knobs and what follows; runs by itself while they are moved."""
    blocks.section("What if each group had its own price")
    first, second, third = st.columns(3)
    with first:
        cost = price_knobs.cost("cost")
        shape = price_knobs.shape("curve")
    with second:
        alpha = price_knobs.fairness("alpha")
        difference = price_knobs.largest_difference("difference", DIFFERENCES, default=NO_CAP)
    with third:
        ratio = price_knobs.largest_ratio("ratio", RATIOS)
    place = price_knobs.market_of(found, shape)
    if place is None:
        return
    outcome = what_if(place, cost=cost, alpha=alpha, largest_difference=difference, largest_ratio=ratio)
    _outcome(place, outcome)


def _outcome(place: Market, outcome: WhatIf) -> None:
    rules: dict[str, Outcome] = {"no rule": outcome.free, "caps alone": outcome.capped}
    rules |= {NOTIONS[name]: one for name, one in outcome.fair.items()}
    answer = about_pricing.what_if_sentence(outcome.free.prices, place.names)
    st.markdown(answer)
    st.info(markdown_text(impossibility(place), limit=400), icon=":material/balance:")
    prices = pd.DataFrame(
        [
            {"rule": rule, "group": name, "price": price}
            for rule, one in rules.items()
            for name, price in zip(place.names, one.prices, strict=True)
        ]
    )
    blocks.chart(
        prices_figure(prices, group_styles(place.names), observed=place.observed),
        key="what-if",
        alt=f"Most profitable price of each group under each rule. {answer}",
        reading=(
            "Each line is a rule, each dot the most profitable price of a group that keeps it. The pale band holds the prices that "
            "were seen: outside of it the curve is a guess."
        ),
    )
    table = pd.DataFrame([_line(rule, one, outcome.free) for rule, one in rules.items()])
    blocks.table(table, name="what if prices were personal")
    _defined(*NOTIONS, PRICE_OF_FAIRNESS, WELFARE)


def _defined(*names: str) -> None:
    """What each of some numbers means, for whoever asks."""
    with st.container(horizontal=True, gap="small"):
        for name in names:
            definitions.button(MODEL_DEFINITIONS[name], key=f"define-model-{name}")


def _line(rule: str, one: Outcome, free: Outcome) -> dict[str, str]:
    if pd.isna(one.profit):
        return {"Rule": rule, "Price of fairness": "no price that keeps it earns anything"}
    gains = one.surplus.sum() / free.surplus.sum() - 1
    return {
        "Rule": rule,
        "Price of fairness": _hundredths(one.price_of_fairness),
        "Gains of buyers": _hundredths(gains),
        "Welfare": _hundredths(one.welfare / free.welfare - 1),
        "Keeps": ", ".join(NOTIONS[name] for name, held in one.holds.items() if held) or "none of the four",
        "Prices seen before": "no" if one.extrapolated else "yes",
    }


def _hundredths(value: float) -> str:
    """A change that may be small: `−0.03 %`."""
    return f"{100 * value:+.2f} %".replace("-", "−").replace("+0.00", "0.00").replace("−0.00", "0.00")
