"""Women's clothing reviews: every review is its own customer, a tenth each is held out, nothing is invented."""

from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from core.data.dataset import table
from core.data.prepare import prepare
from core.data.sources import reviews
from core.errors import SettingsError
from core.progress import quiet
from core.schema.settings import DatasetSettings
from tests.core.data.conftest import shared_data
from tests.core.data.refusals import assert_refused, folder_of

DEFAULT = DatasetSettings()
MADE = {
    "Clothing ID": [7, 7, 7, 8],
    "Age": [24, 25, 99, None],
    "Title": ["Good", None, "Bad", None],
    "Review Text": ["I like it.\nReally", None, "No", "Soft"],
    "Rating": [5, 4, 1, 3],
    "Recommended IND": [1, 1, 0, None],
    "Positive Feedback Count": [0, 2, 1, 0],
    "Division Name": ["General", "General Petite", "General Petite", None],
    "Department Name": ["Tops", "Tops", "Tops", None],
    "Class Name": ["Knits", "Knits", "Blouses", None],
}


@pytest.fixture
def made(tmp_path: Path) -> Path:
    folder = tmp_path / "clothes"
    folder.mkdir()
    pd.DataFrame(MADE).to_csv(folder / "Womens Clothing E-Commerce Reviews.csv")
    return folder


def test_every_review_is_a_customer_and_every_product_is_there(lasting):
    folder = shared_data("womens_clothing_reviews")
    raw = pd.read_parquet(folder / "reviews.parquet")
    dataset = prepare(lasting, "reviews", DEFAULT, path=folder)
    counts = dataset.counts
    assert counts["users"] == counts["events"] == 23_486
    assert counts["items"] == 1_206
    assert counts["catalogue"] > 1_000
    kept, items = table(lasting, dataset, "reviews"), table(lasting, dataset, "items")
    users = table(lasting, dataset, "users")
    assert kept["user"].tolist() == list(range(23_486))
    assert kept["rating"].tolist() == raw["Rating"].tolist()
    assert kept["text"].isna().sum() == 845
    assert kept["recommended"].sum() == raw["Recommended IND"].sum()
    assert items["item_id"].to_numpy()[kept["item"]].tolist() == raw["Clothing ID"].astype(str).tolist()
    assert users["age"].cat.categories.tolist() == list(reviews.AGES.values())
    assert (users["age"] == "65+").sum() == (raw["Age"] >= 65).sum()
    assert (dataset.attributes, dataset.protected) == (["age"], ["age"])


def test_a_tenth_each_is_held_out_alike_for_all_ratings_and_ages(lasting):
    folder = shared_data("womens_clothing_reviews")
    dataset = prepare(lasting, "reviews", DEFAULT, path=folder)
    split = table(lasting, dataset, "events").sort_values("user")["split"].to_numpy()
    rating = table(lasting, dataset, "reviews")["rating"].to_numpy()
    age = table(lasting, dataset, "users")["age"].cat.codes.to_numpy()
    for part in (1, 2):
        held_out = split == part
        assert abs(held_out.mean() - 0.1) < 0.01
        for values in (rating, age):
            error = values.std() / np.sqrt(held_out.sum())
            assert abs(values[held_out].mean() - values.mean()) < 4 * error


def test_what_cannot_be_told_is_said(lasting):
    dataset = prepare(lasting, "reviews", DEFAULT, path=shared_data("womens_clothing_reviews"))
    assert {"timing", "histories", "pricing", "service"} <= set(dataset.missing)
    assert "reviews" not in dataset.missing
    assert dataset.period == {}


def test_rows_become_users_items_and_reviews(made):
    tables = reviews.read(made, DEFAULT, quiet)
    assert tables.users["age"].astype("object").fillna("none").tolist() == [
        "Under 25",
        "25-34",
        "65+",
        "none",
    ]
    items = tables.items.set_index("item_id")
    assert items.loc["7"].tolist() == ["Knits 7", "Knits", "Tops", "General Petite"]
    assert items.loc["8", "title"] == "Item 8"
    assert items.loc["8"].isna().sum() == 3
    assert tables.reviews["text"].tolist()[0] == "I like it.\nReally"
    assert tables.reviews["recommended"].tolist() == [True, True, False, pd.NA]
    assert tables.reviews["positive_feedback"].tolist() == [0, 2, 1, 0]
    assert tables.events["timestamp"].nunique() == 1


def test_a_calendar_split_is_refused(workspace, made):
    with pytest.raises(SettingsError, match="no calendar to split by"):
        prepare(workspace, "reviews", DatasetSettings(split="temporal"), path=made)


BAD = [
    (
        {"reviews.csv": "Age,Rating\n30,5\n"},
        "reviews.csv, column 'Clothing ID': is missing; the columns are Age",
    ),
    ({"reviews.csv": "Clothing ID,Rating\n1,5\n2,6\n"}, r"column 'Rating': lies outside of 1 to 5 \(row 2\)"),
    ({"reviews.csv": "Clothing ID,Rating\n1,\n"}, r"column 'Rating': is blank \(row 1\)"),
    ({"reviews.csv": "Clothing ID,Rating,Age\n1,5,old\n"}, r"column 'Age': is no number \(row 1\)"),
    ({"reviews.csv": "Clothing ID,Rating\n"}, "reviews.csv: has a header but no rows"),
    ({"reviews.parquet": "PAR1 and nothing else"}, "reviews.parquet: is no Parquet file"),
    ({"notes.txt": "nothing"}, "holds no reviews.csv or reviews.parquet; it holds notes.txt"),
]


@pytest.mark.parametrize(("files", "message"), BAD)
def test_a_bad_folder_is_one_clear_line_and_changes_nothing(workspace, tmp_path, files, message):
    assert_refused(workspace, "reviews", folder_of(tmp_path / "bad", files), message)
