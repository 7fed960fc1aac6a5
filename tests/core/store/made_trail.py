"""Trails to tamper with, and processes that add to one."""

import select
import sys
import time

from core.schema.documents import TRAIL
from core.store.trail import digest, id_of, record
from core.store.workspace import Workspace


def add(workspace: Workspace, times: int, who: str = "Ann") -> list[int]:
    """Record exports, which leave nothing; the numbers of the entries."""
    return [
        record(workspace, "exported", who=who, about={"dataset": "ds-made"}, details={"rows": n}).number
        for n in range(times)
    ]


def entry(workspace: Workspace, number: int) -> dict:
    """An entry as it lies in the store."""
    return workspace.documents.get(TRAIL, id_of(number))


def with_own_hash(document: dict) -> dict:
    """The same with the hash that would belong to it: what somebody does who knows how the trail is made."""
    rest = {name: value for name, value in document.items() if name != "hash"}
    return rest | {"hash": digest(rest)}


def add_until_told(root: str, url: str, who: str) -> None:
    """Add entries and print the number of each, until standard input ends."""
    workspace = Workspace.open(root, url)
    while not select.select([sys.stdin], [], [], 0)[0]:
        print(*add(workspace, 1, who), flush=True)
        time.sleep(0.003)  # SQLite lets writers in by chance: without it one may wait for long
    workspace.close()
