"""Who waits longer: days until delivery and lateness by group, in the same circumstances and as it is."""

import streamlit as st

from core.figures.about_service import beside_sentence, gap_sentence
from core.figures.service_measures import DELIVERY
from core.workflow.audits.orders import ADJUSTED, RAW, WAITED
from core.workflow.audits.section import Section
from pages.ui import blocks, service_gaps
from pages.ui.shell import View

GIVEN = " in the same circumstances"
VIEWS = {ADJUSTED: "in the same circumstances", RAW: "as it is"}


def answer(view: View, found: Section) -> str:
    """The sentence that the page opens with."""
    adjusted = f"{WAITED}{ADJUSTED}_gap" in set(found.rows["metric"])
    metric, given = (WAITED + ADJUSTED, GIVEN) if adjusted else (WAITED + RAW, "")
    return gap_sentence(found.rows, metric, DELIVERY[WAITED], by=view.by, given=given)


def show(view: View, found: Section, *, told: str) -> None:
    """Figure and table of one of the numbers, given the circumstances or not; `told` has been said already."""
    rows = found.rows
    known = set(rows["metric"])
    blocks.section("Who waits longer")
    left, right = st.columns([3, 2], vertical_alignment="bottom")
    with left:
        name = service_gaps.choose(
            "Measured by",
            "delay",
            {name: measure.title for name, measure in DELIVERY.items() if f"{name}{RAW}_gap" in known},
        )
    with right:
        views = {suffix: words for suffix, words in VIEWS.items() if f"{name}{suffix}_gap" in known}
        suffix = service_gaps.choose("Compared", "given", views)
    service_gaps.definition(name + suffix)
    other = RAW if suffix == ADJUSTED else ADJUSTED
    measure = DELIVERY[name]
    beside = beside_sentence(
        rows,
        name + suffix,
        name + other,
        measure,
        words="With nothing held equal" if other == RAW else "In the same circumstances",
    )
    given = GIVEN if suffix == ADJUSTED else ""
    service_gaps.show(view, rows, name + suffix, measure, key="waiting", given=given, more=beside, told=told)
    service_gaps.notes(found.notes)
