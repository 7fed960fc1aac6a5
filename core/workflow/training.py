"""From a prepared dataset to a run: fit, candidates for everyone, accuracy per user beside the baselines."""

from pathlib import Path

import pandas as pd
from torch import Tensor

from core.data.dataset import load
from core.errors import TrainingError
from core.models.baselines import BASELINES, baseline_candidates
from core.progress import Progress, part_of, quiet
from core.recommend.candidates import candidates
from core.recommend.lists import accuracy
from core.schema.documents import RUNS, Artefact, Dataset, Run, now
from core.schema.settings import TrainSettings
from core.schema.tables import USER
from core.store.workspace import Workspace
from core.train.fit import TrainedModel, fit
from core.train.weights import save
from core.workflow.chapter import Chapter
from core.workflow.further import further_models, recommender_report
from core.workflow.questions import HISTORY_BEFORE, Question, material_of

KS = (5, 10, 20, 50)


def train(
    workspace: Workspace,
    dataset_id: str,
    settings: TrainSettings,
    *,
    run_id: str,
    name: str = "",
    progress: Progress = quiet,
    scratch: Path | None = None,
) -> Run:
    """Train a recommender and keep everything an audit of it needs.

    Args:
        run_id: id of the run to commit; repeating a call with the same id repeats its write.
        scratch: folder for checkpoints; a call that finds one there goes on from it.

    Raises:
        NotFound: no such dataset. TrainingError: training diverged, or nothing to learn from. Cancelled: `progress` said so.
    """
    dataset = load(workspace, dataset_id)
    progress("Reading", 0.0, dataset.name)
    material = material_of(workspace, dataset, settings)
    asked = {split: material.question(split) for split in HISTORY_BEFORE}
    trained = fit(
        asked["validation"].inputs,
        asked["validation"].positives,
        settings,
        progress=part_of(progress, 0.02, 0.6),
        scratch=scratch,
    )
    tables = _answers(trained, asked, part_of(progress, 0.6, 0.66))
    tables["baselines_test"] = _baselines(asked["test"], part_of(progress, 0.66, 0.74))
    further = further_models(
        workspace, dataset, trained, material.inputs("test"), part_of(progress, 0.74, 0.99)
    )
    if not trained.history and not further.reports:
        raise TrainingError(
            "Nothing to learn from: no user has two baskets at different times before the split, and there are no "
            "reviews or orders to learn service quality from."
        )
    artefacts = {"weights": save(workspace.artefacts, run_id, trained)}
    artefacts |= _written(workspace, run_id, tables | further.tables, further.tensors)
    run = _described(dataset, trained, tables, further, id=run_id, name=name, artefacts=artefacts)
    workspace.documents.put(RUNS, run.dump())
    return run


def _written(
    workspace: Workspace,
    run_id: str,
    tables: dict[str, pd.DataFrame],
    tensors: dict[str, tuple[dict[str, Tensor], str]],
) -> dict[str, Artefact]:
    """Everything under `runs/<run_id>/`; a name stands for one artefact."""
    if twice := tables.keys() & tensors.keys():
        raise ValueError(f"named both as a table and as tensors: {', '.join(sorted(twice))}")
    write, folder = workspace.artefacts, f"runs/{run_id}"
    artefacts = {name: write.write_table(f"{folder}/{name}.parquet", frame) for name, frame in tables.items()}
    for name, (weights, described) in tensors.items():
        artefacts[name] = write.write_tensors(f"{folder}/{name}.safetensors", weights, {"model": described})
    return artefacts


def _answers(
    trained: TrainedModel, asked: dict[str, Question], progress: Progress
) -> dict[str, pd.DataFrame]:
    """Everybody's candidates and their accuracy, for each split."""
    tables = {}
    for number, (split, question) in enumerate(asked.items()):
        part = part_of(progress, number / len(asked), (number + 1) / len(asked))
        lists = candidates(trained, question.inputs, progress=part)
        tables |= {
            f"candidates_{split}": lists,
            f"per_user_{split}": accuracy(lists, question.positives, ks=KS),
        }
    return tables


def _baselines(asked: Question, progress: Progress) -> pd.DataFrame:
    """Per-user metrics of every baseline, stacked; column `baseline` says which."""
    parts = []
    for number, name in enumerate(BASELINES):
        progress("Comparing with baselines", number / len(BASELINES), name)
        lists = baseline_candidates(name, asked.inputs, k=max(KS))
        parts.append(accuracy(lists, asked.positives, ks=KS).assign(baseline=name))
    return pd.concat(parts, ignore_index=True)


def _means(per_user: pd.DataFrame) -> dict[str, float]:
    return {name: float(value) for name, value in per_user.drop(columns=USER).mean().dropna().items()}


def _described(
    dataset: Dataset,
    trained: TrainedModel,
    tables: dict[str, pd.DataFrame],
    further: Chapter,
    *,
    id: str,
    name: str,
    artefacts: dict[str, Artefact],
) -> Run:
    baselines = tables["baselines_test"].groupby("baseline")
    return Run(
        _id=id,
        dataset=dataset.id,
        name=name or f"{dataset.name}, {len(trained.history)} epochs",
        settings=trained.settings.model_dump(mode="json"),
        created_at=now(),
        device=trained.device,
        device_reason=trained.device_reason,
        seconds=trained.seconds,
        sequences_per_second=trained.sequences_per_second,
        history=trained.history,
        metrics={split: _means(tables[f"per_user_{split}"]) for split in HISTORY_BEFORE},
        baselines={"test": {str(rule): _means(rows.drop(columns="baseline")) for rule, rows in baselines}},
        reports={"recommender": recommender_report(trained)} | further.reports,
        artefacts=artefacts,
    )
