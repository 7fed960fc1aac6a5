"""The queue of jobs: what pages and the command line ask for."""

import os
import re
import subprocess
import sys
import threading
import time
from pathlib import Path
from typing import Any

import core
from core.errors import DuplicateId, InputError, NotFound
from core.jobs import slot
from core.schema.documents import ID_PATTERN, JOBS, Job, new_id, now
from core.store.workspace import Workspace

WORKER_COMMAND = (sys.executable, "-m", "core", "worker")

# Workers that this process started: workspace folder -> (process, when).
_started: dict[Path, tuple[subprocess.Popen, float]] = {}
_starting = threading.Lock()


def enqueue(workspace: Workspace, kind: str, params: dict[str, Any], *, id: str | None = None) -> Job:
    """Add a job; an id that is there already returns that job, so a repeated call is harmless.

    Args:
        kind: a name in `core.jobs.tasks.TASKS`.
        params: the task's JSON parameters.
    """
    job = Job(
        _id=id or new_id("job"), kind=kind, params=params, created_at=now(), code_version=core.__version__
    )
    try:
        workspace.documents.insert(JOBS, job.dump() | {"params": params})  # as given: a dump hides NaN
    except DuplicateId:
        return get(workspace, job.id)
    return job


def get(workspace: Workspace, id: str) -> Job:
    """The job of that id; `NotFound` if there is none."""
    document = workspace.documents.get(JOBS, id) if ID_PATTERN.fullmatch(id) else None
    if document is None:
        raise NotFound(f"There is no job {id[:64]!r} in this workspace.")
    return Job.model_validate(document)


def jobs(workspace: Workspace, *, limit: int = 50) -> list[Job]:
    """The latest jobs, newest first."""
    found = workspace.documents.find(JOBS, sort="created_at", descending=True, limit=limit)
    return [Job.model_validate(document) for document in found]


def in_state(workspace: Workspace, state: str) -> list[Job]:
    """All jobs in that state, oldest first."""
    found = workspace.documents.find(JOBS, field="state", value=state, sort="created_at")
    return [Job.model_validate(document) for document in found]


def request_cancel(workspace: Workspace, id: str) -> Job:
    """Stop a job: at once if no live worker has it, else within two seconds. A finished job stays."""
    job = get(workspace, id)
    expect = {"state": job.state, "attempt": job.attempt}
    if job.state == "running" and slot.alive(workspace.documents):
        changed = workspace.documents.update(JOBS, id, {"cancel_requested": True}, expect=expect)
    elif job.state in ("queued", "running"):
        changes = {"state": "cancelled", "cancel_requested": True, "finished_at": now()}
        changed = workspace.documents.update(JOBS, id, changes, expect=expect)
    else:
        return job
    # A worker took or finished it meanwhile: look again.
    return Job.model_validate(changed) if changed else request_cancel(workspace, id)


def resume(workspace: Workspace, id: str) -> Job:
    """Queue a failed or cancelled job again; it goes on from its last checkpoint."""
    job = get(workspace, id)
    changes = {"state": "queued", "error": None, "cancel_requested": False, "finished_at": None, "losses": 0}
    expect = {"state": job.state, "attempt": job.attempt}
    if job.state in ("failed", "cancelled"):
        changed = workspace.documents.update(JOBS, id, changes, expect=expect)
        return Job.model_validate(changed) if changed else get(workspace, id)
    raise InputError(f"Job {id} is {job.state}; only a failed or cancelled job can be resumed.")


def runnable(job: Job) -> bool:
    """Whether this code may run the job: not if newer code made it."""
    return _version(job.code_version) <= _version(core.__version__)


def ensure_worker(workspace: Workspace) -> None:
    """Start a worker process if there is work and no live worker; cheap enough to call at every poll."""
    with _starting:
        process, since = _started.get(workspace.root, (None, 0.0))
        booting = process and process.poll() is None and time.monotonic() - since < slot.LEASE_SECONDS
        if not booting and has_work(workspace) and not slot.alive(workspace.documents):
            _started[workspace.root] = (_start_worker(workspace), time.monotonic())


def has_work(workspace: Workspace) -> bool:
    """Whether a job waits that this code may run, or is left over from a worker that died."""
    return bool(in_state(workspace, "running")) or any(map(runnable, in_state(workspace, "queued")))


def _start_worker(workspace: Workspace) -> subprocess.Popen:
    """A worker in a session of its own: it outlives the app, and a Ctrl-C there does not reach it."""
    logs = workspace.root / "logs"
    logs.mkdir(exist_ok=True)
    place = {"EVENHAND_WORKSPACE": str(workspace.root), "EVENHAND_STORE": workspace.store_url}
    with (logs / "worker.log").open("ab") as log:
        process = subprocess.Popen(
            WORKER_COMMAND,
            cwd=Path(core.__file__).parents[1],
            env=os.environ | place,
            stdin=subprocess.DEVNULL,
            stdout=log,
            stderr=log,
            start_new_session=True,
        )
    threading.Thread(target=process.wait, daemon=True).start()  # or it would stay as a zombie
    return process


def _version(text: str) -> tuple[int, ...]:
    return tuple(int(number) for number in re.findall(r"\d+", text))
