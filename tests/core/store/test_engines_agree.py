"""The same random calls give the same results on the embedded store, on MongoDB and on a dictionary."""

import json
import secrets
from collections.abc import Callable
from typing import Any

import pytest
from hypothesis import HealthCheck, Phase, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, rule, run_state_machine_as_test

from core.errors import EvenhandError
from core.store.documents import DocumentStore

IDS = st.sampled_from(["job-a", "job-b", "job-c", "abcdefabcdefabcdefabcdef"])
# Texts that an engine might take for times; all the same to one that does.
TIMES = [f"2024-01-02T03:04:05{rest}" for rest in (".678+00:00", ".679+00:00", "Z", "")]
# Each field has values of one type, or none, as in our documents; text holds any character.
TEXT = st.sampled_from(TIMES) | st.text(
    st.characters(exclude_categories=["Cs"], exclude_characters="\0"), max_size=4
)
FIELDS: dict[str, st.SearchStrategy] = {
    "state": st.none() | st.sampled_from(["queued", "running", "é", ""]) | TEXT,
    "attempt": st.none() | st.integers(-3, 3) | st.integers(-(2**63), 2**63 - 1),
    "fraction": st.none() | st.floats(allow_nan=False, allow_infinity=False),
    "cancel": st.none() | st.booleans(),
}
KEYS = st.text(st.characters(exclude_categories=["Cs"], exclude_characters="\0$"), min_size=1, max_size=4)
PAYLOAD = st.recursive(
    st.one_of(*FIELDS.values()) | st.text(st.characters(exclude_categories=["Cs"]), max_size=6),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(KEYS, inner, max_size=3),
    max_leaves=6,
)
BODY = st.fixed_dictionaries({}, optional=FIELDS | {"payload": PAYLOAD})
CHANGES = BODY.filter(bool)
EXPECT = st.fixed_dictionaries({}, optional=FIELDS)
FIELD_AND_VALUE = st.sampled_from(sorted(FIELDS)).flatmap(lambda name: st.tuples(st.just(name), FIELDS[name]))


SETTINGS = settings(
    max_examples=60, stateful_step_count=25, deadline=None, suppress_health_check=list(HealthCheck)
)


class Dictionary:
    """What the store promises, in a few lines."""

    def __init__(self) -> None:
        self.documents: dict[str, dict[str, Any]] = {}

    def insert(self, _: str, document: dict) -> None:
        if document["_id"] in self.documents:
            raise EvenhandError
        self.documents[document["_id"]] = document

    def insert_many(self, collection: str, documents: list[dict]) -> None:
        for document in documents:
            self.insert(collection, document)

    def put(self, _: str, document: dict) -> None:
        self.documents[document["_id"]] = document

    def update(self, _: str, id: str, changes: dict, *, expect: dict) -> dict | None:
        document = self.documents.get(id)
        if document is None or any(document.get(name) != value for name, value in expect.items()):
            return None
        self.documents[id] = document | changes
        return self.documents[id]

    def delete(self, _: str, id: str) -> bool:
        return self.documents.pop(id, None) is not None

    def delete_many(self, _: str, *, field: str, value: Any) -> int:
        found = self.find(_, field=field, value=value)
        for document in found:
            del self.documents[document["_id"]]
        return len(found)

    def get(self, _: str, id: str) -> dict | None:
        return self.documents.get(id)

    def find(self, _: str, *, field=None, value=None, sort="_id", descending=False, limit=None, fields=None):
        found = [d for d in self.documents.values() if field is None or d.get(field) == value]

        def key(document: dict) -> tuple:
            at = document.get(sort)
            return (at is not None, at if at is not None else 0, document["_id"])

        found = sorted(found, key=key, reverse=descending)[:limit]
        return [{n: v for n, v in d.items() if fields is None or n in (*fields, "_id")} for d in found]

    def count(self, _: str, **query) -> int:
        return len(self.find(_, **query))


def outcome(call: Callable[[], Any]) -> str:
    """The result with its types, or that it was refused."""
    try:
        return json.dumps(call(), sort_keys=True)
    except EvenhandError:
        return "refused"


def machine(embedded: DocumentStore, mongodb: DocumentStore) -> type[RuleBasedStateMachine]:
    class Stores(RuleBasedStateMachine):
        @initialize()
        def begin(self) -> None:
            self.collection = "jobs_" + "".join(secrets.choice("abcdefghij") for _ in range(12))
            self.stores = (Dictionary(), embedded, mongodb)

        def same(self, method: str, *arguments, **options) -> None:
            results = [
                outcome(lambda s=store: getattr(s, method)(self.collection, *arguments, **options))
                for store in self.stores
            ]
            assert results[0] == results[1] == results[2], f"{method} {arguments} {options}"

        @rule(id=IDS, body=BODY)
        def insert(self, id: str, body: dict) -> None:
            self.same("insert", {"_id": id, **body})

        @rule(many=st.lists(st.tuples(IDS, BODY), max_size=4))
        def insert_many(self, many: list[tuple[str, dict]]) -> None:
            self.same("insert_many", [{"_id": id, **body} for id, body in many])

        @rule(id=IDS, body=BODY)
        def put(self, id: str, body: dict) -> None:
            self.same("put", {"_id": id, **body})

        @rule(id=IDS, changes=CHANGES, expect=EXPECT)
        def update(self, id: str, changes: dict, expect: dict) -> None:
            self.same("update", id, changes, expect=expect)

        @rule(id=IDS, changes=CHANGES, names=st.sets(st.sampled_from(sorted(FIELDS))))
        def update_as_it_stands(self, id: str, changes: dict, names: set[str]) -> None:
            known = self.stores[0].get(self.collection, id) or {}
            self.same("update", id, changes, expect={name: known.get(name) for name in sorted(names)})

        @rule(id=IDS)
        def delete(self, id: str) -> None:
            self.same("delete", id)

        @rule(query=FIELD_AND_VALUE)
        def delete_many(self, query: tuple[str, Any]) -> None:
            self.same("delete_many", field=query[0], value=query[1])

        @rule(
            query=FIELD_AND_VALUE | st.none(),
            sort=st.sampled_from([*sorted(FIELDS), "_id"]),
            descending=st.booleans(),
            limit=st.none() | st.integers(1, 3),
            fields=st.none() | st.lists(st.sampled_from([*sorted(FIELDS), "payload"]), max_size=2),
        )
        def find(self, query, sort, descending, limit, fields) -> None:
            field, value = query or (None, None)
            order = {"sort": sort, "descending": descending, "limit": limit}
            self.same("find", field=field, value=value, fields=fields, **order)
            self.same("count", field=field, value=value)

        def teardown(self) -> None:
            if hasattr(self, "stores"):
                self.same("find")

    return Stores


def test_random_sequences_of_calls_agree(embedded_url: str, mongodb_url: str):
    embedded, mongodb = DocumentStore.open(embedded_url), DocumentStore.open(mongodb_url)
    run_state_machine_as_test(
        machine(embedded, mongodb),
        settings=SETTINGS,
    )
    embedded.close()
    mongodb.close()


def test_the_comparison_notices_a_store_that_differs(embedded_url: str, mongodb_url: str):
    class Forgetful(DocumentStore):
        def put(self, collection: str, document: dict) -> None:
            super().put(collection, document | {"attempt": 0} if document.get("attempt") else document)

    with pytest.raises(AssertionError):
        run_state_machine_as_test(
            machine(Forgetful.open(embedded_url), DocumentStore.open(mongodb_url)),
            settings=settings(SETTINGS, phases=[Phase.generate], database=None, report_multiple_bugs=False),
        )
