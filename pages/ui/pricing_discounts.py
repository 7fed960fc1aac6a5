"""Who gets discounts, how often and how deep, and why that differs."""

import streamlit as st

from core.figures import about_pricing
from core.figures.gaps import gap_figure
from core.figures.groups import group_styles
from core.figures.ladder import parts_figure
from core.figures.numbers import share
from core.figures.text import markdown_text
from core.figures.units import POINTS
from core.figures.verdict_table import verdict_table
from core.schema.settings import ALL
from pages.ui import blocks, cached, definitions, links
from pages.ui.folds import fold
from pages.ui.group_picker import hidden_caption
from pages.ui.shell import View

KINDS = {
    "any": "any discount",
    "loyalty": "loyalty discount",
    "coupon": "coupon",
    "coupon_match": "coupon match",
}
WAYS = {"rate": "how often", "depth": "how deep"}
SAME = "_same_product"
YES_NO = {False: "no", True: "yes"}


def show(view: View, groups: list[str]) -> None:
    """Rate or depth of one kind of discount by group, then the gap in depth taken apart."""
    found = blocks.asked(cached.discounts, view.workspace, view.dataset.id, settings=view.settings())
    if found is None:
        return
    rows = found.rows
    metric = _choose(set(rows["metric"]))
    kind, way = metric.removesuffix(SAME).split("_discount_")
    if metric.endswith(SAME):
        rows = cached.discounts_for_the_same(view.workspace, view.dataset.id, settings=view.settings()).rows
    words = f"{KINDS[kind]}, {WAYS[way]}"
    answer = about_pricing.discount_sentence(
        rows, metric, by=view.by, kind=KINDS[kind], deep=way == "depth", alike=metric.endswith(SAME)
    )
    blocks.section("Who gets more discount", answer)
    gaps = about_pricing.gap_rows(rows, metric)
    styles = group_styles(list(dict.fromkeys(rows.loc[rows["group"] != ALL, "group"])))
    blocks.chart(
        gap_figure(gaps, styles, metric=words, unit=POINTS, ends=("less", "more")),
        key=f"discount-{metric}",
        alt=f"Gap in {words} by group. {answer}",
        reading=(
            "How often: share of purchase lines with such a discount. How deep: mean share of the list price that is taken off, "
            "lines without any included. A gap may be what people choose to buy: *for the same* compares like with like."
        ),
    )
    blocks.table(
        rows[rows["metric"].str.startswith(metric)],
        name=f"{words} by {'-'.join(view.by)}",
        shown=verdict_table(rows, metric, title="Share", form=share, unit=POINTS),
    )
    hidden_caption(tuple(gaps.loc[gaps["suppressed"].astype(bool), "group"]))
    definitions.all_explained([metric], section="pricing", key="discounts")
    _why(view, groups, styles)


def _choose(known: set[str]) -> str:
    """The metric that the controls ask for."""
    kinds = [kind for kind in KINDS if f"{kind}_discount_rate" in known]
    links.restore("kind", kinds, kinds[0])
    kind = st.segmented_control(
        "Discount", kinds, key="kind", format_func=KINDS.get, required=True, persist_state="session"
    )
    links.publish_choice("kind", kind, default=kinds[0])
    left, right = st.columns(2, vertical_alignment="bottom")
    links.restore("way", list(WAYS), "depth")
    way = left.segmented_control(
        "Measured by", list(WAYS), key="way", format_func=WAYS.get, required=True, persist_state="session"
    )
    links.publish_choice("way", way, default="depth")
    metric = f"{kind}_discount_{way}"
    links.restore("alike", [False, True], False, text=YES_NO.get)
    alike = right.toggle("Same product, week and store only", key="alike", persist_state="session")
    links.publish_choice("alike", YES_NO[alike], default=YES_NO[False])
    return metric + SAME if alike else metric


def _why(view: View, groups: list[str], styles: dict) -> None:
    found = cached.why_discounts_differ(view.workspace, view.dataset.id, settings=view.settings())
    rows = found.rows
    told = rows[rows["group"].isin(groups[:1]) & rows["value"].notna()]
    if told.empty:
        return
    group = groups[0]
    blocks.section(f"Why the depth differs for {markdown_text(group)}")
    answer = about_pricing.parts_sentence(told, by=view.by)
    st.markdown(answer)
    blocks.chart(
        parts_figure(told, styles[group], about_pricing.PARTS_WORDS, total="discount_gap"),
        key="parts",
        alt=f"The gap in depth of discount of {group}, taken apart. {answer}",
        reading=(
            "The first bar is the whole gap in depth; the others add up to it (Kitagawa, Oaxaca and Blinder). What is not "
            "explained by product, week and store is what a group is given for like purchases."
        ),
    )
    parts = list(dict.fromkeys(told["metric"]))
    definitions.together("What each bar is", parts, section="pricing", key="parts")
    name = f"discount gap taken apart by {'-'.join(view.by)}"
    fold(lambda: definitions.metric_table(rows, name=name, section="pricing"), key="parts")
