"""Progress, time estimate and log of a job."""

import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from core.errors import Cancelled
from core.jobs import context as module
from core.jobs import queue
from core.jobs.context import JobContext, log_file, seconds_left
from core.jobs.outcomes import LOSSES_ALLOWED, after_loss, stopped
from core.schema.documents import Job, now


@pytest.fixture
def context(workspace) -> JobContext:
    return JobContext(workspace, queue.enqueue(workspace, "count", {}, id="job-test"))


def test_reports_become_progress_and_log_lines(context: JobContext, workspace):
    context("Reading", 0.1, "events")
    context("Training", 0.5, "epoch 1")
    state = context.state()
    assert state["progress"] | {"seconds_left": None} == {
        "stage": "Training", "fraction": 0.5, "message": "epoch 1", "seconds_left": None,
    }  # fmt: skip
    assert [line[9:] for line in state["log"]] == ["Reading: events", "Training: epoch 1"]
    assert log_file(workspace, "job-test").read_text().splitlines() == state["log"]


def test_a_chatty_task_does_not_flood_the_log(context: JobContext):
    for step in range(5000):
        context("Training", step / 5000, f"batch {step}")
    assert len(context.state()["log"]) < 10
    for stage in range(100):
        context(f"Stage {stage}", 0.5, "x" * 5000)
    log = context.state()["log"]
    assert len(log) == module.SHOWN_LINES
    assert max(map(len, log)) <= module.SHOWN_CHARACTERS


@pytest.mark.parametrize(("given_", "kept"), [(-1, 0.0), (7, 1.0), (math.nan, 0.25), (math.inf, 0.25)])
def test_a_fraction_out_of_bounds_does_no_harm(context: JobContext, given_: float, kept: float):
    context("Training", 0.25)
    context("Training", given_)
    assert context.state()["progress"]["fraction"] == kept


def test_a_report_after_a_request_to_stop_raises_and_the_first_reason_stands(context: JobContext):
    context.stop("terminate")
    context.stop("cancel")
    with pytest.raises(Cancelled):
        context("Training", 0.5)
    assert stopped(context)["state"] == "queued"
    assert context.overdue({"terminate": 0.0, "cancel": 99.0})
    assert not context.overdue({"terminate": 99.0, "cancel": 0.0})


@given(
    pace=st.floats(0.001, 1.0),
    start=st.floats(0.0, 0.5),
    seconds=st.floats(2.0, 50.0),
    begin=st.floats(0, 1e6),
)
def test_the_estimate_is_exact_at_a_steady_pace(pace: float, start: float, seconds: float, begin: float):
    done = min(start + pace * seconds / 100, 1.0)
    reports = [(begin, start), (begin + seconds / 2, (start + done) / 2), (begin + seconds, done)]
    expected = (1 - done) / ((done - start) / seconds) if done - start >= 0.02 else None
    left = seconds_left(reports, begin + seconds)
    assert left == (expected and pytest.approx(expected, rel=1e-6, abs=1e-6))


def test_there_is_no_estimate_without_something_to_go_by():
    assert seconds_left([], 5.0) is None
    assert seconds_left([(0.0, 0.1), (0.2, 0.9)], 0.2) is None
    assert seconds_left([(0.0, 0.5), (9.0, 0.5)], 9.0) is None
    assert seconds_left([(0.0, 0.0), (9.0, 0.01)], 9.0) is None


@pytest.mark.parametrize("percent_each_minute", [0.5, 60.0])
def test_the_estimate_follows_the_recent_pace_of_slow_and_fast_jobs(
    context: JobContext, monkeypatch, percent_each_minute: float
):
    clock = [1000.0]
    monkeypatch.setattr(module.time, "monotonic", lambda: clock[0])
    context("Reading", 0.0)
    clock[0] += 0.5
    fraction = 0.3  # the leap of a resumed job
    context("Training", fraction)
    for _ in range(int(0.4 * 100 / percent_each_minute * 60 / 0.05)):
        clock[0] += 0.05
        fraction += percent_each_minute / 100 / 60 * 0.05
        context("Training", fraction)
    left = context.state()["progress"]["seconds_left"]
    assert left == pytest.approx((1 - fraction) * 100 / percent_each_minute * 60, rel=0.1)
    assert len(context._pace) < 1500


def lost(job: Job, fraction: float) -> Job:
    progress = job.progress.model_copy(update={"fraction": fraction, "stage": "Training"})
    job = job.model_copy(update={"progress": progress})
    return job.model_copy(update=after_loss(job))


JOB = Job(_id="job-test", kind="count", params={}, created_at=now(), state="running")


def test_a_job_that_gets_further_each_time_may_lose_any_number_of_workers():
    job = JOB
    for round in range(50):
        job = lost(job, round / 50)
        assert (job.state, job.losses) == ("queued", 1)


def test_a_job_that_is_lost_at_the_same_point_fails_with_a_clear_sentence():
    job = JOB
    for _ in range(LOSSES_ALLOWED - 1):
        job = lost(job, 0.4)
        assert job.state == "queued"
    job = lost(job, 0.405)
    assert job.state == "failed"
    assert "lost 3 times in a row at 40%" in job.error
    assert "Resume" in job.error


def test_a_job_that_was_to_be_cancelled_is_cancelled_when_its_worker_is_lost():
    assert after_loss(JOB.model_copy(update={"cancel_requested": True}))["state"] == "cancelled"
