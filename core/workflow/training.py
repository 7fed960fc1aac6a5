"""From a prepared dataset to a run: fit, candidates for everyone, accuracy per user beside the baselines."""

from pathlib import Path

import pandas as pd

from core.data.dataset import load
from core.errors import TrainingError
from core.progress import Progress, part_of, quiet
from core.recommend.candidates import candidates
from core.schema.documents import RUNS, Artefact, Dataset, ModelReport, Run, now
from core.schema.settings import TrainSettings
from core.store.trail import PROGRAM, record
from core.store.workspace import Workspace
from core.train.fit import TrainedModel, fit
from core.train.weights import save
from core.workflow.carrying import carried
from core.workflow.fair_training import fairness_reports
from core.workflow.further import further_models, recommender_report
from core.workflow.keeping import accuracy_of, accuracy_of_baselines, means, means_of_baselines, written
from core.workflow.questions import HISTORY_BEFORE, Question, material_of
from core.workflow.runs import load_run


def train(
    workspace: Workspace,
    dataset_id: str,
    settings: TrainSettings,
    *,
    run_id: str,
    name: str = "",
    start: str | None = None,
    who: str = PROGRAM,
    progress: Progress = quiet,
    scratch: Path | None = None,
) -> Run:
    """Train a recommender and keep everything an audit of it needs.

    Args:
        run_id: id of the run to commit; repeating a call with the same id repeats its write.
        start: a run of the same shop whose weights training goes on from; unset: it begins anew.
        who: asked for it, for the audit trail.
        scratch: folder for checkpoints; a call that finds one there goes on from it.

    Raises:
        NotFound: no such dataset or run. TrainingError: training diverged, or nothing to learn from. Cancelled: `progress` said so.
    """
    dataset = load(workspace, dataset_id)
    progress("Reading", 0.0, dataset.name)
    material = material_of(workspace, dataset, settings)
    asked = {split: material.question(split) for split in HISTORY_BEFORE}
    begun = None
    if start is not None:
        run = load_run(workspace, start)
        begun = carried(workspace, run, material, asked["validation"].inputs, settings).model
    trained = fit(
        asked["validation"].inputs,
        asked["validation"].positives,
        settings,
        start=begun,
        progress=part_of(progress, 0.02, 0.6),
        scratch=scratch,
    )
    tables = _answers(trained, asked, part_of(progress, 0.6, 0.66))
    tables["baselines_test"] = accuracy_of_baselines(asked["test"], part_of(progress, 0.66, 0.74))
    further = further_models(
        workspace, dataset, trained, material.inputs("test"), part_of(progress, 0.74, 0.99)
    )
    if not trained.history and not further.reports:
        raise TrainingError(
            "Nothing to learn from: no user has two baskets at different times before the split, and there are no "
            "reviews or orders to learn service quality from."
        )
    fair = fairness_reports(trained, asked["test"].inputs, material.attributes)
    artefacts = {"weights": save(workspace.artefacts, run_id, trained)}
    artefacts |= written(workspace, run_id, tables | further.tables, further.tensors)
    reports = {"recommender": recommender_report(trained)} | fair | further.reports
    run = _described(
        dataset, trained, tables, reports, id=run_id, name=name, start=start, artefacts=artefacts
    )
    workspace.documents.put(RUNS, run.dump())
    record(workspace, "trained", who=who, about={"dataset": dataset.id, "run": run.id})
    return run


def _answers(
    trained: TrainedModel, asked: dict[str, Question], progress: Progress
) -> dict[str, pd.DataFrame]:
    """Everybody's candidates and their accuracy, for each split."""
    tables = {}
    for number, (split, question) in enumerate(asked.items()):
        part = part_of(progress, number / len(asked), (number + 1) / len(asked))
        lists = candidates(trained, question.inputs, progress=part)
        tables |= {f"candidates_{split}": lists, f"per_user_{split}": accuracy_of(lists, question)}
    return tables


def _described(
    dataset: Dataset,
    trained: TrainedModel,
    tables: dict[str, pd.DataFrame],
    reports: dict[str, ModelReport],
    *,
    id: str,
    name: str,
    start: str | None,
    artefacts: dict[str, Artefact],
) -> Run:
    return Run(
        _id=id,
        dataset=dataset.id,
        name=name
        or f"{dataset.name}, {len(trained.history)} epoch{'' if len(trained.history) == 1 else 's'}",
        settings=trained.settings.model_dump(mode="json"),
        created_at=now(),
        device=trained.device,
        device_reason=trained.device_reason,
        seconds=trained.seconds,
        sequences_per_second=trained.sequences_per_second,
        history=trained.history,
        metrics={split: means(tables[f"per_user_{split}"]) for split in HISTORY_BEFORE},
        baselines={"test": means_of_baselines(tables["baselines_test"])},
        reports=reports,
        follows=start,
        feedback=dataset.feedback,
        artefacts=artefacts,
    )
