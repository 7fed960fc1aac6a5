"""A made shop whose customers come now and then, trained once with the models that are explained."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from core.data.prepare import prepare
from core.schema.settings import TrainSettings
from core.store.workspace import Workspace
from core.workflow.training import train
from tests.core.workflow.conftest import WINDOWS, Shop, made_tables

MODEL = TrainSettings(
    width=16, layers=1, epochs=1, history_length=32, intent_days=7, device="cpu", models=("behaviour",)
)


def made_shop(root: Path) -> Shop:
    """200 customers of whom some come within a week and some do not."""
    events, people = made_tables(200, 12)
    events = events.sample(frac=0.35, random_state=1)
    events.to_csv(root / "events.csv", index=False)
    people.to_csv(root / "users.csv", index=False)
    workspace = Workspace.open(root / "workspace", f"sqlite:///{root}/workspace/evenhand.db")
    dataset = prepare(workspace, "tables", WINDOWS.model_copy(update={"protected": ("sex",)}), path=root)
    return Shop(workspace, dataset, train(workspace, dataset.id, MODEL, run_id="run-made"), root)


@pytest.fixture(scope="package")
def shop(tmp_path_factory) -> Iterator[Shop]:
    """Read it; what is written is explanations alone."""
    made = made_shop(tmp_path_factory.mktemp("explained"))
    yield made
    made.workspace.close()
