"""Trails to tamper with, and processes that add to one."""

import os

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


def add_in_a_process(root: str, url: str, who: str, times: int) -> list[int]:
    workspace = Workspace.open(root, url)
    numbers = add(workspace, times, who)
    workspace.close()
    return numbers


def add_until_killed(root: str, url: str, told: int) -> None:
    """Add entries without end, and tell a pipe of each."""
    workspace = Workspace.open(root, url)
    while True:
        (number,) = add(workspace, 1, "a process that is killed")
        os.write(told, f"{number}\n".encode())
