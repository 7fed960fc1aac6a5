"""A small made shop, trained once: quick enough for every odd way of asking for it."""

from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

import numpy as np
import pandas as pd
import pytest

from core.data.prepare import prepare
from core.schema.documents import Dataset, Run
from core.schema.settings import DatasetSettings, TrainSettings
from core.store.workspace import Workspace
from core.workflow.training import train

WINDOWS = DatasetSettings(validation_days=10, test_days=10, minimum_item_users=2, minimum_user_events=2)
MODEL = TrainSettings(width=16, layers=1, epochs=1, history_length=32, device="cpu")


class Shop(NamedTuple):
    """A trained shop, the workspace that it lies in, and the folder of its files."""

    workspace: Workspace
    dataset: Dataset
    run: Run
    folder: Path


def made_tables(n_users: int = 60, n_items: int = 12) -> tuple[pd.DataFrame, pd.DataFrame]:
    """Events and users; `i-rare` is bought once, so it stands outside of the catalogue."""
    random = np.random.default_rng(1)
    users, days = random.integers(0, n_users, 40 * n_users), random.integers(0, 120, 40 * n_users)
    items = (random.integers(0, n_items, len(users)) + users) % n_items
    times = pd.Timestamp("2024-01-01T10:00:00") + pd.to_timedelta(np.sort(days), unit="D")
    events = pd.DataFrame(
        {
            "user_id": [f"u{code}" for code in users],
            "item_id": [f"i{code}" for code in items],
            "timestamp": times,
        }
    )
    events.loc[5, "item_id"] = "i-rare"
    people = pd.DataFrame(
        {
            "user_id": [f"u{code}" for code in range(n_users)],
            "sex": random.choice(["f", "m"], n_users),
            "post": random.choice(["all", "rest", "none"], n_users),
            "city": [f"city {code // 3}" for code in range(n_users)],
        }
    )
    return events, people


def trained_shop(root: Path, events: pd.DataFrame, users: pd.DataFrame, **settings) -> Shop:
    """Prepare and train on these tables."""
    folder = root / "shop"
    folder.mkdir(parents=True)
    events.to_csv(folder / "events.csv", index=False)
    users.to_csv(folder / "users.csv", index=False)
    workspace = Workspace.open(root / "workspace", f"sqlite:///{root}/workspace/evenhand.db")
    dataset = prepare(workspace, "tables", WINDOWS.model_copy(update=settings), path=folder)
    return Shop(
        workspace, dataset, train(workspace, dataset.id, MODEL, run_id="run-made", name="made"), folder
    )


@pytest.fixture(scope="package")
def shop(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Shop]:
    """The made shop; read it, do not write to it."""
    made = trained_shop(tmp_path_factory.mktemp("made"), *made_tables())
    yield made
    made.workspace.close()
