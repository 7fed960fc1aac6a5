"""Sequences without times: every item is ranked, everybody's last item is the test, and bad files are refused."""

import json
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from core.data.dataset import table
from core.data.prepare import _resolve, prepare
from core.data.sources import SOURCES, beauty
from core.errors import InputError, SettingsError, TableError
from core.progress import quiet
from core.schema.settings import DatasetSettings, settings_from
from tests.core.data.conftest import shared_data
from tests.core.data.refusals import assert_refused, folder_of

DEFAULT = DatasetSettings()
LINES = {"u1": "b a c d", "u2": "a e", "u3": "c b a", "u4": "d a b f c"}


@pytest.fixture
def sequences(tmp_path: Path) -> Path:
    """Four users; item f is taken in a validation window alone, e by somebody who is never held out."""
    folder = tmp_path / "made"
    folder.mkdir()
    rows = [(user, item, place) for user, line in LINES.items() for place, item in enumerate(line.split())]
    shuffled = pd.DataFrame(rows, columns=["user_id", "item_id", "position"]).sample(frac=1, random_state=3)
    shuffled.to_csv(folder / "interactions.csv", index=False)
    return folder


def by_user(workspace, dataset) -> dict[str, list[tuple[str, int]]]:
    """Item ids and splits of each user in time order."""
    events, users, items = (table(workspace, dataset, name) for name in ("events", "users", "items"))
    named = events.assign(item=items["item_id"].to_numpy()[events["item"]])
    return {
        users["user_id"][user]: list(zip(mine["item"], mine["split"], strict=True))
        for user, mine in named.groupby("user")
    }


def test_the_published_counts_are_there_and_every_user_has_one_answer(lasting):
    dataset = prepare(lasting, "beauty", DEFAULT, path=shared_data("amazon_beauty"))
    counts = dataset.counts
    assert (counts["events"], counts["users"]) == (198_502, 22_363)
    assert counts["catalogue"] == counts["items"] == 12_101
    events = table(lasting, dataset, "events")
    assert np.bincount(events.loc[events["split"] == 2, "user"]).tolist() == [1] * 22_363
    assert np.bincount(events.loc[events["split"] == 1, "user"]).tolist() == [1] * 22_363
    assert (events["item"] < counts["catalogue"]).all()


def test_all_attributes_stay_in_the_text_and_two_become_categories(lasting):
    folder = shared_data("amazon_beauty")
    dataset = prepare(lasting, "beauty", DEFAULT, path=folder)
    items = table(lasting, dataset, "items").set_index("item_id")
    pairs = pd.read_parquet(folder / "item_attributes.parquet").drop_duplicates()
    words = items["description"].str.split().explode()
    assert len(words) == len(pairs)
    expected = "a" + pairs.set_index(pairs["item_id"].astype(str))["attribute_id"].astype(str)
    assert set(words.items()) == set(expected.items())
    assert items["category"].nunique() == 7
    assert items.loc["3", ["category", "finest_attribute"]].tolist() == ["a17", "a328"]
    assert items["finest_attribute"].value_counts().max() <= 385


def test_times_are_said_to_be_only_an_order(workspace, sequences):
    dataset = prepare(workspace, "beauty", DEFAULT, path=sequences)
    assert dataset.missing["timing"].startswith("events.timestamp")
    assert {"groups", "pricing", "service", "reviews", "categories"} <= set(dataset.missing)
    assert dataset.period == {}
    assert dataset.protected == []
    assert any("only an order" in note for note in dataset.notes)


def test_the_last_item_is_the_test_and_items_outside_of_training_can_be_recommended(workspace, sequences):
    dataset = prepare(workspace, "beauty", DEFAULT, path=sequences)
    assert by_user(workspace, dataset) == {
        "u1": [("b", 0), ("a", 0), ("c", 1), ("d", 2)],
        "u2": [("a", 0), ("e", 0)],
        "u3": [("c", 0), ("b", 1), ("a", 2)],
        "u4": [("d", 0), ("a", 0), ("b", 0), ("f", 1), ("c", 2)],
    }
    assert dataset.counts["catalogue"] == 6
    trained = prepare(workspace, "beauty", DatasetSettings(minimum_item_users=1), path=sequences)
    items = table(workspace, trained, "items")
    assert items.loc[~items["in_catalogue"], "item_id"].tolist() == ["f"]


def test_everybodys_last_item_lies_on_the_same_day_and_each_before_it_a_day_earlier(workspace, sequences):
    dataset = prepare(workspace, "beauty", DEFAULT, path=sequences)
    events = table(workspace, dataset, "events")
    assert events.groupby("user")["timestamp"].max().nunique() == 1
    gaps = events.groupby("user")["timestamp"].diff().dropna()
    assert (gaps == pd.Timedelta(days=1)).all()


def test_what_the_user_sets_goes_before_what_the_source_would_have(workspace, sequences):
    chosen = DatasetSettings(split="by_user", minimum_item_users=1)
    resolved = prepare(workspace, "beauty", DEFAULT, path=sequences).settings
    assert (resolved["split"], resolved["minimum_item_users"]) == ("leave_one_out", 0)
    _, settings = _resolve("beauty", chosen, sequences)
    assert (settings.split, settings.minimum_item_users, settings.minimum_user_events) == ("by_user", 1, 1)


def test_a_calendar_split_of_an_order_is_refused(workspace, sequences):
    with pytest.raises(SettingsError, match="only an order, so there is no calendar"):
        prepare(workspace, "beauty", DatasetSettings(split="temporal"), path=sequences)


@pytest.mark.parametrize("place", ["the folder", "the file"])
def test_the_published_text_form_gives_the_same_events(workspace, sequences, tmp_path, place):
    folder = tmp_path / "published"
    folder.mkdir()
    file = folder / "Made.txt"
    file.write_text("".join(f"{user} {line}\n" for user, line in LINES.items()))
    (folder / "Made_item2attributes.json").write_text(json.dumps({item: [1, 2] for item in "abcdef"}))
    dataset = prepare(workspace, "beauty", DEFAULT, path=folder if place == "the folder" else file)
    assert by_user(workspace, dataset) == by_user(
        workspace, prepare(workspace, "beauty", DEFAULT, path=sequences)
    )
    assert table(workspace, dataset, "items")["description"].tolist() == ["a1 a2"] * 6


def test_the_defaults_of_every_source_are_valid_settings():
    for source in SOURCES.values():
        assert settings_from(DatasetSettings, dict(source.defaults)).model_fields_set == set(source.defaults)


BAD = [
    ("interactions.csv", "user_id,item_id\n1,2\n", "interactions.csv, column 'position': is missing"),
    ("interactions.csv", "user_id,item_id,position\n1,,0\n", r"column 'item_id': is blank \(row 1\)"),
    ("interactions.csv", "user_id,item_id,position\n1,2,x\n", r"column 'position': is no number \(row 1\)"),
    (
        "interactions.csv",
        "user_id,item_id,position\n1,2,0\n2,2,0\n1,3,0\n",
        r"'position': stands twice for the same user \(row 3\)",
    ),
    ("interactions.parquet", "PAR1 and nothing else", "interactions.parquet: is no Parquet file"),
    ("Made.txt", "u1 a b c\nu2\n", r"Made.txt: has lines with a user and no item \(row 2\)"),
    ("Made.txt", "u1 a b c\nu1 d\n", r"Made.txt, column 'user_id': begins two lines \(row 2\)"),
    ("Made.txt", "\n\n", "Made.txt: is empty"),
    ("other.csv", "a,b\n1,2\n", "holds no interactions.csv or interactions.parquet, nor one .txt"),
]


@pytest.mark.parametrize(("name", "content", "message"), BAD)
def test_a_bad_folder_is_one_clear_line_and_changes_nothing(workspace, tmp_path, name, content, message):
    folder = folder_of(tmp_path / "bad", {name: content})
    assert assert_refused(workspace, "beauty", folder, message).endswith("Nothing was changed.")


@pytest.mark.parametrize("content", ["[1, 2]", '{"1": 3}', "{", '{"a": [1], "b": null}'])
def test_attributes_in_another_form_are_refused(tmp_path, content):
    (tmp_path / "Made.txt").write_text("u1 a b c\n")
    (tmp_path / "Made_item2attributes.json").write_text(content)
    with pytest.raises(TableError, match=r"item2attributes\.json: is no JSON object"):
        beauty.read(tmp_path, DEFAULT, quiet)


def test_a_missing_folder_or_path_is_refused(workspace, tmp_path):
    with pytest.raises(TableError, match="there is no such folder"):
        prepare(workspace, "beauty", DEFAULT, path=tmp_path / "nowhere")
    with pytest.raises(InputError, match="needs a path"):
        prepare(workspace, "beauty", DEFAULT)
