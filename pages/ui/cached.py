"""What pages ask of core, kept for a while: handles and aggregates only, bounded, keyed by ids."""

import os

import pandas as pd
import streamlit as st

from core.data.dataset import list_datasets, load, number_attributes, table
from core.data.service import Outcome
from core.fairness.audit import AuditResult
from core.fairness.compare import RunComparison
from core.schema.documents import Dataset, Run
from core.schema.settings import AuditSettings
from core.schema.tables import ITEM_ID, TITLE, USER
from core.store.workspace import Workspace
from core.workflow import (
    behaviour_groups,
    comparing,
    describing,
    monitoring,
    showing,
    showing_behaviour,
    showing_product,
)
from core.workflow.auditing import audit_run, lists_of_run, per_user_of_run
from core.workflow.audits import pricing
from core.workflow.audits.exposure import Exposure
from core.workflow.audits.exposure import exposure as audit_exposure
from core.workflow.audits.orders import answers as audit_answers
from core.workflow.audits.orders import delivery as audit_delivery
from core.workflow.audits.orders import read_orders
from core.workflow.audits.quality import predicted_ratings
from core.workflow.audits.quality import quality as audit_quality
from core.workflow.audits.section import Section
from core.workflow.audits.service import PredictedService, service
from core.workflow.audits.service import residual_distributions as audit_residuals
from core.workflow.audits.shop import Shop, read_shop
from core.workflow.audits.slices import SlicesFound
from core.workflow.audits.slices import slices as find_worst
from core.workflow.audits.what_if import Demanded
from core.workflow.audits.what_if import demanded as estimate
from core.workflow.behaviour_intent import RELIABILITY
from core.workflow.monitoring import Monitored
from core.workflow.retraining import Looked, look
from core.workflow.runs import list_runs, load_run, run_table
from core.workflow.service import PREDICTIONS
from core.workflow.showing_groups import GroupMeans

# The leading underscore keeps the workspace out of the key: there is one per server, and ids are unique in it.


NEWS_SECONDS = 30


@st.cache_resource(max_entries=4, show_spinner=False)
def _open(root: str | None, store_url: str | None) -> Workspace:
    return Workspace.open(root, store_url)


def workspace() -> Workspace:
    """The one workspace of this server, shared by all sessions."""
    return _open(os.environ.get("EVENHAND_WORKSPACE"), os.environ.get("EVENHAND_STORE"))


BY_CONTENT = {AuditSettings: AuditSettings.model_dump_json}


@st.cache_data(max_entries=64, show_spinner="Comparing the groups …", hash_funcs=BY_CONTENT)
def audit(_workspace: Workspace, run_id: str, *, settings: AuditSettings) -> AuditResult:
    return audit_run(_workspace, run_id, settings)


@st.cache_data(max_entries=16, show_spinner=False)
def numbers_of_users(_workspace: Workspace, dataset_id: str) -> tuple[str, ...]:
    return number_attributes(_workspace, load(_workspace, dataset_id))


@st.cache_resource(max_entries=2, show_spinner="Reading the purchases …")
def shop(_workspace: Workspace, dataset_id: str) -> Shop:
    return read_shop(_workspace, load(_workspace, dataset_id))


@st.cache_resource(max_entries=2, show_spinner=False)
def lists(_workspace: Workspace, run_id: str) -> pd.DataFrame:
    return lists_of_run(_workspace, load_run(_workspace, run_id), "test")


@st.cache_data(max_entries=64, show_spinner="Weighing who is seen …", hash_funcs=BY_CONTENT)
def exposure(_workspace: Workspace, run_id: str, *, settings: AuditSettings) -> Exposure:
    dataset_id = load_run(_workspace, run_id).dataset
    return audit_exposure(shop(_workspace, dataset_id), lists(_workspace, run_id), settings)


@st.cache_data(max_entries=64, show_spinner="Comparing prices of the same product …", hash_funcs=BY_CONTENT)
def same_product(_workspace: Workspace, dataset_id: str, *, settings: AuditSettings) -> Section:
    return pricing.same_product(shop(_workspace, dataset_id), settings)


@st.cache_data(max_entries=64, show_spinner="Holding more and more equal …", hash_funcs=BY_CONTENT)
def price_ladder(_workspace: Workspace, dataset_id: str, *, settings: AuditSettings) -> Section:
    return pricing.price_ladder(shop(_workspace, dataset_id), settings)


@st.cache_data(max_entries=64, show_spinner="Adding up the discounts …", hash_funcs=BY_CONTENT)
def discounts(_workspace: Workspace, dataset_id: str, *, settings: AuditSettings) -> Section:
    return pricing.discounts(shop(_workspace, dataset_id), settings)


@st.cache_data(max_entries=64, show_spinner="Comparing like with like …", hash_funcs=BY_CONTENT)
def discounts_for_the_same(_workspace: Workspace, dataset_id: str, *, settings: AuditSettings) -> Section:
    return pricing.discounts_for_the_same(shop(_workspace, dataset_id), settings)


@st.cache_data(max_entries=64, show_spinner="Taking the gap apart …", hash_funcs=BY_CONTENT)
def why_discounts_differ(_workspace: Workspace, dataset_id: str, *, settings: AuditSettings) -> Section:
    return pricing.why_discounts_differ(shop(_workspace, dataset_id), settings)


@st.cache_data(max_entries=64, show_spinner="Following the offers …", hash_funcs=BY_CONTENT)
def offers(_workspace: Workspace, dataset_id: str, *, settings: AuditSettings) -> Section:
    return pricing.offers(shop(_workspace, dataset_id), settings)


@st.cache_data(max_entries=64, show_spinner="Looking at who pays what …", hash_funcs=BY_CONTENT)
def observed_prices(_workspace: Workspace, dataset_id: str, *, settings: AuditSettings) -> Section:
    return pricing.observed(shop(_workspace, dataset_id), settings)


@st.cache_data(max_entries=64, show_spinner="Estimating demand …", hash_funcs=BY_CONTENT)
def demanded(_workspace: Workspace, dataset_id: str, *, settings: AuditSettings) -> Demanded:
    return estimate(shop(_workspace, dataset_id), settings)


@st.cache_data(max_entries=64, show_spinner="Pricing the lists …", hash_funcs=BY_CONTENT)
def steering(_workspace: Workspace, run_id: str, *, settings: AuditSettings) -> Section:
    dataset_id = load_run(_workspace, run_id).dataset
    return pricing.steering(shop(_workspace, dataset_id), lists(_workspace, run_id), settings)


@st.cache_data(max_entries=64, show_spinner="Measuring in further ways …", hash_funcs=BY_CONTENT)
def quality(_workspace: Workspace, run_id: str, *, settings: AuditSettings) -> Section:
    run = load_run(_workspace, run_id)
    return audit_quality(
        shop(_workspace, run.dataset),
        lists(_workspace, run_id),
        per_user_of_run(_workspace, run, settings.k, "test"),
        settings,
        ratings=predicted_ratings(_workspace, run),
    )


@st.cache_data(max_entries=64, show_spinner="Searching all crossings …", hash_funcs=BY_CONTENT)
def slices(_workspace: Workspace, run_id: str, *, settings: AuditSettings) -> SlicesFound:
    run = load_run(_workspace, run_id)
    per_user = per_user_of_run(_workspace, run, settings.k, "test")
    listed = per_user[USER].isin(lists(_workspace, run_id)[USER])  # the others' lists hit nothing
    return find_worst(shop(_workspace, run.dataset), per_user[listed], settings)


@st.cache_data(max_entries=32, show_spinner=False, hash_funcs=BY_CONTENT)
def monitored(_workspace: Workspace, run_id: str, *, settings: AuditSettings, days: int) -> Monitored:
    return monitoring.monitor(_workspace, run_id, settings, days=days)


@st.cache_data(max_entries=32, show_spinner="Comparing the runs …", hash_funcs=BY_CONTENT)
def runs_over_time(
    _workspace: Workspace, dataset_id: str, runs: tuple[str, ...], *, settings: AuditSettings
) -> pd.DataFrame:
    """Args: runs: all there are, so that a new one is looked at."""
    return monitoring.runs_over_time(_workspace, dataset_id, settings)


@st.cache_data(max_entries=64, show_spinner=False)
def beside_baselines(_workspace: Workspace, run_id: str, *, metric: str) -> pd.DataFrame:
    return comparing.beside_baselines(_workspace, load_run(_workspace, run_id), metric=metric)


@st.cache_data(max_entries=16, ttl=NEWS_SECONDS, show_spinner="Looking for what has come …")
def news_since(_workspace: Workspace, run_id: str) -> Looked:
    """News of the source of a run; looked at again after a while, since files may have changed."""
    return look(_workspace, load_run(_workspace, run_id))


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


@st.cache_resource(max_entries=2, show_spinner=False)
def item_titles(_workspace: Workspace, dataset_id: str) -> pd.Series:
    """The title of each item, by the shop's own id, in the order of codes."""
    found = table(_workspace, load(_workspace, dataset_id), "items", [ITEM_ID, TITLE])
    return found.set_index(ITEM_ID)[TITLE]


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


@st.cache_resource(max_entries=2, show_spinner="Reading the orders …")
def orders(_workspace: Workspace, dataset_id: str) -> pd.DataFrame:
    return read_orders(_workspace, load(_workspace, dataset_id))


@st.cache_resource(max_entries=2, show_spinner="Reading the predictions …")
def service_predictions(_workspace: Workspace, run_id: str) -> pd.DataFrame:
    return run_table(_workspace, load_run(_workspace, run_id), PREDICTIONS)


@st.cache_data(max_entries=64, show_spinner="Comparing how long groups wait …", hash_funcs=BY_CONTENT)
def delivery(_workspace: Workspace, dataset_id: str, *, settings: AuditSettings) -> Section:
    return audit_delivery(shop(_workspace, dataset_id), orders(_workspace, dataset_id), settings)


@st.cache_data(max_entries=64, show_spinner="Comparing who answers …", hash_funcs=BY_CONTENT)
def answers(_workspace: Workspace, dataset_id: str, *, settings: AuditSettings) -> Section:
    return audit_answers(shop(_workspace, dataset_id), orders(_workspace, dataset_id), settings)


@st.cache_data(max_entries=64, show_spinner="Holding predictions against what came …", hash_funcs=BY_CONTENT)
def predicted_service(
    _workspace: Workspace, run_id: str, *, outcome: Outcome, settings: AuditSettings
) -> PredictedService:
    bought = shop(_workspace, load_run(_workspace, run_id).dataset)
    return service(bought, service_predictions(_workspace, run_id), outcome, settings)


@st.cache_data(
    max_entries=64, show_spinner="Comparing whole distributions of errors …", hash_funcs=BY_CONTENT
)
def residual_distributions(
    _workspace: Workspace, run_id: str, *, outcome: Outcome, settings: AuditSettings
) -> Section:
    bought = shop(_workspace, load_run(_workspace, run_id).dataset)
    return audit_residuals(bought, service_predictions(_workspace, run_id), outcome, settings)


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
