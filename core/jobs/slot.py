"""The slot: at most one live worker per workspace, held by a lease that a worker renews each second.

A worker that dies stops renewing; another may take the slot when the lease has run out. Each taking raises
the slot's token, so that a worker that was only asleep learns that slot and job are another's now.
"""

import os
import socket
import time
from collections.abc import Callable
from contextlib import suppress
from datetime import UTC, datetime
from typing import Any

from core.errors import DuplicateId
from core.schema.documents import now
from core.store.documents import DocumentStore

WORKERS = "workers"
SLOT = "main"
LEASE_SECONDS = 10.0
# A lease that looks run out may be a clock that was set: its holder would have renewed it within this time.
DOUBT_SECONDS = 2.5
# Writes of the holder need a renewal younger than this: nobody can have taken the slot since.
SURE_SECONDS = 5.0


def alive(documents: DocumentStore) -> bool:
    """Whether a worker holds the slot and renews it."""
    return _held(documents.get(WORKERS, SLOT))


def _held(slot: dict[str, Any] | None) -> bool:
    if slot is None or slot["worker"] is None:
        return False
    age = (datetime.now(UTC) - datetime.fromisoformat(slot["heartbeat"])).total_seconds()
    return abs(age) < LEASE_SECONDS


class Lease:
    """The slot, as held by this process."""

    def __init__(self, documents: DocumentStore, worker: str, token: int, confirmed: float):
        """Use `acquire`; `confirmed` is the monotonic time at which the slot was certainly ours."""
        self.worker = worker
        self._documents = documents
        self._token = token
        self._confirmed = confirmed

    @classmethod
    def acquire(cls, documents: DocumentStore) -> "Lease | None":
        """Take the slot if no live worker holds it; of several that try at once, one gets it."""
        with suppress(DuplicateId):
            documents.insert(WORKERS, {"_id": SLOT, "worker": None, "token": 0, "heartbeat": now()})
        slot = documents.get(WORKERS, SLOT)
        if _held(slot):
            return None
        if slot["worker"] is not None:
            time.sleep(DOUBT_SECONDS)
        worker, confirmed = f"{socket.gethostname()}:{os.getpid()}", time.monotonic()
        change = {"worker": worker, "token": slot["token"] + 1, "heartbeat": now()}
        expect = {"token": slot["token"], "heartbeat": slot["heartbeat"]}
        taken = documents.update(WORKERS, SLOT, change, expect=expect)
        return cls(documents, worker, change["token"], confirmed) if taken else None

    @property
    def age(self) -> float:
        """Seconds since the slot was certainly ours."""
        return time.monotonic() - self._confirmed

    def renew(self) -> bool:
        """Say that this worker lives; False if the slot is another's by now."""
        confirmed = time.monotonic()
        if self._documents.update(WORKERS, SLOT, {"heartbeat": now()}, expect={"token": self._token}) is None:
            return False
        self._confirmed = confirmed
        return True

    def release(self) -> None:
        """Give the slot back."""
        self._documents.update(WORKERS, SLOT, {"worker": None}, expect={"token": self._token})

    def guard(self, lost: Callable[[], None]) -> Callable[[], None]:
        """A check to make before each write: calls `lost` if the slot is another's by now."""

        def check() -> None:
            if self.age > SURE_SECONDS and not self.renew():
                lost()

        return check
