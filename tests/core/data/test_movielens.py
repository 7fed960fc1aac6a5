"""MovieLens: the benchmark's order and protocol on real data, and the published forms with ratings and times."""

from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from core.data.dataset import table
from core.data.inputs import model_inputs, positives
from core.data.prepare import prepare
from core.data.sources import movielens
from core.progress import quiet
from core.schema.settings import DatasetSettings
from tests.core.data.conftest import shared_data
from tests.core.data.refusals import assert_refused, folder_of

DEFAULT = DatasetSettings()
RATINGS = [  # user 2 rated three films in one second; the file's order counts
    (1, 10, 5, 978300760),
    (1, 20, 3, 978302109),
    (1, 30, 4, 978301968),
    (2, 30, 4, 978300275),
    (2, 10, 2, 978300275),
    (2, 20, 1, 978300275),
]
USERS = [(1, "F", 1, 10, "48067"), (2, "M", 56, 16, "98107-2117")]
MOVIES = [
    (10, "Misérables, Les (1995)", "Drama|Musical"),
    (20, "Sabrina (1954)", "Comedy"),
    (30, "Sabrina (1995)", "Comedy|Romance"),
    (40, "Slingshot, The (Kådisbellan ) (1993)", "Drama"),
    (50, "No year here", "(no genres listed)"),
]


def write_dat(folder: Path, **tables: list[tuple]) -> Path:
    folder.mkdir(exist_ok=True)
    for name, rows in tables.items():
        text = "".join("::".join(map(str, row)) + "\n" for row in rows)
        (folder / f"{name}.dat").write_bytes(text.encode("latin-1"))
    return folder


@pytest.fixture
def published(tmp_path: Path) -> Path:
    """The form of MovieLens-1M: fields parted by colons, in Latin-1."""
    return write_dat(tmp_path / "ml", ratings=RATINGS, users=USERS, movies=MOVIES)


@pytest.fixture(scope="module")
def real() -> Path:
    return shared_data("movielens_1m")


def test_the_benchmarks_counts_are_there_and_every_user_has_one_answer(lasting, real):
    dataset = prepare(lasting, "movielens", DEFAULT, path=real)
    counts = dataset.counts
    assert (counts["events"], counts["users"], counts["catalogue"]) == (999_611, 6_040, 3_416)
    events = table(lasting, dataset, "events")
    items = table(lasting, dataset, "items")
    answers = positives(events, counts["catalogue"], 6_040, "test")
    assert np.diff(answers.offsets).tolist() == [1] * 6_040
    sequences = pd.read_parquet(real / "sequences.parquet").sort_values(["user_id", "position"])
    last = sequences.groupby("user_id").tail(1)
    ids = table(lasting, dataset, "users")["user_id"]
    found = pd.Series(items["item_id"].to_numpy()[answers.items], index=ids)
    expected = last.set_index(last["user_id"].astype(str))["movie_id"].astype(str)
    assert found.sort_index().to_dict() == expected.sort_index().to_dict()


def test_histories_are_the_sequences_in_their_order(lasting, real):
    dataset = prepare(lasting, "movielens", DEFAULT, path=real)
    events, items = table(lasting, dataset, "events"), table(lasting, dataset, "items")
    history = model_inputs(events, items, n_users=6_040, until="validation").history
    ids = table(lasting, dataset, "users")["user_id"]
    sequences = pd.read_parquet(real / "sequences.parquet").sort_values(["user_id", "position"])
    for code in (0, 17, 6_039):
        mine = sequences.loc[sequences["user_id"] == int(ids[code]), "movie_id"].astype(str).tolist()
        found = items["item_id"].to_numpy()[history.items[history.offsets[code] : history.offsets[code + 1]]]
        assert found.tolist() == mine[:-1]


def test_what_is_known_of_users_names_groups_in_plain_words(lasting, real):
    dataset = prepare(lasting, "movielens", DEFAULT, path=real)
    users = table(lasting, dataset, "users").set_index("user_id")
    assert dataset.attributes == ["gender", "age", "occupation", "region"]
    assert dataset.protected == ["gender", "age"]
    assert users["gender"].value_counts().to_dict() == {"Male": 4_331, "Female": 1_709}
    assert users["age"].cat.categories.tolist() == list(movielens.AGES.values())
    assert users.loc["1"].tolist() == ["Female", "Under 18", "K-12 student", "Michigan to Kentucky"]
    assert users["occupation"].nunique() == 21
    assert users["region"].nunique() == 10


def test_the_copy_without_ratings_says_what_it_cannot_support(lasting, real):
    dataset = prepare(lasting, "movielens", DEFAULT, path=real)
    assert {"timing", "reviews", "service", "pricing"} <= set(dataset.missing)
    assert "reviews" not in dataset.tables
    assert any("no rating values" in note for note in dataset.notes)


def test_films_have_title_decade_and_genres(published):
    items = movielens.read(published, DEFAULT, quiet).items.set_index("item_id")
    assert items["title"].tolist() == [
        "Les Misérables",
        "Sabrina (1954)",
        "Sabrina (1995)",
        "The Slingshot (Kådisbellan )",
        "No year here",
    ]
    assert items.loc["10", ["category", "description", "decade"]].tolist() == [
        "Drama",
        "Drama Musical",
        "1990s",
    ]
    assert items.loc["50", ["category", "description", "decade"]].isna().all()


def test_published_ratings_become_events_and_reviews_in_time(workspace, published):
    dataset = prepare(workspace, "movielens", DEFAULT, path=published)
    events, items = table(workspace, dataset, "events"), table(workspace, dataset, "items")
    names = items["item_id"].to_numpy()[events["item"]].tolist()
    assert names == ["10", "30", "20", "30", "10", "20"]
    assert events["split"].tolist() == [0, 1, 2] * 2
    assert events["timestamp"].dt.floor("s").iloc[0] == pd.Timestamp(978300760, unit="s")
    reviews = table(workspace, dataset, "reviews")
    assert sorted(reviews["rating"]) == [1, 2, 3, 4, 4, 5]
    assert "timing" not in dataset.missing
    assert "reviews" not in dataset.missing
    assert dataset.period["start"] == "2000-12-31"
    assert any("Rating values are in `reviews`" in note for note in dataset.notes)


def test_the_csv_form_without_users_has_no_groups_and_prepares(workspace, tmp_path):
    folder = tmp_path / "csv"
    folder.mkdir()
    ratings = pd.DataFrame(RATINGS, columns=["userId", "movieId", "rating", "timestamp"])
    ratings.to_csv(folder / "ratings.csv", index=False)
    movies = pd.DataFrame(MOVIES, columns=["movieId", "title", "genres"])
    movies.to_csv(folder / "movies.csv", index=False)
    dataset = prepare(workspace, "movielens", DEFAULT, path=folder)
    assert dataset.protected == []
    assert dataset.missing["groups"] == "users table"
    assert dataset.counts["events"] == 6
    assert table(workspace, dataset, "items")["title"].str.contains("Sabrina").sum() == 2


def test_a_set_of_ratings_and_bare_titles_prepares_without_what_is_not_there(workspace, tmp_path):
    folder = write_dat(tmp_path / "bare", ratings=RATINGS)
    pd.DataFrame({"movieId": [10, 20], "title": ["A", "B"]}).to_csv(folder / "movies.csv", index=False)
    pd.DataFrame({"userId": [1, 2], "gender": ["F", "M"]}).to_csv(folder / "users.csv", index=False)
    dataset = prepare(workspace, "movielens", DEFAULT, path=folder)
    assert (dataset.attributes, dataset.protected) == (["gender"], ["gender"])
    items = table(workspace, dataset, "items")
    assert items["title"].tolist() == ["A", "B", "30"]
    assert not {"category", "description", "decade"} & set(items)
    assert dataset.missing["categories"] == "items.category"


BAD = [
    ({"ratings.dat": "1::10::5\n"}, r"ratings.dat: has lines without exactly 4 fields .*\(row 1\)"),
    ({"ratings.dat": "1::10::5::978300760\n1::::5::978300761\n"}, r"column 'item_id': is blank \(row 2\)"),
    ({"ratings.dat": "1::10::five::978300760\n"}, r"ratings.dat, column 'rating': is no number \(row 1\)"),
    ({"ratings.dat": ""}, "ratings.dat: is empty"),
    (
        {"ratings.dat": "1::10::5::978300760\n", "users.dat": "1::F::1::10::1\n" * 2},
        r"bad, table users, column 'user_id': stands more than once \(row 2\)",
    ),
    (
        {"ratings.dat": "1::10::5::978300760\n", "movies.csv": "movieId,title\n7,a\n7,b\n"},
        r"bad, table items, column 'item_id': stands more than once \(row 2\)",
    ),
    (
        {"ratings.dat": "1::10::5::3978300760\n"},
        "column 'timestamp': lies outside of the years|lies in the future",
    ),
    (
        {"ratings.dat": "1::10::5::978300760\n\n2::10::5::978300760\n"},
        r"without exactly 4 fields .*\(row 2\)",
    ),
    ({"ratings.dat": "1::10::5::978300760\n", "ratings.csv": "x\n1\n"}, "two files for table ratings"),
    ({"ratings.csv": "userId,movieId,rating\n1,2,3\n"}, "ratings.csv, column 'timestamp': is missing"),
    ({"sequences.csv": "user_id,movie_id\n1,2\n"}, "sequences.csv, column 'position': is missing"),
    ({"movies.csv": "movieId,title\n1,x\n"}, "holds no ratings.dat, ratings.csv or sequences.parquet"),
    ({"sequences.parquet": "PAR1 and nothing else"}, "sequences.parquet: is no Parquet file"),
]


@pytest.mark.parametrize(("files", "message"), BAD)
def test_a_bad_folder_is_one_clear_line_and_changes_nothing(workspace, tmp_path, files, message):
    assert_refused(workspace, "movielens", folder_of(tmp_path / "bad", files), message)
