"""The audit trail, alike on both engines: what it tells, what tampering it finds, and writers that meet or are killed."""

import logging
import random
import shutil
import signal
import sqlite3
import subprocess
import sys
import time
from dataclasses import replace
from pathlib import Path

import pytest

from core.errors import InputError, StoreUnavailable
from core.schema.documents import DATASETS, DECISIONS, POLICIES, RUNS, TRAIL
from core.store import backends, trail
from core.store.trail import BEGINNING, CONTENT, id_of, read, record, tell
from core.store.trail_check import CUT_OFF, verify
from core.store.trail_late import tell_missing
from core.store.trail_witness import witness_of
from core.store.workspace import Workspace
from tests.core.store.made_trail import add, entry, with_own_hash
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


NOTED = "had another hash when the workspace noted it: cut off since, or written anew."


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


def test_a_name_that_is_no_text_hides_no_deed(shelf):
    made = record(
        shelf, "exported", who="Ann\udcff", about={"dataset": "\ud800"}, details={"file": "\udcff.parquet"}
    )
    assert (made.who, made.about["dataset"], made.details["file"]) == (
        "Ann\\udcff",
        "\\ud800",
        "\\udcff.parquet",
    )
    assert verify(shelf).damage == ()


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
    assert damage(five) == [(number, expected), (number, f"Entry {number} {NOTED}")]


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
    no_ids = (
        "trail-3",
        "trail-0000000000003",
        "zebra",
        "trail-000000000000",
        f"trail-{2**63}",
        f"trail-{'9' * 58}",
    )
    for number, id in enumerate(no_ids, 6):
        five.documents.insert(TRAIL, with_own_hash(forged | {"_id": id}))
        assert damage(five) == [(None, f"'{id}' is no entry; it was put in.")]
        assert add(five, 1) == [number]  # and the trail goes on
        five.documents.delete(TRAIL, id)
        assert damage(five) == []
    five.documents.insert(TRAIL, with_own_hash(forged | {"_id": id_of(100), "number": 100}))
    assert damage(five)[0][1] == "Entries 12 to 99 are missing."
    assert add(five, 2) == [101, 102]  # on top of it, without end or error
    five.documents.insert(TRAIL, with_own_hash(forged | {"_id": "trail-999999999999"}))
    assert add(five, 2) == [12, 13]  # nothing can be on top of that one


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
    assert damage(five) == [(5, f"Entry 5 and 1 after it {NOTED}")]
    witness_of(five).unlink()
    assert damage(five) == []  # nothing in the chain itself
    assert damage(five, head=noted) == [(None, CUT_OFF)]
    add(five, 1)
    assert damage(five, head=noted) == [(None, CUT_OFF)]  # nor does a new fifth entry hide it


def test_a_new_end_does_not_hide_from_the_workspace_that_the_old_one_was_cut_off(five):
    five.documents.delete(TRAIL, id_of(5))
    assert damage(five) == [(5, f"Entry 5 {NOTED}")]
    assert add(five, 3) == [5, 6, 7]
    assert damage(five) == [(5, f"Entry 5 {NOTED}")]


def test_a_trail_written_anew_with_fitting_hashes_shows_against_a_noted_hash(five):
    noted, previous = verify(five).head, BEGINNING
    for number in range(1, 6):
        anew = with_own_hash(entry(five, number) | {"who": "Eve", "previous": previous})
        five.documents.put(TRAIL, anew)
        previous = anew["hash"]
    assert damage(five) == [(1, f"Entry 1 and 4 after it {NOTED}")]
    witness_of(five).unlink()
    assert damage(five) == []
    assert damage(five, head=noted) == [(None, CUT_OFF)]


def test_what_the_workspace_noted_may_be_torn_or_be_missing(five):
    file = witness_of(five)
    lines = file.read_text().split("\n")
    file.write_text(
        "\n".join([*lines[:3], lines[3][:20], "\0\xff 7 x", "999"])
    )  # as a killed process leaves it
    assert add(five, 1) == [6]
    assert damage(five) == []
    five.documents.delete(TRAIL, id_of(6))
    assert damage(five) == [(6, f"Entry 6 {NOTED}")]
    file.unlink()
    file.mkdir()  # and where no line can be added, deeds are told of still
    assert add(five, 1) == [6]
    assert damage(five) == []


def test_a_workspace_that_is_moved_takes_along_what_it_noted_and_another_store_begins_anew(tmp_path):
    def opened(name: str, store: str) -> Workspace:
        return Workspace.open(tmp_path / name, f"sqlite:///{tmp_path}/{name}/{store}.db")

    first = opened("first", "evenhand")
    add(first, 2)
    other = opened("first", "other")
    assert (verify(other).damage, add(other, 1)) == ((), [1])
    first.close()
    other.close()
    shutil.move(tmp_path / "first", tmp_path / "second")
    moved = opened("second", "evenhand")
    assert damage(moved) == []
    moved.documents.delete(TRAIL, id_of(2))
    assert damage(moved) == [(2, f"Entry 2 {NOTED}")]
    moved.close()


def test_a_sign_in_is_no_part_of_the_name_of_what_the_workspace_noted(shelf):
    names = {
        witness_of(replace(shelf, store_url=f"mongodb://{signed}host,other:27018/shop")).name
        for signed in ("", "ann:secret@", "bo:pass%40word@")
    }
    assert len(names) == 1


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


def test_what_came_with_the_trail_is_not_excused_by_an_old_date(five):
    five.documents.insert(DECISIONS, {"_id": "decision-forged-1", "at": "1999-01-01T00:00:00.000+00:00"})
    assert [(one.id, one.older) for one in verify(five).untold] == [("decision-forged-1", False)]


def test_what_was_not_told_of_can_be_told_of_by_whoever_found_it(five):
    policy = made_policy("one")
    five.documents.insert(POLICIES, policy.dump())
    five.documents.insert(DATASETS, {"_id": "ds-old", "created_at": "2020-01-01T00:00:00.000+00:00"})
    assert tell_missing(five, who="Gus") == ["ds-old", policy.id]
    found = read(five).entries[0]
    assert (found.did, found.who, found.about["policy"], found.about["dataset"]) == (
        "found",
        "Gus",
        policy.id,
        policy.dataset,
    )
    assert (verify(five).untold, verify(five).damage, tell_missing(five, who="Gus")) == ((), (), [])
    five.documents.update(DATASETS, "ds-old", {"name": "prepared again"})
    assert damage(five) == []
    five.documents.update(POLICIES, policy.id, {"author": "Eve"})
    assert damage(five) == [(7, f"The policy {policy.id} was changed after entry 7 told of it.")]


def test_a_clock_that_goes_back_is_told_and_is_no_damage(five, monkeypatch):
    times = iter(
        ["1999-01-01T00:00:00.000+00:00", "2999-01-01T00:00:00.000+00:00", "2998-12-31T23:59:30.000+00:00"]
    )
    monkeypatch.setattr(trail, "now", lambda: next(times))
    assert add(five, 3) == [6, 7, 8]
    found = verify(five)
    assert (found.set_back, found.damage) == ((6,), ())  # clocks of two machines differ by half a minute


@pytest.mark.parametrize("at", ["0001-01-01T00:00:00+14:00", "9999-12-31T23:59:59-14:00"])
def test_a_time_that_is_none_is_no_entry(five, at):
    five.documents.put(TRAIL, with_own_hash(entry(five, 5) | {"at": at}))
    assert read(five).spoilt == (id_of(5),)
    assert damage(five) == [(5, "Entry 5 was changed after it was written.")]


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


def test_a_writer_that_another_one_outruns_adds_on_top_of_theirs(shelf):
    add(shelf, 2)
    others = [lambda: add(shelf, 3, "Bo")]
    (number,) = add(shelf.guarded(lambda: others.pop()() if others else None), 1)
    assert number == 6
    assert [one.who for one in read(shelf).entries] == ["Ann", "Bo", "Bo", "Bo", "Ann", "Ann"]
    assert verify(shelf).damage == ()


WRITING = """
import sys
from tests.core.store.made_trail import add_until_told
add_until_told(*sys.argv[1:])
"""


def test_writers_that_meet_and_are_killed_leave_one_whole_chain_that_goes_on(shelf, url):
    dice, writers = random.Random(11), {}
    for who in ("Ann", "Bo", "Cid"):
        asked = [sys.executable, "-c", WRITING, str(shelf.root), url, who]
        writers[who] = subprocess.Popen(asked, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
    first = {who: process.stdout.readline() for who, process in writers.items()}  # all are writing
    for who in ("Ann", "Bo"):
        time.sleep(dice.uniform(0.01, 0.3))
        writers[who].send_signal(signal.SIGKILL)
    writers["Cid"].stdin.close()  # enough
    told = {who: set(map(int, (first[who] + writers[who].stdout.read()).split())) for who in writers}
    assert [writers[who].wait() for who in told] == [-signal.SIGKILL, -signal.SIGKILL, 0]
    found, entries = verify(shelf), read(shelf).entries
    assert found.damage == ()
    for who, numbers in told.items():
        unheard = {one.number for one in entries if one.who == who} - numbers
        assert len(unheard) <= (who != "Cid")  # the last one of who is killed may be there without being told
        assert numbers <= {one.number for one in entries}
    assert add(shelf, 1) == [found.entries + 1]
    assert verify(shelf, head=found.head).damage == ()


def test_bytes_that_rot_in_the_embedded_file_are_found(embedded_url, tmp_path):
    workspace = Workspace.open(tmp_path / "workspace", embedded_url)
    add(workspace, 3)
    edit_rows(embedded_url, "update trail set data = '{broken' where _id = ?", id_of(2))
    assert damage(workspace) == [(2, "Entry 2 was changed after it was written.")]
    assert read(workspace).spoilt == (id_of(2),)
    workspace.close()


def edit_rows(url: str, statement: str, *values: str) -> None:
    """What somebody does who has the file of an embedded store."""
    with sqlite3.connect(url.removeprefix("sqlite:///")) as other:
        other.execute(statement, values)
    other.close()


@pytest.mark.parametrize("id", [None, "", "trail-000000000001x"])
def test_a_row_that_is_hidden_from_its_id_is_found(embedded_url, tmp_path, id):
    workspace = Workspace.open(tmp_path / "workspace", embedded_url)
    add(workspace, 3)
    edit_rows(embedded_url, "update trail set _id = ? where _id = ?", id, id_of(3))
    moved = (None, "An entry was moved within the store, or is there twice.")
    assert moved in damage(workspace)
    assert add(workspace, 1) == [3]  # it is free again, and the old one cannot pass for it
    assert moved in damage(workspace)
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
    with pytest.raises(StoreUnavailable):  # of what leaves nothing that could be found
        tell(workspace, "exported", who="Ann", about={"run": "run-one"})
    other.close()
    assert add(workspace, 1) == [2]
    assert verify(workspace).damage == ()
    workspace.close()
