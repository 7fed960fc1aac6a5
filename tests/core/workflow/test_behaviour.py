"""The chapter on behaviour: intent, categories and paths of a shop, beside the rules they have to beat."""

import json
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
import torch

from core.data.behaviour import behaviour_features, occasions
from core.data.dataset import table
from core.data.inputs import SECONDS_PER_DAY
from core.data.prepare import prepare
from core.data.steps import shopping_steps
from core.data.support import TIMING
from core.errors import Cancelled
from core.models.representations import Representations
from core.schema.documents import Dataset
from core.schema.settings import DatasetSettings, TrainSettings
from core.store.workspace import Workspace
from core.train import paths
from core.train.step_batches import asked_when
from core.workflow.behaviour import behaviour_chapter
from core.workflow.behaviour_intent import load_intent
from core.workflow.behaviour_path_tables import load_steps
from core.workflow.chapter import Chapter
from tests.core.data.made_visits import made_visits

USERS = 60
WINDOWS = DatasetSettings(minimum_item_users=1, minimum_user_events=1)
SETTINGS = TrainSettings()


def nobody_knows(users: np.ndarray, times: np.ndarray, items: np.ndarray) -> None:
    return None


def prepared_visits(root: Path, change=lambda events: events, **settings) -> tuple[Workspace, Dataset]:
    """The made visits, through files, as a prepared dataset."""
    events, items = made_visits(n_users=USERS)
    events = change(events).rename(columns={"user": "user_id", "basket": "basket_id"})
    events["item_id"] = items["item_id"].to_numpy()[events.pop("item")]
    root.mkdir(parents=True, exist_ok=True)
    events.assign(quantity=1, list_price=events["paid_price"]).drop(columns="split").to_csv(
        root / "events.csv", index=False
    )
    items.to_csv(root / "items.csv", index=False)
    workspace = Workspace.open(root / "workspace", f"sqlite:///{root}/workspace/evenhand.db")
    return workspace, prepare(workspace, "tables", WINDOWS.model_copy(update=settings), path=root)


@pytest.fixture(scope="module")
def shop(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[Workspace, Dataset, Chapter]]:
    """The made visits with their chapter; read it, do not write to it."""
    workspace, dataset = prepared_visits(tmp_path_factory.mktemp("visits"))
    yield workspace, dataset, behaviour_chapter(workspace, dataset, nobody_knows, SETTINGS)
    workspace.close()


@pytest.fixture
def brief(monkeypatch):
    """A few steps of training: what is tested does not need a good model."""
    monkeypatch.setattr(paths, "FEWEST_STEPS", 0)


def test_every_model_is_reported_beside_its_rules_with_intervals(shop):
    reports = shop[2].reports
    assert set(reports) == {"intent", "categories", "paths"}
    for name, rules in (
        ("intent", {"recency_frequency", "same_features"}),
        ("categories", {"markov", "own_frequency", "popularity"}),
        ("paths", {"markov", "own_frequency", "popularity"}),
    ):
        report = reports[name]
        assert set(report.baselines) == rules
        assert report.notes
        for rule in report.baselines.values():
            assert {f"{metric}_difference" for metric in rule} | set(rule) == set(report.metrics)
        for number in report.metrics.values():
            assert number.low <= number.value <= number.high
            assert number.n > 0
        json.dumps(report.model_dump(mode="json"), allow_nan=False)


def test_the_model_foretells_the_cycle_that_own_frequency_cannot(shop):
    report = shop[2].reports["paths"]
    assert report.metrics["hit@1"].value > report.baselines["own_frequency"]["hit@1"].value + 0.3
    assert any(
        "against the user's own frequencies: better in log_likelihood" in n.lower() for n in report.notes
    )


def test_intent_is_asked_one_horizon_after_another_in_the_test_window(shop):
    workspace, dataset, chapter = shop
    rows = chapter.tables["intent"]
    assert set(rows["horizon_days"]) == {7}
    assert any(
        "within 28 days is not told" in note for note in chapter.reports["intent"].notes
    )  # all but few buy
    assert rows[["probability", "baseline_probability"]].apply(lambda p: p.between(0, 1)).all(axis=None)
    week = rows[rows["horizon_days"] == 7]
    assert week.groupby("user").size().max() == 4
    start = pd.Timestamp(dataset.period["test_start"])
    assert sorted(week["timestamp"].unique()) == [
        start + pd.Timedelta(days=7 * number) for number in range(4)
    ]
    events = table(workspace, dataset, "events")
    row = week.iloc[11]
    ahead = (events["timestamp"] - row["timestamp"]) / pd.Timedelta(days=1)
    assert row["observed"] == ((events["user"] == row["user"]) & (ahead >= 0) & (ahead < 7)).any()


def test_every_user_with_history_has_paths_and_categories_best_first(shop):
    workspace, dataset, chapter = shop
    events = table(workspace, dataset, "events")
    known = set(events.loc[events["split"] < 2, "user"])
    for name, column in (("paths", "path"), ("next_categories", "category")):
        rows = chapter.tables[name]
        assert set(rows["user"]) == known
        assert not rows.duplicated(["user", column]).any()
        falls = rows.groupby("user")["probability"].diff().dropna() <= 1e-9
        assert falls.all()
        assert (rows.groupby("user")["probability"].sum() <= 1 + 1e-6).all()
    assert set(chapter.tables["common_paths"].groupby("user").size()) == {40}


def test_common_paths_have_the_probability_that_a_users_own_table_shows(shop):
    own, common = (shop[2].tables[name].astype({"path": str}) for name in ("paths", "common_paths"))
    both = own.merge(common, on=["user", "path"])
    assert len(both) > 30
    np.testing.assert_allclose(both["probability_x"], both["probability_y"], rtol=1e-4)


def written(shop, name: str):
    workspace, _, chapter = shop
    weights, described = chapter.tensors[name]
    return workspace.artefacts.write_tensors(
        f"runs/run-kept/{name}.safetensors", weights, {"model": described}
    )


def test_a_kept_intent_model_says_the_same(shop):
    workspace, dataset, chapter = shop
    model = load_intent(workspace, written(shop, "intent_7"))
    rows = chapter.tables["intent"].query("horizon_days == 7")
    past = occasions(table(workspace, dataset, "events"), n_users=dataset.counts["users"])
    times = rows["timestamp"].to_numpy("datetime64[s]").astype(np.int64)
    known = behaviour_features(past, rows["user"].to_numpy(np.int64), times, seconds=7 * SECONDS_PER_DAY)
    features = torch.from_numpy(known[list(model.shape.features)].to_numpy(copy=True))
    np.testing.assert_allclose(model.probabilities(features), rows["probability"], rtol=1e-5)


def test_a_kept_model_of_steps_says_the_same(shop):
    workspace, dataset, chapter = shop
    model, names = load_steps(workspace, written(shop, "next_categories_model"))
    events, items = (table(workspace, dataset, name) for name in ("events", "items"))
    steps = shopping_steps(events, items, n_users=dataset.counts["users"], hold_out=None)
    assert names == steps.names
    first = chapter.tables["next_categories"].query("rank == 1").set_index("user")
    with torch.inference_mode():
        batch = next(asked_when(steps, 2, first.index.to_numpy()))
        best = model.log_probabilities(batch.states(model)).exp().max(dim=1)
    assert [names[code] for code in best.indices] == first.loc[batch.users, "category"].tolist()
    np.testing.assert_allclose(best.values, first.loc[batch.users, "probability"], rtol=1e-5)


def test_exchanging_everything_in_the_test_window_changes_no_model_and_no_answer_at_its_beginning(
    tmp_path, brief
):
    def exchange(events: pd.DataFrame) -> pd.DataFrame:
        later = events["split"] == 2
        last = events["timestamp"] == events["timestamp"].max()  # the calendar stays as long as it was
        dropped = later & ~last & (events["user"] % 3 == 0)
        items = np.where(later, 17 - events["item"], events["item"])
        return events.assign(item=items, paid_price=np.where(later, 9.0, 2.0))[~dropped]

    kept = []
    for number, change in enumerate((lambda events: events, exchange)):
        workspace, dataset = prepared_visits(tmp_path / str(number), change)
        kept.append(behaviour_chapter(workspace, dataset, nobody_knows, SETTINGS))
        workspace.close()
    for name, (weights, described) in kept[0].tensors.items():
        assert kept[1].tensors[name][1] == described
        for part, tensor in weights.items():
            torch.testing.assert_close(
                kept[1].tensors[name][0][part], tensor, rtol=0, atol=0, msg=f"{name} {part}"
            )
    for name in ("paths", "next_categories"):
        pd.testing.assert_frame_equal(kept[1].tables[name], kept[0].tables[name])
    first, second = (one.tables["intent"].groupby(["horizon_days", "user"]).first() for one in kept)
    pd.testing.assert_series_equal(first["probability"], second["probability"])
    assert (first["observed"] != second["observed"]).any()


def test_without_real_times_intent_says_what_is_missing_and_paths_are_told(shop, tmp_path, brief):
    workspace, dataset, _ = shop
    ordered = dataset.model_copy(
        update={"missing": dataset.missing | {TIMING: "events.timestamp with real times"}}
    )
    chapter = behaviour_chapter(workspace, ordered, nobody_knows, SETTINGS)
    assert chapter.reports["intent"].metrics == {}
    assert "events.timestamp with real times" in chapter.reports["intent"].notes[0]
    assert "intent" not in chapter.tables
    assert chapter.reports["paths"].metrics


def test_where_users_last_steps_are_held_out_no_vector_is_asked_for(tmp_path, brief):
    def never(*asked) -> None:
        raise AssertionError("the recommender has seen what is to be foretold")

    workspace, dataset = prepared_visits(tmp_path, split="leave_one_out")
    chapter = behaviour_chapter(workspace, dataset, never, SETTINGS)
    assert "before their last 3 steps" in chapter.reports["paths"].notes[0]
    assert chapter.reports["intent"].metrics
    workspace.close()


def test_user_vectors_are_asked_for_at_moments_of_users_without_items(shop, brief):
    workspace, dataset, _ = shop
    moments = []

    def vectors(users: np.ndarray, times: np.ndarray, items: np.ndarray) -> Representations:
        assert (items == -1).all()
        moments.append(times)
        noise = np.random.default_rng(len(users)).normal(size=(len(users), 4)).astype(np.float32)
        return Representations(noise, noise, noise[:, 0])

    chapter = behaviour_chapter(workspace, dataset, vectors, SETTINGS)
    assert sum(len(times) for times in moments) > 1000
    for name, report in chapter.reports.items():
        assert any("recommender's user vectors" in note for note in report.notes), name
        assert not any("user vectors" in note for note in shop[2].reports[name].notes), name


def test_too_little_to_learn_from_is_said(tmp_path):
    def once(events: pd.DataFrame) -> pd.DataFrame:
        return events.groupby("user").sample(1, random_state=0)

    workspace, dataset = prepared_visits(tmp_path, once, validation_days=20, test_days=20)
    chapter = behaviour_chapter(workspace, dataset, nobody_knows, SETTINGS)
    assert all(report.metrics == {} for report in chapter.reports.values())
    assert "not told" in chapter.reports["intent"].notes[0]
    assert "fewer than 20 users" in chapter.reports["paths"].notes[0]
    assert not chapter.tables
    workspace.close()


@pytest.mark.parametrize("stage", ["Learning intent", "Judging intent", "Learning paths"])
def test_the_chapter_can_be_cancelled_at_every_stage(shop, brief, stage):
    def cancel(now: str, fraction: float, message: str = "") -> None:
        assert 0 <= fraction <= 1
        if now == stage:
            raise Cancelled("stop")

    with pytest.raises(Cancelled):
        behaviour_chapter(*shop[:2], nobody_knows, SETTINGS, cancel)
