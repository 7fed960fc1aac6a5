"""A second record of the trail's hashes: a file of the workspace, which whoever edits the store alone leaves as it is.

A line for each entry, added after it. One that is missing or torn (a process killed between the two, a full disk) means
nothing; one of another hash than the store's means that the entry was exchanged, or cut off.
"""

import hashlib
import logging
import os
import re
from pathlib import Path
from urllib.parse import urlsplit

from core.schema.documents import TrailEntry
from core.store.workspace import Workspace

LINE = re.compile(r"([0-9]{1,12}) ([0-9a-f]{64})")
_log = logging.getLogger(__name__)


def note(workspace: Workspace, entry: TrailEntry) -> None:
    """Add the line of an entry; where that cannot be, it is logged."""
    try:
        file = os.open(witness_of(workspace), os.O_WRONLY | os.O_APPEND | os.O_CREAT, 0o644)
        try:  # one write, which no other process gets in between; the break comes first, so that a torn line ends there
            os.write(file, f"\n{entry.number} {entry.hash}".encode())
        finally:
            os.close(file)
    except OSError as error:
        _log.warning("Entry %d of the audit trail is not noted in the workspace: %s", entry.number, error)


def noted(workspace: Workspace) -> list[tuple[int, str]]:
    """Number and hash of every entry that was noted, in the order of the file."""
    try:
        text = witness_of(workspace).read_text("ascii", errors="replace")
    except OSError:
        return []
    found = map(LINE.fullmatch, text.split("\n"))
    return [(int(line[1]), line[2]) for line in found if line]


def witness_of(workspace: Workspace) -> Path:
    """The file; another one for another store, so that who tries a second store is not told of a damaged trail."""
    return workspace.root / f"trail-{hashlib.sha256(_place(workspace).encode()).hexdigest()[:12]}.txt"


def _place(workspace: Workspace) -> str:
    """Where the store is, without who signs in; a store inside of the workspace moves along with it."""
    parts = urlsplit(workspace.store_url)
    place = parts.path.removeprefix(f"/{workspace.root}")
    return f"{parts.scheme} {parts.netloc.rpartition('@')[2]} {place}"
