"""The search as a job in a real worker: killed, it ends as an undisturbed one; cancelled, it stops and goes on."""

import os
import signal

import pytest

from core.data.prepare import prepare
from core.jobs import queue
from core.schema.settings import SearchSettings, TrainSettings
from core.store.workspace import Workspace
from core.workflow.search import search
from core.workflow.searches import list_searches
from tests.conftest import copied
from tests.core.data.conftest import SMALL, made_shop
from tests.core.jobs.conftest import finished, wait_until, workers

BASE = {"width": 16, "layers": 1, "history_length": 32, "epochs": 4, "device": "cpu"}


@pytest.fixture
def dataset(workspace, tmp_path):
    folder = tmp_path / "shop"
    folder.mkdir()
    for name, table in made_shop().present().items():
        table.to_csv(folder / f"{name}.csv", index=False)
    return prepare(workspace, "tables", SMALL, path=folder)


def start(workspace, dataset, *, trials: int, **base) -> str:
    params = {"dataset": dataset.id, "settings": {"trials": trials}, "base": BASE | base}
    job = queue.enqueue(workspace, "search", params)
    queue.ensure_worker(workspace)
    return job.id


def in_trial(workspace, id: str, number: int) -> bool:
    return queue.get(workspace, id).progress.stage.startswith(f"Trial {number} ")


def tried(found) -> list[tuple]:
    return [(trial.params, trial.state) for trial in found.trials]


def test_a_search_killed_in_a_trial_ends_with_the_trials_of_an_undisturbed_one(workspace, dataset, tmp_path):
    root = copied(workspace.root, tmp_path / "undisturbed")
    other = Workspace.open(root, f"sqlite:///{root}/evenhand.db")
    undisturbed = search(other, dataset.id, SearchSettings(trials=3), TrainSettings(**BASE))
    other.close()
    id = start(workspace, dataset, trials=3)
    wait_until(lambda: in_trial(workspace, id, 2), 60)
    (pid,) = workers(workspace)
    os.kill(pid, signal.SIGKILL)
    job = finished(workspace, id)
    assert (job.state, job.attempt) == ("done", 2)
    (found,) = list_searches(workspace, dataset.id)
    assert job.result == {"search": found.id}
    assert found.finished
    assert tried(found) == tried(undisturbed)
    values = [[trial.value for trial in made.trials] for made in (found, undisturbed)]
    assert values[0] == pytest.approx(values[1], abs=1e-6)


def test_cancel_ends_a_search_within_a_trial_and_resume_goes_on_with_it(workspace, dataset):
    id = start(workspace, dataset, trials=50, epochs=200, patience=100)
    wait_until(lambda: in_trial(workspace, id, 1) and queue.get(workspace, id).progress.fraction > 0.002, 60)
    queue.request_cancel(workspace, id)
    job = finished(workspace, id, seconds=5)
    assert job.state == "cancelled"
    assert list_searches(workspace, dataset.id) == []
    queue.resume(workspace, id)
    wait_until(lambda: in_trial(workspace, id, 1) and queue.get(workspace, id).attempt == 2)
    wait_until(lambda: queue.get(workspace, id).progress.fraction >= job.progress.fraction)
    queue.request_cancel(workspace, id)
    assert finished(workspace, id, seconds=5).state == "cancelled"


def test_bad_settings_fail_the_job_with_one_clear_line(workspace, dataset):
    job = finished(workspace, start(workspace, dataset, trials=0))
    assert (job.state, job.error) == (
        "failed",
        "Setting 'trials': Input should be greater than or equal to 1.",
    )
