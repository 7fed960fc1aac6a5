"""A workspace whose workers are real processes with small tasks; none is left behind."""

import os
import signal
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from core.jobs import queue, slot, worker
from core.schema.documents import Job
from core.store.workspace import Workspace
from tests.core.jobs import sample_worker
from tests.core.store.conftest import mongodb_url  # noqa: F401


@pytest.fixture
def workspace(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Workspace]:
    """A new workspace with an embedded store."""
    yield from opened(tmp_path / "workspace", f"sqlite:///{tmp_path}/workspace/evenhand.db", monkeypatch)


@pytest.fixture
def mongodb_workspace(request: pytest.FixtureRequest, tmp_path: Path, monkeypatch) -> Iterator[Workspace]:
    """A new workspace whose documents are in MongoDB."""
    yield from opened(tmp_path / "workspace", request.getfixturevalue("mongodb_url"), monkeypatch)


def opened(root: Path, url: str, monkeypatch: pytest.MonkeyPatch) -> Iterator[Workspace]:
    """The workspace, until no worker of it is left."""
    for module, name in (
        (slot, "LEASE_SECONDS"),
        (slot, "DOUBT_SECONDS"),
        (slot, "SURE_SECONDS"),
        (worker, "RENEW_SECONDS"),
        (queue, "WORKER_COMMAND"),
    ):
        monkeypatch.setattr(module, name, getattr(module, name))  # put back afterwards
    sample_worker.use_short_lease()
    workspace = Workspace.open(root, url)
    yield workspace
    for pid in workers(workspace):
        os.kill(pid, signal.SIGKILL)
    workspace.close()


def workers(workspace: Workspace) -> list[int]:
    """Process ids of the workers of this workspace that are alive."""
    marker, found = f"EVENHAND_WORKSPACE={workspace.root}".encode(), []
    for process in Path("/proc").glob("[0-9]*"):
        try:
            environment = (process / "environ").read_bytes().split(b"\0")
            state = (process / "stat").read_text().rpartition(")")[2].split()[0]
        except OSError:
            continue
        if marker in environment and state != "Z":
            found.append(int(process.name))
    return found


def wait_until(condition: Callable[[], object], seconds: float = 30.0) -> None:
    """Wait for a condition; fails after `seconds`."""
    deadline = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < deadline, "waited in vain"
        time.sleep(0.02)


def finished(workspace: Workspace, id: str, seconds: float = 40.0) -> Job:
    """The job once it has ended, polled as a page does it."""

    def ended() -> bool:
        queue.ensure_worker(workspace)
        return queue.get(workspace, id).state in ("done", "failed", "cancelled")

    wait_until(ended, seconds)
    return queue.get(workspace, id)
