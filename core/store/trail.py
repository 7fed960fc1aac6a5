"""The audit trail: an append-only record of who did what, each entry chained by its hash to the one before.

A deed that leaves a document comes first and its entry after it (`record`), so the trail tells of nothing that did not
happen; one whose entry is missing (a process killed between the two, a store that stopped answering) is found by
`core/store/trail_check.py`. An export leaves nothing that could be found, so its entry comes first (`tell`).
"""

import hashlib
import json
import logging
import re
from collections.abc import Mapping
from dataclasses import dataclass
from itertools import count
from typing import Any

from core.errors import DuplicateId, EvenhandError
from core.schema.documents import TRAIL, Deed, Document, TrailEntry, now
from core.store import trail_witness
from core.store.documents import DocumentStore
from core.store.workspace import Workspace

# Who did something that nobody signs. A user's name in the operating system is a person's, and says nothing of who sits
# before a page.
PROGRAM, COMMAND_LINE = "a program", "the command line"
PAGE, BY_ITSELF = "somebody on the page", "Evenhand, when it was first opened"
BEGINNING = "beginning"  # what stands for the entry before the first
# Details: the hash of the document that a deed left; what was found afterwards.
CONTENT, WHAT = "sha256", "what"
DIGITS = 12  # of a number in an id
_LARGEST = 10**DIGITS - 1
_ID = re.compile(rf"trail-([0-9]{{{DIGITS}}})")
Details = Mapping[str, str | int | bool | None]
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
    details: Details | None = None,
    left: Document | None = None,
) -> TrailEntry | None:
    """Tell of a deed that is done. It never fails that: where the entry cannot be written, that is logged.

    Args:
        who: an author, or one of the words above.
        about: ids by what they are of: dataset, run, policy, ...
        left: a document that the deed left and that nothing changes from then on; its hash enters the details.
    """
    told = dict(details or {}) | ({} if left is None else {CONTENT: digest(left.dump())})
    try:
        return tell(workspace, did, who=who, about=about, details=told)
    except EvenhandError as error:
        _log.warning("The audit trail does not tell of what was %s: %s", did.replace("_", " "), error)
        return None


def tell(
    workspace: Workspace,
    did: Deed,
    *,
    who: str,
    about: Mapping[str, str],
    details: Details | None = None,
) -> TrailEntry:
    """Add an entry on top of the last one, in one write, whoever else adds one at the same moment.

    Raises:
        StoreError: the store does not answer; a deed that has to be told of does not take place then.
    """
    told = {"who": who, "did": did, "about": dict(about), "details": dict(details or {})}
    entry = _append(workspace.documents, _writable(told))
    trail_witness.note(workspace, entry)
    return entry


def _writable(told: Any) -> Any:
    """The same with half surrogate pairs, which no store keeps, spelt out: a shell makes them of names that are no text."""
    match told:
        case str():
            return told.encode(errors="backslashreplace").decode()
        case dict():
            return {name: _writable(value) for name, value in told.items()}
    return told


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
    """The entry to add another one to: that of the highest number, found by its id, which cannot be edited as a number can.

    Where something else was put in after it, the one before the first number that is free.
    """
    newest = documents.find(TRAIL, descending=True, limit=1)
    if not newest or (number_of(newest[0]) or _LARGEST) < _LARGEST:
        return newest[0] if newest else None
    found = {number_of(document): document for document in documents.find(TRAIL, fields=["hash"])}
    free = next(number for number in count(1) if number not in found)
    return found.get(free - 1)


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
    return f"trail-{number:0{DIGITS}d}"


def number_of(document: Mapping[str, Any]) -> int | None:
    """The number that an `_id` stands for; None where it is no id of an entry."""
    found = _ID.fullmatch(str(document.get("_id")))
    return int(found[1]) or None if found else None
