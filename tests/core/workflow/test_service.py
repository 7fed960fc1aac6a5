"""Service quality of a prepared shop: reports, tables and models of a run, and when there are none."""

import shutil
from pathlib import Path
from typing import NamedTuple

import numpy as np
import pandas as pd
import pytest

from core.data.feedback.joining import FED
from core.data.feedback.keeping import keep
from core.data.prepare import prepare
from core.data.service import VOLUNTEERED
from core.errors import CorruptArtefact
from core.models.representations import Representations
from core.schema.documents import Artefact, Dataset, Measured, ModelReport
from core.schema.settings import DatasetSettings, TrainSettings
from core.store.workspace import Workspace
from core.train import quality
from core.workflow.chapter import Chapter
from core.workflow.service import PREDICTIONS, load_service, outcomes_told, recorded_rows, service_chapter
from tests.core.data.made_orders import Orders, fed_with, made_orders

SETTINGS = TrainSettings(device="cpu")
SEEING = TrainSettings(device="cpu", protected_inputs=True)
WINDOWS = DatasetSettings(
    validation_days=45,
    test_days=45,
    minimum_item_users=2,
    minimum_user_events=1,
    protected=("region",),
)


@pytest.fixture(scope="module", autouse=True)
def few_epochs():
    """Enough for the made shop, and quick."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(quality, "EPOCHS", 10)
        yield


class Served(NamedTuple):
    workspace: Workspace
    dataset: Dataset
    chapter: Chapter | None


def nothing_known(users, times, items) -> None:
    """No recommender stands behind the service models."""


def served(root: Path, shop: Orders, *, settings: TrainSettings = SETTINGS, **tables: pd.DataFrame) -> Served:
    """Prepare the shop's tables as a user would bring them, and build the chapter."""
    folder = root / "shop"
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir(parents=True)
    for name, frame in ({"service": shop.service} | tables).items():
        frame = frame.assign(user_id=[f"u{user}" for user in frame["user"]])
        frame = frame.assign(item_id=[f"i{item}" for item in frame["item"]])
        frame.drop(columns=["user", "item"]).to_parquet(folder / f"{name}.parquet")
    events = shop.events.assign(
        user_id=[f"u{user}" for user in shop.events["user"]],
        item_id=[f"i{item}" for item in shop.events["item"]],
    )
    events.drop(columns=["user", "item", "split"]).to_parquet(folder / "events.parquet")
    shop.users.assign(region=shop.users["region"].astype(str)).to_parquet(folder / "users.parquet")
    shop.items.drop(columns="in_catalogue").to_parquet(folder / "items.parquet")
    workspace = Workspace.open(root / "workspace", f"sqlite:///{root}/workspace/evenhand.db")
    dataset = prepare(workspace, "tables", WINDOWS, path=folder)
    return Served(workspace, dataset, service_chapter(workspace, dataset, nothing_known, settings))


@pytest.fixture(scope="module")
def told(tmp_path_factory):
    made = served(tmp_path_factory.mktemp("served"), made_orders(1600), settings=SEEING)
    yield made
    made.workspace.close()


def test_every_outcome_of_the_orders_has_a_report_tables_and_a_model(told):
    names = {"satisfaction_at_order", "satisfaction_at_review", "delivery_delay", "delivery_days"}
    chapter = told.chapter
    assert set(chapter.reports) == names
    assert set(chapter.tensors) == {f"service_{name}" for name in names}
    assert set(chapter.tables) == {"service_predictions", "service_groups"}
    assert set(chapter.tables["service_predictions"]["outcome"]) == names


def test_the_model_beats_mean_and_bias_where_there_is_a_signal(told):
    report = told.chapter.reports["delivery_days"]
    assert set(report.baselines) == {"mean", "median", "bias_mean", "bias_median", "linear"}
    best = min(rule["mae"].value for rule in report.baselines.values())
    difference = report.metrics["mae_difference"]
    assert difference.value == pytest.approx(report.metrics["mae"].value - best)
    assert difference.low < difference.value < difference.high < 0
    assert any(note.startswith("Beats the best baseline") for note in report.notes)


def test_metrics_are_those_of_the_predictions_on_the_test_rows(told):
    rows = told.chapter.tables["service_predictions"].query("outcome == 'delivery_days' and split == 2")
    metrics = told.chapter.reports["delivery_days"].metrics
    inside = rows["observed"].between(rows["low"], rows["high"])
    assert metrics["mae"].value == pytest.approx(
        (rows["predicted"] - rows["observed"]).abs().mean(), rel=1e-4
    )
    rmse = np.sqrt(((rows["expected"] - rows["observed"]) ** 2).mean())
    assert metrics["rmse"].value == pytest.approx(rmse, rel=1e-4)
    assert metrics["coverage"].value == pytest.approx(inside.mean(), abs=0.01)
    assert metrics["coverage"].value == pytest.approx(0.9, abs=0.06)
    assert metrics["mae"].n == len(rows)


def test_each_group_has_its_coverage(told):
    groups = told.chapter.tables["service_groups"]
    covered = groups[(groups["metric"] == "coverage") & (groups["outcome"] == "delivery_days")]
    assert set(covered["group"]) == {"north", "south", "far"}
    assert (covered["low"] <= covered["value"]).all()
    assert (covered["users"] >= 10).all()


def test_protected_attributes_are_seen_only_if_the_settings_say_so(told, tmp_path):
    blind = served(tmp_path, made_orders(900))
    note = "The model does not see protected attributes, nor what tells them (region)"
    for chapter, seen in ((told.chapter, True), (blind.chapter, False)):
        _, text = chapter.tensors["service_delivery_days"]
        assert ("user region" in text) == seen
        notes = chapter.reports["delivery_days"].notes
        assert any(line.startswith(note) for line in notes) != seen
    blind.workspace.close()


def test_a_kept_model_is_read_again(told):
    tensors, text = told.chapter.tensors["service_delivery_days"]
    write = told.workspace.artefacts.write_tensors
    kept = write("runs/run-a/service.safetensors", tensors, {"model": text})
    assert load_service(told.workspace, kept).line[0] > 0
    with pytest.raises(CorruptArtefact, match="no service model"):
        load_service(told.workspace, write("runs/run-a/other.safetensors", tensors, {}))


def test_where_there_is_no_signal_the_card_says_so(tmp_path):
    shop = made_orders(1500)
    stars = np.random.default_rng(4).choice([1.0, 4.0, 5.0], len(shop.service), p=[0.1, 0.3, 0.6])
    service = shop.service.assign(satisfaction=stars).drop(columns=["promised_at", "delivered_at"])
    made = served(tmp_path, shop, service=service)
    report = made.chapter.reports["satisfaction_at_order"]
    assert report.metrics["mae_difference"].high >= 0
    assert any("the data carry no signal" in note or "that rule is better" in note for note in report.notes)
    assert "delivery_days" not in made.chapter.reports
    made.workspace.close()


def test_too_few_orders_have_a_report_that_says_so(tmp_path):
    made = served(tmp_path, made_orders(250))
    report = made.chapter.reports["delivery_days"]
    assert report.metrics == {}
    assert "Too few rows" in report.notes[0]
    assert made.chapter.tables == made.chapter.tensors == {}
    made.workspace.close()


def test_ratings_are_predicted_where_orders_have_no_satisfaction_and_the_vectors_are_asked_for(tmp_path):
    shop = made_orders(900)
    rated = shop.service.rename(columns={"satisfaction": "rating"})[["user", "item", "timestamp", "rating"]]
    made = served(tmp_path, shop, service=shop.service.drop(columns="satisfaction"), reviews=rated)
    asked = []

    def remembered(users, times, items) -> Representations:
        asked.append((users, times, items))
        none = np.zeros((len(users), 4), np.float32)
        return Representations(none, none, np.zeros(len(users), np.float32))

    chapter = service_chapter(made.workspace, made.dataset, remembered, SETTINGS)
    assert {"rating", "delivery_days"} <= set(chapter.reports)
    rows = chapter.tables["service_predictions"].query("outcome == 'rating'")
    users, times, items = asked[-1]
    np.testing.assert_array_equal(users, rows["user"])
    np.testing.assert_array_equal(items, rows["item"])
    np.testing.assert_array_equal(times, rows["timestamp"].to_numpy("datetime64[s]").astype(np.int64))
    made.workspace.close()


def test_without_orders_and_reviews_there_is_no_chapter(prepared):
    assert service_chapter(prepared.workspace, prepared.dataset, nothing_known, SETTINGS) is None


def test_only_outcomes_with_a_measured_model_are_offered(shop):
    measured = ModelReport(metrics={"mae": Measured(value=1.0, n=60)})
    artefact = Artefact(path="x", sha256="0" * 64, bytes=1)
    run = shop.run.model_copy(update={"reports": {"rating": measured}, "artefacts": {PREDICTIONS: artefact}})
    assert [outcome.name for outcome in outcomes_told(run)] == ["rating"]
    lacking = run.model_copy(update={"reports": {"rating": ModelReport(metrics={}, notes=["Too few."])}})
    assert outcomes_told(lacking) == []
    assert outcomes_told(run.model_copy(update={"artefacts": {}})) == []


def with_feedback(made: Served, folder: Path, told: pd.DataFrame) -> Dataset:
    """The next dataset of the line, with these rows as feedback."""
    ids = {
        "user_id": [f"u{user}" for user in told["user"]],
        "item_id": [f"i{item}" for item in told["item"]],
    }
    rows = told[["timestamp", "satisfaction"]].assign(**ids)
    keep(made.workspace, made.dataset, rows, "service", origin="file", name="service.csv", who="Ann")
    return prepare(made.workspace, "tables", WINDOWS, path=folder, follows=made.dataset.id)


def test_feedback_beside_orders_judges_nothing_and_the_card_says_so(tmp_path):
    shop = made_orders(1200)
    orders = shop.service.drop(columns=["promised_at", "delivered_at", "reviewed_at"])
    made = served(tmp_path, shop, service=orders)
    after = with_feedback(made, tmp_path / "shop", fed_with(orders, 300).query(FED))
    chapter = service_chapter(made.workspace, after, nothing_known, SETTINGS)
    for name in ("satisfaction_at_order", "satisfaction_at_review"):
        before, report = made.chapter.reports[name], chapter.reports[name]
        assert report.metrics["mae"].n == before.metrics["mae"].n
        assert report.baselines["mean"] == before.baselines["mean"]
        said = " ".join(report.notes)
        assert "were volunteered in feedback, and are of no order: they may teach" in said
        assert "all rows weighted" in said  # tried beside the orders alone
        assert "drawn at random" not in said
        assert VOLUNTEERED not in said
    predicted = chapter.tables[PREDICTIONS]
    assert predicted[FED].sum() > 400
    assert not predicted.loc[predicted[FED], "unbiased"].any()
    made.workspace.close()


def test_feedback_alone_has_a_model_that_says_so_and_does_not_make_up_for_orders(tmp_path):
    shop = made_orders(900)
    made = served(
        tmp_path, shop, service=shop.service[["user", "item", "timestamp", "satisfaction"]].head(30)
    )
    told = fed_with(shop.service, 800).query(FED)
    told = told.assign(satisfaction=shop.service["satisfaction"].to_numpy()[told["user"]])
    few = with_feedback(made, tmp_path / "shop", told)
    (note,) = (
        service_chapter(made.workspace, few, nothing_known, SETTINGS).reports["satisfaction_at_order"].notes
    )
    assert "30 to learn from" in note
    assert "more were volunteered in feedback, and are of no order" in note
    (tmp_path / "shop" / "service.parquet").unlink()
    alone = prepare(made.workspace, "tables", WINDOWS, path=tmp_path / "shop", follows=made.dataset.id)
    reports = service_chapter(made.workspace, alone, nothing_known, SETTINGS).reports
    assert set(reports) == {"satisfaction_at_order"}
    assert reports["satisfaction_at_order"].metrics["mae"].n > 50
    assert VOLUNTEERED in reports["satisfaction_at_order"].notes
    made.workspace.close()


def test_feedback_does_not_stand_in_the_way_of_reviews(told):
    shop = made_orders(900)
    orders = fed_with(shop.service.drop(columns=["promised_at", "delivered_at", "reviewed_at"]), 800)
    fed = orders.query(FED).dropna(axis=1, how="all")
    rated = shop.service.rename(columns={"satisfaction": "rating"})[["user", "item", "timestamp", "rating"]]
    for tables, names in (
        ({"service": fed}, ["satisfaction_at_order"]),
        ({"service": fed, "reviews": rated}, ["rating"]),
        ({"service": orders, "reviews": rated}, ["satisfaction_at_order", "satisfaction_at_review"]),
    ):
        found = recorded_rows(tables, shop.events, told.dataset, SETTINGS)
        assert [one.outcome.name for one in found] == names
