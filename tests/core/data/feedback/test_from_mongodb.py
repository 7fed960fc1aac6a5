"""Feedback from collections of a real MongoDB engine: what is new each time, and bad documents set aside."""

import datetime as dt
import json
import secrets
from collections.abc import Iterator

import pymongo
import pytest

from core.cli import main
from core.data.dataset import load
from core.data.feedback.from_mongodb import load_collections
from core.data.feedback.keeping import feedback_of, rows_of
from core.data.prepare import prepare
from core.data.sources import mongodb
from core.errors import SettingsError
from core.schema.settings import MongoSettings, settings_from
from tests.core.data.conftest import SMALL, made_shop
from tests.mongodb_engine.engine import with_database

SHOWN_AT = dt.datetime(2024, 3, 1, 12)


@pytest.fixture
def reactions(mongodb_address, monkeypatch) -> Iterator[pymongo.database.Database]:
    """A database for a shop's reactions; the environment names it."""
    name = f"reactions_{secrets.token_hex(6)}"
    monkeypatch.setenv(mongodb.ADDRESS, with_database(mongodb_address, name))
    with pymongo.MongoClient(mongodb_address) as client:
        yield client[name]
        client.drop_database(name)


@pytest.fixture
def dataset(workspace, folder):
    return prepare(workspace, "tables", SMALL, path=folder)


def settings(**changes) -> MongoSettings:
    shown = {
        "collection": "shown",
        "fields": {"user_id": "who.id", "item_id": "sku", "rank": "place", "timestamp": "at"},
    }
    return settings_from(MongoSettings, {"tables": {"impressions": shown | changes}})


def documents(n: int, *, start: int = 0) -> list[dict]:
    events = made_shop().events
    return [
        {
            "who": {"id": line.user_id},
            "sku": line.item_id,
            "place": 1 + place,
            "at": SHOWN_AT,
            "clicked": place % 2 == 0,
        }
        for place, line in enumerate(events.iloc[start : start + n].itertuples())
    ]


def test_what_is_new_comes_in_once(reactions, workspace, dataset):
    reactions.shown.insert_many(documents(20))
    [found] = load_collections(workspace, dataset.id, settings(), who="Ann")
    assert (found.origin, found.name, found.count) == ("mongodb", "shown", 20)
    assert found.reactions == {"shown": 20, "clicked": 10}
    assert load_collections(workspace, dataset.id, settings(), who="Ann") == []
    reactions.shown.insert_many(documents(5, start=30))
    [later] = load_collections(workspace, dataset.id, settings(), who="Ann")
    assert (later.count, later.aside) == (5, [])
    assert len(rows_of(workspace, feedback_of(workspace, dataset), "impressions")) == 25


def test_documents_that_cannot_be_used_are_named_and_nothing_else_is_lost(reactions, workspace, dataset):
    good = documents(6)
    other = next(item for item in made_shop().events["item_id"] if item not in {one["sku"] for one in good})
    odd = [
        good[0] | {"who": {"id": {"$ne": None}}, "place": 7},
        good[1] | {"sku": "<script>", "place": 8},
        good[2] | {"place": "first"},
        {"who": good[3]["who"], "sku": other, "at": SHOWN_AT, "clicked": True},
    ]
    for document in (*good, *odd):
        reactions.shown.insert_one({name: value for name, value in document.items() if name != "_id"})
    [found] = load_collections(workspace, dataset.id, settings(), who="Ann")
    assert found.count == 6
    assert {rule.rule: rule.affected for rule in found.aside} == {
        "user_id is blank": 1,
        "rank is no number": 1,
        "Unknown item": 1,
        "Without an impression": 1,
    }


def test_a_changed_document_comes_again_where_the_settings_say_what_tells(reactions, workspace, dataset):
    [document] = documents(1, start=1)
    told = document | {"clicked": False, "changed": SHOWN_AT}
    reactions.shown.insert_one(told)
    asked = settings(changed_at="changed")
    load_collections(workspace, dataset.id, asked, who="Ann")
    reactions.shown.update_one(
        {"_id": told["_id"]}, {"$set": {"clicked": True, "changed": SHOWN_AT + dt.timedelta(hours=1)}}
    )
    [again] = load_collections(workspace, dataset.id, asked, who="Ann")
    assert again.reactions == {"shown": 1, "clicked": 1}


def test_other_tables_are_refused(workspace, dataset):
    asked = settings_from(MongoSettings, {"tables": {"events": {"collection": "orders"}}})
    with pytest.raises(SettingsError, match="events belong to the dataset"):
        load_collections(workspace, dataset.id, asked, who="Ann")


def test_the_shell_brings_in_collections_and_says_what_there_is(
    reactions, workspace, dataset, tmp_path, capsys
):
    reactions.shown.insert_many(documents(4))
    config = tmp_path / "feedback.yaml"
    config.write_text(json.dumps({"mongodb": settings().model_dump(mode="json")}))
    shell = ["--workspace", str(workspace.root), "--json", "feedback", dataset.id]
    assert main([*shell, "--config", str(config)]) == 0
    told = json.loads(capsys.readouterr().out)
    assert [one["count"] for one in told["feedback"]] == [4]
    assert main(shell) == 0
    assert [one["name"] for one in json.loads(capsys.readouterr().out)["feedback"]] == ["shown"]
    config.write_text(json.dumps({"mongo": {}}))
    assert main([*shell, "--config", str(config)]) == 2
    assert load(workspace, dataset.id) == dataset
