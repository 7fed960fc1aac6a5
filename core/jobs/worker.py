"""The worker process: takes one job after another, says that it lives, stops when it is told to.

Two threads: the task runs in the main one; the watch renews the lease, stores progress and looks for a
request to stop, several times a second. A task ends itself at its next progress report. If it is inside a
long call, the watch records the outcome and ends the process: nothing is half done then, because files appear
whole or not at all and the document that commits a result is written last.
"""

import os
import threading
import time
import traceback
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from typing import Any

from core.errors import Cancelled, EvenhandError, InputError, StoreUnavailable
from core.jobs.context import JobContext
from core.jobs.outcomes import after_loss, done, failed, stopped
from core.jobs.queue import ensure_worker, has_work, in_state, runnable
from core.jobs.signals import termination_signals
from core.jobs.slot import Lease
from core.jobs.tasks import TASKS, Task
from core.schema.documents import JOBS, Job, now
from core.store.workspace import Workspace

BEAT_SECONDS = 0.4
RENEW_SECONDS = 1.0
PATIENCE_SECONDS = {"cancel": 0.8, "terminate": 7.0}  # for a task to end itself
OUTAGE_SECONDS = 60.0
LEASE_LOST = 75  # exit status


def run_worker(workspace: Workspace, *, idle_seconds: float, tasks: Mapping[str, Task] = TASKS) -> None:
    """Work until there was nothing to do for `idle_seconds`; ends at once if a live worker has the slot."""
    while (lease := Lease.acquire(workspace.documents)) is not None:
        worker = Worker(workspace, lease, tasks)
        worker.work(idle_seconds)
        with suppress(StoreUnavailable):
            lease.release()
        # Whoever queued a job just before the release saw a live worker and started none.
        if worker.terminated or not has_work(workspace):
            return


class Worker:
    """One holder of the slot."""

    def __init__(self, workspace: Workspace, lease: Lease, tasks: Mapping[str, Task]):
        self.terminated = False
        self._workspace, self._lease, self._tasks = workspace, lease, tasks
        self._current: tuple[Job, JobContext] | None = None
        self._handover = threading.Lock()  # held by whichever thread decides what becomes of the current job

    def work(self, idle_seconds: float) -> None:
        """Run jobs until idle or told to end."""
        self._requeue_orphans()
        with self._watch():
            last = time.monotonic()
            while not self.terminated and time.monotonic() - last < idle_seconds:
                if self._run_next():
                    last = time.monotonic()
                else:
                    time.sleep(0.2)

    def _run_next(self) -> bool:
        """Run the next job; whether there was one. While the store does not answer there is none."""
        with suppress(StoreUnavailable):
            if job := self._claim():
                self._run(job)
                return True
        return False

    def _requeue_orphans(self) -> None:
        """Jobs that are still running belong to workers that died, for the slot is ours now."""
        for job in in_state(self._workspace, "running"):
            self._settle(job, after_loss(job))

    def _claim(self) -> Job | None:
        """Take the oldest job that this code may run."""
        for job in in_state(self._workspace, "queued"):
            if not runnable(job):
                self._refuse(job)
                continue
            claim = {"state": "running", "attempt": job.attempt + 1, "worker": self._lease.worker}
            claim |= {"heartbeat": now(), "started_at": job.started_at or now(), "error": None}
            expect = {"state": "queued", "attempt": job.attempt}
            if taken := self._workspace.documents.update(JOBS, job.id, claim, expect=expect):
                return Job.model_validate(taken)
        return None

    def _refuse(self, job: Job) -> None:
        message = (
            f"Waits for a newer worker: made by version {job.code_version}. Restart the app if this stays."
        )
        if job.progress.message != message:
            progress = job.progress.model_copy(update={"message": message}).model_dump()
            expect = {"state": "queued", "attempt": job.attempt}
            self._workspace.documents.update(JOBS, job.id, {"progress": progress}, expect=expect)

    def _run(self, job: Job) -> None:
        context = JobContext(self._workspace, job)
        context.log(f"Attempt {job.attempt}", shown=job.attempt > 1)
        self._current = (job, context)
        if self.terminated:
            context.stop("terminate")
        outcome = self._outcome(job, context)
        with self._handover:
            self._current = None
            try:
                self._settle(job, context.state() | outcome)
            except InputError as error:  # the result is no JSON
                self._settle(job, failed(str(error)))
        if outcome["state"] == "done":
            self._workspace.artefacts.discard_scratch(job.id)

    def _outcome(self, job: Job, context: JobContext) -> dict[str, Any]:
        """Run the task; what becomes of the job."""
        workspace = self._workspace.guarded(self._lease.guard(_leave))
        try:
            if job.kind not in self._tasks:
                return failed(f"This version of Evenhand has no task '{job.kind[:64]}'.")
            result = self._tasks[job.kind](workspace, job.params, context)
            return done(result)
        except Cancelled:
            return stopped(context)
        except StoreUnavailable as error:
            context.log(str(error))
            return after_loss(job.model_copy(update={"progress": context.progress}))
        except EvenhandError as error:
            context.log(str(error))
            return failed(str(error))
        except Exception as error:
            context.log(traceback.format_exc(), shown=False)
            return failed(
                f"Something unexpected went wrong ({type(error).__name__}). The job's log has the details."
            )

    def _settle(self, job: Job, changes: dict[str, Any]) -> None:
        """Write what became of a job, through an outage of the store; not if it is another's by now."""
        expect = {"state": "running", "attempt": job.attempt}
        deadline = time.monotonic() + OUTAGE_SECONDS
        while True:
            try:
                self._workspace.documents.update(JOBS, job.id, changes, expect=expect)
                return
            except StoreUnavailable:
                if time.monotonic() > deadline:
                    raise
                time.sleep(1.0)

    @contextmanager
    def _watch(self) -> Iterator[None]:
        """Run the watch beside the main thread; signals reach it even while that is in a long call."""
        ended = threading.Event()
        with termination_signals() as signalled:

            def watch() -> None:
                try:
                    while not ended.is_set():
                        self.terminated = signalled(BEAT_SECONDS) or self.terminated
                        with self._handover:
                            self._beat()
                except BaseException:  # unwatched work could be neither seen nor stopped
                    traceback.print_exc()
                    _leave()

            thread = threading.Thread(target=watch, name="watch", daemon=True)
            thread.start()
            try:
                yield
            finally:
                ended.set()
                thread.join()

    def _beat(self) -> None:
        try:
            if self._lease.age > RENEW_SECONDS and not self._lease.renew():
                _leave()
            if self._current is not None:
                self._store_progress(*self._current)
        except StoreUnavailable:
            pass  # the guard keeps the task from writing once the lease may have run out

    def _store_progress(self, job: Job, context: JobContext) -> None:
        if self.terminated:
            context.stop("terminate")
        expect = {"state": "running", "attempt": job.attempt}
        stored = self._workspace.documents.update(
            JOBS, job.id, context.state() | {"heartbeat": now()}, expect=expect
        )
        if stored is None:
            _leave()
        if stored["cancel_requested"]:
            context.stop("cancel")
        if context.overdue(PATIENCE_SECONDS):
            self._end_process(job, context)

    def _end_process(self, job: Job, context: JobContext) -> None:
        """The task does not end itself: record that the job stopped, and end it with the process."""
        self._settle(job, context.state() | stopped(context))
        self._lease.release()
        if context.stopping == "cancel":
            ensure_worker(self._workspace)  # other jobs wait
        os._exit(0)


def _leave() -> None:
    """Another worker has the slot or the job: whatever this process still does must not be written."""
    os._exit(LEASE_LOST)
