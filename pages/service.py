"""How long does each group wait, how satisfied is it, and can the predictions be relied on for everyone?"""

import streamlit as st

from core.figures.absence import absence
from core.figures.text import markdown_text
from core.workflow.service import OUTCOMES, outcomes_told
from pages.ui import (
    blocks,
    cached,
    links,
    service_answers,
    service_delivery,
    service_gaps,
    service_of_groups,
)
from pages.ui.service_gaps import ask
from pages.ui.shell import begin_page

view = begin_page("service")
told = {each.name: each for each in outcomes_told(view.run)} if view.run else {}
has_orders = view.dataset is not None and "service" in view.dataset.tables
if view.run is None and not has_orders:
    blocks.waiting(
        "Predictions of service appear here as soon as a first model is trained.", **view.next_step
    )
    st.stop()
reason = view.run and absence(
    view.run,
    view.dataset,
    model="service",
    reports=[each.name for each in OUTCOMES],
    needs=("service", "reviews"),
)
if not told and not has_orders:
    blocks.absent(reason)
    st.stop()
if not view.by:
    blocks.waiting(
        "These data name no user attributes, so there are no groups.", page="data", label="See why"
    )
    st.stop()

settings = view.settings()
if told:
    links.restore("outcome", list(told), next(iter(told)))
    outcome = told[st.session_state["outcome"]]
blocks.notes()

delivery, no_delivery, predicted, no_prediction = None, "", None, ""
if has_orders:
    delivery, no_delivery = ask(cached.delivery, view.workspace, view.dataset.id, settings=settings)
if delivery:
    answer = service_delivery.answer(view, delivery)
    service_gaps.headline(view, answer, delivery)
    service_delivery.show(view, delivery, told=answer)
if told:
    predicted, no_prediction = ask(
        cached.predicted_service, view.workspace, view.run.id, outcome=outcome, settings=settings
    )
if predicted and not delivery:
    answer = service_of_groups.answer(view, outcome, predicted)
    service_gaps.headline(view, answer, predicted.section)
if no_delivery:
    blocks.section("Who waits longer")
    blocks.waiting(markdown_text(no_delivery, limit=300))

if told:
    blocks.section(f"{service_of_groups.title(outcome.name)}: observed and predicted")
    service_gaps.control(
        "What is predicted", "outcome", {name: service_of_groups.title(name) for name in told}
    )
    if predicted:
        service_of_groups.claims(view, outcome, predicted, settings, told=answer)
        service_of_groups.reliance(view, outcome, predicted, settings)
    else:
        blocks.waiting(markdown_text(no_prediction, limit=300))
elif view.run is None:
    blocks.section("Satisfaction observed and predicted")
    blocks.waiting("Predictions of service appear here as soon as a model is trained.", **view.next_step)
else:
    blocks.section("Satisfaction observed and predicted")
    blocks.absent(reason)

if has_orders:
    answers, no_answers = ask(cached.answers, view.workspace, view.dataset.id, settings=settings)
    if answers:
        service_answers.show(view, answers)
    else:
        blocks.section("Who answers at all")
        blocks.waiting(markdown_text(no_answers, limit=300))
