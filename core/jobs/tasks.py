"""What a worker can do: one function per kind of job, from JSON parameters to a JSON result."""

import traceback
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

from core.errors import EvenhandError
from core.jobs.context import JobContext
from core.progress import Progress, part_of
from core.schema.documents import Run
from core.schema.policies import PolicySettings
from core.schema.settings import (
    AuditSettings,
    DatasetSettings,
    MongoSettings,
    SearchSettings,
    TrainSettings,
    settings_from,
)
from core.schema.simulation import SimulationSettings
from core.store.trail import BY_ITSELF, PAGE
from core.store.workspace import Workspace

Task = Callable[[Workspace, Mapping[str, Any], JobContext], dict[str, Any]]
PREPARE_SHARE = 0.2  # of the time of prepare_and_train, as measured on Complete Journey
TRAIN_SHARE = 0.9  # of the time of train; the rest is for the first frontier


def prepare(workspace: Workspace, params: Mapping[str, Any], context: JobContext) -> dict[str, Any]:
    """Prepare a source.

    Args:
        params: `source`; `settings` (DatasetSettings), `path` (folder of its files) and `follows` (dataset of the same shop),
            all optional.

    Returns:
        the id of the `dataset`.
    """
    return {"dataset": _prepare(workspace, params, context, PAGE)}


def train(workspace: Workspace, params: Mapping[str, Any], context: JobContext) -> dict[str, Any]:
    """Train a recommender; goes on from the checkpoint of an earlier attempt.

    Args:
        params: `dataset` (id); `settings` (TrainSettings, optional); `name` of the run (optional).

    Returns:
        the ids of the `dataset` and the `run`.
    """
    return {"dataset": params["dataset"], "run": _train(workspace, params, context, context, PAGE)}


def prepare_and_train(workspace: Workspace, params: Mapping[str, Any], context: JobContext) -> dict[str, Any]:
    """Prepare a source and train a first recommender on it: what an empty workspace begins with by itself.

    Args:
        params: `prepare` and `train`: the parameters of those tasks; `train` needs no dataset.

    Returns:
        the ids of the `dataset` and the `run`.
    """
    dataset = _prepare(workspace, params["prepare"], part_of(context, 0.0, PREPARE_SHARE), BY_ITSELF)
    asked = {**params.get("train", {}), "dataset": dataset}
    run = _train(workspace, asked, context, part_of(context, PREPARE_SHARE, 1.0), BY_ITSELF)
    return {"dataset": dataset, "run": run}


def search(workspace: Workspace, params: Mapping[str, Any], context: JobContext) -> dict[str, Any]:
    """Look for better training settings; goes on from the trial that an earlier attempt stood in.

    Args:
        params: `dataset` (id); `settings` (SearchSettings, optional); `base` (TrainSettings to start from, optional).

    Returns:
        the id of the `search`.
    """
    from core.workflow.search import search as search_settings

    settings = settings_from(SearchSettings, params.get("settings", {}))
    base = settings_from(TrainSettings, params.get("base", {}))
    asked = {"who": PAGE, "progress": context, "scratch": context.scratch}
    found = search_settings(workspace, params["dataset"], settings, base, **asked)
    return {"search": found.id}


def import_lists(workspace: Workspace, params: Mapping[str, Any], context: JobContext) -> dict[str, Any]:
    """Keep lists that another system made as a run.

    Args:
        params: `dataset` (id); `path` (their file); `name` of the run (optional).

    Returns:
        the ids of the `dataset` and the `run`.
    """
    from core.workflow.importing import import_lists as keep_lists

    named = {"run_id": _run_id(context), "name": params.get("name", ""), "who": PAGE}
    run = keep_lists(workspace, params["dataset"], Path(params["path"]), **named, progress=context)
    return {"dataset": params["dataset"], "run": run.id}


def frontier(workspace: Workspace, params: Mapping[str, Any], context: JobContext) -> dict[str, Any]:
    """Hold every re-ranker and its knob against a policy, on validation.

    Args:
        params: `run` (id); `settings` (AuditSettings); `against` (PolicySettings, optional).

    Returns:
        the id of the `frontier`.
    """
    from core.workflow.policies.frontier import frontier as measure_all

    settings = settings_from(AuditSettings, params["settings"])
    against = settings_from(PolicySettings, params.get("against", {}))
    asked = {"who": PAGE, "progress": context}
    return {"frontier": measure_all(workspace, params["run"], settings, against, **asked).id}


def publish(workspace: Workspace, params: Mapping[str, Any], context: JobContext) -> dict[str, Any]:
    """Make everybody's lists under a saved policy, and let the shop read them; once, however often it is begun again.

    Args:
        params: `policy` (id of a saved one); `author`; `split`: what the lists know (test: all but the last window).

    Returns:
        the id of the `publication`.
    """
    from core.workflow.policies.publishing import publish as put_out

    asked = {"author": params["author"], "split": params.get("split", "test"), "job": context.job_id}
    asked |= {"progress": context}
    found = put_out(workspace, params["policy"], **asked)
    return {"publication": found.publication.id}


def rollback(workspace: Workspace, params: Mapping[str, Any], context: JobContext) -> dict[str, Any]:
    """Serve lists again that were served before; once, however often it is begun again.

    Args:
        params: `dataset` (id); `to`: a publication or a saved policy; `author`.

    Returns:
        the id of the `publication`.
    """
    from core.workflow.policies.publishing import rollback as go_back

    asked = {"author": params["author"], "job": context.job_id, "progress": context}
    found = go_back(workspace, params["dataset"], to=params["to"], **asked)
    return {"publication": found.publication.id}


def report(workspace: Workspace, params: Mapping[str, Any], context: JobContext) -> dict[str, Any]:
    """Make a fairness report and keep it.

    Args:
        params: `run` (id); `settings` (AuditSettings); `policy` (id of a saved one, optional).

    Returns:
        the id of the `report`.
    """
    from core.report.gather import Chosen, gather
    from core.report.keeping import keep
    from core.workflow.policies.saved import load_policy, settings_of

    settings, chosen = settings_from(AuditSettings, params["settings"]), None
    if params.get("policy"):
        saved = load_policy(workspace, params["policy"])
        chosen = Chosen(settings_of(saved), saved)
    found = gather(workspace, params["run"], settings, policy=chosen, who=PAGE, progress=context)
    id = f"report-{context.job_id.removeprefix('job-')}"
    return {"report": keep(workspace, id, found, who=PAGE).id}


def explain(workspace: Workspace, params: Mapping[str, Any], context: JobContext) -> dict[str, Any]:
    """Explain one model of a run as a whole.

    Args:
        params: `run` (id); `subject`, a name of `subjects_of`.

    Returns:
        the id of the `explanation`.
    """
    from core.workflow.explaining.kept import explain_model

    return {"explanation": explain_model(workspace, params["run"], params["subject"], progress=context).id}


def simulate(workspace: Workspace, params: Mapping[str, Any], context: JobContext) -> dict[str, Any]:
    """Simulate the feedback loop.

    Args:
        params: `settings` (SimulationSettings, optional).

    Returns:
        the id of the `simulation`.
    """
    from core.simulation.kept import simulation

    settings = settings_from(SimulationSettings, params.get("settings", {}))
    return {"simulation": simulation(workspace, settings, progress=context).id}


def feedback(workspace: Workspace, params: Mapping[str, Any], context: JobContext) -> dict[str, Any]:
    """Bring in reactions to recommendations.

    Args:
        params: `dataset` (id); `who`; `files`, a list of `path`, `name` and, if told, `table`, impressions before service;
            `mongodb` (MongoSettings); one of the two may be missing.

    Returns:
        the ids of the `feedback`.
    """
    from core.data.feedback.from_mongodb import load_collections
    from core.data.feedback.keeping import load_file

    found, files = [], params.get("files", [])
    for place, file in enumerate(files):
        context("Reading feedback", place / len(files), file["name"])
        named = {"table": file.get("table"), "name": file["name"], "who": params["who"]}
        found.append(load_file(workspace, params["dataset"], Path(file["path"]), **named))
    if params.get("mongodb"):
        settings = settings_from(MongoSettings, params["mongodb"])
        asked = {"who": params["who"], "progress": context}
        found += load_collections(workspace, params["dataset"], settings, **asked)
    return {"feedback": [one.id for one in found]}


def retrain(workspace: Workspace, params: Mapping[str, Any], context: JobContext) -> dict[str, Any]:
    """Prepare the data of a run anew with the feedback on them, train on from it, and hold the two against each other.

    Args:
        params: `run` (id); `settings` (TrainSettings, optional); `name` of the new run (optional).

    Returns:
        the ids of the `dataset`, the `run` and the `comparison`.
    """
    from core.workflow.retraining import retrain as train_on

    given = params.get("settings")
    found = train_on(
        workspace,
        params["run"],
        None if given is None else settings_from(TrainSettings, given),
        new_id=_run_id(context),
        name=params.get("name", ""),
        who=PAGE,
        progress=part_of(context, 0.0, TRAIN_SHARE),
        scratch=context.scratch,
    )
    _first_frontier(workspace, found.run, context, PAGE, part_of(context, TRAIN_SHARE, 1.0))
    return {"dataset": found.dataset.id, "run": found.run.id, "comparison": found.comparison.id}


TASKS: Mapping[str, Task] = {
    "prepare": prepare,
    "train": train,
    "feedback": feedback,
    "retrain": retrain,
    "prepare_and_train": prepare_and_train,
    "search": search,
    "import_lists": import_lists,
    "frontier": frontier,
    "explain": explain,
    "publish": publish,
    "rollback": rollback,
    "report": report,
    "simulate": simulate,
}


def _run_id(context: JobContext) -> str:
    """The same in every attempt at a job."""
    return f"run-{context.job_id.removeprefix('job-')}"


def _prepare(workspace: Workspace, params: Mapping[str, Any], progress: Progress, who: str) -> str:
    from core.data.prepare import prepare as prepare_source  # torch and pandas load once there is work

    settings = settings_from(DatasetSettings, params.get("settings", {}))
    path = Path(params["path"]) if params.get("path") else None
    asked = {"path": path, "follows": params.get("follows"), "who": who, "progress": progress}
    return prepare_source(workspace, params["source"], settings, **asked).id


def _train(
    workspace: Workspace, params: Mapping[str, Any], context: JobContext, progress: Progress, who: str
) -> str:
    from core.workflow.training import train as train_run

    settings = settings_from(TrainSettings, params.get("settings", {}))
    run = train_run(
        workspace,
        params["dataset"],
        settings,
        run_id=_run_id(context),
        name=params.get("name", ""),
        who=who,
        progress=part_of(progress, 0.0, TRAIN_SHARE),
        scratch=context.scratch,
    )
    _first_frontier(workspace, run, context, who, part_of(progress, TRAIN_SHARE, 1.0))
    return run.id


def _first_frontier(
    workspace: Workspace, run: Run, context: JobContext, who: str, progress: Progress
) -> None:
    """The run is whole without it: whatever goes wrong here, also being told to stop, is for the log alone."""
    from core.workflow.policies.frontier import first_frontier

    try:
        first_frontier(workspace, run, who=who, progress=progress)
    except EvenhandError as error:
        context.log(f"No frontier yet: {error}")
    except Exception:
        context.log(traceback.format_exc(), shown=False)
