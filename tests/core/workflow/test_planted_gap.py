"""The whole way from a folder of files to verdicts, on shops whose truth is known."""

from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from core.data.prepare import prepare
from core.schema.settings import AuditSettings, DatasetSettings, TrainSettings
from core.store.workspace import Workspace
from core.workflow.auditing import audit_run
from core.workflow.evaluation import evaluate
from core.workflow.training import train

WEEKS, PER_WEEK, N_ITEMS, N_USERS = 16, 4, 80, 360
SMALL_MODEL = TrainSettings(width=16, layers=1, epochs=2, history_length=64, device="cpu")


def write_shop(folder: Path, *, loyal: dict[str, float], seed: int) -> None:
    """A shop in which each group buys its own few favourites with probability `loyal[group]`, else anything."""
    rng = np.random.default_rng(seed)
    groups = np.array(list(loyal))[np.arange(N_USERS) % len(loyal)]
    favourites = rng.integers(0, N_ITEMS, (N_USERS, 4))
    users = np.repeat(np.arange(N_USERS), WEEKS * PER_WEEK)
    weeks = np.tile(np.repeat(np.arange(WEEKS), PER_WEEK), N_USERS)
    own = favourites[users, rng.integers(0, 4, len(users))]
    faithful = rng.random(len(users)) < np.array([loyal[group] for group in groups])[users]
    items = np.where(faithful, own, rng.integers(0, N_ITEMS, len(users)))
    start = pd.Timestamp("2025-01-06T10:00:00")
    events = pd.DataFrame(
        {
            "user_id": [f"u{user}" for user in users],
            "item_id": [f"i{item}" for item in items],
            "timestamp": start + pd.to_timedelta(weeks * 7, unit="D"),
            "basket_id": [f"b{user}-{week}" for user, week in zip(users, weeks, strict=True)],
        }
    )
    events.to_csv(folder / "events.csv", index=False)
    people = pd.DataFrame({"user_id": [f"u{user}" for user in range(N_USERS)], "segment": groups})
    people.to_csv(folder / "users.csv", index=False)


def audited(folder: Path, **groups: float):
    write_shop(folder, loyal=groups, seed=5)
    workspace = Workspace.open(folder / "workspace")
    settings = DatasetSettings(protected=("segment",), validation_days=14, test_days=14)
    dataset = prepare(workspace, "tables", settings, path=folder)
    run = train(workspace, dataset.id, SMALL_MODEL, run_id="run-planted")
    rows = audit_run(workspace, run.id, AuditSettings(by=(("segment",),))).rows
    return workspace, run, rows[(rows["statistic"] == "gap") & rows["metric"].eq("ndcg@10_gap")]


@pytest.fixture(scope="module")
def unfair(tmp_path_factory):
    return audited(tmp_path_factory.mktemp("unfair"), faithful=0.95, fickle=0.1)


def test_a_group_that_is_truly_served_worse_is_found(unfair):
    gaps = unfair[2].set_index("group")
    assert gaps["verdict"].tolist() == ["unequal", "unequal"]
    assert gaps.loc["fickle", "high"] < 0 < gaps.loc["faithful", "low"]


def test_groups_that_are_alike_are_not_called_unequal(tmp_path):
    gaps = audited(tmp_path, left=0.6, right=0.6)[2]
    assert "unequal" not in set(gaps["verdict"])
    assert (gaps["low"] <= 0).all()
    assert (gaps["high"] >= 0).all()


def test_the_model_learns_habits(unfair):
    workspace, run, _ = unfair
    answer = evaluate(workspace, run.id, baselines=True)
    assert answer["metrics"]["ndcg@10"]["value"] > answer["baselines"]["popularity"]["ndcg@10"] + 0.1


def test_nothing_after_the_split_reaches_training(tmp_path):
    """Events of the test window may say anything: weights and validation lists stay the same."""
    found = []
    for change in (False, True):
        folder = tmp_path / str(change)
        folder.mkdir()
        write_shop(folder, loyal={"a": 0.7, "b": 0.3}, seed=9)
        if change:
            events = pd.read_csv(folder / "events.csv")
            late = events["timestamp"] > "2025-04-14"  # the last two of sixteen weeks
            assert 0 < late.sum() < len(events)
            shuffled = events.loc[late, "item_id"].sample(frac=1, random_state=1).to_numpy()
            events.loc[late, "item_id"] = shuffled
            events.to_csv(folder / "events.csv", index=False)
        workspace = Workspace.open(folder / "workspace")
        settings = DatasetSettings(protected=("segment",), validation_days=14, test_days=14)
        dataset = prepare(workspace, "tables", settings, path=folder)
        run = train(workspace, dataset.id, SMALL_MODEL, run_id="run-leak")
        found.append(run)
    before, after = found
    assert before.artefacts["weights"].sha256 == after.artefacts["weights"].sha256
    assert before.artefacts["candidates_validation"].sha256 == after.artefacts["candidates_validation"].sha256
    assert before.metrics["test"] != after.metrics["test"]
