"""What pages ask of core, kept for a while: handles and aggregates only, bounded, keyed by ids."""

import os

import pandas as pd
import streamlit as st

from core.data.dataset import list_datasets, load
from core.fairness.audit import AuditResult
from core.fairness.compare import RunComparison
from core.schema.documents import Dataset, Run
from core.schema.settings import AuditSettings
from core.store.workspace import Workspace
from core.workflow import (
    behaviour_groups,
    comparing,
    describing,
    showing,
    showing_behaviour,
    showing_product,
    showing_service,
)
from core.workflow.auditing import audit_run
from core.workflow.behaviour_intent import RELIABILITY
from core.workflow.runs import list_runs, load_run, run_table
from core.workflow.showing_groups import GroupMeans

# The leading underscore keeps the workspace out of the key: there is one per server, and ids are unique in it.


@st.cache_resource(max_entries=4, show_spinner=False)
def _open(root: str | None, store_url: str | None) -> Workspace:
    return Workspace.open(root, store_url)


def workspace() -> Workspace:
    """The one workspace of this server, shared by all sessions."""
    return _open(os.environ.get("EVENHAND_WORKSPACE"), os.environ.get("EVENHAND_STORE"))


@st.cache_data(max_entries=64, show_spinner="Comparing the groups …")
def audit(
    _workspace: Workspace, run_id: str, *, by: tuple[str, ...], k: int, reference: str | None
) -> AuditResult:
    return audit_run(_workspace, run_id, AuditSettings(by=(by,), k=k, reference=reference))


@st.cache_data(max_entries=64, show_spinner=False)
def beside_baselines(_workspace: Workspace, run_id: str, *, metric: str) -> pd.DataFrame:
    return comparing.beside_baselines(_workspace, load_run(_workspace, run_id), metric=metric)


@st.cache_data(max_entries=32, show_spinner="Comparing the runs …")
def compare(_workspace: Workspace, first: str, second: str, *, by: tuple[str, ...], k: int) -> RunComparison:
    runs = (load_run(_workspace, id) for id in (first, second))
    return comparing.compare(_workspace, *runs, by=by, k=k)


@st.cache_data(max_entries=64, show_spinner="Counting what is shown …")
def shown_to_groups(_workspace: Workspace, run_id: str, *, by: tuple[str, ...], k: int) -> GroupMeans:
    return showing.shown_to_groups(_workspace, load_run(_workspace, run_id), by=by, k=k)


@st.cache_data(max_entries=16, show_spinner=False)
def calendar(_workspace: Workspace, dataset_id: str) -> pd.DataFrame:
    return describing.calendar(_workspace, load(_workspace, dataset_id))


@st.cache_data(max_entries=64, show_spinner=False)
def group_sizes(_workspace: Workspace, dataset_id: str, by: tuple[str, ...]) -> pd.DataFrame:
    return describing.group_sizes(_workspace, load(_workspace, dataset_id), by)


@st.cache_data(max_entries=64, show_spinner=False)
def crossing(_workspace: Workspace, dataset_id: str, by: tuple[str, str]) -> pd.DataFrame:
    return describing.crossing(_workspace, load(_workspace, dataset_id), by)


@st.cache_data(max_entries=16, show_spinner=False)
def price_coverage(_workspace: Workspace, dataset_id: str) -> pd.DataFrame:
    return describing.price_coverage(_workspace, load(_workspace, dataset_id))


@st.cache_data(max_entries=4, show_spinner=False)
def user_ids(_workspace: Workspace, run_id: str) -> pd.Series:
    return showing.user_ids(_workspace, load_run(_workspace, run_id))


@st.cache_data(max_entries=32, show_spinner=False)
def one_user(_workspace: Workspace, run_id: str, *, user: int, k: int) -> showing.OneUser:
    return showing.one_user(_workspace, load_run(_workspace, run_id), user=user, k=k)


@st.cache_data(max_entries=64, show_spinner="Reading the forecasts …")
def intent_of_groups(_workspace: Workspace, run_id: str, *, by: tuple[str, ...], days: int) -> GroupMeans:
    return behaviour_groups.intent_of_groups(_workspace, load_run(_workspace, run_id), by=by, days=days)


@st.cache_data(max_entries=64, show_spinner=False)
def categories_of_groups(_workspace: Workspace, run_id: str, *, by: tuple[str, ...]) -> GroupMeans:
    return behaviour_groups.categories_of_groups(_workspace, load_run(_workspace, run_id), by=by)


@st.cache_data(max_entries=64, show_spinner=False)
def paths_of_groups(_workspace: Workspace, run_id: str, *, by: tuple[str, ...]) -> GroupMeans:
    return behaviour_groups.paths_of_groups(_workspace, load_run(_workspace, run_id), by=by)


@st.cache_data(max_entries=32, show_spinner=False)
def user_next(_workspace: Workspace, run_id: str, *, user: int) -> showing_behaviour.UserNext:
    return showing_behaviour.user_next(_workspace, load_run(_workspace, run_id), user=user)


@st.cache_data(max_entries=32, show_spinner=False)
def reliability(_workspace: Workspace, run_id: str) -> pd.DataFrame:
    return run_table(_workspace, load_run(_workspace, run_id), RELIABILITY)


@st.cache_data(max_entries=64, show_spinner="Reading the predictions …")
def service_of_groups(
    _workspace: Workspace, run_id: str, *, by: tuple[str, ...], outcome: str
) -> showing_service.ServiceOfGroups:
    run = load_run(_workspace, run_id)
    named = {each.name: each for each in showing_service.outcomes_told(run)}
    return showing_service.service_of_groups(_workspace, run, by=by, outcome=named[outcome])


@st.cache_data(max_entries=32, show_spinner="Reading what customers wrote …")
def evaluation(
    _workspace: Workspace, run_id: str, *, user: int, item: int
) -> showing_product.ShownEvaluation:
    return showing_product.shown_evaluation(_workspace, load_run(_workspace, run_id), user=user, item=item)


def datasets(workspace: Workspace) -> list[Dataset]:
    """Newest first; read anew each time, as jobs add to them."""
    return list_datasets(workspace)


def runs(workspace: Workspace) -> list[Run]:
    """Newest first; read anew each time, as jobs add to them."""
    return list_runs(workspace)


def accuracies(workspace: Workspace, runs: list[Run]) -> list[pd.DataFrame]:
    """NDCG@10 of each run beside the baselines."""
    return [beside_baselines(workspace, run.id, metric="ndcg@10") for run in runs]
