"""What pages ask of the queue, without a worker."""

from concurrent.futures import ThreadPoolExecutor

import pytest

import core
from core.errors import InputError, NotFound
from core.jobs import queue, slot
from core.jobs.slot import Lease
from core.schema.documents import JOBS


def test_a_job_is_queued_once_however_often_it_is_asked_for(workspace):
    first = queue.enqueue(workspace, "count", {"steps": 3}, id="job-first")
    again = queue.enqueue(workspace, "count", {"steps": 9}, id="job-first")
    assert (again.params, again.created_at) == ({"steps": 3}, first.created_at)
    assert [job.id for job in queue.jobs(workspace)] == ["job-first"]
    assert (first.state, first.code_version) == ("queued", core.__version__)


def test_jobs_come_newest_first_and_limited(workspace):
    ids = [queue.enqueue(workspace, "count", {}).id for _ in range(4)]
    workspace.documents.update(JOBS, ids[0], {"created_at": "2999-01-01T00:00:00+00:00"})
    assert queue.jobs(workspace, limit=1)[0].id == ids[0]
    assert len(queue.jobs(workspace, limit=3)) == 3


@pytest.mark.parametrize("id", ["job-unknown", "../x", "", "$ne"])
def test_an_unknown_job_is_not_found(workspace, id: str):
    for ask in (queue.get, queue.request_cancel, queue.resume):
        with pytest.raises(NotFound):
            ask(workspace, id)


def test_cancelling_a_waiting_job_ends_it_at_once(workspace):
    job = queue.enqueue(workspace, "count", {})
    assert queue.request_cancel(workspace, job.id).state == "cancelled"
    assert queue.get(workspace, job.id).finished_at is not None
    assert queue.request_cancel(workspace, job.id).state == "cancelled"


def test_cancelling_a_job_whose_worker_is_dead_ends_it_at_once(workspace):
    job = queue.enqueue(workspace, "count", {})
    workspace.documents.update(JOBS, job.id, {"state": "running", "attempt": 1})
    assert queue.request_cancel(workspace, job.id).state == "cancelled"


def test_cancelling_a_job_of_a_live_worker_asks_the_worker(workspace):
    job = queue.enqueue(workspace, "count", {})
    workspace.documents.update(JOBS, job.id, {"state": "running", "attempt": 1})
    assert Lease.acquire(workspace.documents)
    asked = queue.request_cancel(workspace, job.id)
    assert (asked.state, asked.cancel_requested) == ("running", True)


def test_only_a_failed_or_cancelled_job_can_be_resumed(workspace):
    job = queue.enqueue(workspace, "count", {})
    with pytest.raises(InputError, match="only a failed or cancelled job"):
        queue.resume(workspace, job.id)
    queue.request_cancel(workspace, job.id)
    resumed = queue.resume(workspace, job.id)
    assert (resumed.state, resumed.cancel_requested, resumed.finished_at) == ("queued", False, None)


def test_parameters_that_are_no_json_are_refused(workspace):
    for params in ({"x": float("nan")}, {"x": {"$where": "1"}}):
        with pytest.raises(InputError):
            queue.enqueue(workspace, "count", params)
    assert queue.jobs(workspace) == []


def test_the_slot_has_one_holder_and_its_token_rises(workspace):
    first = Lease.acquire(workspace.documents)
    assert Lease.acquire(workspace.documents) is None
    assert first.renew()
    first.release()
    assert not slot.alive(workspace.documents)
    second = Lease.acquire(workspace.documents)
    assert slot.alive(workspace.documents)
    assert not first.renew()  # the earlier holder learns that it is none any more
    first.release()  # and cannot release what is another's
    assert slot.alive(workspace.documents)
    assert second.renew()


def test_of_many_that_try_at_once_one_gets_the_slot(workspace):
    with ThreadPoolExecutor(8) as pool:
        leases = list(pool.map(lambda _: Lease.acquire(workspace.documents), range(8)))
    assert sum(lease is not None for lease in leases) == 1


def test_a_lease_that_ran_out_is_taken_but_not_from_a_holder_whose_clock_is_wrong(workspace, monkeypatch):
    holder = Lease.acquire(workspace.documents)
    long_ago = {"heartbeat": "2001-01-01T00:00:00+00:00"}
    workspace.documents.update(slot.WORKERS, slot.SLOT, long_ago)
    assert not slot.alive(workspace.documents)
    with monkeypatch.context() as patch:  # the holder renews while the other doubts
        patch.setattr(slot.time, "sleep", lambda _: holder.renew())
        assert Lease.acquire(workspace.documents) is None
    workspace.documents.update(slot.WORKERS, slot.SLOT, long_ago)
    assert Lease.acquire(workspace.documents) is not None
    assert not holder.renew()


def test_the_guard_lets_writes_pass_until_the_slot_is_lost(workspace, monkeypatch):
    holder, lost = Lease.acquire(workspace.documents), []
    check = holder.guard(lambda: lost.append(1))
    check()
    monkeypatch.setattr(slot, "SURE_SECONDS", 0.0)
    check()  # asks the store
    assert lost == []
    workspace.documents.update(slot.WORKERS, slot.SLOT, {"token": 99})
    check()
    assert lost == [1]


def test_no_worker_is_started_without_work_or_beside_a_live_one(workspace, monkeypatch):
    monkeypatch.setattr(queue, "_start_worker", lambda _: pytest.fail("started a worker"))
    queue.ensure_worker(workspace)
    lease = Lease.acquire(workspace.documents)
    queue.enqueue(workspace, "count", {})
    queue.ensure_worker(workspace)
    lease.release()
    with pytest.raises(pytest.fail.Exception):
        queue.ensure_worker(workspace)


def test_work_of_newer_code_starts_no_worker_here(workspace):
    job = queue.enqueue(workspace, "count", {})
    assert queue.has_work(workspace)
    workspace.documents.update(JOBS, job.id, {"code_version": "999.0"})
    assert not queue.has_work(workspace)
