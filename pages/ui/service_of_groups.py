"""One outcome of orders or reviews by group: what was observed, what was predicted, and how far off that is."""

import streamlit as st

from core.figures import about_service
from core.figures.about_groups import off_sentence, spread_sentence, wide_table
from core.figures.claims import Claim, claims_figure
from core.figures.groups import group_styles
from core.figures.model_card import card_metric
from core.figures.model_card_text import standing_sentence
from core.figures.model_words import model_words
from core.figures.numbers import share
from core.figures.text import markdown_text, spoken
from core.schema.tables import EXPECTED, OBSERVED
from core.workflow.showing_service import COVERED, DIFFERENCE, ERROR, ServiceOfGroups
from pages.ui import blocks
from pages.ui.group_picker import hidden_caption
from pages.ui.shell import View

CLAIMS = (Claim(OBSERVED, "observed", open=False), Claim(EXPECTED, "predicted", open=True))


def title(name: str) -> str:
    """What an outcome is called."""
    return model_words(name).title


def show(view: View, found: ServiceOfGroups) -> None:
    """The two claims about each group, then how far the second can be relied on."""
    together = {row.name: row for row in found.overall.rows.itertuples(index=False)}
    if not together:
        blocks.waiting("Fewer than 10 users stand behind this outcome, so nothing can be shown.")
        return
    unit = found.outcome.unit
    with st.container(border=True):
        st.markdown(
            about_service.overall_sentence(together, rows=found.rows, title=found.outcome.title, unit=unit)
        )
        st.caption(f"Predicted {markdown_text(found.outcome.moment, limit=160)}.")
    report = view.run.reports[found.outcome.name]
    blocks.beside_rules(standing_sentence(card_metric(report, "mae")))
    if not view.by:
        blocks.waiting(
            "These data name no user attributes, so there are no groups.", page="data", label="See why"
        )
    elif not found.means.shown:
        blocks.waiting("Every group of this grouping has fewer than 10 users, so nothing can be shown.")
    else:
        _claims(view, found)
        _reliance(view, found)
        hidden_caption(found.means.hidden)


def _claims(view: View, found: ServiceOfGroups) -> None:
    rows, unit = found.means.rows, found.outcome.unit
    form, name = about_service.form_of(unit), title(found.outcome.name)
    answers = [spread_sentence(rows, claim.name, words=spoken(claim.title), form=form) for claim in CLAIMS]
    off = off_sentence(
        rows,
        DIFFERENCE,
        words="Prediction and observation differ",
        form=about_service.difference_form(unit),
    )
    blocks.section("What was observed, and what was predicted", answers[0])
    st.markdown(f"{answers[1]} {off}")
    blocks.chart(
        claims_figure(
            rows,
            group_styles(found.means.groups),
            CLAIMS,
            x_title=f"{name.lower()}, {unit}",
            form=form,
        ),
        key=f"service-{found.outcome.name}",
        alt=f"Observed and predicted {name.lower()} by group. {answers[0]}",
        reading="Two different claims: a full dot is the mean of what users told or what happened, an open one the mean of "
        "what the model expected, each with its 95 % interval over users. A gap between groups in the one says nothing "
        "of the other.",
    )
    columns = {
        OBSERVED: ("Observed", form),
        EXPECTED: ("Predicted", form),
        DIFFERENCE: ("Predicted less observed", about_service.difference_form(unit)),
    }
    _folded(view, found, columns, "observed and predicted")


def _reliance(view: View, found: ServiceOfGroups) -> None:
    rows, form = found.means.rows, about_service.form_of(found.outcome.unit)
    error = spread_sentence(rows, ERROR, words="Mean absolute error", form=form)
    covered = spread_sentence(rows, COVERED, words="Outcomes inside the 90 % interval", form=share)
    blocks.section("Can the predictions be relied on for every group", f"{error} {covered}")
    columns = {ERROR: ("Mean absolute error", form), COVERED: ("Inside the 90 % interval", share)}
    shown = wide_table(rows, columns)
    wanted = rows[rows["name"].isin(columns)]
    blocks.table(wanted, name=f"error and coverage of {title(found.outcome.name)}", shown=shown)
    blocks.how_to_read(
        "The error is that of the predicted median; smaller is better. An interval that holds less than 90 % of a group's "
        "outcomes promises that group too much."
    )


def _folded(view: View, found: ServiceOfGroups, columns: dict, what: str) -> None:
    rows = found.means.rows
    with st.expander("Numbers and download", icon=":material/table_rows:"):
        blocks.table(
            rows[rows["name"].isin(columns)],
            name=f"{title(found.outcome.name)} {what} by {'-'.join(view.by)}",
            shown=wide_table(rows, columns),
        )
