"""What all tests share: a fresh workspace, and one prepared slice of real data."""

import fcntl
import os
import shutil
import sqlite3
import sys
from collections.abc import Callable, Iterator
from contextlib import closing
from pathlib import Path
from typing import NamedTuple

os.environ.setdefault("OMP_WAIT_POLICY", "passive")  # before torch loads, as in core/__main__.py

import pytest
from hypothesis import settings

from core.data.prepare import prepare
from core.schema.documents import Dataset
from core.schema.settings import DatasetSettings
from core.store.workspace import Workspace
from tests.mongodb_engine.engine import EngineImpossible, mongodb

settings.register_profile("quick", max_examples=40, deadline=None)
settings.load_profile("quick")

SLICE = DatasetSettings(sample_users=300)


class Slice(NamedTuple):
    """A prepared dataset of 300 real households and the workspace that it lies in."""

    workspace: Workspace
    dataset: Dataset


@pytest.fixture(autouse=True)
def own_main() -> Iterator[None]:
    """AppTest leaves its script as `__main__`, and processes that a later test spawns would run it."""
    before = sys.modules["__main__"]
    yield
    sys.modules["__main__"] = before


@pytest.fixture
def workspace(tmp_path: Path) -> Iterator[Workspace]:
    """An empty workspace."""
    fresh = Workspace.open(tmp_path / "workspace", f"sqlite:///{tmp_path}/workspace/evenhand.db")
    yield fresh
    fresh.close()


def shared_folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder that all workers of one run of the tests share."""
    base = tmp_path_factory.getbasetemp()
    return base.parent if "PYTEST_XDIST_WORKER" in os.environ else base


def made_once(base: Path, name: str, make: Callable[[Path], object]) -> Path:
    """A folder that the first worker to ask for it makes, and the others wait for; read it, do not write to it."""
    root, unfinished = base / name, base / f"{name}.unfinished"
    with (base / f"{name}.lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        if not root.exists():
            make(unfinished)
            unfinished.rename(root)
    return root


def copied(root: Path, to: Path) -> Path:
    """A copy of a workspace that may be open, here and in other processes.

    SQLite copies its database. A process that opens and closes the file by itself loses all of its locks on it
    (sqlite.org/howtocorrupt.html, 2.2); the next process to open the database then takes its shared memory away, and
    this one ends with a bus error or loses what it writes.
    """
    shutil.copytree(root, to, ignore=shutil.ignore_patterns("evenhand.db*"))
    with (
        closing(sqlite3.connect(root / "evenhand.db")) as ours,
        closing(sqlite3.connect(to / "evenhand.db")) as theirs,
    ):
        ours.backup(theirs)
    return to


@pytest.fixture(scope="session")
def prepared(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Slice]:
    """300 households of the Complete Journey, prepared once for all tests; read it, do not write to it."""
    base = shared_folder(tmp_path_factory)
    with (base / "slice.lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        shared = Workspace.open(base / "slice", f"sqlite:///{base}/slice/evenhand.db")
        dataset = prepare(shared, "complete_journey", SLICE)
    yield Slice(shared, dataset)
    shared.close()


@pytest.fixture(scope="session")
def mongodb_address(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """A running MongoDB engine; skips where none can be set up."""
    try:
        with mongodb(tmp_path_factory.mktemp("mongodb")) as address:
            yield address
    except EngineImpossible as reason:
        pytest.skip(f"no MongoDB engine: {reason}")
