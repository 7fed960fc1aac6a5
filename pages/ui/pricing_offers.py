"""Offered, redeemed, saved, and shown, clicked, bought: who gets campaigns and deals, and what comes of them."""

import pandas as pd
import streamlit as st

from core.data.dataset import load
from core.fairness.pricing.shown import DEAL_KIND, ITEM_KIND
from core.figures import about_pricing
from core.figures.funnel import CAMPAIGNS, DEALS, SHOWN, funnel_figure
from core.figures.groups import group_styles
from core.figures.numbers import money
from core.figures.text import markdown_text
from core.schema.settings import ALL, AuditSettings
from core.store.workspace import Workspace
from core.workflow.audits.clicks import logged_impressions
from core.workflow.audits.section import Section
from core.workflow.audits.shown import what_is_shown
from pages.ui import blocks, cached, definitions, links
from pages.ui.shell import View

KINDS = {ITEM_KIND: "everything shown", DEAL_KIND: "what was on offer"}
STEPS = {ITEM_KIND: SHOWN, DEAL_KIND: DEALS}


@st.cache_resource(max_entries=2, show_spinner="Reading what was shown …")
def _impressions(_workspace: Workspace, dataset_id: str) -> pd.DataFrame | None:
    return logged_impressions(_workspace, load(_workspace, dataset_id))


@st.cache_data(max_entries=64, show_spinner="Counting clicks …", hash_funcs=cached.BY_CONTENT)
def _shown(_workspace: Workspace, dataset_id: str, *, settings: AuditSettings) -> Section:
    return what_is_shown(cached.shop(_workspace, dataset_id), _impressions(_workspace, dataset_id), settings)


def show(view: View, groups: list[str]) -> None:
    """Campaigns, then what is shown: the answer, the funnel of one or two groups, and the numbers of each."""
    _campaigns(view, groups)
    if _impressions(view.workspace, view.dataset.id) is None:
        st.caption(
            "These data hold no log of what was shown and clicked (table impressions), so that has no funnel."
        )
        return
    st.divider()
    _what_is_shown(view, groups)


def _campaigns(view: View, groups: list[str]) -> None:
    found = blocks.asked(cached.offers, view.workspace, view.dataset.id, settings=view.settings())
    if found is None:
        return
    rows = found.rows
    answer = about_pricing.offer_sentence(rows, by=view.by)
    blocks.section("Who is offered a campaign", answer)
    told = _told(rows, "offered", groups)
    if told:
        currency = view.dataset.settings["currency"]
        steps = about_pricing.funnel_sentence(rows, told, form=lambda value: money(value, currency))
        st.markdown(steps)
        blocks.chart(
            funnel_figure(rows, told, _styles(rows), CAMPAIGNS),
            key="funnel",
            alt=f"Of 100 users, how many are offered a campaign and how many redeem a coupon. {steps}",
            reading=(
                "Of all users of a group: how many were offered any campaign, and how many redeemed a coupon of one. The whisker is "
                "the 95 % interval of each step. Money saved counts all coupons of those with an offer."
            ),
        )
    _numbers(found, name=f"offers by {'-'.join(view.by)}")


def _what_is_shown(view: View, groups: list[str]) -> None:
    found = blocks.asked(_shown, view.workspace, view.dataset.id, settings=view.settings())
    if found is None:
        return
    known = set(found.rows["metric"])
    kinds = [kind for kind in KINDS if f"{kind}_shown" in known]
    links.restore("impressions", kinds, ITEM_KIND)
    kind = st.segmented_control(
        "Shown", kinds, key="impressions", format_func=KINDS.get, required=True, persist_state="session"
    )
    links.publish_choice("impressions", kind, default=ITEM_KIND)
    rows = found.rows[found.rows["metric"].str.startswith(kind)].reset_index(drop=True)
    answer = about_pricing.shown_answer(rows, by=view.by, kind=kind)
    blocks.section("Who clicks on what is shown, and buys it", answer)
    told = _told(rows, f"{kind}_shown", groups)
    if told:
        steps = about_pricing.shown_sentence(rows, told, STEPS[kind])
        st.markdown(steps)
        blocks.chart(
            funnel_figure(rows, told, _styles(rows), STEPS[kind]),
            key=f"shown-{kind}",
            alt=f"Of 100 users, how many are shown something, click on it and buy it. {steps}",
            reading=(
                "Of all users of a group: how many were shown anything of the kind, and how many of all clicked on such a thing or "
                "bought one at least once. The whisker is the 95 % interval of each step. The table tells of single impressions too."
            ),
        )
    _numbers(Section(rows, found.tests, found.users, found.notes), name=f"shown by {'-'.join(view.by)}")


def _told(rows: pd.DataFrame, metric: str, groups: list[str]) -> list[str]:
    """Those of the groups of whom the metric is told; says so where it is none of them."""
    known = rows[(rows["metric"] == metric) & (rows["group"] != ALL) & rows["value"].notna()]
    told = [group for group in groups if group in set(known["group"])]
    if not told:
        st.caption("These groups are too small to be shown.")
    return told


def _styles(rows: pd.DataFrame) -> dict:
    return group_styles(list(dict.fromkeys(rows.loc[rows["group"] != ALL, "group"])))


def _numbers(found: Section, *, name: str) -> None:
    definitions.metric_table(found.rows, name=name, section="pricing")
    for note in found.notes:
        st.caption(markdown_text(note, limit=300))
