"""From a prepared dataset to better training settings: trials of the recommender, judged on validation alone."""

import hashlib
import json
import time
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass
from functools import partial
from pathlib import Path

import numpy as np
import torch
from optuna import TrialPruned
from optuna.study import Study
from optuna.trial import FrozenTrial, Trial, TrialState

from core import __version__
from core.data.dataset import load
from core.errors import TrainingError
from core.models.history import index_history
from core.models.task import resolve_task
from core.progress import Progress, quiet
from core.schema.documents import SEARCHES, Dataset, Epoch, Search, SearchTrial, now
from core.schema.settings import SearchSettings, TrainSettings
from core.store.trail import PROGRAM, record
from core.store.workspace import Workspace
from core.train.fit import fit
from core.train.setup import settled
from core.workflow.questions import Question, material_of
from core.workflow.search_space import space, tried, varied
from core.workflow.search_study import (
    STOPPED,
    ask,
    finished,
    give_up,
    importances,
    open_study,
    problem,
    reached,
    settle_lost,
)

VALIDATION = "validation"
SECONDS, CREATED = "seconds", "created_at"  # what the study keeps besides
NO_ANSWERS = (
    "Nothing to search by: nobody with a history took anything of the catalogue in the validation window."
)
NO_HISTORY = "Nothing to learn from: no user has two baskets at different times before the split."


class _TimeIsUp(Exception):
    """The minutes of a search are spent."""


@dataclass(frozen=True)
class _Asked:
    """What one call of `search` works with.

    `given` and `base` are the settings to start from, before and after the data filled in what is automatic; `deadline`
    is on the monotonic clock, None without one.
    """

    workspace: Workspace
    dataset: Dataset
    settings: SearchSettings
    given: TrainSettings
    base: TrainSettings
    question: Question
    study: Study
    progress: Progress
    scratch: Path | None
    deadline: float | None


def search(
    workspace: Workspace,
    dataset_id: str,
    settings: SearchSettings,
    base: TrainSettings,
    *,
    who: str = PROGRAM,
    progress: Progress = quiet,
    scratch: Path | None = None,
) -> Search:
    """Look for training settings with a higher validation NDCG@10 than those of `base`.

    The first trial has the settings of `base`; the others vary what `space` names. Only the first stage is trained,
    and the test split is not looked at. The same search asked for again goes on where it stood: with what was under
    way when it was killed, or with further trials if more are wanted now. The document of the search is written after
    every trial.

    Args:
        who: asked for it, for the audit trail: an entry where anything was tried.
        progress: told after every batch; may raise `Cancelled`.
        scratch: folder for checkpoints; a trial that was killed goes on from the one there.

    Raises:
        NotFound: no such dataset. InputError: another process is at it. TrainingError: the settings of `base` cannot be
            trained, or there is nothing to learn from or to judge by.
    """
    dataset = load(workspace, dataset_id)
    progress("Reading", 0.0, dataset.name)
    question = _question(workspace, dataset, base)
    start = _settled(question, base)
    with open_study(workspace, _id(dataset, start)) as study:
        settle_lost(study)
        if CREATED not in study.user_attrs:
            study.set_user_attr(CREATED, now())
        until = _deadline(study, settings)
        asked = _Asked(workspace, dataset, settings, base, start, question, study, progress, scratch, until)
        before = len(finished(study))
        try:
            with suppress(_TimeIsUp):
                while len(finished(study)) < settings.trials:
                    _next_trial(asked)
                    _keep(asked, done=False)
            return _keep(asked, done=True)
        finally:  # also of a search that was stopped: what it found can be used
            if made := len(finished(study)) - before:
                about = {"dataset": dataset.id, "search": study.study_name}
                record(workspace, "tuned", who=who, about=about, details={"trials": made})


def _id(dataset: Dataset, base: TrainSettings) -> str:
    """The same for the same data, settings to start from and code, whoever asks."""
    values = {name: str(options) for name, options in space(base).items()}
    described = [dataset.id, dataset.created_at, base.model_dump(mode="json"), values, __version__]
    return f"search-{hashlib.sha256(json.dumps(described).encode()).hexdigest()[:16]}"


def _question(workspace: Workspace, dataset: Dataset, base: TrainSettings) -> Question:
    """What the recommender is asked on the validation split; what comes after it is not read into it."""
    question = material_of(workspace, dataset, base).question(VALIDATION)
    asked = np.diff(question.inputs.history.offsets) > 0
    if not (asked & (np.diff(question.positives.offsets) > 0)).any():
        raise TrainingError(NO_ANSWERS)
    return question


def _settled(question: Question, base: TrainSettings) -> TrainSettings:
    """The settings with numbers where they are automatic, so that a search can vary those as well."""
    history = index_history(question.inputs)
    return settled(base, resolve_task(history, base), history)


def _deadline(study: Study, settings: SearchSettings) -> float | None:
    if settings.minutes is None:
        return None
    spent = sum(trial.user_attrs.get(SECONDS, 0.0) for trial in finished(study))
    return time.monotonic() + 60 * settings.minutes - spent


def _next_trial(asked: _Asked) -> None:
    """Train with the next settings; the first trial is never cut short."""
    place = len(finished(asked.study))
    watched = _watched(asked, place)
    watched("", 0.0)
    trial = ask(asked.study, space(asked.base), seed=asked.base.seed, first=varied(asked.base))
    settings = tried(asked.base, trial.params) if place else asked.base
    reported: set[int] = set()
    try:
        trained = fit(
            asked.question.inputs,
            asked.question.positives,
            settings.model_copy(update={"ranking": False}),
            progress=watched,
            scratch=asked.scratch,
            after_epoch=partial(_after_epoch, trial, reported),
        )
        if not trained.history:
            raise TrainingError(NO_HISTORY)
        _report(trial, reported, trained.history)
        asked.study.tell(trial, max(epoch.validation_ndcg for epoch in trained.history))
    except TrialPruned:
        asked.study.tell(trial, state=TrialState.PRUNED)
    except BaseException as error:
        if not (place and isinstance(error, TrainingError | torch.OutOfMemoryError)):
            trial.set_user_attr(STOPPED, True)
            asked.study.tell(trial, state=TrialState.FAIL)
            raise
        give_up(asked.study, trial.number, _sentence(error))


def _sentence(error: Exception) -> str:
    return str(error) if isinstance(error, TrainingError) else "The accelerator's memory did not suffice."


def _watched(asked: _Asked, place: int) -> Progress:
    """Progress of one trial as that of the whole search, with the best value so far."""
    stage, best = f"Trial {place + 1} of {asked.settings.trials}", _best_so_far(asked.study)

    def report(_: str, fraction: float, message: str = "") -> None:
        left = None if asked.deadline is None else asked.deadline - time.monotonic()
        share = (place + fraction) / asked.settings.trials
        if left is not None:
            if place and left < 0:
                raise _TimeIsUp
            share = max(share, 1 - left / (60 * asked.settings.minutes))
        asked.progress(stage, min(share, 0.99), best)

    return report


def _best_so_far(study: Study) -> str:
    done = finished(study)
    if not done:
        return "the settings to start from"
    return f"best NDCG@10 so far {study.best_value:.4f}, with those to start from {done[0].value:.4f}"


def _after_epoch(trial: Trial, reported: set[int], epochs: Sequence[Epoch]) -> None:
    """Report to the study; `TrialPruned` where the trial is no better than half of the others by now."""
    _report(trial, reported, epochs)
    if trial.should_prune():
        raise TrialPruned


def _report(trial: Trial, reported: set[int], epochs: Sequence[Epoch]) -> None:
    """Tell the study every epoch once, also those that a checkpoint brought along."""
    for epoch in epochs:
        if epoch.epoch not in reported:
            trial.report(epoch.validation_ndcg, epoch.epoch)
            reported.add(epoch.epoch)
    trial.set_user_attr(SECONDS, sum(epoch.seconds for epoch in epochs))


def _keep(asked: _Asked, *, done: bool) -> Search:
    """Write the document of the search as it stands."""
    study = asked.study
    trials = finished(study)
    found = Search(
        _id=study.study_name,
        dataset=asked.dataset.id,
        base=asked.given.model_dump(mode="json"),
        settings=asked.settings.model_dump(mode="json"),
        created_at=study.user_attrs[CREATED],
        finished=done,
        trials=[_described(asked, trial, place) for place, trial in enumerate(trials)],
        best=1 + [trial.number for trial in trials].index(study.best_trial.number),
        importances=importances(study),
    )
    asked.workspace.documents.put(SEARCHES, found.dump())
    return found


def _described(asked: _Asked, trial: FrozenTrial, place: int) -> SearchTrial:
    why = problem(asked.study, trial)
    unfinished = "failed" if why else "stopped"
    return SearchTrial(
        number=place + 1,
        params=varied(tried(asked.base, trial.params) if place else asked.base),
        state="complete" if trial.state == TrialState.COMPLETE else unfinished,
        value=reached(trial),
        epochs=len(trial.intermediate_values),
        seconds=trial.user_attrs.get(SECONDS, 0.0),
        problem=why,
    )
