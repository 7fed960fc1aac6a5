"""How likely each group is to buy within the next days, beside how many did."""

import streamlit as st

from core.figures.about_groups import off_sentence, spread_sentence, wide_table
from core.figures.absence import absence
from core.figures.claims import Claim, claims_figure
from core.figures.groups import group_styles
from core.figures.model_card import card_metric
from core.figures.model_card_text import standing_sentence
from core.figures.numbers import points, share
from core.schema.tables import BASELINE_PROBABILITY, OBSERVED, PROBABILITY
from core.workflow.behaviour_groups import DIFFERENCE
from core.workflow.behaviour_intent import INTENT
from core.workflow.showing_behaviour import horizons
from core.workflow.showing_groups import GroupMeans
from pages.ui import blocks, cached, links
from pages.ui.group_picker import hidden_caption
from pages.ui.shell import View

CLAIMS = (Claim(OBSERVED, "bought", open=False), Claim(PROBABILITY, "forecast", open=True))
COLUMNS = {
    PROBABILITY: ("Forecast", share),
    OBSERVED: ("Bought", share),
    DIFFERENCE: ("Forecast less bought", points),
    BASELINE_PROBABILITY: ("Recency and frequency alone", share),
}


def show(view: View) -> None:
    """The answer, the chart by group, and whether the forecasts can be relied on."""
    blocks.section("Who will buy soon")
    options = horizons(view.run)
    if not options:
        reason = absence(view.run, view.dataset, model="behaviour", reports=(INTENT,))
        blocks.absent(reason)
        return
    days = _choose_days(options)
    if view.by:
        _groups(cached.intent_of_groups(view.workspace, view.run.id, by=view.by, days=days), view, days)
    else:
        blocks.waiting(
            "These data name no user attributes, so there are no groups.", page="data", label="See why"
        )
    report = view.run.reports[INTENT]
    for metric in (f"auc@{days}", f"log_loss@{days}"):
        blocks.beside_rules(standing_sentence(card_metric(report, metric)))


def _choose_days(options: tuple[int, ...]) -> int:
    links.restore("days", options, options[0])
    days = st.segmented_control(
        "Within",
        options,
        key="days",
        format_func=lambda number: f"{number} days",
        required=True,
        persist_state="session",
    )
    links.publish_choice("days", str(days), default=str(options[0]))
    return days


def _groups(found: GroupMeans, view: View, days: int) -> None:
    if not found.shown:
        blocks.waiting("Every group of this grouping has fewer than 10 users, so nothing can be shown.")
        return
    words = f"Forecast to buy within {days} days"
    answer = spread_sentence(found.rows, PROBABILITY, words=words, form=share)
    off = off_sentence(found.rows, DIFFERENCE, words="Forecast and purchases differ", form=points)
    with st.container(border=True):
        st.markdown(f"#### {answer}")
        st.markdown(off)
    blocks.chart(
        claims_figure(
            found.rows,
            group_styles(found.groups),
            CLAIMS,
            x_title=f"users who buy within {days} days",
            form=share,
            scale=100,
            suffix=" %",
        ),
        key=f"intent-{days}",
        alt=f"Share of each group that bought and that was forecast to buy within {days} days. {answer}",
        reading="An open dot is the mean forecast, a full one the share that really bought in the test window, each with "
        "its 95 % interval over users. A user asked at several moments counts once.",
    )
    hidden_caption(found.hidden)
    with st.expander("Numbers and download", icon=":material/table_rows:"):
        shown = wide_table(found.rows, COLUMNS)
        blocks.table(found.rows, name=f"intent within {days} days by {'-'.join(view.by)}", shown=shown)
