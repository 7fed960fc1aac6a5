"""Offered, redeemed, saved: who gets campaigns and what comes of them."""

import streamlit as st

from core.figures import about_pricing
from core.figures.funnel import funnel_figure
from core.figures.groups import group_styles
from core.figures.numbers import money
from core.figures.text import markdown_text
from core.schema.settings import ALL
from pages.ui import blocks, cached, definitions
from pages.ui.shell import View


def show(view: View, groups: list[str]) -> None:
    """The answer given the same spending, the funnel of one or two groups, and the numbers."""
    found = blocks.asked(cached.offers, view.workspace, view.dataset.id, settings=view.settings())
    if found is None:
        return
    rows = found.rows
    answer = about_pricing.offer_sentence(rows, by=view.by)
    blocks.section("Who is offered a campaign", answer)
    told = rows[(rows["metric"] == "offered") & (rows["group"] != ALL) & rows["value"].notna()]
    groups = [group for group in groups if group in set(told["group"])]
    if not groups:
        st.caption("These groups are too small to be shown.")
        return
    currency = view.dataset.settings["currency"]
    steps = about_pricing.funnel_sentence(rows, groups, form=lambda value: money(value, currency))
    st.markdown(steps)
    everyone = list(dict.fromkeys(rows.loc[rows["group"] != ALL, "group"]))
    blocks.chart(
        funnel_figure(rows, groups, group_styles(everyone)),
        key="funnel",
        alt=f"Of 100 users, how many are offered a campaign and how many redeem a coupon. {steps}",
        reading=(
            "Of all users of a group: how many were offered any campaign, and how many redeemed a coupon of one. The whisker is the "
            "95 % interval of each step. Money saved counts all coupons of those with an offer."
        ),
    )
    definitions.metric_table(rows, name=f"offers by {'-'.join(view.by)}", section="pricing")
    for note in found.notes:
        st.caption(markdown_text(note, limit=300))
