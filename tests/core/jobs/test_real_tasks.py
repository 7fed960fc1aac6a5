"""The real tasks in real worker processes: a killed training ends as an undisturbed one, and cancel reaches it."""

import os
import re
import shutil
import signal

import pytest

from core.data.prepare import prepare
from core.jobs import queue
from core.jobs.context import log_file
from core.workflow.runs import load_run, run_table
from tests.core.data.conftest import SMALL, made_shop
from tests.core.jobs.conftest import finished, wait_until, workers

MODEL = {"width": 16, "layers": 1, "history_length": 32, "patience": 100, "models": [], "device": "cpu"}


@pytest.fixture
def shop_folder(tmp_path):
    folder = tmp_path / "shop"
    folder.mkdir()
    for name, table in made_shop().present().items():
        table.to_csv(folder / f"{name}.csv", index=False)
    return folder


@pytest.fixture
def dataset(workspace, shop_folder):
    return prepare(workspace, "tables", SMALL, path=shop_folder)


def start(workspace, kind: str, **params) -> str:
    job = queue.enqueue(workspace, kind, params)
    queue.ensure_worker(workspace)
    return job.id


def training(workspace, id: str, *, beyond: float) -> bool:
    progress = queue.get(workspace, id).progress
    return progress.stage == "Training" and progress.fraction > beyond


def test_a_training_killed_in_its_middle_ends_with_the_metrics_of_an_undisturbed_one(workspace, dataset):
    params = {"dataset": dataset.id, "settings": MODEL | {"epochs": 60}}
    undisturbed = load_run(workspace, finished(workspace, start(workspace, "train", **params)).result["run"])
    id = start(workspace, "train", **params)
    wait_until(lambda: training(workspace, id, beyond=0.3))
    (pid,) = workers(workspace)
    os.kill(pid, signal.SIGKILL)
    job = finished(workspace, id)
    assert (job.state, job.attempt) == ("done", 2)
    assert job.result == {"dataset": dataset.id, "run": f"run-{id.removeprefix('job-')}"}
    killed = load_run(workspace, job.result["run"])
    for split, means in undisturbed.metrics.items():
        assert killed.metrics[split] == pytest.approx(means, abs=1e-6)
    losses = [[epoch.loss for epoch in run.history] for run in (undisturbed, killed)]
    assert losses[1] == pytest.approx(losses[0], abs=1e-6)
    assert (
        run_table(workspace, killed, "per_user_test")
        .sub(run_table(workspace, undisturbed, "per_user_test"))
        .abs()
        .max(axis=None)
        <= 1e-6
    )
    second_attempt = log_file(workspace, id).read_text().partition("Attempt 2")[2]
    went_on_in_epoch = int(re.search(r"Training: epoch (\d+)", second_attempt).group(1))
    assert went_on_in_epoch > 1
    assert not (workspace.root / "scratch" / id).exists()


def test_cancel_ends_a_training_and_resume_goes_on_where_it_stood(workspace, dataset):
    id = start(workspace, "train", dataset=dataset.id, settings=MODEL | {"epochs": 200})
    wait_until(lambda: training(workspace, id, beyond=0.05))
    queue.request_cancel(workspace, id)
    job = finished(workspace, id, seconds=5)
    assert job.state == "cancelled"
    assert workspace.documents.count("runs") == 0
    queue.resume(workspace, id)
    wait_until(lambda: training(workspace, id, beyond=job.progress.fraction))
    log = log_file(workspace, id).read_text().partition("Attempt 2")[2]
    assert int(re.search(r"Training: epoch (\d+)", log).group(1)) > 1
    queue.request_cancel(workspace, id)
    assert finished(workspace, id, seconds=5).state == "cancelled"


def test_a_prepare_job_whose_folder_is_gone_says_so_and_can_be_resumed_once_it_is_back(
    workspace, shop_folder, tmp_path
):
    away = tmp_path / "away"
    shutil.move(shop_folder, away)
    params = {"source": "tables", "path": str(shop_folder), "settings": SMALL.model_dump(mode="json")}
    id = start(workspace, "prepare", **params)
    job = finished(workspace, id)
    assert (job.state, job.error) == ("failed", "shop: there is no such folder. Nothing was changed.")
    assert workspace.documents.count("datasets") == 0
    shutil.move(away, shop_folder)
    queue.resume(workspace, id)
    assert finished(workspace, id).result["dataset"].startswith("ds-")
