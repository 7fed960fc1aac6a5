"""The study behind a search: an SQLite file in the workspace that survives whoever writes it being killed.

Optuna's relational storage keeps numbers and JSON, no pickle, and each change is one transaction. Its journal file
would do without SQL, but a line torn by a crash makes such a file unreadable, and a killed writer leaves its lock.
"""

import fcntl
import sqlite3
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import IO

import numpy as np
import optuna
from optuna.distributions import BaseDistribution
from optuna.exceptions import StorageInternalError
from optuna.importance import FanovaImportanceEvaluator, get_param_importances
from optuna.pruners import MedianPruner
from optuna.samplers import TPESampler
from optuna.storages import RDBStorage
from optuna.study import Study
from optuna.trial import FrozenTrial, Trial, TrialState, create_trial
from scipy.stats import rankdata
from sqlalchemy.exc import SQLAlchemyError

from core.errors import InputError, StoreError
from core.store.documents import checked_id
from core.store.workspace import Workspace

DONE = (TrialState.COMPLETE, TrialState.PRUNED)
RANDOM_TRIALS = 5  # before the sampler models what it has seen
COMPARED_TRIALS = 4  # complete ones, before any trial is stopped early
WARM_UP_EPOCHS = 2  # that every trial has
EXPLAINED_TRIALS = 8  # before importances mean anything
STOPPED = "stopped"  # mark of a trial that ended unfinished but in order
LOST = "Training was lost twice; it may need more memory than there is."


@contextmanager
def open_study(workspace: Workspace, search_id: str) -> Iterator[Study]:
    """The study of a search, new or as it was left; one process at a time.

    Raises:
        InputError: another process has it. StoreError: its file cannot be read or written.
    """
    optuna.logging.set_verbosity(optuna.logging.ERROR)
    try:
        file = _file(workspace, search_id)
        with file.with_suffix(".lock").open("w") as lock:
            _hold(lock)
            # Not by its address: characters such as ? and # in a folder's name would end it.
            storage = RDBStorage("sqlite://", engine_kwargs={"creator": lambda: _connection(file)})
            try:
                yield optuna.create_study(
                    study_name=search_id,
                    storage=storage,
                    load_if_exists=True,
                    direction="maximize",
                    pruner=MedianPruner(COMPARED_TRIALS, WARM_UP_EPOCHS, n_min_trials=COMPARED_TRIALS - 1),
                )
            finally:
                storage.remove_session()
                storage.engine.dispose()
    except (OSError, StorageInternalError, SQLAlchemyError) as error:
        raise StoreError(f"The search cannot be read or written: {_reason(error)}.") from error


def finished(study: Study) -> list[FrozenTrial]:
    """The trials that are done, in order; those that were lost or stopped on the way do not count."""
    return study.get_trials(deepcopy=False, states=DONE)


def ask(study: Study, space: dict[str, BaseDistribution], *, seed: int, first: dict) -> Trial:
    """The next trial; the first one has the values `first`.

    What is suggested follows from the seed and the finished trials alone, so a search that was killed goes on as if
    it had not been.
    """
    place = len(finished(study))
    drawn = int(np.random.SeedSequence([seed, place]).generate_state(1)[0])
    study.sampler = TPESampler(seed=drawn, n_startup_trials=RANDOM_TRIALS, constant_liar=False)
    if not place and not study.get_trials(deepcopy=False, states=(TrialState.WAITING,)):
        study.enqueue_trial(first)
    return study.ask(space)


def settle_lost(study: Study) -> None:
    """Trials that still seem to run belong to processes that died: try each once more, then leave it out.

    The first trial is never left out, for the others are measured by it.
    """
    lost_before = _lost_in_a_row(study)
    for trial in study.get_trials(deepcopy=False, states=(TrialState.RUNNING,)):
        if lost_before and finished(study) and trial.params:
            give_up(study, trial.number, LOST)
        else:
            study.tell(trial.number, state=TrialState.FAIL)


def give_up(study: Study, number: int, problem: str) -> None:
    """Count a trial as done although it has no result; the sampler takes it for a bad one."""
    study.set_user_attr(_problem_of(number), problem)
    study.tell(number, state=TrialState.PRUNED)


def problem(study: Study, trial: FrozenTrial) -> str | None:
    """Why a trial was given up, if it was."""
    return study.user_attrs.get(_problem_of(trial.number))


def importances(study: Study) -> dict[str, float]:
    """Share of the differences between the trials that each setting explains, largest first.

    fANOVA of a random forest (Hutter et al., ICML 2014), fitted to the ranks of what the trials reached. Those that
    were stopped early take part: they are most of what is known of bad settings, and a rank does not overstate how bad
    they are. Empty where trials are few or all equally good.
    """
    trials = [trial for trial in finished(study) if reached(trial) is not None]
    if len(trials) < EXPLAINED_TRIALS or len({reached(trial) for trial in trials}) == 1:
        return {}
    ranked = optuna.create_study(direction="maximize")
    for trial, rank in zip(trials, rankdata([reached(trial) for trial in trials]), strict=True):
        ranked.add_trial(create_trial(params=trial.params, distributions=trial.distributions, value=rank))
    try:
        found = get_param_importances(ranked, evaluator=FanovaImportanceEvaluator(seed=0))
    except RuntimeError:  # no tree of the forest found a difference
        return {}
    return {name: float(share) for name, share in found.items()}


def reached(trial: FrozenTrial) -> float | None:
    """The best validation value of a trial's epochs; None before the first."""
    return max(trial.intermediate_values.values(), default=None)


def _lost_in_a_row(study: Study) -> int:
    """How many attempts at the next trial were lost before."""
    lost = 0
    for trial in study.get_trials(deepcopy=False):
        if trial.state in DONE:
            lost = 0
        elif trial.state == TrialState.FAIL and STOPPED not in trial.user_attrs:
            lost += 1
    return lost


def _file(workspace: Workspace, search_id: str) -> Path:
    folder = workspace.root / "searches"
    folder.mkdir(exist_ok=True)
    return folder / f"{checked_id(search_id)}.sqlite3"


def _connection(file: Path) -> sqlite3.Connection:
    """A connection whose commits need not wait for the disk: fifty of them make a trial, and a killed process loses none."""
    connection = sqlite3.connect(file)
    connection.executescript("PRAGMA journal_mode = WAL; PRAGMA synchronous = NORMAL")
    return connection


def _hold(lock: IO) -> None:
    """Keep others out until the file is closed, also by being killed."""
    try:
        fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        raise InputError("This search is under way in another process; wait for it to end.") from None


def _reason(error: Exception) -> str:
    return getattr(error, "strerror", None) or type(error.__cause__ or error).__name__


def _problem_of(number: int) -> str:
    return f"problem of {number}"
