"""The contract of the document store, held to on both engines."""

import math
import threading

import numpy as np
import pytest

from core.errors import DuplicateId, InputError, StoreUnavailable
from core.store import backends
from core.store.documents import DocumentStore

EVERY_KIND_OF_VALUE = {
    "none": None,
    "true": True,
    "false": False,
    "integer": -5,
    "largest": 2**63 - 1,
    "smallest": -(2**63),
    "whole": 2.0,
    "float": 0.1,
    "huge": 1e300,
    "text": "hé\u2028\U0001f600'\"\\ $5",
    "nul": "a\0b",
    "time": "2024-01-02T03:04:05+00:00",
    "list": [1, "a", None, [True, {"x": 1.5}]],
    "dict": {"ndcg@10": 0.5, "a.b": {"c d": []}, "age": False},
    "empty": {"text": "", "list": [], "dict": {}},
}


def test_a_document_comes_back_with_the_same_values_and_types(store: DocumentStore):
    document = {"_id": "run-a", **EVERY_KIND_OF_VALUE}
    store.insert("runs", document)
    assert repr(store.get("runs", "run-a")) == repr(document)
    store.put("runs", document | {"_id": "run-b"})
    assert repr(store.get("runs", "run-b")) == repr(document | {"_id": "run-b"})


@pytest.mark.parametrize("name", EVERY_KIND_OF_VALUE)
def test_an_updated_field_keeps_value_and_type(store: DocumentStore, name: str):
    store.insert("runs", {"_id": "run-a", "other": True})
    after = store.update("runs", "run-a", {"field": EVERY_KIND_OF_VALUE[name]})
    assert repr(after) == repr({"_id": "run-a", "other": True, "field": EVERY_KIND_OF_VALUE[name]})
    assert repr(store.get("runs", "run-a")) == repr(after)


def test_numpy_floats_are_kept_as_plain_floats(store: DocumentStore):
    store.put("runs", {"_id": "run-a", "value": np.float64(0.25)})
    assert repr(store.get("runs", "run-a")["value"]) == "0.25"


def test_inserting_an_id_twice_raises_and_keeps_the_first(store: DocumentStore):
    store.insert("jobs", {"_id": "job-a", "state": "queued"})
    with pytest.raises(DuplicateId):
        store.insert("jobs", {"_id": "job-a", "state": "done"})
    assert store.get("jobs", "job-a")["state"] == "queued"
    assert store.count("jobs") == 1


def test_putting_replaces_the_whole_document(store: DocumentStore):
    store.put("jobs", {"_id": "job-a", "state": "queued", "extra": 1})
    store.put("jobs", {"_id": "job-a", "state": "done"})
    assert store.find("jobs") == [{"_id": "job-a", "state": "done"}]


def test_an_update_applies_only_when_every_expected_field_is_equal(store: DocumentStore):
    store.insert("jobs", {"_id": "job-a", "state": "queued", "attempt": 2, "worker": None, "cancel": False})
    assert store.update("jobs", "job-a", {"x": 1}, expect={"state": "queued", "attempt": 1}) is None
    assert store.update("jobs", "job-a", {"x": 1}, expect={"cancel": True}) is None
    assert store.update("jobs", "job-b", {"x": 1}) is None
    assert "x" not in store.get("jobs", "job-a")
    expect = {"state": "queued", "attempt": 2, "worker": None, "cancel": False, "absent": None}
    assert store.update("jobs", "job-a", {"x": 1}, expect=expect)["x"] == 1


def test_find_filters_sorts_projects_and_limits(store: DocumentStore):
    for number, state in enumerate(["done", "queued", "done", "queued", "done"]):
        store.insert("jobs", {"_id": f"job-{number}", "state": state, "at": number // 2, "n": [number]})
    newest = store.find(
        "jobs", field="state", value="done", sort="at", descending=True, limit=2, fields=["at"]
    )
    assert newest == [{"_id": "job-4", "at": 2}, {"_id": "job-2", "at": 1}]
    assert [d["_id"] for d in store.find("jobs", sort="at", descending=True)] == [
        f"job-{n}" for n in (4, 3, 2, 1, 0)
    ]
    assert store.count("jobs", field="state", value="done") == 3
    assert store.find("jobs", field="state", value="failed") == []


# What an engine might take for times, numbers, ids or values of its own.
ALIKE = (
    *("2024-01-02T03:04:05.678+00:00", "2024-01-02T03:04:05.679+00:00", "2024-01-02T04:04:05.678+01:00"),
    *(
        "2024-01-02T03:04:05Z",
        "2024-01-02 03:04:05",
        "2024-01-02",
        "2024-01-02 sale",
        "01/02/2024",
        "24-12-2024",
    ),
    *(
        "1",
        "1.0",
        "01",
        "1e0",
        "true",
        "null",
        "",
        " ",
        "a",
        "A",
        "a ",
        "é",
        "e\u0301",
        "{}",
        "[1]",
        '"a"',
        "%",
        "_",
    ),
    *("abcdefabcdefabcdefabcdef", "ABCDEFABCDEFABCDEFABCDEF", "^a$", "$a", "a.b"),
)


def test_text_equals_the_same_text_alone(store: DocumentStore):
    store.insert_many("jobs", [{"_id": f"job-{n:02}", "state": text} for n, text in enumerate(ALIKE)])
    for number, text in enumerate(ALIKE):
        id, same = f"job-{number:02}", {"field": "state", "value": text}
        assert [found["_id"] for found in store.find("jobs", **same)] == [id]
        assert store.count("jobs", **same) == 1
        for other in ALIKE:
            changed = store.update("jobs", id, {"seen": other}, expect={"state": other})
            assert (changed is not None) == (other == text), (text, other)
    for text in ALIKE:
        assert store.delete_many("jobs", field="state", value=text) == 1


def test_an_id_of_any_shape_finds_its_own_document(store: DocumentStore):
    ids = ("abcdefabcdefabcdefabcdef", "abc", "true", "null", "a" * 64, "e10", "x-2024-01-02")
    store.insert_many("jobs", [{"_id": id, "own": id} for id in ids])
    for id in ids:
        assert store.get("jobs", id) == {"_id": id, "own": id}
        assert store.update("jobs", id, {"own": 1}) == {"_id": id, "own": 1}
        assert store.delete("jobs", id)


def test_delete_says_whether_the_document_was_there(store: DocumentStore):
    store.insert("jobs", {"_id": "job-a"})
    assert store.delete("jobs", "job-a") is True
    assert store.delete("jobs", "job-a") is False
    assert store.get("jobs", "job-a") is None


def test_many_are_added_in_their_order_and_found_like_any_other(store: DocumentStore):
    many = [{"_id": f"run-{number}", **EVERY_KIND_OF_VALUE, "n": number} for number in range(2500)]
    store.insert_many("runs", iter(many))
    store.insert_many("runs", [])
    assert store.count("runs") == 2500
    assert repr(store.get("runs", "run-1234")) == repr(many[1234])
    assert [d["n"] for d in store.find("runs", sort="n", descending=True, limit=3)] == [2499, 2498, 2497]


def test_of_many_those_before_a_duplicate_are_kept_and_none_after_it(store: DocumentStore):
    store.insert("runs", {"_id": "run-2", "first": True})
    with pytest.raises(DuplicateId):
        store.insert_many("runs", [{"_id": f"run-{number}"} for number in range(5)])
    assert store.find("runs") == [{"_id": "run-0"}, {"_id": "run-1"}, {"_id": "run-2", "first": True}]
    with pytest.raises(DuplicateId):
        store.insert_many("runs", [{"_id": "run-9"}, {"_id": "run-9", "again": True}])
    assert store.get("runs", "run-9") == {"_id": "run-9"}
    store.insert("runs", {"_id": "run-later"})  # the store goes on as before


def test_of_many_none_is_added_where_one_cannot_be_stored(store: DocumentStore):
    for wrong in ({"_id": "run-b", "v": math.nan}, {"_id": "$ne"}, {"v": 1}, {"_id": "run-b", "a.b": 1}):
        with pytest.raises(InputError):
            store.insert_many("runs", [{"_id": "run-a"}, wrong])
    assert store.find("runs") == []


def test_all_of_a_value_are_deleted_and_counted(store: DocumentStore):
    store.insert_many("jobs", [{"_id": f"job-{n}", "state": "done" if n % 3 else "queued"} for n in range(9)])
    store.insert_many("jobs", [{"_id": "job-none", "state": None}, {"_id": "job-bare"}])
    assert store.delete_many("jobs", field="state", value="done") == 6
    assert store.delete_many("jobs", field="state", value="done") == 0
    assert [d["_id"] for d in store.find("jobs")] == ["job-0", "job-3", "job-6", "job-bare", "job-none"]
    assert store.delete_many("jobs", field="state", value=None) == 2
    for field, value in (("state", {"$ne": None}), ("$where", "1"), ("a.b", 1)):
        with pytest.raises(InputError):
            store.delete_many("jobs", field=field, value=value)
    assert store.count("jobs") == 3


def test_an_empty_collection_answers(store: DocumentStore):
    assert store.find("feedback", sort="at") == []
    assert store.count("feedback") == 0
    assert store.get("feedback", "abc") is None
    assert store.delete_many("feedback", field="at", value=1) == 0


@pytest.mark.parametrize(
    "value",
    [math.nan, math.inf, [-math.inf], {"a": {"b": math.nan}}, 2**63, b"x", {1}, ..., "\ud800",
     {"$gt": 1}, {"a": [{"$where": "1"}]}, {"": 1}, {"a\0": 1}, {1: 2}, {"__neosqlite_binary__": "x"}],
    ids=repr,
)  # fmt: skip
def test_values_that_one_engine_would_lose_are_refused_and_change_nothing(store: DocumentStore, value):
    store.insert("runs", {"_id": "run-a", "v": 1})
    for write in (
        lambda: store.insert("runs", {"_id": "run-b", "v": value}),
        lambda: store.put("runs", {"_id": "run-a", "v": value}),
        lambda: store.update("runs", "run-a", {"v": value}),
    ):
        with pytest.raises(InputError):
            write()
    assert store.find("runs") == [{"_id": "run-a", "v": 1}]


def test_a_document_that_is_too_large_is_refused_alike(store: DocumentStore):
    store.insert("runs", {"_id": "run-a", "text": "x" * 3_000_000})
    assert len(store.get("runs", "run-a")["text"]) == 3_000_000
    for write in (
        lambda: store.insert("runs", {"_id": "run-b", "text": "x" * 8_000_001}),
        lambda: store.update("runs", "run-a", {"text": "x" * 8_000_001}),
    ):
        with pytest.raises(InputError, match="artefact"):
            write()
    assert store.count("runs") == 1


@pytest.mark.parametrize(
    "id", ["../x", "", "ab", "A" * 5, "a" * 65, "run-a\n", "run a", "$ne", {"$ne": None}, None, 5]
)
def test_unsafe_ids_are_refused_everywhere(store: DocumentStore, id):
    for call in (
        lambda: store.insert("runs", {"_id": id}),
        lambda: store.put("runs", {"_id": id}),
        lambda: store.get("runs", id),
        lambda: store.update("runs", id, {"v": 1}),
        lambda: store.delete("runs", id),
    ):
        with pytest.raises(InputError):
            call()


@pytest.mark.parametrize("value", [{"$ne": None}, {"$gt": ""}, ["a"], "a\0", math.nan])
def test_queries_compare_with_plain_values_only(store: DocumentStore, value):
    store.insert("runs", {"_id": "run-a", "dataset": "x"})
    for call in (
        lambda: store.find("runs", field="dataset", value=value),
        lambda: store.count("runs", field="dataset", value=value),
        lambda: store.update("runs", "run-a", {"v": 1}, expect={"dataset": value}),
    ):
        with pytest.raises(InputError):
            call()


@pytest.mark.parametrize("name", ["$where", "a.b", "", "a b", "x" * 65, "__neosqlite_x", "a[0]"])
def test_field_names_that_could_be_operators_or_paths_are_refused(store: DocumentStore, name: str):
    for call in (
        lambda: store.put("runs", {"_id": "run-a", name: 1}),
        lambda: store.update("runs", "run-a", {name: 1}),
        lambda: store.update("runs", "run-a", {"v": 1}, expect={name: 1}),
        lambda: store.find("runs", field=name, value=1),
        lambda: store.find("runs", sort=name),
        lambda: store.find("runs", fields=[name]),
    ):
        with pytest.raises(InputError):
            call()


def test_bad_collections_limits_and_empty_updates_are_refused(store: DocumentStore):
    for call in (
        lambda: store.get("sqlite_master; drop", "run-a"),
        lambda: store.find("runs", limit=0),
        lambda: store.update("runs", "run-a", {}),
        lambda: store.update("runs", "run-a", {"_id": "run-b"}),
    ):
        with pytest.raises(InputError):
            call()


def test_compare_and_set_has_one_winner_among_threads(store: DocumentStore):
    store.insert("jobs", {"_id": "job-a", "attempt": 0})
    wins: list[int] = []
    ready = threading.Barrier(6)

    def claim(worker: int) -> None:
        for attempt in range(10):
            ready.wait()
            if store.update("jobs", "job-a", {"attempt": attempt + 1}, expect={"attempt": attempt}):
                wins.append(attempt)
            ready.wait()

    threads = [threading.Thread(target=claim, args=(worker,)) for worker in range(6)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sorted(wins) == list(range(10))


def test_a_guard_prevents_writes_and_lets_reads_pass(store: DocumentStore):
    store.insert("jobs", {"_id": "job-a", "v": 1})

    def refuse() -> None:
        raise InputError("not yours any more")

    guarded = store.guarded(refuse)
    for write in (
        lambda: guarded.insert("jobs", {"_id": "job-b"}),
        lambda: guarded.put("jobs", {"_id": "job-a"}),
        lambda: guarded.update("jobs", "job-a", {"v": 2}),
        lambda: guarded.delete("jobs", "job-a"),
        lambda: guarded.insert_many("jobs", [{"_id": "job-b"}]),
        lambda: guarded.delete_many("jobs", field="v", value=1),
    ):
        with pytest.raises(InputError, match="not yours"):
            write()
    assert guarded.find("jobs") == [{"_id": "job-a", "v": 1}]


def test_a_server_that_does_not_answer_is_one_clear_error_without_the_password(monkeypatch):
    monkeypatch.setattr(backends, "SERVER_SECONDS", 0.4)
    store = DocumentStore.open("mongodb://ann:secret@127.0.0.1:9/evenhand")
    for call in (
        lambda: store.get("runs", "run-a"),
        lambda: store.put("runs", {"_id": "run-a"}),
        lambda: store.insert_many("runs", [{"_id": "run-a"}]),
    ):
        with pytest.raises(StoreUnavailable, match="does not answer") as caught:
            call()
        assert "secret" not in str(caught.value)
    store.close()


def test_a_file_that_is_no_database_is_one_clear_error_and_stays_as_it_was(tmp_path):
    file = tmp_path / "evenhand.db"
    file.write_bytes(b"this is a holiday picture" * 100)
    with pytest.raises(StoreUnavailable, match="not a database"):
        DocumentStore.open(f"sqlite:///{file}").get("runs", "run-a")
    assert file.read_bytes() == b"this is a holiday picture" * 100


def test_a_closed_store_is_one_clear_error(store: DocumentStore):
    store.insert("jobs", {"_id": "job-a"})
    store.close()
    with pytest.raises(StoreUnavailable):
        store.get("jobs", "job-a")


@pytest.mark.parametrize("url", ["", "sqlite:///", "mysql://x", "/some/file", "mongodb"])
def test_other_addresses_are_refused(url: str):
    with pytest.raises(InputError, match="sqlite:///"):
        DocumentStore.open(url)


@pytest.mark.parametrize(
    ("hello", "w"), [({"setName": "rs0"}, "majority"), ({"msg": "isdbgrid"}, "majority"), ({}, 1)]
)
def test_mongodb_writes_wait_for_the_journal_of_a_majority_or_of_the_only_server(hello: dict, w):
    class Client:
        class admin:
            command = staticmethod(lambda _: hello)

    assert backends._durable(Client).document == {"w": w, "j": True}
