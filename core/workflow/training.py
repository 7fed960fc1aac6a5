"""From a prepared dataset to a run: fit, candidates for everyone, accuracy per user beside the baselines."""

from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from pathlib import Path

import pandas as pd

from core.data.dataset import load, table
from core.data.inputs import ModelInputs, Positives, model_inputs, positives
from core.data.support import TIMING
from core.models.baselines import BASELINES, baseline_candidates
from core.progress import Progress, part_of, quiet
from core.recommend.candidates import candidates
from core.recommend.lists import accuracy
from core.schema.documents import RUNS, Artefact, Dataset, Run, now
from core.schema.settings import TrainSettings
from core.schema.tables import BASKET, EVENT, ITEM, RATING, SATISFACTION, SPLIT, TIMESTAMP, USER
from core.store.workspace import Workspace
from core.train.fit import TrainedModel, fit
from core.train.weights import save

KS = (5, 10, 20, 50)
HISTORY_BEFORE = {"validation": "train", "test": "validation"}  # what a list for each split may know


@dataclass(frozen=True)
class Question:
    """What a recommender is asked on one split: histories up to its start, and what was bought in it."""

    inputs: ModelInputs
    positives: Positives


def questions(workspace: Workspace, dataset: Dataset, settings: TrainSettings) -> dict[str, Question]:
    """The validation and the test question of a dataset; history always ends where the split begins."""
    inputs_until = inputs_of(workspace, dataset, settings)
    events = table(workspace, dataset, "events", [USER, ITEM, EVENT, SPLIT])
    asked = {}
    for split, until in HISTORY_BEFORE.items():
        inputs = inputs_until(until=until)
        asked[split] = Question(inputs, positives(events, inputs.n_items, inputs.n_users, split))
    return asked


def inputs_of(workspace: Workspace, dataset: Dataset, settings: TrainSettings) -> Callable[..., ModelInputs]:
    """What a model may know of a dataset `until` the end of each split."""
    events = table(workspace, dataset, "events", [USER, ITEM, BASKET, TIMESTAMP, EVENT, SPLIT])
    return partial(
        model_inputs,
        events,
        table(workspace, dataset, "items"),
        n_users=dataset.counts["users"],
        users=_visible_users(workspace, dataset, settings),
        ratings=_ratings(workspace, dataset),
        timed=TIMING not in dataset.missing,
    )


def _visible_users(workspace: Workspace, dataset: Dataset, settings: TrainSettings) -> pd.DataFrame:
    """The user table without protected attributes, unless the settings let the model see them."""
    users = table(workspace, dataset, "users")
    return users if settings.protected_inputs else users.drop(columns=dataset.protected)


def _ratings(workspace: Workspace, dataset: Dataset) -> pd.DataFrame | None:
    """`user`, `item`, `timestamp`, `rating`: reviews, else satisfaction with an item's service."""
    for name, value in (("reviews", RATING), ("service", SATISFACTION)):
        if name in dataset.tables:
            rows = table(workspace, dataset, name)
            if {ITEM, value} <= set(rows):
                return rows[[USER, ITEM, TIMESTAMP, value]].rename(columns={value: RATING})
    return None


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
        NotFound: no such dataset. TrainingError: training diverged. Cancelled: `progress` said so.
    """
    dataset = load(workspace, dataset_id)
    progress("Reading", 0.0, dataset.name)
    asked = questions(workspace, dataset, settings)
    trained = fit(
        asked["validation"].inputs,
        asked["validation"].positives,
        settings,
        progress=part_of(progress, 0.02, 0.8),
        scratch=scratch,
    )
    artefacts = {"weights": save(workspace.artefacts, run_id, trained)}
    tables = _answers(trained, asked, part_of(progress, 0.8, 0.92))
    progress("Comparing with baselines", 0.92, "")
    tables["baselines_test"] = _baselines(asked["test"], part_of(progress, 0.92, 0.99))
    for table_name, frame in tables.items():
        path = f"runs/{run_id}/{table_name}.parquet"
        artefacts[table_name] = workspace.artefacts.write_table(path, frame)
    run = _described(dataset, trained, tables, id=run_id, name=name, artefacts=artefacts)
    workspace.documents.put(RUNS, run.dump())
    return run


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
    *,
    id: str,
    name: str,
    artefacts: dict[str, Artefact],
) -> Run:
    baselines = tables["baselines_test"].groupby("baseline")
    return Run(
        _id=id,
        dataset=dataset.id,
        name=name or f"{dataset.name}, {trained.settings.epochs} epochs",
        settings=trained.settings.model_dump(mode="json"),
        created_at=now(),
        device=trained.device,
        device_reason=trained.device_reason,
        seconds=trained.seconds,
        sequences_per_second=trained.sequences_per_second,
        history=trained.history,
        metrics={split: _means(tables[f"per_user_{split}"]) for split in HISTORY_BEFORE},
        baselines={"test": {str(rule): _means(rows.drop(columns="baseline")) for rule, rows in baselines}},
        artefacts=artefacts,
    )
