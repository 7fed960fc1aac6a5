"""Same product, same time, same store: who pays more, and what is left of the gap the more is held equal."""

from dataclasses import replace

import streamlit as st

from core.fairness.standing_out import MOSTLY
from core.figures import about_pricing
from core.figures.gaps import gap_figure
from core.figures.groups import group_styles
from core.figures.ladder import ladder_figure
from core.figures.numbers import share
from core.figures.text import markdown_text
from core.figures.units import PERCENT
from core.figures.verdict_table import verdict_table
from core.schema.settings import ALL, AuditSettings
from core.workflow.audits.pricing import STRATA_WORDS
from core.workflow.audits.section import Section
from pages.ui import blocks, cached, definitions
from pages.ui.folds import fold
from pages.ui.group_picker import choose_groups, hidden_caption
from pages.ui.reference_picker import restore_reference, show_reference
from pages.ui.shell import View

METRIC = "same_product_price"


def with_reference(view: View) -> View:
    """The view, compared with the group that the link or an earlier choice asks for."""
    return replace(view, reference=restore_reference(_groups(view)))


def _groups(view: View) -> list[str]:
    """Groups large enough to be compared, whoever is the reference."""
    whole = replace(view, reference=None)
    rows = cached.same_product(view.workspace, view.dataset.id, settings=whole.settings()).rows
    return list(dict.fromkeys(rows.loc[(rows["group"] != ALL) & ~rows["suppressed"].astype(bool), "group"]))


def show(view: View) -> list[str]:
    """The answer with its dots, then the ladder; the groups that were picked, for what follows."""
    settings = view.settings()
    found = cached.same_product(view.workspace, view.dataset.id, settings=settings)
    shop = cached.shop(view.workspace, view.dataset.id)
    place = STRATA_WORDS[shop.priced.finest]
    rows = found.rows
    answer = about_pricing.same_product_sentence(rows, by=view.by, place=place)
    with st.container(border=True):
        st.markdown(f"#### {answer}")
        for note in found.notes:
            if note.startswith(MOSTLY):
                st.markdown(f":material/info: {markdown_text(note, limit=400)}")
        st.caption(f"{about_pricing.coverage_sentence(rows)} {found.notes[0]}")
    gaps = about_pricing.gap_rows(rows, METRIC)
    groups = list(dict.fromkeys(rows.loc[rows["group"] != ALL, "group"]))
    hidden = tuple(gaps.loc[gaps["suppressed"].astype(bool), "group"])
    styles = group_styles(groups)
    blocks.section(f"Who pays more for {place}")
    show_reference(_groups(view))
    if gaps["value"].notna().any():
        blocks.chart(
            gap_figure(
                gaps, styles, metric="price for the same", unit=PERCENT, ends=("pays less", "pays more")
            ),
            key="same-product",
            alt=f"Gap in the price paid for {place} by group. {answer}",
            reading=(
                "A dot is how much more a group pays than others for the very same, its whisker the 95 % interval over users. "
                "The thick grey stroke is where gaps would fall if labels said nothing, the pale band the tolerance."
            ),
        )
    else:
        st.caption(f"No two groups bought {place}: nothing can be compared here.")
    fold(lambda: _numbers(view, found), key="same")
    hidden_caption(hidden)
    definitions.all_explained(
        [METRIC, "same_product_shelf_price", "same_product_coverage"], section="pricing", key="same"
    )
    return _ladder(view, settings, styles)


def _numbers(view: View, found: Section) -> None:
    blocks.table(
        found.rows,
        name=f"same product by {'-'.join(view.by)}",
        shown=verdict_table(found.rows, METRIC, title="", form=share, unit=PERCENT),
    )
    for note in found.notes:
        st.caption(markdown_text(note, limit=300))


def _ladder(view: View, settings: AuditSettings, styles: dict) -> list[str]:
    blocks.section("How much of the gap is what people buy, and how much is what they are charged")
    found = cached.price_ladder(view.workspace, view.dataset.id, settings=settings)
    rows = found.rows
    told = list(dict.fromkeys(rows.loc[rows["value"].notna(), "group"]))
    if not told:
        st.caption("There are no two groups large enough to be compared.")
        return []
    groups = choose_groups(told)
    chosen = rows[rows["group"].isin(groups) & rows["value"].notna()]
    answer = about_pricing.ladder_sentence(rows, group=groups[0], by=view.by)
    st.markdown(answer)
    blocks.chart(
        ladder_figure(chosen, styles, about_pricing.RUNG_WORDS, tolerance=settings.price_tolerance),
        key="ladder",
        alt=f"Price gap with more and more held equal. {answer}",
        reading=(
            "From top to bottom more is held equal. What a bar loses from one line to the next is what that explains; the last "
            "one is the same product, week, store and quantity. Each line rests on the purchases that can still be compared."
        ),
    )
    rungs = list(dict.fromkeys(chosen["metric"]))
    definitions.together("What each line is", rungs, section="pricing", key="ladder")
    shown, name = (
        rows[rows["group"].isin(groups)].reset_index(drop=True),
        f"price ladder by {'-'.join(view.by)}",
    )
    fold(lambda: definitions.metric_table(shown, name=name, section="pricing"), key="ladder")
    return groups
