"""Access, burden and envy: prices as they were paid for one kind of product."""

import streamlit as st

from core.figures import about_pricing
from core.figures.gaps import gap_figure
from core.figures.groups import group_styles
from core.figures.numbers import share
from core.figures.text import markdown_text
from core.figures.units import POINTS
from core.figures.verdict_table import verdict_table
from core.schema.settings import ALL
from pages.ui import blocks, cached, definitions, links
from pages.ui.shell import View

MEASURES = {
    "price_burden_of_income": ("Burden on income", "of their income on it"),
    "price_burden_of_spending": ("Burden on spending", "of their spending on it"),
    "price_access": ("Access", "of their weeks with it"),
    "price_envy": ("Envy", "of pairs in which the other paid less"),
}


def show(view: View, _: list[str]) -> None:
    """One measure by group, then the table."""
    found = blocks.asked(cached.observed_prices, view.workspace, view.dataset.id, settings=view.settings())
    if found is None:
        return
    rows = found.rows
    known = [name for name in MEASURES if name in set(rows["metric"])]
    if not known:
        st.caption("No group is large enough to be shown.")
        return
    links.restore("measure", known, known[0])
    metric = st.segmented_control(
        "Measured by",
        known,
        key="measure",
        format_func=lambda name: MEASURES[name][0],
        required=True,
        persist_state="session",
    )
    links.publish_choice("measure", metric, default=known[0])
    called, words = MEASURES[metric]
    answer = about_pricing.access_sentence(rows, metric, by=view.by, words=words)
    blocks.section(f"{called}, {markdown_text(found.notes[0].removesuffix('.'), limit=120)}", answer)
    gaps = about_pricing.gap_rows(rows, metric)
    groups = list(dict.fromkeys(rows.loc[rows["group"] != ALL, "group"]))
    blocks.chart(
        gap_figure(gaps, group_styles(groups), metric=called.lower(), unit=POINTS, ends=("less", "more")),
        key=f"access-{metric}",
        alt=f"Gap in {called.lower()} by group. {answer}",
        reading=(
            "Prices as they were paid, no model: money spent over income or over all spending (burden), weeks with such a product of "
            "all weeks with a purchase (access), pairs of the same product, week and store in which the other paid less (envy)."
        ),
    )
    blocks.table(
        rows[rows["metric"].str.startswith(metric)],
        name=f"{called} by {'-'.join(view.by)}",
        shown=verdict_table(rows, metric, title=called, form=share, unit=POINTS),
    )
    definitions.all_explained([*known, "price_disparity"], section="pricing", key="access")
    for note in found.notes:
        st.caption(markdown_text(note, limit=300))
