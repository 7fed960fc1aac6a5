"""What the Explain page asks of core, kept for a while: models in memory, everything else by ids, bounded."""

import pandas as pd
import streamlit as st

from core.schema.documents import ExplainedModel
from core.schema.settings import AuditSettings, Statistics
from core.store.workspace import Workspace
from core.workflow.explaining import by_groups, case, gaps, item
from core.workflow.explaining.asking import Asking
from core.workflow.explaining.kept import explanation_table, find_explanation
from core.workflow.runs import load_run
from pages.ui.cached import BY_CONTENT


@st.cache_resource(max_entries=1, show_spinner="Reading the models …")
def asking(_workspace: Workspace, run_id: str) -> Asking:
    return Asking(_workspace, load_run(_workspace, run_id))


def kept(workspace: Workspace, run_id: str, name: str) -> ExplainedModel | None:
    """Read anew each time, as jobs add to them."""
    return find_explanation(workspace, load_run(workspace, run_id), name)


@st.cache_data(max_entries=24, show_spinner=False)
def table(_workspace: Workspace, _explained: ExplainedModel, id: str, name: str) -> pd.DataFrame:
    return explanation_table(_workspace, _explained, name)


@st.cache_data(max_entries=24, show_spinner=False)
def weights(_workspace: Workspace, _explained: ExplainedModel, id: str) -> pd.DataFrame:
    return by_groups.weights_of(_workspace, _explained, Statistics())


@st.cache_data(max_entries=64, show_spinner="Comparing the groups …", hash_funcs=BY_CONTENT)
def by_group(
    _workspace: Workspace, _explained: ExplainedModel, id: str, *, settings: AuditSettings
) -> pd.DataFrame:
    return by_groups.weights_by_group(_workspace, _explained, settings)


@st.cache_data(max_entries=64, show_spinner="Taking the prediction apart …")
def one_case(_workspace: Workspace, run_id: str, *, name: str, user: int, place: int) -> case.Case:
    known = asking(_workspace, run_id)
    rows = case.rows_of_user(known, name, user)
    return case.explain_case(known, name, rows.iloc[[place]])


@st.cache_data(max_entries=64, show_spinner="Asking the model without each product …")
def why_item(_workspace: Workspace, run_id: str, *, user: int, item_code: int, k: int) -> item.WhyItem:
    return item.why_item(asking(_workspace, run_id), user, item_code, k=k)


@st.cache_data(max_entries=64, show_spinner="Taking the gap apart …", hash_funcs=BY_CONTENT)
def why_gap(_workspace: Workspace, run_id: str, *, measure: str, settings: AuditSettings) -> gaps.WhyGap:
    return gaps.why_gap(_workspace, run_id, settings, measure=measure)
