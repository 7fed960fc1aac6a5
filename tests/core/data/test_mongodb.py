"""MongoDB as a source: the same dataset as from files, read in parts, and what is new alone the next time."""

import datetime as dt
import json
import secrets
from collections.abc import Iterator

import numpy as np
import pandas as pd
import pymongo
import pytest
from bson import Decimal128, ObjectId

from core.cli import main
from core.data import collecting
from core.data.dataset import table
from core.data.mapping import looks_of, propose
from core.data.prepare import prepare
from core.data.sources import mongodb
from core.errors import Cancelled, InputError, SettingsError, SourceUnavailable, StoreError, TableError
from core.schema.settings import DatasetSettings, settings_from
from core.schema.tables import CONTRACTS, Tables
from core.store import collections
from core.store.workspace import Workspace
from tests.core.data.conftest import SMALL, made_shop
from tests.mongodb_engine.engine import with_database
from tests.mongodb_engine.proxy import Proxy
from tests.mongodb_engine.replica_set import ReplicaSet

EVENTS = {
    "collection": "orders",
    "fields": {
        "user_id": "customer.id",
        "item_id": "sku",
        "timestamp": "at",
        "list_price": "price.shelf",
        "paid_price": "price.paid",
    },
}
USERS = {
    "collection": "people",
    "fields": {"user_id": "_id", "gender": "profile.gender", "years": "profile.age"},
}
PASSWORD = "s3cret-pass"


@pytest.fixture
def shop_database(mongodb_address, monkeypatch) -> Iterator[pymongo.database.Database]:
    """The made shop as collections; the environment names it."""
    name = f"shop_{secrets.token_hex(6)}"
    monkeypatch.setenv(mongodb.ADDRESS, with_database(mongodb_address, name))
    monkeypatch.setattr(collecting, "PART_DOCUMENTS", 300)
    monkeypatch.setattr(collections, "PAUSE_SECONDS", 0.01)
    with pymongo.MongoClient(mongodb_address) as client:
        database = client[name]
        database.orders.insert_many(orders(made_shop()))
        database.people.insert_many(people(made_shop()))
        yield database
        client.drop_database(name)


def orders(shop: Tables) -> list[dict]:
    """Events as a shop keeps them: nested, with numbers and times of the database."""
    return [
        {
            "customer": {"id": line.user_id, "mail": "nobody@example.org"},
            "sku": line.item_id,
            "at": line.timestamp.to_pydatetime(),
            "price": {"shelf": line.list_price, "paid": line.paid_price},
            "quantity": int(line.quantity),
            "basket_id": line.basket_id,
            "channel": line.channel,
        }
        for line in shop.events.itertuples()
    ]


def people(shop: Tables) -> list[dict]:
    return [
        {"_id": row.user_id, "profile": {"gender": row.gender, "age": int(row.years)}}
        for row in shop.users.itertuples()
    ]


def settings(**changes) -> DatasetSettings:
    tables = {"events": EVENTS, "users": USERS} | changes
    given = {name: part for name, part in tables.items() if part is not None}
    return settings_from(
        DatasetSettings, SMALL.model_dump(exclude_unset=True) | {"mongodb": {"tables": given}}
    )


def decoded(workspace: Workspace, dataset) -> pd.DataFrame:
    events, users, items = (table(workspace, dataset, name) for name in ("events", "users", "items"))
    ids = {
        "user_id": users["user_id"].to_numpy()[events["user"]],
        "item_id": items["item_id"].to_numpy()[events["item"]],
    }
    shown = events[["timestamp", "quantity", "list_price", "paid_price", "channel"]].assign(**ids)
    shown["channel"] = shown["channel"].astype(str)
    return shown.sort_values(list(shown), ignore_index=True)


def affected(dataset) -> dict[str, int]:
    return {f"{count.table}: {count.rule}": count.affected for count in dataset.quality if count.affected}


def test_collections_become_the_dataset_that_the_same_tables_as_files_give(shop_database, workspace, folder):
    found = prepare(workspace, "mongodb", settings())
    (folder / "items.csv").unlink()
    users = pd.read_csv(folder / "users.csv", dtype=str).drop(columns="note")
    users.to_csv(folder / "users.csv", index=False)
    expected = prepare(workspace, "tables", SMALL, path=folder)
    pd.testing.assert_frame_equal(decoded(workspace, found), decoded(workspace, expected))
    assert found.counts == expected.counts
    assert found.period == expected.period
    assert found.attributes == ["gender", "years"]
    pd.testing.assert_frame_equal(*(table(workspace, dataset, "users") for dataset in (found, expected)))
    assert affected(found) == affected(expected)


def test_only_what_is_new_is_read_and_the_id_does_not_tell_how_it_was_read(
    shop_database, workspace, tmp_path, monkeypatch
):
    late = list(shop_database.orders.find().sort("_id").limit(50))
    shop_database.orders.delete_many({"_id": {"$in": [order["_id"] for order in late]}})
    first = prepare(workspace, "mongodb", settings())
    asked = spied(monkeypatch)
    shop_database.orders.insert_many(late)  # their identifiers lie before all that was read
    assert mongodb.whats_new(workspace, settings())["events"] == collecting.News(new=50)
    second = prepare(workspace, "mongodb", settings())
    assert sum(asked) == 50
    assert second.id != first.id
    assert second.counts["events"] == first.counts["events"] + 50
    assert not any(mongodb.whats_new(workspace, settings()).values())
    elsewhere = Workspace.open(tmp_path / "elsewhere", f"sqlite:///{tmp_path}/elsewhere/evenhand.db")
    assert prepare(elsewhere, "mongodb", settings()).id == second.id
    elsewhere.close()
    assert prepare(workspace, "mongodb", settings()) == second


def spied(monkeypatch) -> list[int]:
    """How many documents each read of rows asks for, from now on."""
    asked, rows = [], collections.SourceDatabase.rows

    def counting(self, collection, ids, *rest):
        asked.append(len(ids))
        return rows(self, collection, ids, *rest)

    monkeypatch.setattr(collections.SourceDatabase, "rows", counting)
    return asked


def test_documents_that_went_are_gone(shop_database, workspace):
    first = prepare(workspace, "mongodb", settings())
    shop_database.orders.delete_many({"customer.id": "u003"})
    assert mongodb.whats_new(workspace, settings())["events"].gone > 10
    second = prepare(workspace, "mongodb", settings())
    assert second.counts["users"] == first.counts["users"] - 1
    shop_database.orders.delete_many(
        {"_id": {"$in": [order["_id"] for order in shop_database.orders.find().limit(300)]}}
    )
    assert prepare(workspace, "mongodb", settings()).counts["events"] == second.counts["events"] - 300


def test_changed_documents_are_read_again_where_the_settings_say_what_tells(
    shop_database, workspace, monkeypatch
):
    people = shop_database.people
    first_of_may = dt.datetime(2024, 5, 1)
    for place, person in enumerate(people.find()):
        people.update_one(
            {"_id": person["_id"]}, {"$set": {"changed": first_of_may - dt.timedelta(days=place)}}
        )
    watched = settings(users=USERS | {"changed_at": "changed"})

    def change(id: str, gender: str, moment: dt.datetime) -> int:
        people.update_one({"_id": id}, {"$set": {"profile.gender": gender, "changed": moment}})
        told = mongodb.whats_new(workspace, watched)["users"]
        assert (told.new, told.gone) == (0, 0)
        return told.changed

    def genders() -> set[str]:
        return set(table(workspace, prepare(workspace, "mongodb", watched), "users")["gender"])

    monkeypatch.setattr(collecting, "PART_DOCUMENTS", 20)
    first = prepare(workspace, "mongodb", watched)
    assert [note for note in first.notes if "not noticed" in note] == [
        mongodb.NO_CHANGES.format(collection="orders")
    ]
    assert not any(mongodb.whats_new(workspace, watched).values())
    assert change("u000", "at the moment of the last", first_of_may) == 0
    assert change("u001", "dated a little before it", first_of_may - dt.timedelta(minutes=5)) == 0
    assert genders() == {"f", "m", "at the moment of the last", "dated a little before it"}
    assert change("u030", "dated far behind", dt.datetime(2024, 4, 1)) == 0
    assert "dated far behind" not in genders()
    assert change("u003", "later", dt.datetime(2024, 5, 2)) == 1
    assert "later" in genders()
    assert not any(mongodb.whats_new(workspace, watched).values())


def test_identifiers_of_every_kind_in_one_collection_are_read_and_gone_on_from(shop_database, workspace):
    shop_database.kinds.insert_many(
        order | {"_id": id}
        for order, id in zip(
            orders(made_shop()),
            [
                1,
                2.5,
                "a",
                "$ne",
                ObjectId(),
                {"u": 1, "i": {"v": "x"}},
                True,
                dt.datetime(2024, 1, 1),
                Decimal128("3.1"),
                b"\1",
                *range(10, 10**6),
            ],
            strict=False,
        )
    )
    expected = len(made_shop().events)
    with mongodb.connected(None) as database:
        ids = database.ids("kinds")
        assert (len(ids), len(set(ids))) == (expected, expected)
    dataset = prepare(workspace, "mongodb", settings(events=EVENTS | {"collection": "kinds"}))
    assert dataset.counts["events"] == expected


def test_values_that_are_no_good_are_counted_and_nothing_else_is_lost(shop_database, workspace):
    good = shop_database.orders.count_documents({})
    line = orders(made_shop())[0]
    at = line["at"]
    odd = [
        {"sku": 7, "customer": {"id": 5}},  # numbers as identifiers
        {"customer": {"id": ObjectId()}},
        {"at": at.isoformat()},  # a time as text
        {"price": {"shelf": Decimal128("12.50"), "paid": "12.25"}},
        {"price": {"shelf": 2, "paid": 1}},
        {"at": "soon"},
        {"at": None},
        {"price": {"shelf": float("nan"), "paid": 1.0}},
        {"price": {"shelf": float("inf"), "paid": 1.0}},
        {"price": {"shelf": -3.0, "paid": 1.0}},
        {"customer": None},
        {"sku": {"$ne": None}},
        {"sku": ["a", "b"]},
        {"channel": {"$gt": ""}},
    ]
    shop_database.orders.insert_many(
        line | change | {"basket_id": f"odd-{place}"} for place, change in enumerate(odd)
    )
    dataset = prepare(workspace, "mongodb", settings())
    assert affected(dataset) == {
        "events: user_id of several kinds": 2,
        "events: item_id no plain value": 2,
        "events: item_id of several kinds": 1,
        "events: timestamp of several kinds": 2,
        "events: list_price not a number": 1,
        "events: paid_price of several kinds": 1,
        "events: channel no plain value": 1,
        "events: user_id is blank": 1,
        "events: item_id is blank": 2,
        "events: timestamp is no date; write 2024-03-31 or 2024-03-31T18:05:00+01:00": 1,
        "events: timestamp is blank": 1,
        "events: list_price is infinite or too large": 1,
        "events: list_price is below 0": 1,
        "events: Row a purchase lacks its list_price": 1,
    } | {rule: count for rule, count in affected(dataset).items() if rule in EXPECTED_ANYWAY}
    assert dataset.counts["events"] == good + 6
    kept = decoded(workspace, dataset)
    assert {"5"} <= set(kept["user_id"])
    assert kept.loc[kept["list_price"] == 12.5, "paid_price"].tolist() == [12.25]


EXPECTED_ANYWAY = (
    "users: Users without a row",
    "items: Outside the catalogue",
    "events: Outside the catalogue",
    "users: Few purchases",
)


def test_each_line_of_an_order_becomes_a_row(shop_database, workspace):
    baskets = [
        {
            "_id": number,
            "customer": user,
            "placed": day.to_pydatetime(),
            "lines": [{"sku": item, "n": 1} for item in lines],
        }
        for number, ((user, day), lines) in enumerate(
            made_shop().events.groupby(["user_id", "timestamp"])["item_id"].agg(list).items()
        )
    ]
    baskets += [{"_id": -1, "customer": "u001", "placed": dt.datetime(2024, 3, 2), "lines": []}]
    shop_database.baskets.insert_many(baskets)
    lines = {
        "user_id": "customer",
        "timestamp": "placed",
        "basket_id": "_id",
        "item_id": "lines.sku",
        "quantity": "lines.n",
    }
    events = {"collection": "baskets", "each": "lines", "fields": lines}
    dataset = prepare(workspace, "mongodb", settings(events=events))
    assert dataset.counts["events"] == len(made_shop().events)
    assert dataset.counts["baskets"] == len(baskets) - 1


def test_a_field_that_no_document_has_is_named_with_those_that_there_are(shop_database, workspace):
    misspelled = EVENTS | {"fields": EVENTS["fields"] | {"user_id": "custmer.id"}}
    with pytest.raises(
        TableError,
        match=r"collection orders, column 'user_id': no document has a plain value at 'custmer.id'; "
        r"there are _id, customer.id, customer.mail, sku, at, price.shelf",
    ):
        prepare(workspace, "mongodb", settings(events=misspelled))
    with pytest.raises(TableError, match="collection nowhere: holds no document to read as events"):
        prepare(workspace, "mongodb", settings(events=EVENTS | {"collection": "nowhere"}))
    brand = USERS | {"fields": USERS["fields"] | {"town": "profile.twon"}}
    dataset = prepare(workspace, "mongodb", settings(users=brand))
    assert "No document of people has a value at 'profile.twon' (users.town)." in dataset.notes


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"collection": {"$ne": None}}, "collection': Input should be a valid string"),
        ({"collection": "$cmd"}, "is no name"),
        ({"fields": {"user_id": {"$ne": None}}}, "Input should be a valid string"),
        ({"fields": {"user_id": "$where"}}, r"'\$where' is no name"),
        ({"fields": {"user_id": "$$ROOT"}}, "is no name"),
        ({"fields": {"user_id": "customer.$id"}}, "is no name"),
        ({"fields": {"user_id": "a\0b"}}, "is no name"),
        ({"each": "$lines"}, "is no name"),
        ({"changed_at": {"$gt": ""}}, "Input should be a valid string"),
        ({"where": "1"}, "is no setting"),
    ],
)
def test_a_mapping_cannot_hold_an_operator(change, message):
    with pytest.raises(SettingsError, match=message):
        settings(events=EVENTS | change)


@pytest.mark.parametrize(
    ("mapped", "message"),
    [
        (None, "needs the setting mongodb"),
        ({"tables": {"users": USERS}}, "no collection is named for events"),
        ({"tables": {"orders": EVENTS}}, "'events', 'users'"),
        ({"tables": {}}, "should not be empty"),
        ({"tables": {"events": EVENTS}, "database": "a/b"}, "is no name of a database"),
    ],
)
def test_settings_that_name_too_little_are_refused(workspace, monkeypatch, mapped, message):
    monkeypatch.setenv(mongodb.ADDRESS, "mongodb://127.0.0.1:1/shop")
    with pytest.raises(SettingsError, match=message):
        prepare(workspace, "mongodb", settings_from(DatasetSettings, {"mongodb": mapped}))


def test_every_table_can_be_named():
    given = {name: {"collection": name} for name in CONTRACTS}
    assert list(settings_from(DatasetSettings, {"mongodb": {"tables": given}}).mongodb.tables) == list(
        CONTRACTS
    )


@pytest.mark.parametrize(
    "address",
    [
        f"mongodb://ann:{PASSWORD}@127.0.0.1:1/shop?serverSelectionTimeoutMS=50",
        f"mongodb://ann:{PASSWORD}@[::bad/shop",
        f"mongodb://ann:{PASSWORD}@127.0.0.1:99999/shop",
        f"mongodb://ann:{PASSWORD}@@127.0.0.1/shop",
        f"mongodb://ann:{PASSWORD}@127.0.0.1:1/?serverSelectionTimeoutMS=50",
        f"mongodb+srv://ann:{PASSWORD}@127.0.0.1/shop",
        f"postgres://ann:{PASSWORD}@127.0.0.1/shop",
        "",
    ],
)
def test_the_address_is_in_no_message_and_no_traceback(workspace, monkeypatch, address):
    monkeypatch.setenv(mongodb.ADDRESS, address)
    monkeypatch.setattr(collections, "ANSWER_SECONDS", 0.05)
    with pytest.raises((InputError, SourceUnavailable)) as caught:
        prepare(workspace, "mongodb", settings())
    shown = str(caught.getrepr(style="short", showlocals=False, chain=True))
    assert PASSWORD not in shown
    assert "127.0.0.1" not in shown.replace(address, "")
    assert "\n" not in str(caught.value)


def test_the_address_is_nowhere_in_the_workspace(mongodb_address, workspace, monkeypatch):
    with pymongo.MongoClient(mongodb_address) as client, Proxy(mongodb_address) as proxy:
        client.secretive.orders.insert_many(orders(made_shop()))
        port = proxy.address.split(":")[2].split("/")[0]
        monkeypatch.setenv(
            mongodb.ADDRESS, with_database(proxy.address, "secretive") + f"&appName={PASSWORD}"
        )
        prepare(workspace, "mongodb", settings(users=None))
        client.drop_database("secretive")
    for file in (path for path in workspace.root.rglob("*") if path.is_file()):
        content = file.read_bytes()
        assert PASSWORD.encode() not in content
        assert f"127.0.0.1:{port}".encode() not in content


@pytest.fixture
def through(shop_database, mongodb_address, monkeypatch) -> Iterator[Proxy]:
    """A proxy between us and the shop's database."""
    with Proxy(mongodb_address) as proxy:
        monkeypatch.setenv(mongodb.ADDRESS, with_database(proxy.address, shop_database.name))
        yield proxy


def test_a_read_that_breaks_goes_on_where_it_stood(through, workspace, monkeypatch):
    whole = decoded(workspace, prepare(workspace, "mongodb", settings()))
    asked, size = spied(monkeypatch), through.received
    moved = EVENTS | {
        "fields": EVENTS["fields"] | {"title": "customer.mail"}
    }  # another mapping: all is read again
    through.cut_after(*[size // 8] * 5)
    broken = prepare(workspace, "mongodb", settings(events=moved))
    assert through.breaks == 5
    pd.testing.assert_frame_equal(decoded(workspace, broken), whole)
    assert sum(asked) == len(whole)  # no part was asked for twice but within its own attempts


def test_a_replica_set_is_read_across_an_election(shop_database, mongodb_address, workspace, monkeypatch):
    whole = decoded(workspace, prepare(workspace, "mongodb", settings()))
    with ReplicaSet(mongodb_address) as replica_set:
        monkeypatch.setenv(mongodb.ADDRESS, with_database(replica_set.address, shop_database.name))
        asked = spied(monkeypatch)
        replica_set.members[0].cut_after(150_000)
        again = prepare(workspace, "mongodb", settings())
        assert replica_set.elections == 1
        assert replica_set.members[1].received > 100_000  # the other one went on
    pd.testing.assert_frame_equal(decoded(workspace, again), whole)
    people = shop_database.people.count_documents({})
    assert sum(asked) == len(whole) + people  # no part was asked for twice but within its own attempts


def test_identifiers_that_break_off_are_gone_on_with_after_the_last(through, shop_database, monkeypatch):
    monkeypatch.setattr(collections, "BATCH_DOCUMENTS", 200)
    shop_database.many.insert_many({"_id": f"{number:0700d}"} for number in range(4000))
    with mongodb.connected(None) as database:
        through.cut_after(1_000_000, 1_500_000)
        ids = database.ids("many")
    assert through.breaks == 2
    assert (len(ids), len(set(ids)), sorted(ids)) == (4000, 4000, ids)
    assert through.received < 1.2 * 4000 * 720  # nearly nothing came twice


def test_a_database_that_stays_away_leaves_what_was_read(through, workspace, monkeypatch):
    monkeypatch.setattr(collections, "PATIENCE_SECONDS", 0.1)
    monkeypatch.setattr(collections, "ANSWER_SECONDS", 0.2)
    rows, asked = collections.SourceDatabase.rows, []

    def third_fails(self, collection, ids, *rest):
        asked.append(len(ids))
        if len(asked) == 3:
            through.refuse()
        return rows(self, collection, ids, *rest)

    with monkeypatch.context() as patched:
        patched.setattr(collections.SourceDatabase, "rows", third_fails)
        with pytest.raises(
            SourceUnavailable, match="Collection orders cannot be read: it does not answer"
        ) as caught:
            prepare(workspace, "mongodb", settings())
    assert "127.0.0.1" not in str(caught.getrepr(style="short", chain=True))
    assert workspace.documents.count("datasets") == 0
    through.refuse(False)
    again = spied(monkeypatch)
    dataset = prepare(workspace, "mongodb", settings(users=None))
    assert sum(again) == dataset.counts["events"] - 600  # two parts of 300 were kept


def test_a_part_that_is_damaged_is_read_again(shop_database, workspace):
    first = prepare(workspace, "mongodb", settings())
    parts = sorted((workspace.root / "collected").glob("*/events-*/part-*.parquet"))
    parts[0].write_bytes(b"damaged")
    parts[1].with_suffix(".bson").unlink()
    assert prepare(workspace, "mongodb", settings()) == first


def test_the_shell_prepares_collections_and_tells_what_is_new(shop_database, workspace, tmp_path, capsys):
    (tmp_path / "shop.yaml").write_text(json.dumps(settings().model_dump(mode="json", exclude_unset=True)))
    shell = ["--workspace", str(workspace.root)]
    assert (
        main(
            [
                *shell,
                "prepare",
                "mongodb",
                "--config",
                str(tmp_path / "shop.yaml"),
                "--protected",
                "gender",
                "--json",
            ]
        )
        == 0
    )
    told = json.loads(capsys.readouterr().out)
    assert {count["table"] for count in told["quality"]} == {"events", "users", "items"}
    shop_database.orders.insert_many(orders(made_shop(n_users=2)))
    count = len(made_shop(n_users=2).events)
    assert main([*shell, "news", told["dataset"]]) == 0
    assert capsys.readouterr().out == f"events: {count} new.\n"
    assert main([*shell, "prepare", "mongodb"]) == 2
    assert "needs the setting mongodb" in capsys.readouterr().err


def test_cancelling_keeps_the_parts_that_were_read(shop_database, workspace, monkeypatch):
    left = iter(range(4))

    def progress(stage: str, fraction: float, message: str = "") -> None:
        if stage == "Reading documents" and next(left, None) is None:
            raise Cancelled("stop")

    with pytest.raises(Cancelled):
        prepare(workspace, "mongodb", settings(users=None), progress=progress)
    assert workspace.documents.count("datasets") == 0
    asked = spied(monkeypatch)
    dataset = prepare(workspace, "mongodb", settings(users=None))
    assert 0 < sum(asked) == dataset.counts["events"] - 4 * 300


def test_one_process_collects_at_a_time(shop_database, workspace):
    with mongodb.connected(None) as database:
        folder = workspace.root / mongodb.FOLDER / database.key
    with collecting.alone(folder), pytest.raises(StoreError, match="is being read by another process"):
        prepare(workspace, "mongodb", settings())


def test_progress_never_goes_back(shop_database, workspace):
    fractions = []
    told = lambda stage, fraction, message="": fractions.append(fraction)  # noqa: E731
    prepare(workspace, "mongodb", settings(), progress=told)
    assert fractions == sorted(fractions)
    assert len(fractions) > 15


def test_a_sample_shows_what_a_collection_holds_and_can_be_mapped(shop_database):
    shop_database.baskets.insert_one(
        {"who": {"id": "a"}, "lines": [{"sku": "x", "n": 1}, {"sku": "y", "n": 2}], "$odd": 1}
    )
    assert mongodb.collection_names(None) == ["baskets", "orders", "people"]
    frame, lists = mongodb.sample(None, "baskets")
    assert (lists, list(frame)) == (["lines"], ["_id", "who.id", "lines.sku", "lines.n"])
    assert frame["lines.sku"].isna().all()
    frame, _ = mongodb.sample(None, "baskets", "lines")
    assert frame[["who.id", "lines.sku", "lines.n"]].to_numpy().tolist() == [["a", "x", "1"], ["a", "y", "2"]]
    found = {one.column: one.source for one in propose(looks_of(mongodb.sample(None, "orders")[0]), "events")}
    assert found == dict.fromkeys(found) | {
        "user_id": "customer.id",
        "item_id": "sku",
        "timestamp": "at",
        "quantity": "quantity",
        "list_price": "price.shelf",
        "paid_price": "price.paid",
        "basket_id": "basket_id",
        "channel": "channel",
    }
    with pytest.raises(TableError, match="holds no document"):
        mongodb.sample(None, "nowhere")


def test_kinds_are_counted_as_text_and_kept_beside(shop_database, workspace):
    prepare(workspace, "mongodb", settings())
    (file,) = (workspace.root / "collected").glob("*/tables-*/events.parquet")
    kinds = collecting.kinds_in(file)
    lines = len(made_shop().events)
    assert kinds["list_price"] == {"number": lines}
    assert kinds["timestamp"] == {"time": lines}
    assert kinds["loyalty_discount"] == {"missing": lines}
    assert json.dumps(kinds)  # plain
    assert np.isclose(lines, len(pd.read_parquet(file)))
