"""Pages under test: an app on a workspace of its own, and a slice with two trained runs."""

from collections.abc import Callable, Iterator
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from streamlit.testing.v1 import AppTest

from core.schema.documents import Run
from core.schema.settings import TrainSettings
from core.store.workspace import Workspace
from core.workflow.runs import load_run
from core.workflow.training import train
from pages.ui import jobs
from tests.conftest import copied, made_once, shared_folder
from tests.core.opinions.made import made_reviews
from tests.core.workflow.test_evaluating import CUSTOMERS, prepared_shop

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
    """A copy of the prepared slice with two quickly trained runs, newest first; read it, do not write to it.

    Only the newest has further models.
    """

    def make(unfinished: Path) -> None:
        copied(prepared.workspace.root, unfinished)
        _train_two(unfinished, prepared.dataset.id)

    root = made_once(shared_folder(tmp_path_factory), "trained", make)
    workspace = Workspace.open(root, f"sqlite:///{root}/evenhand.db")
    yield root, [load_run(workspace, f"run-{name}") for name in ("second", "first")]
    workspace.close()


def _train_two(root: Path, dataset: str) -> None:
    quick = TrainSettings(epochs=1, width=16, layers=1, history_length=64, ranking=False, models=())
    full = quick.model_copy(update={"epochs": 2, "models": ("behaviour", "service", "opinions")})
    workspace = Workspace.open(root, f"sqlite:///{root}/evenhand.db")
    for name, settings in (("first", quick), ("second", full)):
        train(workspace, dataset, settings, run_id=f"run-{name}", name=name)
    workspace.close()


@pytest.fixture(scope="session")
def reviewed(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[Path, Run]]:
    """A made shop whose reviews speak in planted words and try to be Markdown and HTML; trained without behaviour."""
    reviews = made_reviews(CUSTOMERS)
    days = (
        np.random.default_rng(4).permutation(CUSTOMERS) % 30
    )  # 10 days each of training, validation and test
    written = pd.Timestamp("2024-04-01T12:00:00") + pd.to_timedelta(days, unit="D")
    made = prepared_shop(
        tmp_path_factory.mktemp("reviewed"), text=hostile(reviews["text"]), timestamp=written
    )
    settings = TrainSettings(
        epochs=1, width=16, layers=1, history_length=32, ranking=False, models=("service", "opinions")
    )
    run = train(made.workspace, made.dataset.id, settings, run_id="run-reviewed", name="reviewed")
    yield made.workspace.root, run
    made.workspace.close()


def hostile(texts: pd.Series) -> pd.Series:
    """The same words, each review with markup in the sentences that will be quoted."""
    return texts.str.replace("the ", "the :red[x] <b>y</b> [z](javascript:w) ", n=1, regex=False)


@pytest.fixture
def own(trained, tmp_path):
    """A copy of the trained workspace that a test may write to."""
    root = copied(trained[0], tmp_path / "copy")
    workspace = Workspace.open(root, f"sqlite:///{root}/evenhand.db")
    yield workspace
    workspace.close()
