"""Publishing, serving and rolling back, alike on both engines."""

import pymongo
import pytest

from core.errors import CorruptArtefact, InputError, NotFound, SettingsError
from core.schema.documents import SERVINGS
from core.store.trail import read
from core.store.workspace import Workspace
from core.workflow.policies import published_lists
from core.workflow.policies.published_lists import row_id
from core.workflow.policies.publishing import rollback
from core.workflow.policies.serving import served
from tests.core.workflow.policies.publishing.made_publications import (
    BATCH,
    DATASET,
    NEWER,
    NEWER_RUN,
    ODD,
    OTHER,
    RUN,
    USERS,
    K,
    all_served,
    expected,
    log,
    made_lists,
    publish_made,
    rows_by_publication,
    save_made_policies,
)


@pytest.fixture(autouse=True)
def _small_batches_swept_at_once(monkeypatch):
    monkeypatch.setattr(published_lists, "BATCH", BATCH)
    monkeypatch.setattr(published_lists, "LEASE_SECONDS", 0.0)


def test_everybody_is_served_the_published_lists_with_the_shops_own_ids(shelf):
    said = []
    found = publish_made(shelf, "a", progress=lambda *told: said.append(told), notes=("as told",))
    assert all_served(shelf) == expected("a")
    assert found.publication.users == USERS
    assert (found.publication.k, found.publication.split, found.notes) == (K, "test", ("as told",))
    assert (found.serving.number, found.serving.replaced, found.serving.by) == (1, None, "publish")
    assert [fraction for _, fraction, _ in said] == [0.0, 0.4, 0.8]
    assert served(shelf, DATASET, "nobody") is None
    for dataset, said in ((OTHER, "Nothing is published"), ("$ne", "no dataset"), ("", "no dataset")):
        with pytest.raises(NotFound, match=said):
            served(shelf, dataset, "u1")


def test_the_table_holds_the_same_rows(shelf):
    found = publish_made(shelf, "a")
    table = shelf.artefacts.read_table(found.publication.table)
    assert table.equals(made_lists("a"))


def test_a_shop_reads_mongodb_itself_in_two_looks_by_index(mongodb_url, tmp_path):
    shelf = Workspace.open(tmp_path, mongodb_url)
    save_made_policies(shelf)
    publish_made(shelf, "a")
    publish_made(shelf, "b")
    shelf.close()
    with pymongo.MongoClient(mongodb_url) as client:
        shop = client.get_default_database()
        now = shop.servings.find_one({"dataset": DATASET}, sort=[("number", -1)])
        for user in ODD:
            row = shop.recommendations.find_one({"publication": now["publication"], "user_id": user})
            assert tuple(row["item_ids"]) == expected("b")[user][0]
            assert row == shop.recommendations.find_one({"_id": row_id(now["publication"], user)})
        plans = [
            shop.servings.find({"dataset": DATASET}).sort("number", -1).limit(1).explain(),
            shop.recommendations.find({"publication": now["publication"], "user_id": "u1"}).explain(),
        ]
        assert [plan["executionStats"]["totalDocsExamined"] for plan in plans] == [1, 1]


def test_the_two_publications_served_last_keep_their_rows(shelf):
    found = [publish_made(shelf, mark).publication.id for mark in "abcd"]
    assert rows_by_publication(shelf) == dict.fromkeys(found[2:], USERS)
    assert all_served(shelf) == expected("d")
    assert [entry[0] for entry in log(shelf)] == found


def test_rolling_back_twice_is_to_and_fro(shelf):
    a, b = (publish_made(shelf, mark).publication.id for mark in "ab")
    for publication, mark in ((a, "a"), (b, "b"), (a, "a")):
        found = rollback(shelf, DATASET, author=" Cid  Lee ")
        assert (found.publication.id, found.serving.by, found.serving.author) == (
            publication,
            "rollback",
            "Cid Lee",
        )
        assert all_served(shelf) == expected(mark)
    assert [entry[0] for entry in log(shelf)] == [a, b, a, b, a]
    assert rows_by_publication(shelf) == {a: USERS, b: USERS}  # nothing was written again


def test_lists_whose_rows_are_gone_are_restored_as_they_were(shelf):
    a, _, _, d = (
        publish_made(shelf, mark, policy="two" if mark == "a" else "one").publication.id for mark in "abcd"
    )
    found = rollback(shelf, DATASET, author="Cid", to=a)
    assert all_served(shelf) == expected("a")
    assert found.publication.id != a
    assert found.publication.origin == a
    assert found.serving.policy == "policy-two-1"
    assert rows_by_publication(shelf) == {d: USERS, found.publication.id: USERS}
    for same in (a, found.publication.id, "policy-two-1", "two", "two@1"):
        with pytest.raises(SettingsError, match="is what is served now"):
            rollback(shelf, DATASET, author="Cid", to=same)
    assert rollback(shelf, DATASET, author="Cid").publication.id == d
    assert (
        rollback(shelf, DATASET, author="Cid", to="two@1").publication.id == found.publication.id
    )  # at once
    assert all_served(shelf) == expected("a")


def test_what_cannot_be_rolled_back_to_changes_nothing(shelf):
    with pytest.raises(NotFound, match="Nothing is published"):
        rollback(shelf, DATASET, author="Cid")
    first = publish_made(shelf, "a").publication
    for to, error, said in (
        (None, SettingsError, "Nothing else was served"),
        ("two", SettingsError, "two@1 was never served"),
        ("three", NotFound, "no saved policy 'three'"),
        ("publication-abcdefghijkm", NotFound, "no saved policy"),
    ):
        with pytest.raises(error, match=said):
            rollback(shelf, DATASET, author="Cid", to=to)
    for author in ("", " ", "a\nb\x00", "x" * 81):
        with pytest.raises(SettingsError, match="author"):
            rollback(shelf, DATASET, author=author)
    publish_made(shelf, "b")
    publish_made(shelf, "c")
    file = shelf.artefacts.file(first.table)
    file.write_bytes(file.read_bytes()[:-1])
    with pytest.raises(CorruptArtefact):
        rollback(shelf, DATASET, author="Cid", to=first.id)
    assert all_served(shelf) == expected("c")
    assert len(log(shelf)) == 3


def test_nobody_to_serve_is_refused(shelf):
    publish_made(shelf, "a")
    with pytest.raises(InputError, match="Nobody has a list"):
        publish_made(shelf, "b", users=0)
    assert all_served(shelf) == expected("a")


def test_datasets_are_served_apart(shelf):
    publish_made(shelf, "a")
    other = shelf.documents.find(SERVINGS)[0] | {"_id": "serving-other-1", "dataset": OTHER, "number": 9}
    shelf.documents.insert(SERVINGS, other)
    assert publish_made(shelf, "b").serving.number == 2
    assert served(shelf, OTHER, "u1").item_ids == expected("a")["u1"][0]


def test_a_line_of_datasets_is_served_under_one_key(shelf):
    old = publish_made(shelf, "a").publication
    new = publish_made(shelf, "b", policy="two", run=NEWER_RUN)
    assert (new.serving.number, new.serving.replaced) == (2, old.id)
    assert new.serving.dataset == new.publication.dataset == DATASET
    for dataset in (DATASET, NEWER):
        assert served(shelf, dataset, "u1").item_ids == expected("b")["u1"][0]
    told = read(shelf).entries[0]
    assert (told.about["run"], told.about["dataset"]) == (NEWER_RUN, NEWER)
    with pytest.raises(NotFound, match="Nothing is published"):
        served(shelf, OTHER, "u1")


def test_lists_of_an_earlier_run_of_the_line_are_gone_back_to(shelf):
    old = publish_made(shelf, "a").publication.id
    publish_made(shelf, "b", policy="two", run=NEWER_RUN)
    assert rollback(shelf, NEWER, author="Cid").publication.id == old  # at once
    assert all_served(shelf) == expected("a")
    for mark in "cd":
        publish_made(shelf, mark, policy="two", run=NEWER_RUN)
    restored = rollback(shelf, NEWER, author="Cid", to="one")
    assert restored.publication.id != old  # from the table: their rows were swept
    assert (restored.publication.origin, restored.publication.run) == (old, RUN)
    assert all_served(shelf) == expected("a")
