"""Pages under test: an app on a workspace of its own, and a slice with two trained runs."""

import shutil
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from streamlit.testing.v1 import AppTest

from core.schema.documents import Run
from core.schema.settings import TrainSettings
from core.store.workspace import Workspace
from core.workflow.training import train
from pages.ui import jobs

ROOT = Path(__file__).parents[2]
Open = Callable[..., AppTest]


@pytest.fixture
def started(monkeypatch: pytest.MonkeyPatch) -> list[Workspace]:
    """Workspaces for which a page asked for a worker; none is really started."""
    asked: list[Workspace] = []
    monkeypatch.setattr(jobs, "ensure_worker", asked.append)
    return asked


@pytest.fixture
def open_page(monkeypatch: pytest.MonkeyPatch, started: list[Workspace]) -> Open:
    """Open a page of the app on a workspace, with parameters of its link."""

    def open_(page: str, root: Path, **link: str | list[str]) -> AppTest:
        monkeypatch.setenv("EVENHAND_WORKSPACE", str(root))
        monkeypatch.delenv("EVENHAND_STORE", raising=False)
        app = AppTest.from_file(str(ROOT / "app.py"), default_timeout=60)
        for name, value in link.items():
            app.query_params[name] = value
        app.switch_page(f"pages/{page}.py")
        return app.run()

    return open_


@pytest.fixture(scope="session")
def trained(prepared, tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[Path, list[Run]]]:
    """A copy of the prepared slice with two quickly trained runs, newest first; read it, do not write to it."""
    root = tmp_path_factory.mktemp("trained") / "workspace"
    shutil.copytree(prepared.workspace.root, root)
    workspace = Workspace.open(root, f"sqlite:///{root}/evenhand.db")
    quick = TrainSettings(epochs=1, width=16, layers=1, history_length=64)
    runs = [
        train(workspace, prepared.dataset.id, settings, run_id=f"run-{name}", name=name)
        for name, settings in (("first", quick), ("second", quick.model_copy(update={"epochs": 2})))
    ]
    yield root, runs[::-1]
    workspace.close()
