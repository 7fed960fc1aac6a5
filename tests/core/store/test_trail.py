"""The audit trail, alike on both engines: what it tells, what tampering it finds, and writers that meet or are killed."""

import logging
import multiprocessing
import random
import signal
import sqlite3
import subprocess
import sys
import time
from pathlib import Path

import pytest

from core.errors import InputError
from core.schema.documents import POLICIES, RUNS, TRAIL
from core.store import backends
from core.store.trail import BEGINNING, CONTENT, id_of, read, record
from core.store.trail_check import CUT_OFF, verify
from core.store.workspace import Workspace
from tests.core.store.made_trail import add, add_in_a_process, entry, with_own_hash
from tests.core.workflow.policies.publishing.made_publications import made_policy

HOSTILE = (
    "<b>Ann</b>",
    '{"$ne": null}',
    "$where",
    "a\0b\x1b[2J\u202e",
    "x" * 10_000,
    "'; drop table trail; --",
    "2024-12-24 sale",
)


@pytest.fixture
def shelf(url: str, tmp_path: Path):
    """An empty workspace on each engine in turn."""
    workspace = Workspace.open(tmp_path / "workspace", url)
    yield workspace
    workspace.close()


@pytest.fixture
def five(shelf):
    """The same with five entries, whole."""
    add(shelf, 5)
    assert verify(shelf).damage == ()
    return shelf


def damage(workspace: Workspace, **options) -> list[tuple[int | None, str]]:
    return [(one.number, one.what) for one in verify(workspace, **options).damage]


def test_entries_are_chained_and_come_back_as_they_were_written(shelf):
    about = {"dataset": "ds-one", "run": "run-one"}
    first = record(
        shelf,
        "exported",
        who="Ann",
        about=about,
        details={"file": "a.parquet", "rows": 3, "whole": True, "left": None},
    )
    second = record(shelf, "exported", who="Bo", about={"dataset": "ds-two"})
    assert (first.number, first.previous) == (1, BEGINNING)
    assert (second.number, second.previous) == (2, first.hash)
    assert read(shelf).entries == (second, first)
    assert read(shelf, dataset="ds-one").entries == (first,)
    assert read(shelf, limit=1).entries == (second,)
    found = verify(shelf)
    assert (found.entries, found.head, found.noted, found.damage, found.untold) == (
        2,
        second.hash,
        None,
        (),
        (),
    )


def test_an_empty_trail_is_whole(shelf):
    found = verify(shelf)
    assert (found.entries, found.head, found.damage, found.untold) == (0, None, (), ())
    assert read(shelf).entries == ()


@pytest.mark.parametrize("text", HOSTILE, ids=lambda text: repr(text[:8]))
def test_text_is_text_in_every_field(shelf, text):
    made = record(shelf, "exported", who=text, about={"dataset": text}, details={"file": text})
    add(shelf, 1)
    assert read(shelf).entries[1] == made
    assert read(shelf, dataset=text).entries == (made,)
    assert verify(shelf).damage == ()


def test_what_no_store_can_hold_fails_no_deed_and_is_logged(shelf, caplog):
    with caplog.at_level(logging.WARNING):
        assert record(shelf, "exported", who="Ann", about={"dataset": "\ud800"}) is None
    assert "does not tell" in caplog.text
    assert add(shelf, 1) == [1]


CHANGES = {
    "who": {"who": "Eve"},
    "did": {"did": "approved"},
    "at": {"at": "2024-01-01T00:00:00.000+00:00"},
    "no_time": {"at": "yesterday"},
    "about": {"about": {"dataset": "ds-other"}},
    "details": {"details": {"rows": 7}},
    "type": {"details": {"rows": "2"}},
    "number": {"number": 9},
    "previous": {"previous": "0" * 64},
    "hash": {"hash": "0" * 64},
    "more": {"wish": 1},
    "operator": {"who": '{"$ne": null}'},
    "no_text": {"who": 7},
    "no_dict": {"about": None, "details": []},
}


@pytest.mark.parametrize("change", CHANGES.values(), ids=CHANGES)
def test_an_edited_entry_is_named(five, change):
    five.documents.update(TRAIL, id_of(3), change)
    found = damage(five)
    assert (3, "Entry 3 was changed after it was written.") in found
    assert len(found) == 1
    assert [one.number for one in read(five).entries] == [5, 4, 2, 1]
    assert read(five).spoilt == (id_of(3),)


@pytest.mark.parametrize("number", [1, 3, 4])
def test_an_entry_edited_with_a_hash_of_its_own_breaks_the_chain_after_it(five, number):
    five.documents.put(TRAIL, with_own_hash(entry(five, number) | {"who": "Eve"}))
    expected = f"Entry {number} is not the one that entry {number + 1} was written after."
    assert damage(five) == [(number, expected)]


def test_a_trail_that_begins_with_another_entry_is_found(five):
    five.documents.put(TRAIL, with_own_hash(entry(five, 1) | {"previous": "0" * 64}))
    assert (1, "Entry 1 is not the one that was written first.") in damage(five)


def test_removed_entries_are_named(five):
    five.documents.delete(TRAIL, id_of(1))
    assert damage(five) == [(1, "Entry 1 is missing.")]
    five.documents.delete(TRAIL, id_of(3))
    five.documents.delete(TRAIL, id_of(4))
    assert damage(five) == [(1, "Entry 1 is missing."), (3, "Entries 3 to 4 are missing.")]


def test_exchanged_entries_are_named_with_and_without_fitting_hashes(five):
    second, third = entry(five, 2), entry(five, 3)
    own = ("_id", "number")
    swapped = [
        second | {name: third[name] for name in own},
        third | {name: second[name] for name in own},
    ]
    for document in swapped:
        five.documents.put(TRAIL, document)
    assert [number for number, _ in damage(five)] == [2, 3]
    for document in swapped:
        five.documents.put(TRAIL, with_own_hash(document))
    assert {1, 2, 3} >= {number for number, _ in damage(five)} >= {2}


def test_what_is_put_in_is_named(five):
    forged = entry(five, 3) | {"who": "Eve"}
    for id in ("trail-3", "trail-0000000000003", "zebra", "trail-000000000000"):
        five.documents.insert(TRAIL, with_own_hash(forged | {"_id": id}))
        assert damage(five) == [(None, f"'{id}' is no entry; it was put in.")]
        assert add(five, 1)  # and the trail goes on
        five.documents.delete(TRAIL, id)
        assert damage(five) == []
    five.documents.insert(TRAIL, with_own_hash(forged | {"_id": id_of(100), "number": 100}))
    assert damage(five)[0][1] == "Entries 10 to 99 are missing."
    assert add(five, 2) == [101, 102]  # on top of it, without end or error


def test_a_trail_that_somebody_damaged_is_added_to_still(five):
    five.documents.update(TRAIL, id_of(5), {"number": "many", "hash": None})
    assert add(five, 2) == [6, 7]
    assert damage(five) == [(5, "Entry 5 was changed after it was written.")]


def test_a_tail_that_was_cut_off_shows_against_a_noted_hash(five):
    noted = verify(five).head
    add(five, 1)
    assert verify(five, head=noted.upper() + " ").noted == 5
    for number in (5, 6):
        five.documents.delete(TRAIL, id_of(number))
    assert damage(five) == []  # nothing in the chain itself
    assert damage(five, head=noted) == [(None, CUT_OFF)]
    add(five, 1)
    assert damage(five, head=noted) == [(None, CUT_OFF)]  # nor does a new fifth entry hide it


def test_a_trail_written_anew_with_fitting_hashes_shows_against_a_noted_hash(five):
    noted, previous = verify(five).head, BEGINNING
    for number in range(1, 6):
        anew = with_own_hash(entry(five, number) | {"who": "Eve", "previous": previous})
        five.documents.put(TRAIL, anew)
        previous = anew["hash"]
    assert damage(five) == []
    assert damage(five, head=noted) == [(None, CUT_OFF)]


@pytest.mark.parametrize("head", ["", "abc", "g" * 64, '{"$ne": null}', "0" * 63])
def test_what_is_no_hash_is_refused(five, head):
    with pytest.raises(InputError, match="64 digits"):
        verify(five, head=head)


def test_deeds_without_an_entry_are_told_apart_from_damage(five):
    before = {"_id": "run-before", "dataset": "ds-made", "created_at": "2020-01-01T00:00:00.000+00:00"}
    five.documents.insert(RUNS, before)
    policy = made_policy("one").model_copy(update={"created_at": "2999-01-01T00:00:00.000+00:00"})
    five.documents.insert(POLICIES, policy.dump())
    found = verify(five)
    assert found.damage == ()
    assert [(one.what, one.id, one.older) for one in found.untold] == [
        ("run", "run-before", True),
        ("policy", policy.id, False),
    ]
    # An entry that is about a policy, and no entry of its saving, does not tell of it.
    record(five, "published", who="Ann", about={"policy": policy.id, "serving": "serving-none"})
    assert len(verify(five).untold) == 2
    record(five, "saved", who="Ann", about={"policy": policy.id}, left=policy)
    record(five, "trained", who="Ann", about={"run": "run-before"})
    assert (verify(five).untold, verify(five).damage) == ((), ())


def test_a_document_that_is_changed_after_its_entry_is_found(five):
    policy = made_policy("one")
    five.documents.insert(POLICIES, policy.dump())
    made = record(five, "saved", who="Ann", about={"policy": policy.id}, left=policy)
    assert len(made.details[CONTENT]) == 64
    assert damage(five) == []
    five.documents.update(POLICIES, policy.id, {"author": "Eve"})
    assert damage(five) == [(6, f"The policy {policy.id} was changed after entry 6 told of it.")]
    five.documents.delete(POLICIES, policy.id)
    assert damage(five) == [(6, f"The policy {policy.id}, of which entry 6 tells, is gone.")]


def test_writers_in_several_processes_make_one_chain(shelf, url):
    arguments = [(str(shelf.root), url, who, 12) for who in ("Ann", "Bo", "Cid")]
    with multiprocessing.get_context("spawn").Pool(3) as pool:
        numbers = pool.starmap(add_in_a_process, arguments)
    assert sorted(number for some in numbers for number in some) == list(range(1, 37))
    found = verify(shelf)
    assert (found.entries, found.damage) == (36, ())
    for (_, _, who, _), own in zip(arguments, numbers, strict=True):
        assert {one.number for one in read(shelf).entries if one.who == who} == set(own)


def test_a_writer_that_another_one_outruns_adds_on_top_of_theirs(shelf):
    add(shelf, 2)
    others = [lambda: add(shelf, 3, "Bo")]
    (number,) = add(shelf.guarded(lambda: others.pop()() if others else None), 1)
    assert number == 6
    assert [one.who for one in read(shelf).entries] == ["Ann", "Bo", "Bo", "Bo", "Ann", "Ann"]
    assert verify(shelf).damage == ()


KILLED = """
import sys
from tests.core.store.made_trail import add_until_killed
add_until_killed(sys.argv[1], sys.argv[2], 1)
"""


def test_a_writer_that_is_killed_leaves_a_whole_chain_that_goes_on(shelf, url):
    dice = random.Random(11)
    for _ in range(4):
        before = len(read(shelf).entries)
        process = subprocess.Popen(
            [sys.executable, "-c", KILLED, str(shelf.root), url], stdout=subprocess.PIPE, text=True
        )
        first = process.stdout.readline()  # it is writing
        time.sleep(dice.uniform(0.01, 0.3))
        process.send_signal(signal.SIGKILL)
        told = len((first + process.stdout.read()).split())
        assert process.wait() == -signal.SIGKILL
        found = verify(shelf)
        assert found.damage == ()
        assert found.entries - before in (told, told + 1)  # the last one may be there without being told
        assert add(shelf, 1) == [found.entries + 1]
        assert verify(shelf, head=found.head).damage == ()


def test_bytes_that_rot_in_the_embedded_file_are_found(embedded_url, tmp_path):
    workspace = Workspace.open(tmp_path / "workspace", embedded_url)
    add(workspace, 3)
    with sqlite3.connect(embedded_url.removeprefix("sqlite:///")) as other:
        other.execute("update trail set data = '{broken' where _id = ?", (id_of(2),))
    other.close()
    assert damage(workspace) == [(2, "Entry 2 was changed after it was written.")]
    assert read(workspace).spoilt == (id_of(2),)
    workspace.close()


def test_a_store_that_does_not_answer_fails_no_deed(embedded_url, tmp_path, monkeypatch, caplog):
    monkeypatch.setattr(backends, "BUSY_SECONDS", 0.2)
    workspace = Workspace.open(tmp_path / "workspace", embedded_url)
    add(workspace, 1)
    other = sqlite3.connect(embedded_url.removeprefix("sqlite:///"), isolation_level=None)
    other.execute("BEGIN IMMEDIATE")
    with caplog.at_level(logging.WARNING):
        assert record(workspace, "trained", who="Ann", about={"run": "run-one"}) is None
    assert "does not tell of what was trained" in caplog.text
    other.close()
    assert add(workspace, 1) == [2]
    assert verify(workspace).damage == ()
    workspace.close()
