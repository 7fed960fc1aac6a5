"""Further questions about predictions of service, asked only where a reader wants to know; kept for a while."""

import streamlit as st

from core.data.service import Outcome
from core.schema.settings import AuditSettings
from core.store.workspace import Workspace
from core.workflow.audits.section import Section
from core.workflow.audits.service import prediction_distributions as audit_predictions
from core.workflow.audits.service import residual_parity as audit_parity
from core.workflow.runs import load_run
from pages.ui import cached


@st.cache_data(
    max_entries=64,
    show_spinner="Comparing whole distributions of predictions …",
    hash_funcs=cached.BY_CONTENT,
)
def prediction_distributions(
    _workspace: Workspace, run_id: str, *, outcome: Outcome, settings: AuditSettings
) -> Section:
    shop = cached.shop(_workspace, load_run(_workspace, run_id).dataset)
    return audit_predictions(shop, cached.service_predictions(_workspace, run_id), outcome, settings)


@st.cache_data(
    max_entries=64, show_spinner="Comparing promises for the same order …", hash_funcs=cached.BY_CONTENT
)
def residual_parity(
    _workspace: Workspace, run_id: str, *, outcome: Outcome, settings: AuditSettings
) -> Section:
    dataset_id = load_run(_workspace, run_id).dataset
    shop, orders = cached.shop(_workspace, dataset_id), cached.orders(_workspace, dataset_id)
    return audit_parity(shop, cached.service_predictions(_workspace, run_id), orders, outcome, settings)
