"""The audit trail: an append-only record of who did what, each entry chained by its hash to the one before.

A deed comes first and its entry after it, so the trail tells of nothing that did not happen; a deed whose entry is missing
(a process killed between the two, a store that stopped answering) is found by `core/store/trail_check.py`.
"""

import hashlib
import json
import logging
import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from core.errors import DuplicateId, EvenhandError
from core.schema.documents import TRAIL, Deed, Document, TrailEntry, now
from core.store.documents import DocumentStore
from core.store.workspace import Workspace

# Who did something that nobody signs. A user's name in the operating system is a person's, and says nothing of who sits
# before a page.
PROGRAM, COMMAND_LINE = "a program", "the command line"
PAGE, BY_ITSELF = "somebody on the page", "Evenhand, when it was first opened"
BEGINNING = "beginning"  # what stands for the entry before the first
CONTENT = "sha256"  # of the document that a deed left: a detail of its entry
ID = re.compile(r"^trail-([0-9]{12,})$")
_log = logging.getLogger(__name__)


@dataclass(frozen=True)
class Trail:
    """What was done, newest first. Attributes: spoilt: ids of what is no entry, or none as it was written."""

    entries: tuple[TrailEntry, ...]
    spoilt: tuple[str, ...]


def record(
    workspace: Workspace,
    did: Deed,
    *,
    who: str,
    about: Mapping[str, str],
    details: Mapping[str, str | int | bool | None] | None = None,
    left: Document | None = None,
) -> TrailEntry | None:
    """Add an entry on top of the last one, in one write, whoever else adds one at the same moment.

    It never fails what it tells of: where the entry cannot be written, that is logged, and None is returned.

    Args:
        who: an author, or one of the words above.
        about: ids by what they are of: dataset, run, policy, ...
        left: a document that the deed left and that nothing changes from then on; its hash enters the details.
    """
    told = dict(details or {}) | ({} if left is None else {CONTENT: digest(left.dump())})
    try:
        return _append(workspace.documents, {"who": who, "did": did, "about": dict(about), "details": told})
    except EvenhandError as error:
        _log.warning("The audit trail does not tell of what was %s: %s", did.replace("_", " "), error)
        return None


def _append(documents: DocumentStore, told: Mapping[str, Any]) -> TrailEntry:
    last = _last(documents)
    while True:
        number = 1 if last is None else number_of(last) + 1
        previous = BEGINNING if last is None else str(last.get("hash"))
        chained = {"number": number, "at": now(), **told, "previous": previous}
        entry = _sealed(TrailEntry(_id=id_of(number), **chained, hash=""))
        try:
            documents.insert(TRAIL, entry.dump())
            return entry
        except DuplicateId:  # another one was quicker: on top of theirs
            last = documents.get(TRAIL, entry.id)


def _last(documents: DocumentStore) -> dict[str, Any] | None:
    """The entry of the highest number, found by its id, which cannot be edited as a number can.

    None where something else was put in after it: then `_append` goes up from the first number to one that is free.
    """
    found = documents.find(TRAIL, descending=True, limit=1)
    return found[0] if found and number_of(found[0]) else None


def read(workspace: Workspace, *, dataset: str | None = None, limit: int | None = None) -> Trail:
    """The trail; of one dataset if given.

    Args:
        limit: look at no more than this many, the newest.
    """
    found = workspace.documents.find(TRAIL, descending=True, limit=limit)
    told = {document["_id"]: as_written(document) for document in found}
    return Trail(
        entries=tuple(one for one in told.values() if one and dataset in (None, one.about.get("dataset"))),
        spoilt=tuple(str(id) for id, one in told.items() if one is None),
    )


def as_written(document: Mapping[str, Any]) -> TrailEntry | None:
    """The entry that a document is, if its hash is that of all the rest."""
    try:
        entry = TrailEntry.model_validate(document)
    except ValueError:
        return None
    return entry if id_of(entry.number) == entry.id and entry.hash == _seal(document) else None


def _sealed(entry: TrailEntry) -> TrailEntry:
    """The same with its hash."""
    return entry.model_copy(update={"hash": _seal(entry.dump())})


def _seal(document: Mapping[str, Any]) -> str:
    """Hash of everything in an entry but its hash."""
    return digest({name: value for name, value in document.items() if name != "hash"})


def digest(document: Mapping[str, Any]) -> str:
    """SHA-256 of a document's JSON: keys sorted, no spaces, other letters than those of ASCII escaped."""
    text = json.dumps(document, sort_keys=True, separators=(",", ":"), default=repr)
    return hashlib.sha256(text.encode()).hexdigest()


def id_of(number: int) -> str:
    """The `_id` of an entry; ids stand in the order of their numbers."""
    return f"trail-{number:012d}"


def number_of(document: Mapping[str, Any]) -> int | None:
    """The number that an `_id` stands for; None where it is no id of an entry."""
    found = ID.fullmatch(str(document["_id"]))
    number = int(found.group(1)) if found else 0
    return number if number and id_of(number) == document["_id"] else None
