"""The model card of a run: each model beside its rules, the settings that matter, the data and their limits."""

import streamlit as st

from core.figures import model_card_text as text
from core.figures.model_card import CardModel, ModelCard, model_card
from core.figures.reliability import reliability_figure
from core.figures.text import markdown_text
from core.workflow.behaviour_intent import INTENT, MODEL, RELIABILITY, RULE
from pages.ui import blocks, cached
from pages.ui.shell import View

METRICS = ("ndcg@10", "recall@20")


def show(view: View) -> None:
    """The card, and its downloads."""
    accuracy = {
        metric: cached.beside_baselines(view.workspace, view.run.id, metric=metric) for metric in METRICS
    }
    card = model_card(view.run, view.dataset, accuracy)
    blocks.section(
        "Model card", f"What **{markdown_text(view.run.name)}** is, and how far it can be trusted."
    )
    _downloads(card)
    for tab, model in zip(st.tabs([model.title for model in card.models]), card.models, strict=True):
        with tab:
            _model(view, model)
    left, right = st.columns(2)
    for column, title, lines in (
        (
            left,
            "Where it comes from" if view.run.brought else "How it was trained",
            text.training_lines(card),
        ),
        (right, "Data used, and their limits", text.data_lines(card)),
    ):
        with column, st.container(border=True):
            st.markdown(f"**{title}**")
            st.markdown("\n".join(f"- {line}" for line in lines))
    if not view.run.reports:
        st.caption("This run keeps no reports of further models: it was made before there were any.")


def _downloads(card: ModelCard) -> None:
    makers = {
        "JSON": ("json", "application/json", card.json),
        "Markdown": ("md", "text/markdown", lambda: text.card_markdown(card)),
    }
    stem = f"evenhand-model-card-{card.run['id']}"
    blocks.download_buttons(makers, stem=stem, about="The whole card", key=lambda label: f"card-{label}")


def _model(view: View, model: CardModel) -> None:
    st.markdown(f"{markdown_text(model.what, limit=200)} {text.model_sentence(model)}")
    if model.metrics:
        shown = text.metric_table(model)
        blocks.table(text.metric_rows(model), name=f"model card, {model.title}", shown=shown)
        blocks.how_to_read(
            "↑ higher is better, ↓ lower is; 95 % intervals in brackets, n counts users or rows. A difference is paired: "
            "both were asked the same. One whose interval holds zero is called not shown. The download holds every rule."
        )
    if model.name == INTENT and RELIABILITY in view.run.artefacts:
        _calibration(view)
    st.markdown("\n".join(f"- {markdown_text(note, limit=800)}" for note in model.notes))


def _calibration(view: View) -> None:
    """Of each question about the next days, forecasts beside what happened."""
    bins = cached.reliability(view.workspace, view.run.id)
    days = sorted(bins["horizon_days"].unique())
    for column, each in zip(st.columns(len(days)), days, strict=True):
        own = bins[bins["horizon_days"] == each]
        with column:
            st.markdown(f"**Calibration, {each} days**")
            blocks.chart(
                reliability_figure(own, model=MODEL, rule=RULE, rule_title="recency and frequency"),
                key=f"reliability-{each}",
                alt=f"Purchases within {each} days: forecast of {len(own)} bins beside the share that bought.",
                reading="A dot is a tenth of all answers. On the line, the forecast means what it says; above it, more "
                "bought than forecast. Whiskers are 95 % intervals.",
            )
    blocks.folded_table(bins, name="calibration of purchase intent")
