"""From a prepared dataset to what a customer is told of a product, with and without review text."""

from pathlib import Path
from typing import NamedTuple

import numpy as np
import pandas as pd
import pytest

from core.data.dataset import table
from core.data.prepare import prepare
from core.errors import CorruptArtefact, NotFound
from core.opinions.claims import AspectClaim, RatingClaim
from core.schema.documents import Dataset, Run
from core.schema.settings import DatasetSettings, TrainSettings
from core.store.workspace import Workspace
from core.workflow import evaluating
from core.workflow.evaluating import opinions_chapter, product_evaluation
from tests.core.data.conftest import shared_data
from tests.core.opinions.made import made_items, made_reviews
from tests.core.workflow.conftest import WINDOWS, Shop, made_tables
from tests.core.workflow.made_runs import run_with

CUSTOMERS, PRODUCTS = 700, 5


class Written(NamedTuple):
    workspace: Workspace
    dataset: Dataset
    folder: Path


def prepared_shop(root: Path, **columns) -> Written:
    """Customers in three age groups and one of six, who bought and reviewed; columns of the reviews can be replaced."""
    folder = root / "shop"
    folder.mkdir()
    events, _ = made_tables(CUSTOMERS, PRODUCTS)
    people = pd.DataFrame({"user_id": [f"u{code}" for code in range(CUSTOMERS)]})
    ages = np.array(["18-29", "30-44", "45+"], dtype=object)[np.arange(CUSTOMERS) % 3]
    ages[:6] = "90+"
    made = made_reviews(CUSTOMERS)
    reviews = made.assign(user_id=people["user_id"], item_id=[f"i{code}" for code in made["item"]], **columns)
    people.assign(age=ages).to_csv(folder / "users.csv", index=False)
    events.to_csv(folder / "events.csv", index=False)
    made_items().to_csv(folder / "items.csv", index=False)
    reviews.drop(columns=["user", "item"]).to_parquet(folder / "reviews.parquet")
    workspace = Workspace.open(root / "workspace", f"sqlite:///{root}/workspace/evenhand.db")
    settings = WINDOWS.model_copy(update={"protected": ("age",)})
    return Written(workspace, prepare(workspace, "tables", settings, path=folder), folder)


@pytest.fixture(scope="module")
def written(tmp_path_factory):
    made = prepared_shop(tmp_path_factory.mktemp("written"))
    yield made
    made.workspace.close()


@pytest.fixture(scope="module")
def run(written: Written) -> Run:
    """A run with nothing but what the chapter adds."""
    chapter = opinions_chapter(written.workspace, written.dataset, TrainSettings())
    return run_with(written.workspace, written.dataset, chapter.tables, chapter.reports, chapter.tensors)


def codes(written: Written, column: str, *values: str) -> list[int]:
    frame = table(written.workspace, written.dataset, "users" if column == "user_id" else "items")
    return [int(np.flatnonzero(frame[column] == value)[0]) for value in values]


def test_a_run_and_its_dataset_tell_the_same(written: Written, run: Run):
    [user], [item] = codes(written, "user_id", "u40"), codes(written, "item_id", "i2")
    by_run = product_evaluation(written.workspace, run, user=user, item=item)
    by_dataset = product_evaluation(written.workspace, written.dataset, user=user, item=item)
    assert by_run.text == by_dataset.text
    assert by_run.aspects == by_dataset.aspects
    assert by_run.expected == by_dataset.expected
    assert any(isinstance(one.claim, AspectClaim) for one in by_run.text.sentences)
    assert by_run.fallback is None


def test_the_report_says_how_well_reviews_are_read(run: Run):
    report = run.reports["opinions"]
    assert report.metrics["auc"].low > report.baselines["one answer for all"]["auc"].value
    assert 0 < report.metrics["auc"].n < CUSTOMERS / 5
    assert any("remarks on aspects" in note for note in report.notes)


def test_all_cited_reviews_are_rows_of_the_dataset_on_the_product(written: Written, run: Run):
    reviews = table(written.workspace, written.dataset, "reviews")
    [item] = codes(written, "item_id", "i1")
    for user in codes(written, "user_id", "u10", "u11", "u12"):
        evaluation = product_evaluation(written.workspace, run, user=user, item=item)
        for sentence in evaluation.text.sentences:
            cited = reviews.loc[list(sentence.cited)]
            assert (cited["item"] == item).all() or (cited["user"] == user).all()


def test_the_small_group_is_never_spoken_of_and_cannot_be_worked_out(written: Written, run: Run):
    users = table(written.workspace, written.dataset, "users")
    reviews = table(written.workspace, written.dataset, "reviews")
    [item] = codes(written, "item_id", "i3")
    spoken = {}
    for label, members in users.groupby("age", observed=True).groups.items():
        evaluation = product_evaluation(written.workspace, run, user=int(members[-1]), item=item)
        assert "90+" not in str(evaluation.text) + str(evaluation.facts)
        if evaluation.about.basis == "age":
            spoken[label] = evaluation.about.n
    wrote = reviews.loc[reviews["item"] == item, "user"].map(users["age"]).value_counts()
    assert (
        1 <= len(spoken) <= 2
    )  # one more than the small group is kept back, so that no difference gives it away
    assert wrote.drop(list(spoken)).sum() >= 10


def test_a_text_column_that_is_empty_falls_back_to_ratings_and_purchases(tmp_path: Path):
    shop = prepared_shop(tmp_path, title=None, text=None)
    chapter = opinions_chapter(shop.workspace, shop.dataset, TrainSettings())
    assert chapter.tables == {}
    assert "no text" in chapter.reports["opinions"].notes[0]
    evaluation = product_evaluation(shop.workspace, shop.dataset, user=3, item=1)
    assert [type(one.claim) for one in evaluation.text.sentences] == [RatingClaim]
    assert evaluation.fallback.startswith("The reviews have no text")
    assert evaluation.facts
    shop.workspace.close()


def test_ratings_all_alike_cannot_be_learnt_from_and_it_is_said(tmp_path: Path):
    shop = prepared_shop(tmp_path, rating=5.0)
    chapter = opinions_chapter(shop.workspace, shop.dataset, TrainSettings())
    assert "50 of each" in chapter.reports["opinions"].notes[0]
    assert "50 of each" in product_evaluation(shop.workspace, shop.dataset, user=3, item=1).fallback
    shop.workspace.close()


def test_grocery_data_without_reviews_fall_back_and_say_so(prepared):
    assert opinions_chapter(prepared.workspace, prepared.dataset, TrainSettings()) is None
    events = table(prepared.workspace, prepared.dataset, "events")
    bought = events[(events["split"] < 2) & (events["user"] == 5)]
    item = int(bought["item"].value_counts().index[0])
    evaluation = product_evaluation(prepared.workspace, prepared.dataset, user=5, item=item)
    told = " ".join(fact.text for fact in evaluation.facts)
    assert evaluation.fallback.startswith("The data have no reviews")
    assert evaluation.text.sentences == ()
    assert evaluation.expected is None
    assert evaluation.like.basis == "taste"
    assert f"You bought it {(bought['item'] == item).sum()} times" in told or "You bought it" in told
    assert "Its usual price is" in told
    assert "customers with a taste like yours bought it" in told
    print(told)


def test_purchases_of_the_test_window_are_not_told(shop: Shop):
    """What was bought in the test window is what lists are judged by."""
    events = table(shop.workspace, shop.dataset, "events")
    later = events[events["split"] == 2].iloc[0]
    before = events[
        (events["split"] < 2) & (events["user"] == later["user"]) & (events["item"] == later["item"])
    ]
    evaluation = product_evaluation(
        shop.workspace, shop.run, user=int(later["user"]), item=int(later["item"])
    )
    again = [fact for fact in evaluation.facts if fact.text.startswith("You bought it")]
    assert sum(fact.n for fact in again) == len(before)


def test_the_service_models_prediction_is_used_where_it_was_held_out(written: Written, run: Run):
    predictions = pd.DataFrame(
        {
            "user": [3, 4, 5],
            "item": [1, 1, 1],
            "outcome": ["rating", "rating", "delivery_days"],
            "expected": [4.25, 4.0, 9.0],
            "low": [2.0, 2.0, 2.0],
            "high": [5.0, 5.0, 20.0],
            "split": [2, 0, 2],
        }
    )
    kept = written.workspace.artefacts.write_table("runs/run-made/service_predictions.parquet", predictions)
    served = run.model_copy(update={"artefacts": run.artefacts | {"service_predictions": kept}})
    found = [product_evaluation(written.workspace, served, user=user, item=1).expected for user in (3, 4, 5)]
    assert [one.basis for one in found] == ["service model", "ratings", "ratings"]
    assert (found[0].measured.value, found[0].confidence) == (4.25, 0.9)


@pytest.mark.parametrize(("user", "item"), [(-1, 0), (10**6, 0), (0, -1), (0, 10**6)])
def test_codes_that_do_not_exist_are_refused(written: Written, user: int, item: int):
    with pytest.raises(NotFound, match="There is no"):
        product_evaluation(written.workspace, written.dataset, user=user, item=item)


def test_damaged_remarks_are_noticed(written: Written, run: Run):
    other = run.artefacts["remarks"].model_copy(update={"path": "runs/run-made/gone.parquet"})
    broken = run.model_copy(update={"artefacts": run.artefacts | {"remarks": other}})
    with pytest.raises(CorruptArtefact):
        product_evaluation(written.workspace, broken, user=1, item=1)


def test_reviews_are_read_once_for_a_dataset(written: Written, monkeypatch: pytest.MonkeyPatch):
    product_evaluation(written.workspace, written.dataset, user=1, item=1)

    def refuse(*_, **__):
        raise AssertionError("read again")

    monkeypatch.setattr(evaluating, "read_opinions", refuse)
    assert product_evaluation(written.workspace, written.dataset, user=2, item=2).text.sentences


def test_real_clothing_reviews_from_their_source(tmp_path: Path):
    workspace = Workspace.open(tmp_path / "real", f"sqlite:///{tmp_path}/real/evenhand.db")
    folder = shared_data("womens_clothing_reviews")
    dataset = prepare(workspace, "reviews", DatasetSettings(), path=folder)
    chapter = opinions_chapter(workspace, dataset, TrainSettings())
    assert chapter.reports["opinions"].metrics["auc"].low > 0.94
    reviews = table(workspace, dataset, "reviews")
    item = int(reviews["item"].value_counts().index[10])
    evaluation = product_evaluation(workspace, dataset, user=1, item=item)
    assert "customers in your age group" in str(evaluation.text)
    assert sum(isinstance(one.claim, AspectClaim) for one in evaluation.text.sentences) >= 3
    workspace.close()
