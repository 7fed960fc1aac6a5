"""The accuracy benchmark: one data set, several seeds, every baseline, on the protocol of docs/accuracy.md."""

import hashlib
import json
import os
import time
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

import core
from core.data.inputs import Positives, new_to_users
from core.data.prepare import prepare
from core.errors import CorruptArtefact, SettingsError
from core.metrics import per_user_metrics
from core.models.baselines import BASELINES, baseline_candidates
from core.models.history import index_history
from core.models.rank import ranked_items
from core.progress import Progress, part_of, quiet
from core.recommend.lists import accuracy
from core.schema.documents import RUNS, Dataset, Run
from core.schema.settings import DatasetSettings, TrainSettings
from core.schema.tables import USER
from core.store.workspace import Workspace
from core.train.device import choose_device
from core.train.weights import load
from core.workflow.evaluation import estimates
from core.workflow.questions import Question, questions
from core.workflow.runs import run_table
from core.workflow.training import train

KS = (10, 20)
METRICS = ["ndcg@10", "recall@10", "recall@20"]
OURS = "evenhand"
MOST_SEEDS = 20
PREPARING = 0.02  # share of the work, as are the baselines at the end
BASELINES_FROM = 0.95


@dataclass(frozen=True)
class Judged:
    """Metrics of one model of every user with answers; index: user code.

    Attributes:
        everything: columns METRICS.
        new: the same with what a user had before taken out of lists and answers; None where no answer repeats.
        seconds: of fitting the model, and of scoring everybody with a baseline.
    """

    everything: pd.DataFrame
    new: pd.DataFrame | None
    seconds: float


def bench_accuracy(
    workspace: Workspace,
    source: str,
    settings: TrainSettings,
    *,
    path: Path | None = None,
    data: DatasetSettings | None = None,
    seeds: int = 3,
    progress: Progress = quiet,
) -> dict[str, Any]:
    """Train with `seeds` seeds from `settings.seed` on, and judge them and every baseline on the test split.

    Runs stay in the workspace. Called again, a finished seed is not trained again, and an unfinished one goes on
    from its checkpoint.

    Returns:
        {"data", "dataset", "split", "users", "catalogue", "settings", "machine", "runs", "models", "differences"}.
        Each model has `metrics`, and `new_items` where answers repeat earlier items: {metric: {"value", "low",
        "high"}}, 95 % intervals over users; ours, the mean over seeds, also `seeds`: {metric: [value of each]} and
        `spread`: {metric: standard deviation over seeds}. `differences` are ours minus each baseline, paired,
        `new_differences` the same of new items.

    Raises:
        SettingsError: no such number of seeds. InputError: the source cannot be read. TrainingError.
    """
    check_seeds(seeds)
    dataset = prepare(
        workspace, source, data or DatasetSettings(), path=path, progress=part_of(progress, 0, PREPARING)
    )
    runs = []
    for number in range(seeds):
        share = (BASELINES_FROM - PREPARING) / seeds
        part = part_of(progress, PREPARING + number * share, PREPARING + (number + 1) * share)
        alone = {"seed": settings.seed + number, "models": ()}  # only the recommender is judged here
        seeded = settings.model_copy(update=alone)
        runs.append(_finished_run(workspace, dataset, seeded, part))
    question = questions(workspace, dataset, settings)["test"]
    ours = [_judged_run(workspace, run, question) for run in runs]
    rules = _judged_baselines(question, part_of(progress, BASELINES_FROM, 1))
    return _described(dataset, runs, question) | _compared(ours, rules)


def check_seeds(seeds: int) -> None:
    """Raises SettingsError where nothing can be trained so often."""
    if not 1 <= seeds <= MOST_SEEDS:
        raise SettingsError(f"'seeds' must be from 1 to {MOST_SEEDS}, not {seeds}.")


def _finished_run(workspace: Workspace, dataset: Dataset, settings: TrainSettings, progress: Progress) -> Run:
    """The run of this dataset and these settings, trained unless it is there."""
    decisive = [dataset.id, core.__version__, settings.model_dump(mode="json")]
    run_id = f"run-bench-{hashlib.sha256(json.dumps(decisive, sort_keys=True).encode()).hexdigest()[:12]}"
    document = workspace.documents.get(RUNS, run_id)
    if document is not None and _readable(workspace, run := Run.model_validate(document)):
        progress("Training", 1.0, f"seed {settings.seed}: kept from {run.created_at[:16]}, {run.id}")
        return run
    run = train(
        workspace,
        dataset.id,
        settings,
        run_id=run_id,
        name=f"{dataset.name}, benchmark, seed {settings.seed}",
        progress=progress,
        scratch=workspace.artefacts.scratch(run_id),
    )
    workspace.artefacts.discard_scratch(run_id)
    return run


def _readable(workspace: Workspace, run: Run) -> bool:
    try:
        load(workspace.artefacts, run.artefacts["weights"])
        run_table(workspace, run, "per_user_test", [USER])
    except CorruptArtefact:
        return False
    return True


def _judged_run(workspace: Workspace, run: Run, question: Question) -> Judged:
    per_user = run_table(workspace, run, "per_user_test", [USER, *METRICS]).set_index(USER)
    answers, new = unseen(question), None
    if answers is not None:
        device = choose_device("auto").torch
        model, task = load(workspace.artefacts, run.artefacts["weights"], device=device)
        ranked = ranked_items(
            model,
            index_history(question.inputs),
            np.arange(question.inputs.n_users),
            k=max(KS),
            task=replace(task, exclude_seen=True),
            device=device,
        )
        new = per_user_metrics(ranked, answers.offsets, answers.items, KS)[METRICS]
    return Judged(per_user, new, run.seconds)


def _judged_baselines(question: Question, progress: Progress) -> dict[str, Judged]:
    found, answers = {}, unseen(question)
    for number, name in enumerate(BASELINES):
        progress("Baselines", number / len(BASELINES), name)
        began = time.monotonic()
        everything = _accuracy(baseline_candidates(name, question.inputs, k=max(KS)), question.positives)
        seconds, new = time.monotonic() - began, None
        if answers is not None:
            new = _accuracy(baseline_candidates(name, question.inputs, k=max(KS), exclude_seen=True), answers)
        found[name] = Judged(everything, new, seconds)
    return found


def _accuracy(lists: pd.DataFrame, answers: Positives) -> pd.DataFrame:
    return accuracy(lists, answers, ks=KS).set_index(USER)[METRICS]


def unseen(question: Question) -> Positives | None:
    """The answers that their users had not taken before; None where that is all of them."""
    answers, inputs = question.positives, question.inputs
    new = new_to_users(answers, inputs.history.users, inputs.history.items, n_items=inputs.n_items)
    return None if len(new.items) == len(answers.items) else new


def _compared(ours: list[Judged], rules: dict[str, Judged]) -> dict[str, Any]:
    mean = Judged(
        _mean([one.everything for one in ours]),
        None if ours[0].new is None else _mean([one.new for one in ours]),
        float(np.mean([one.seconds for one in ours])),
    )
    by_seed = pd.DataFrame([one.everything.mean() for one in ours])
    spread = by_seed.std() if len(ours) > 1 else None
    models = {
        OURS: _estimated(mean)
        | {"seeds": by_seed.to_dict("list"), "spread": None if spread is None else spread.to_dict()}
    }
    return {
        "models": models | {name: _estimated(rule) for name, rule in rules.items()},
        "differences": {
            name: estimates(mean.everything - rule.everything, -1) for name, rule in rules.items()
        },
        "new_differences": {
            name: estimates(mean.new - rule.new, -1) for name, rule in rules.items() if rule.new is not None
        },
    }


def _mean(frames: list[pd.DataFrame]) -> pd.DataFrame:
    """Mean of each user over seeds."""
    return sum(frames[1:], frames[0]) / len(frames)


def _estimated(judged: Judged) -> dict[str, Any]:
    found = {"metrics": estimates(judged.everything), "seconds": judged.seconds}
    return found if judged.new is None else found | {"new_items": estimates(judged.new)}


def _described(dataset: Dataset, runs: list[Run], question: Question) -> dict[str, Any]:
    settings = TrainSettings.model_validate(runs[0].settings)  # with what was left to the data filled in
    return {
        "data": dataset.name,
        "dataset": dataset.id,
        "split": dataset.settings["split"],
        "users": int(np.count_nonzero(np.diff(question.positives.offsets))),
        "catalogue": question.inputs.n_items,
        "settings": settings.model_dump(mode="json", exclude={"seed", "device", "models"}),
        "machine": f"{runs[0].device}, {os.cpu_count()} CPU cores",
        "runs": [
            {
                "run": run.id,
                "seed": run.settings["seed"],
                "epochs": len(run.history),
                "seconds": run.seconds,
                "sequences_per_second": run.sequences_per_second,
                "trained_at": run.created_at,
            }
            for run in runs
        ],
    }
