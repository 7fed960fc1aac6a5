"""Real worker processes: they do the work, stop when told, and survive being killed."""

import os
import random
import signal
import sqlite3
import time
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace

import pytest

from core.errors import StoreUnavailable
from core.jobs import queue
from core.jobs.context import log_file
from core.jobs.worker import run_worker
from core.schema.documents import JOBS
from core.store.documents import DocumentStore
from core.store.workspace import Workspace
from tests.core.jobs import sample_worker
from tests.core.jobs.conftest import finished, wait_until, workers
from tests.core.jobs.sample_worker import total


def start(workspace, kind: str, **params) -> str:
    job = queue.enqueue(workspace, kind, params)
    queue.ensure_worker(workspace)
    return job.id


def ledger(workspace) -> list[list[str]]:
    return [line.split() for line in (workspace.root / "ledger").read_text().splitlines()]


def test_jobs_are_done_in_order_and_the_worker_ends_when_idle(workspace):
    first, second = start(workspace, "count", steps=20), start(workspace, "count", steps=30)
    done = finished(workspace, second)
    assert queue.get(workspace, first).result == {"total": total(20)}
    assert done.result == {"total": total(30)}
    assert (done.state, done.attempt, done.error) == ("done", 1, None)
    assert (done.progress.stage, done.progress.fraction) == ("Done", 1.0)
    assert done.started_at <= done.finished_at
    assert any("Counting" in line for line in done.log)
    assert not (workspace.root / "scratch" / first).exists()
    wait_until(lambda: not workers(workspace))


def test_a_race_to_start_workers_ends_with_one_worker_and_each_step_done_once(workspace):
    job = queue.enqueue(workspace, "count", {"steps": 200})
    rivals = [Workspace.open(workspace.root, workspace.store_url) for _ in range(5)]
    with ThreadPoolExecutor(5) as pool:
        processes = list(pool.map(queue._start_worker, rivals))
    assert finished(workspace, job.id).result == {"total": total(200)}
    for rival in rivals:
        rival.close()
    assert len({pid for _, pid, _ in ledger(workspace)}) == 1
    assert [int(step) for _, _, step in ledger(workspace)] == list(range(5, 201, 5))
    wait_until(lambda: all(process.poll() is not None for process in processes))
    assert [process.returncode for process in processes] == [0] * 5


def test_a_job_survives_any_number_of_killed_workers_with_the_result_of_an_uninterrupted_one(workspace):
    dice, killed = random.Random(5), []
    id = start(workspace, "count", steps=2400, pause=0.003)
    for round in range(5):
        wait_until(lambda: worker_at_work(workspace, id) not in [None, *killed])
        if round % 2:  # others are killed at once; three in a row without getting further would fail the job
            known = queue.get(workspace, id).furthest
            wait_until(lambda known=known: queue.get(workspace, id).progress.fraction > known + 0.02)
        time.sleep(dice.uniform(0.0, 0.5))
        wait_until(
            lambda: worker_at_work(workspace, id) not in [None, *killed]
        )  # a busy machine can lose a lease
        killed.append(worker_at_work(workspace, id))
        os.kill(killed[-1], signal.SIGKILL)
    job = finished(workspace, id)
    assert (job.state, job.result) == ("done", {"total": total(2400)})
    assert job.attempt > len(killed)
    assert workspace.documents.get("runs", f"run-{id}")["total"] == total(2400)
    owners = [pid for _, pid, _ in ledger(workspace)]
    # Never two owners: each process works in one stretch, and no step is lost.
    assert len(set(owners)) == sum(a != b for a, b in zip(owners, [None, *owners], strict=False))
    assert {int(step) for _, _, step in ledger(workspace)} == set(range(5, 2401, 5))


def test_the_same_holds_with_documents_in_mongodb(mongodb_workspace):
    id = start(mongodb_workspace, "count", steps=600, pause=0.003)
    wait_until(lambda: queue.get(mongodb_workspace, id).progress.fraction > 0.1)
    killed = worker_at_work(mongodb_workspace, id)
    os.kill(killed, signal.SIGKILL)
    wait_until(lambda: worker_at_work(mongodb_workspace, id) not in [None, killed])
    job = finished(mongodb_workspace, id)
    assert (job.state, job.result) == ("done", {"total": total(600)})
    assert job.attempt > 1


def worker_at_work(workspace, id: str) -> int | None:
    """Process id of the worker that runs the job; starts one if need be, as a page does."""
    queue.ensure_worker(workspace)
    job = queue.get(workspace, id)
    return int(job.worker.rpartition(":")[2]) if job.state == "running" else None


def test_a_worker_that_slept_through_its_lease_writes_nothing_any_more(workspace):
    id = start(workspace, "stall", seconds=1.0)
    wait_until(lambda: (workspace.root / "ledger").exists())
    asleep = int((workspace.root / "ledger").read_text())
    stop_outside_of_a_transaction(workspace, asleep)
    job = finished(workspace, id)
    assert (job.state, job.attempt) == ("done", 2)
    before = workspace.documents.get("runs", "run-stalled")
    assert before["by"] == job.result["by"] != asleep
    os.kill(asleep, signal.SIGCONT)
    wait_until(lambda: asleep not in workers(workspace))
    assert workspace.documents.get("runs", "run-stalled") == before
    assert queue.get(workspace, id).result == job.result


def stop_outside_of_a_transaction(workspace, pid: int) -> None:
    """SIGSTOP; a process stopped while it holds the database's lock would block everybody."""
    while True:
        os.kill(pid, signal.SIGSTOP)
        try:
            with sqlite3.connect(
                workspace.root / "evenhand.db", timeout=0.0, isolation_level=None
            ) as database:
                database.execute("BEGIN IMMEDIATE")
                database.execute("ROLLBACK")
            return
        except sqlite3.OperationalError:
            os.kill(pid, signal.SIGCONT)
            time.sleep(0.02)
        finally:
            database.close()


def test_cancel_ends_a_task_that_reports_and_keeps_its_checkpoint_for_resume(workspace):
    id = start(workspace, "count", steps=2000, pause=0.002)
    wait_until(lambda: queue.get(workspace, id).progress.fraction > 0.1)
    queue.request_cancel(workspace, id)
    job = finished(workspace, id, seconds=5)
    assert job.state == "cancelled"
    assert job.finished_at is not None
    assert workspace.documents.count("runs") == 0
    assert len(workers(workspace)) == 1  # the worker lives on and takes the next job
    reached = job.progress.fraction
    queue.resume(workspace, id)
    job = finished(workspace, id)
    assert job.result == {"total": total(2000)}
    repeated = [int(step) for _, _, step in ledger(workspace)]
    assert len(repeated) <= 400 + 1, f"began anew instead of at {reached}"


@pytest.mark.parametrize("library", ["pandas", "torch", "sleep"])
def test_cancel_takes_effect_inside_a_long_call_and_the_next_job_runs(workspace, library: str):
    id = start(workspace, "long_call", library=library)
    wait_until(lambda: (workspace.root / "inside").exists())
    time.sleep(0.5)
    following = queue.enqueue(workspace, "count", {"steps": 5})
    asked = time.monotonic()
    queue.request_cancel(workspace, id)
    wait_until(lambda: queue.get(workspace, id).state == "cancelled", seconds=10)
    print(f"cancelled inside {library} after {time.monotonic() - asked:.2f} s")
    inside = int((workspace.root / "inside").read_text())
    wait_until(lambda: inside not in workers(workspace), seconds=5)
    wait_until(lambda: queue.get(workspace, following.id).state == "done")  # nobody polls for a worker here


def test_a_terminated_worker_queues_its_job_again_and_the_next_goes_on(workspace):
    id = start(workspace, "count", steps=600, pause=0.002)
    wait_until(lambda: queue.get(workspace, id).progress.fraction > 0.1)
    (pid,) = workers(workspace)
    os.kill(pid, signal.SIGTERM)
    wait_until(lambda: pid not in workers(workspace), seconds=10)
    job = queue.get(workspace, id)
    assert (job.state, job.losses) == ("queued", 0)
    assert finished(workspace, id).result == {"total": total(600)}
    steps = [int(step) for _, _, step in ledger(workspace)]
    assert steps == sorted(set(steps))  # nothing was done twice


def test_a_terminated_worker_inside_a_long_call_queues_its_job_within_ten_seconds(workspace):
    id = start(workspace, "long_call", library="sleep")
    wait_until(lambda: (workspace.root / "inside").exists())
    (pid,) = workers(workspace)
    os.kill(pid, signal.SIGTERM)
    wait_until(lambda: pid not in workers(workspace), seconds=10)
    assert queue.get(workspace, id).state == "queued"
    queue.request_cancel(workspace, id)


def test_a_job_whose_worker_dies_at_the_same_point_fails_with_a_clear_message(workspace):
    job = finished(workspace, start(workspace, "die"), seconds=60)
    assert (job.state, job.attempt) == ("failed", 3)
    assert "lost 3 times in a row at 30% (Eating memory)" in job.error


def test_an_error_for_users_is_shown_as_it_is(workspace):
    job = finished(workspace, start(workspace, "fail", expected=True))
    assert (job.state, job.error) == ("failed", "The loss is no longer a number; lower the learning rate.")


def test_an_unexpected_error_shows_its_type_and_keeps_the_traceback_in_the_log_file(workspace):
    job = finished(workspace, start(workspace, "fail", expected=False))
    assert job.error == "Something unexpected went wrong (KeyError). The job's log has the details."
    assert "secret-key" not in job.model_dump_json()
    assert "Traceback" in log_file(workspace, job.id).read_text()
    assert "secret-key" in log_file(workspace, job.id).read_text()


def test_a_result_that_is_no_json_and_an_unknown_kind_fail_clearly(workspace):
    bad, unknown = start(workspace, "bad_result"), start(workspace, "no_such_kind")
    assert "cannot hold nan" in finished(workspace, bad).error
    assert "no task 'no_such_kind'" in finished(workspace, unknown).error


def test_an_older_worker_leaves_a_job_of_newer_code_and_says_so(workspace):
    newer, known = queue.enqueue(workspace, "count", {"steps": 5}), start(workspace, "count", steps=5)
    workspace.documents.update(JOBS, newer.id, {"code_version": "999.0", "state": "queued", "attempt": 7})
    if queue.get(workspace, known).state != "done":
        finished(workspace, known)
    wait_until(lambda: not workers(workspace))
    job = queue.get(workspace, newer.id)
    assert (job.state, job.attempt) == ("queued", 7)
    assert "made by version 999.0" in job.progress.message


def test_an_outage_of_the_store_loses_no_job(workspace, monkeypatch):
    class Interrupted(DocumentStore):
        outage = (0.0, 0.0)

        def update(self, collection, id, changes, **options):
            if self.outage[0] < time.monotonic() < self.outage[1]:
                raise StoreUnavailable("The document store does not answer.")
            return super().update(collection, id, changes, **options)

    def count(workspace, params, context):
        Interrupted.outage = (time.monotonic(), time.monotonic() + 1.2)
        return sample_worker.count(workspace, params, context)

    flaky = replace(workspace, documents=Interrupted.open(workspace.store_url))
    first, second = (queue.enqueue(workspace, "count", {"steps": 20}).id for _ in range(2))
    run_worker(flaky, idle_seconds=0.3, tasks={"count": count})
    for id in (first, second):
        assert queue.get(workspace, id).result == {"total": total(20)}
        assert queue.get(workspace, id).attempt == 1
    flaky.close()
