"""Several processes on one store, and processes that are killed in the middle of a write."""

import random
import signal
import subprocess
import sys
import time

import pytest

from core.store.documents import DocumentStore

FIRST_START = """
import sys
from core.store.workspace import Workspace
workspace = Workspace.open(sys.argv[1])
sys.stdin.readline()  # all begin at once
for n in range(10):
    workspace.documents.insert("runs", {"_id": f"run-{sys.argv[2]}-{n}", "dataset": "x"})
"""

OPEN_TOGETHER = """
import sys
from core.store.documents import DocumentStore
sys.stdin.readline()
DocumentStore.open(sys.argv[1]).put("jobs", {"_id": "job-" + sys.argv[2]})
"""

COUNT = """
import sys
from core.store.documents import DocumentStore
store = DocumentStore.open(sys.argv[1])
for _ in range(25):
    while True:
        n = store.get("jobs", "job-shared")["n"]
        if store.update("jobs", "job-shared", {"n": n + 1}, expect={"n": n}):
            break
"""

LEDGER = """
import sys
from core.store.documents import DocumentStore
store, prefix = DocumentStore.open(sys.argv[1]), sys.argv[2]
store.put("jobs", {"_id": "job-last", "n": -1})
for n in range(1_000_000):
    store.insert("runs", {"_id": f"run-{prefix}-{n}", "text": "x" * 500})
    store.update("jobs", "job-last", {"n": n})
    print(n, flush=True)
"""


def start(code: str, *arguments: str) -> subprocess.Popen:
    return subprocess.Popen(
        [sys.executable, "-c", code, *arguments], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    )


def finish(processes: list[subprocess.Popen]) -> None:
    for process in processes:
        process.communicate("\n", timeout=60)
    assert [process.returncode for process in processes] == [0] * len(processes)


@pytest.mark.parametrize("code", [FIRST_START, OPEN_TOGETHER], ids=["open_then_write", "open_together"])
def test_eight_processes_can_start_a_fresh_workspace_at_once(tmp_path, code: str):
    target = str(tmp_path) if code is FIRST_START else f"sqlite:///{tmp_path}/evenhand.db"
    processes = [start(code, target, str(n)) for n in range(8)]
    for process in processes:
        process.stdin.write("\n")
        process.stdin.flush()
    finish(processes)
    store = DocumentStore.open(f"sqlite:///{tmp_path}/evenhand.db")
    assert (store.count("runs"), store.count("jobs")) == ((80, 0) if code is FIRST_START else (0, 8))
    store.close()


def test_compare_and_set_loses_no_update_between_processes(url: str, store: DocumentStore):
    store.insert("jobs", {"_id": "job-shared", "n": 0})
    finish([start(COUNT, url) for _ in range(4)])
    assert store.get("jobs", "job-shared") == {"_id": "job-shared", "n": 100}


def test_a_killed_writer_loses_nothing_that_was_acknowledged(url: str, store: DocumentStore):
    dice = random.Random(7)
    for round in range(5):
        process = start(LEDGER, url, str(round))
        first = process.stdout.readline()  # it is writing
        time.sleep(dice.uniform(0.01, 0.3))
        process.send_signal(signal.SIGKILL)
        # Not `communicate`: it would pass over what `readline` has buffered.
        acknowledged = len((first + process.stdout.read()).split())
        process.wait()
        assert acknowledged > 0
        kept = [d["_id"] for d in store.find("runs", fields=[]) if d["_id"].startswith(f"run-{round}-")]
        written = acknowledged + 1  # the last one may be there without having been acknowledged
        assert set(kept) in [{f"run-{round}-{n}" for n in range(count)} for count in (acknowledged, written)]
        assert len(kept) == len(set(kept))
        assert store.get("jobs", "job-last")["n"] in (acknowledged - 1, acknowledged)
