"""Publishers that are killed, that meet, that are taken for dead, and stores that stop answering."""

import os
import signal
import sqlite3
import time
from itertools import count
from pathlib import Path

import pytest

from core.errors import StoreError, StoreUnavailable
from core.schema.documents import PUBLICATIONS
from core.store import backends
from core.store.trail import read
from core.store.trail_check import verify
from core.store.trail_late import tell_missing
from core.store.workspace import Workspace
from core.workflow.policies import published_lists, serving
from core.workflow.policies.published_lists import GONE, ListsSwept, publications
from core.workflow.policies.publishing import rollback
from core.workflow.policies.serving import served
from tests.core.workflow.policies.publishing.made_publications import (
    BATCH,
    DATASET,
    USERS,
    all_served,
    expected,
    log,
    publish_and_die,
    publish_made,
    publish_on,
    rows_by_publication,
    rows_of,
    save_made_policies,
)
from tests.mongodb_engine.engine import EngineImpossible, start_engine, with_database

MANY = 3000


def ended(process) -> int:
    process.join(timeout=60)
    return process.exitcode


def test_killed_before_any_of_its_writes_a_publisher_leaves_the_former_lists_whole(shelf, url, processes):
    publish_made(shelf, "old")
    served_now, killed = "old", 0
    for at in count(1):
        mark, before = f"m{at}", log(shelf)
        process = processes.Process(target=publish_and_die, args=(str(shelf.root), url, mark, at, 0.0))
        process.start()
        status = ended(process)
        if len(log(shelf)) > len(before):
            assert log(shelf)[:-1] == before
            served_now = mark
        assert all_served(shelf) == expected(served_now), at
        if status == 0:
            break
        assert status == -signal.SIGKILL
        killed += served_now != mark
        assert verify(shelf).damage == ()
    assert killed == 11  # the table, the publication, six for three batches, stored, held, served
    served_without_an_entry = len(log(shelf)) - sum(one.did == "published" for one in read(shelf).entries)
    untold = [one.id for one in verify(shelf).untold if one.what == "serving"]
    assert len(untold) == served_without_an_entry == 1  # killed between the two: it is named
    assert tell_missing(shelf, who="Gus")[-1:] == untold
    kept = list(dict.fromkeys(entry[0] for entry in log(shelf)[::-1]))[:2]
    assert rows_by_publication(shelf) == dict.fromkeys(kept, USERS)
    states = {publication.id: publication.state for publication in publications(shelf, DATASET)}
    assert {id for id, state in states.items() if state != GONE} == set(kept)


def test_killed_at_any_moment_of_a_long_publication(shelf, url, processes):
    publish_made(shelf, "old", users=MANY)
    for pause in (0.01, 0.1, 0.3):
        begun = len(publications(shelf, DATASET))
        process = processes.Process(target=publish_on, args=(str(shelf.root), url, "new", MANY, 1000))
        process.start()
        while len(publications(shelf, DATASET)) == begun:
            time.sleep(0.005)  # until it writes
        time.sleep(pause)
        process.kill()
        assert ended(process) == -signal.SIGKILL
        present = log(shelf)[-1][0]
        assert served(shelf, DATASET, "u1").publication == present
        assert rows_of(shelf, present) == expected("new" if len(log(shelf)) > 1 else "old", MANY)


def test_several_publishers_at_once_are_all_logged_and_never_mixed(shelf, url, processes):
    publish_made(shelf, "p0", users=200)
    publishers = [
        processes.Process(target=publish_on, args=(str(shelf.root), url, f"p{n}", 200, 4)) for n in (1, 2, 3)
    ]
    for process in publishers:
        process.start()
    seen = set()
    while any(process.is_alive() for process in publishers):
        now = all_served_by_publication(shelf, 200)
        seen |= set(now)
        for publication, marks in now.items():
            assert len(marks) == 1, (publication, marks)
    assert [ended(process) for process in publishers] == [0, 0, 0]
    assert len(log(shelf)) == 13
    assert len({entry[0] for entry in log(shelf)}) == 13
    assert len(seen) > 1
    now = all_served(shelf, 200)
    assert now in [expected(f"p{n}", 200) for n in (1, 2, 3)]


def all_served_by_publication(workspace: Workspace, users: int) -> dict[str, set[str]]:
    """The marks of every list that the shop shows, by publication."""
    found: dict[str, set[str]] = {}
    for number in range(users - 8):
        one = served(workspace, DATASET, f"u{number}")
        found.setdefault(one.publication, set()).update(item.split("-")[0] for item in one.item_ids)
    return found


def test_a_publisher_at_work_is_left_alone_by_another(shelf, monkeypatch):
    monkeypatch.setattr(published_lists, "BATCH", BATCH)
    meanwhile = []

    def progress(stage: str, fraction: float, message: str = "") -> None:
        if not meanwhile:
            meanwhile.append(publish_made(shelf, "quick").publication.id)

    slow = publish_made(shelf, "slow", progress=progress)
    assert [entry[0] for entry in log(shelf)] == [*meanwhile, slow.publication.id]
    assert all_served(shelf) == expected("slow")
    rollback(shelf, DATASET, author="Cid")
    assert all_served(shelf) == expected("quick")


def test_a_publisher_taken_for_dead_serves_nothing_and_leaves_nothing(shelf, monkeypatch):
    monkeypatch.setattr(published_lists, "BATCH", BATCH)
    monkeypatch.setattr(published_lists, "LEASE_SECONDS", -60.0)
    publish_made(shelf, "old")

    def progress(stage: str, fraction: float, message: str = "") -> None:
        if fraction > 0.5:
            publish_made(shelf, "other")

    with pytest.raises(ListsSwept, match="publish again"):
        publish_made(shelf, "stalled", progress=progress)
    assert all_served(shelf) == expected("other")
    assert [len(log(shelf)), len(rows_by_publication(shelf))] == [2, 2]


def test_what_a_publisher_taken_for_dead_writes_after_the_sweep_is_removed(shelf, monkeypatch):
    monkeypatch.setattr(published_lists, "BATCH", BATCH)
    monkeypatch.setattr(published_lists, "LEASE_SECONDS", -60.0)
    hold = published_lists.hold

    def hold_and_stall(*arguments, **options):
        hold(*arguments, **options)
        monkeypatch.setattr(published_lists, "hold", hold)
        other.append(publish_made(shelf, "other").publication.id)

    other: list[str] = []
    monkeypatch.setattr(published_lists, "hold", hold_and_stall)
    with pytest.raises(ListsSwept):
        publish_made(shelf, "stalled")
    assert rows_by_publication(shelf) == dict.fromkeys(other, USERS)


@pytest.mark.parametrize("lease", [60.0, -60.0], ids=["within_its_lease", "taken_for_dead"])
def test_a_publisher_that_stalls_before_the_switch_is_served_whole_or_not_at_all(shelf, monkeypatch, lease):
    monkeypatch.setattr(published_lists, "LEASE_SECONDS", lease)
    publish_made(shelf, "old")
    hold = serving.hold

    def hold_and_stall(*arguments):
        hold(*arguments)
        monkeypatch.setattr(serving, "hold", hold)
        publish_made(shelf, "other")

    monkeypatch.setattr(serving, "hold", hold_and_stall)
    if lease > 0:
        assert publish_made(shelf, "stalled").serving.number == 3
        assert all_served(shelf) == expected("stalled")
    else:
        with pytest.raises(ListsSwept):
            publish_made(shelf, "stalled")
        assert all_served(shelf) == expected("other")
        assert len(log(shelf)) == 2


def test_a_rollback_holds_rows_that_another_is_about_to_sweep(shelf, monkeypatch):
    """Whichever of the two comes first, what is served is whole."""
    monkeypatch.setattr(published_lists, "LEASE_SECONDS", -60.0)
    first, _ = (publish_made(shelf, mark).publication.id for mark in "ab")
    taken = published_lists._taken

    def after_a_rollback(workspace, publication, until):
        monkeypatch.setattr(published_lists, "_taken", taken)
        assert publication.id == first
        assert rollback(workspace, DATASET, author="Cid", to=first).publication.id == first
        return taken(workspace, publication, until)

    monkeypatch.setattr(published_lists, "_taken", after_a_rollback)
    publish_made(shelf, "c")
    assert all_served(shelf) == expected("a")
    assert shelf.documents.get(PUBLICATIONS, first)["state"] == "stored"


def test_a_locked_file_is_one_clear_error_and_changes_nothing(embedded_url, tmp_path, monkeypatch):
    monkeypatch.setattr(backends, "BUSY_SECONDS", 0.2)
    workspace = Workspace.open(tmp_path / "workspace", embedded_url)
    save_made_policies(workspace)
    publish_made(workspace, "old")
    other = sqlite3.connect(embedded_url.removeprefix("sqlite:///"), isolation_level=None)

    def progress(*_) -> None:
        other.execute("BEGIN IMMEDIATE")

    with pytest.raises(StoreUnavailable, match="does not answer"):
        publish_made(workspace, "new", progress=progress)
    assert all_served(workspace) == expected("old")
    other.close()
    assert len(log(workspace)) == 1
    publish_made(workspace, "new")
    assert all_served(workspace) == expected("new")
    workspace.close()


@pytest.mark.skipif("TEST_MONGODB_URI" in os.environ, reason="does not kill a server that it did not start")
def test_a_server_that_dies_is_one_clear_error_and_changes_nothing(tmp_path, monkeypatch):
    monkeypatch.setattr(backends, "SERVER_SECONDS", 2.0)
    monkeypatch.setattr(published_lists, "BATCH", BATCH)
    server, workspace = started(tmp_path)
    save_made_policies(workspace)
    publish_made(workspace, "old")

    def progress(stage: str, fraction: float, message: str = "") -> None:
        if fraction > 0.3:
            server.kill()

    with pytest.raises(StoreUnavailable, match="does not answer"):
        publish_made(workspace, "new", progress=progress)
    workspace.close()
    server.communicate()
    server, workspace = started(tmp_path)
    assert all_served(workspace) == expected("old")
    assert len(log(workspace)) == 1
    monkeypatch.setattr(published_lists, "LEASE_SECONDS", 0.0)
    publish_made(workspace, "new")
    assert all_served(workspace) == expected("new")
    assert set(rows_by_publication(workspace)) == {entry[0] for entry in log(workspace)}
    workspace.close()
    server.communicate()


def started(folder: Path):
    """A server of its own on the files in this folder, and a workspace on it."""
    try:
        server, address = start_engine(folder / "data")
    except EngineImpossible as reason:
        pytest.skip(f"no MongoDB engine: {reason}")
    return server, Workspace.open(folder / "workspace", with_database(address, "shop"))


def test_what_cannot_be_tidied_up_is_said_and_the_new_lists_are_served(shelf, monkeypatch):
    monkeypatch.setattr(published_lists, "LEASE_SECONDS", 0.0)
    for mark in "ab":
        publish_made(shelf, mark)

    def fails(*_):
        raise StoreError("gone")

    with monkeypatch.context() as patched:
        patched.setattr(published_lists, "_delete", fails)
        found = publish_made(shelf, "c")
    assert "left for the next publication" in found.notes[0]
    assert all_served(shelf) == expected("c")
    publish_made(shelf, "d")
    assert len(rows_by_publication(shelf)) == 2
