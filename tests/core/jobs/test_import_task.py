"""Lists of another system as a job: a real worker keeps them, and what stopped it can be resumed."""

import shutil

import pandas as pd
import pytest

from core.data.prepare import prepare
from core.errors import Cancelled
from core.jobs import queue
from core.jobs.context import JobContext
from core.jobs.tasks import TASKS
from core.schema.documents import RUNS
from core.workflow.runs import load_run, run_table
from tests.core.data.conftest import SMALL, made_shop
from tests.core.jobs.conftest import finished


@pytest.fixture
def dataset(workspace, tmp_path):
    folder = tmp_path / "shop"
    folder.mkdir()
    for name, table in made_shop().present().items():
        table.to_csv(folder / f"{name}.csv", index=False)
    return prepare(workspace, "tables", SMALL, path=folder)


@pytest.fixture
def lists(tmp_path):
    """A file that shows every user the same three products."""
    events = made_shop().events
    users, items = events["user_id"].unique(), events["item_id"].unique()[:3]
    rows = [(user, item, place + 1) for user in users for place, item in enumerate(items)]
    file = tmp_path / "lists.parquet"
    pd.DataFrame(rows, columns=["user_id", "item_id", "rank"]).to_parquet(file)
    return file


def asked(workspace, dataset, lists, **more) -> str:
    return queue.enqueue(workspace, "import_lists", {"dataset": dataset.id, "path": str(lists)} | more).id


def test_a_worker_keeps_the_lists_as_a_run_named_after_the_job(workspace, dataset, lists):
    id = asked(workspace, dataset, lists, name="ALS")
    job = finished(workspace, id)
    run_id = f"run-{id.removeprefix('job-')}"
    assert (job.state, job.result) == ("done", {"dataset": dataset.id, "run": run_id})
    run = load_run(workspace, run_id)
    assert (run.name, run.brought, run.history) == ("ALS", True, [])
    assert run_table(workspace, run, "candidates_test").groupby("user").size().eq(3).all()
    assert any("Comparing with baselines" in line for line in job.log)


def test_a_file_that_is_gone_fails_the_job_which_goes_on_once_it_is_back(workspace, dataset, lists, tmp_path):
    shutil.move(lists, tmp_path / "away")
    id = asked(workspace, dataset, lists)
    job = finished(workspace, id)
    assert (job.state, job.error) == ("failed", "lists.parquet: there is no such file. Nothing was changed.")
    assert workspace.documents.count(RUNS) == 0
    shutil.move(tmp_path / "away", lists)
    queue.resume(workspace, id)
    assert finished(workspace, id).state == "done"


def test_a_cancelled_job_keeps_nothing_and_a_later_attempt_writes_what_an_undisturbed_one_does(
    workspace, dataset, lists
):
    id = asked(workspace, dataset, lists)
    job = queue.get(workspace, id)
    stopped = JobContext(workspace, job)
    stopped.stop("cancel")
    with pytest.raises(Cancelled):
        TASKS["import_lists"](workspace, job.params, stopped)
    assert workspace.documents.count(RUNS) == 0
    first, second = (
        load_run(workspace, TASKS["import_lists"](workspace, job.params, JobContext(workspace, job))["run"])
        for _ in range(2)
    )
    assert first.artefacts == second.artefacts
    assert workspace.documents.count(RUNS) == 1
