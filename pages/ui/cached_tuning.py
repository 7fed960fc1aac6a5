"""What the Tune page asks of core, kept while knobs are moved: handles in memory, answers by the content of the policy."""

import streamlit as st

from core.schema.policies import PolicySettings
from core.schema.settings import AuditSettings
from core.store.workspace import Workspace
from core.workflow.policies.consequences import Consequences
from core.workflow.policies.consequences import consequences as compare
from core.workflow.policies.rerank import Applied
from core.workflow.policies.tuning import Tuner, open_tuner
from core.workflow.policies.yardsticks import Measured, Yardsticks, measure
from core.workflow.runs import load_run
from pages.ui import cached

BY_CONTENT = cached.BY_CONTENT | {PolicySettings: PolicySettings.model_dump_json}


@st.cache_resource(max_entries=2, show_spinner="Reading the candidates of everyone …")
def tuner(_workspace: Workspace, run_id: str, *, k: int) -> Tuner:
    run = load_run(_workspace, run_id)
    return open_tuner(_workspace, run, cached.shop(_workspace, run.dataset), k=k)


@st.cache_resource(max_entries=4, show_spinner="Dividing users and products …", hash_funcs=BY_CONTENT)
def yardsticks(_workspace: Workspace, run_id: str, *, settings: AuditSettings) -> Yardsticks:
    return tuner(_workspace, run_id, k=settings.k).yardsticks(settings)


@st.cache_resource(max_entries=3, show_spinner=False, hash_funcs=BY_CONTENT)
def applied(_workspace: Workspace, run_id: str, *, policy: PolicySettings) -> Applied:
    return tuner(_workspace, run_id, k=policy.k).applied(policy)


@st.cache_resource(max_entries=12, show_spinner=False, hash_funcs=BY_CONTENT)
def measured(
    _workspace: Workspace, run_id: str, *, policy: PolicySettings, settings: AuditSettings
) -> Measured:
    lists = applied(_workspace, run_id, policy=policy).candidates.lists(policy.k)
    return measure(yardsticks(_workspace, run_id, settings=settings), lists)


@st.cache_resource(max_entries=24, show_spinner=False, hash_funcs=BY_CONTENT)
def consequences(
    _workspace: Workspace,
    run_id: str,
    *,
    before: PolicySettings,
    after: PolicySettings,
    settings: AuditSettings,
) -> Consequences:
    return compare(
        yardsticks(_workspace, run_id, settings=settings),
        measured(_workspace, run_id, policy=before, settings=settings),
        measured(_workspace, run_id, policy=after, settings=settings),
    )
