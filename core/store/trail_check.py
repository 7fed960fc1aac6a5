"""Whether the audit trail is as it was written, and which deeds it does not tell of."""

import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any

from core.errors import InputError
from core.schema.alerts import ACKNOWLEDGEMENTS
from core.schema.documents import (
    COMPARISONS,
    CONFIRMATIONS,
    DATASETS,
    DECISIONS,
    FEEDBACK,
    FRONTIERS,
    GOVERNANCE,
    ID_PATTERN,
    POLICIES,
    REPORTS,
    RUNS,
    SERVINGS,
    TRAIL,
    TrailEntry,
)
from core.store.trail import BEGINNING, CONTENT, WHAT, as_written, digest, number_of
from core.store.trail_witness import noted as noted_in_workspace
from core.store.workspace import Workspace

HASH = re.compile(r"^[0-9a-f]{64}$")
LEFT = {  # what a deed leaves in the store, by what it is called in the trail: its collection, and the field that says when
    "dataset": (DATASETS, "created_at"),
    "run": (RUNS, "created_at"),
    "frontier": (FRONTIERS, "created_at"),
    "policy": (POLICIES, "created_at"),
    "report": (REPORTS, "created_at"),
    "confirmation": (CONFIRMATIONS, "created_at"),
    "serving": (SERVINGS, "at"),
    "decision": (DECISIONS, "at"),
    "governance": (GOVERNANCE, "at"),
    "acknowledgement": (ACKNOWLEDGEMENTS, "at"),
    "feedback": (FEEDBACK, "created_at"),
    "comparison": (COMPARISONS, "created_at"),
}
REWRITTEN = (
    "dataset",
    "run",
    "frontier",
    "comparison",
)  # by whoever makes the same again; nothing changes the others
WITH_THE_TRAIL = (
    "decision",
    "governance",
    "acknowledgement",
    "feedback",
    "comparison",
)  # came with it: none is older, whatever its date says
BY = {  # which of these a deed leaves; exports but reports, and searches, leave none
    "prepared": "dataset",
    "trained": "run",
    "imported": "run",
    "compared": "frontier",
    "saved": "policy",
    "exported": "report",
    "confirmed": "confirmation",
    "published": "serving",
    "rolled_back": "serving",
    "proposed": "decision",
    "approved": "decision",
    "returned": "decision",
    "governed": "governance",
    "acknowledged": "acknowledgement",
    "collected": "feedback",
    "held_against": "comparison",
}
CLOCKS_DIFFER = timedelta(minutes=1)  # those of several machines, without anybody's doing

CUT_OFF = "No entry has the hash that was noted: entries at the end were cut off, or written anew."


@dataclass(frozen=True)
class Damage:
    """What was tampered with. Attributes: number: of the entry; None where it is none of a certain number."""

    number: int | None
    what: str  # one sentence


@dataclass(frozen=True)
class Untold:
    """A deed without an entry. Attributes: what: one of `LEFT`. older: dated before the first entry, when there was no trail."""

    what: str
    id: str
    at: str
    older: bool


@dataclass(frozen=True)
class Checked:
    """What was found.

    Attributes:
        entries: how many there are.
        head: hash of the last one; whoever notes it can find out later whether the end was cut off.
        noted: number of the entry whose hash somebody had noted.
        damage: in order of numbers. untold: no damage, but a gap in what the trail knows.
        set_back: numbers of entries that are dated before an earlier one: a clock was set back, or never right.
    """

    entries: int
    head: str | None
    noted: int | None
    damage: tuple[Damage, ...]
    untold: tuple[Untold, ...]
    set_back: tuple[int, ...]


def verify(workspace: Workspace, *, head: str | None = None) -> Checked:
    """Walk the chain, hold what it tells of against the store, and look for deeds that it does not tell of.

    Entries that were changed, taken out, put in or exchanged are found by the chain itself. That the last ones were cut off,
    or everything from an entry on was written anew with fitting hashes, shows only against hashes noted before: those that
    the workspace keeps in a file, and the one that somebody kept elsewhere.

    Args:
        head: hash of an entry as somebody noted it.

    Raises:
        InputError: `head` is no hash.
    """
    noted = None if head is None else _hash(head)
    left = {what: _left(workspace, what) for what in LEFT}  # before the trail is read: entries follow deeds
    witnessed = noted_in_workspace(workspace)  # likewise: lines follow entries
    found = workspace.documents.find(TRAIL)
    chain = {number: document for document in found if (number := number_of(document))}
    entries = {number: as_written(document) for number, document in chain.items()}
    hashes = {number: document.get("hash") for number, document in chain.items()}
    place = next((number for number, hash in hashes.items() if hash == noted), None)
    damage = [
        *_put_in(found),
        *_broken(entries),
        *_differing(workspace, entries),
        *_exchanged(entries, witnessed),
    ]
    if noted is not None and place is None:
        damage.append(Damage(None, CUT_OFF))
    return Checked(
        entries=len(chain),
        head=str(hashes[max(chain)]) if chain else None,
        noted=None if noted is None else place,
        damage=tuple(sorted(damage, key=lambda one: (one.number is None, one.number))),
        untold=tuple(_untold(left, chain)),
        set_back=tuple(_set_back(entries)),
    )


def _hash(text: str) -> str:
    text = text.strip().lower()
    if not HASH.fullmatch(text):
        raise InputError("The hash that was noted has 64 digits from 0 to 9 and a to f.")
    return text


def _left(workspace: Workspace, what: str) -> dict[str, str]:
    """Every document of a kind that deeds leave, and when it was made."""
    collection, when = LEFT[what]
    found = workspace.documents.find(collection, fields=[when])
    return {document["_id"]: str(document.get(when)) for document in found}


def _put_in(found: Sequence[Mapping[str, Any]]) -> Iterator[Damage]:
    """What is no entry, and entries that do not stand where their `_id` says.

    Args:
        found: as the store gives it, in the order of its ids.
    """
    numbers = [number_of(document) for document in found]
    for document, number in zip(found, numbers, strict=True):
        if not number:
            yield Damage(None, f"'{document.get('_id')}' is no entry; it was put in.")
    in_store = [number for number in numbers if number]
    if in_store != sorted(set(in_store)):
        yield Damage(None, "An entry was moved within the store, or is there twice.")


def _broken(entries: Mapping[int, TrailEntry | None]) -> Iterator[Damage]:
    """Where the chain is not as it was written.

    Args:
        entries: by number; None for what is none as it was written.
    """
    before, previous = 0, BEGINNING
    for number, entry in sorted(entries.items()):
        following = number == before + 1
        if not following:
            last = number - 1
            gone = f"Entry {last} is" if last == before + 1 else f"Entries {before + 1} to {last} are"
            yield Damage(before + 1, f"{gone} missing.")
        if entry is None:
            yield Damage(number, f"Entry {number} was changed after it was written.")
        elif following and previous is not None and entry.previous != previous:
            yield _other_before(number)
        before, previous = number, entry and entry.hash


def _other_before(number: int) -> Damage:
    if number == 1:
        return Damage(1, "Entry 1 is not the one that was written first.")
    return Damage(number - 1, f"Entry {number - 1} is not the one that entry {number} was written after.")


def _differing(workspace: Workspace, entries: Mapping[int, TrailEntry | None]) -> Iterator[Damage]:
    """Documents that are not what the trail tells of, though nothing changes them."""
    for number, entry in entries.items():
        what = _what(entry.did, entry.details) if entry and CONTENT in entry.details else None
        if what is None or not ID_PATTERN.fullmatch(id := entry.about.get(what, "")):
            continue
        left = workspace.documents.get(LEFT[what][0], id)
        if left is None:
            yield Damage(number, f"The {what} {id}, of which entry {number} tells, is gone.")
        elif digest(left) != entry.details[CONTENT]:
            yield Damage(number, f"The {what} {id} was changed after entry {number} told of it.")


def _exchanged(
    entries: Mapping[int, TrailEntry | None], noted: Sequence[tuple[int, str]]
) -> Iterator[Damage]:
    """Whole entries of other hashes than were noted in the workspace as they were written, and an end that is gone.

    Args:
        entries: by number; None for what is none as it was written.
    """
    last = max(entries, default=0)
    others = sorted({number for number, hash in noted if number > last or _other(entries.get(number), hash)})
    if others:
        more = f" and {len(others) - 1:,} after it" if len(others) > 1 else ""
        yield Damage(
            others[0],
            f"Entry {others[0]}{more} had another hash when the workspace noted it: cut off since, or written anew.",
        )


def _other(entry: TrailEntry | None, hash: str) -> bool:
    return entry is not None and entry.hash != hash


def _set_back(entries: Mapping[int, TrailEntry | None]) -> Iterator[int]:
    latest = datetime.min.replace(tzinfo=UTC)
    for number, entry in sorted(entries.items()):
        if entry is not None:
            at = datetime.fromisoformat(entry.at).astimezone(UTC)
            if latest - at > CLOCKS_DIFFER:
                yield number
            latest = max(latest, at)


def _what(did: str, details: Any) -> str | None:
    """Which of `LEFT` an entry tells of."""
    if did != "found":
        return BY.get(did)
    what = details.get(WHAT) if isinstance(details, dict) else None
    return what if isinstance(what, str) and what in LEFT else None


def _untold(
    left: Mapping[str, Mapping[str, str]], chain: Mapping[int, Mapping[str, Any]]
) -> Iterator[Untold]:
    """What deeds left that no entry tells of, the oldest first."""
    told: dict[str, set[str]] = {what: set() for what in LEFT}
    for entry in chain.values():
        what, about = _what(str(entry.get("did")), entry.get("details")), entry.get("about")
        if what and isinstance(about, dict):
            told[what].add(str(about.get(what)))
    first = str(chain[min(chain)].get("at")) if chain else ""
    missing = [
        (at, what, id) for what, made in left.items() for id, at in made.items() if id not in told[what]
    ]
    for at, what, id in sorted(missing):
        yield Untold(what, id, at, older=what not in WITH_THE_TRAIL and at < first)
