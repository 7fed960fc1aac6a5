"""Are groups shown dearer products, and fewer deals?"""

import streamlit as st

from core.figures import about_pricing
from core.figures.claims import Claim, claims_figure
from core.figures.groups import group_styles
from core.figures.numbers import share
from core.schema.settings import ALL
from pages.ui import blocks, cached, definitions
from pages.ui.shell import View

BOUGHT, SHOWN = "bought", "shown"


def show(view: View, _: list[str]) -> None:
    """Price percentiles of what is shown and of what is bought, then every measure."""
    if view.run is None:
        blocks.waiting("Prices in lists are told once a model is trained.", **view.next_step)
        return
    found = blocks.asked(cached.steering, view.workspace, view.run.id, settings=view.settings())
    if found is None:
        return
    rows = found.rows
    answer = about_pricing.steering_sentence(rows, by=view.by, k=view.k)
    blocks.section("Who is shown dearer products", answer)
    names = {"price_percentile_history": BOUGHT, f"price_percentile@{view.k}": SHOWN}
    told = about_pricing.claims(rows, names)
    if told.empty:
        st.caption("No group is large enough to be shown.")
        return
    groups = list(dict.fromkeys(rows.loc[rows["group"] != ALL, "group"]))
    blocks.chart(
        claims_figure(
            told,
            group_styles(groups),
            (Claim(BOUGHT, "what they buy", open=False), Claim(SHOWN, "what they are shown", open=True)),
            x_title="price among products of the same category, 0 cheapest to 100 dearest",
            form=share,
            scale=100,
        ),
        key="steering",
        alt=f"Mean price percentile of what each group buys and is shown. {answer}",
        reading=(
            "50 is the middle of a category. A list that is dearer than what its users buy steers them upwards; the question is "
            "whether it does so for some groups more than for others."
        ),
    )
    definitions.metric_table(rows, name=f"prices in lists by {'-'.join(view.by)}", section="pricing")
