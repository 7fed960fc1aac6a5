"""The two engines behind the document store: an embedded SQLite file, or a MongoDB server.

Both offer the pymongo collection API, so everything above this file is one code path. What differs is here:
how to connect, how a write is made atomic and durable, and which exceptions mean what.
"""

import sqlite3
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager, nullcontext
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import neosqlite
import neosqlite.collection.datetime_utils
import pymongo
from pymongo.errors import BulkWriteError, ConfigurationError, DuplicateKeyError, PyMongoError

from core.errors import DuplicateId, InputError, StoreError, StoreUnavailable
from core.schema.documents import JOBS, POLICIES, PUBLICATIONS, RECOMMENDATIONS, RUNS, SERVINGS

# Fields besides _id that documents are looked up by, several together where a shop's own queries do.
INDEXED: dict[str, tuple[tuple[str, ...], ...]] = {
    RUNS: (("dataset",),),
    JOBS: (("state",),),
    POLICIES: (("dataset",), ("name",)),
    PUBLICATIONS: (("dataset",),),
    SERVINGS: (("dataset", "number"),),
    RECOMMENDATIONS: (("publication", "user_id"),),
}
DUPLICATE_KEY = 11000  # MongoDB's code
BUSY_SECONDS = 15.0
SERVER_SECONDS = 10.0
DEFAULT_DATABASE = "evenhand"
# Text is text. Left to itself the embedded engine takes text that begins like a date for a time: two that differ by
# less than a second are equal then, and one that is no date after all equals nothing.
neosqlite.collection.datetime_utils.is_datetime_value = lambda value: False
IS_THERE = "A document of that id is there already."


@dataclass(frozen=True)
class Backend:
    """An open engine.

    Attributes:
        collection: collection of that name (pymongo's API), created with its indexes on first use.
        writing: context in which one store operation that reads and writes is atomic.
        reading: context of one store operation that only reads.
        close: releases the connection.
    """

    collection: Callable[[str], Any]
    writing: Callable[[], AbstractContextManager[None]]
    reading: Callable[[], AbstractContextManager[Any]]
    close: Callable[[], None]


def open_backend(url: str) -> Backend:
    """Open `sqlite:///path` (relative, or absolute with a fourth slash) or `mongodb://...`."""
    if url.startswith("sqlite:///") and len(url) > len("sqlite:///"):
        return _sqlite(Path(url.removeprefix("sqlite:///")))
    if url.startswith(("mongodb://", "mongodb+srv://")):
        return _mongodb(url)
    raise InputError("The store address must begin with sqlite:/// or mongodb://; nothing was opened.")


@contextmanager
def translated_errors() -> Iterator[None]:
    """Turn the engines' exceptions into ours, once; addresses and passwords never reach the text."""
    try:
        yield
    except (sqlite3.IntegrityError, DuplicateKeyError):
        raise DuplicateId(IS_THERE) from None
    except (sqlite3.Error, PyMongoError) as error:
        if isinstance(error, BulkWriteError) and _first_code(error) == DUPLICATE_KEY:
            raise DuplicateId(IS_THERE) from None
        kind = type(error).__name__
        detail = f": {error}" if isinstance(error, sqlite3.Error) else ""
        raise StoreUnavailable(f"The document store does not answer ({kind}{detail}).") from error


def _first_code(error: BulkWriteError) -> int | None:
    problems = error.details.get("writeErrors")
    return problems[0]["code"] if problems else None


def _sqlite(path: Path) -> Backend:
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise StoreError(f"Cannot create the folder of the document store: {error.strerror}.") from error
    connection = _connect_sqlite(path)
    lock = threading.RLock()  # one connection for all threads of the process
    known: dict[str, Any] = {}

    @contextmanager
    def writing() -> Iterator[None]:
        # neosqlite reads a document and writes it back in two statements: without a transaction two processes
        # would overwrite each other, and a claim would have two winners.
        with lock:
            connection.db.execute("BEGIN IMMEDIATE")
            try:
                yield
                connection.db.execute("COMMIT")
            except sqlite3.IntegrityError:
                # Of many documents those before the duplicate stay, as on a server.
                connection.db.execute("COMMIT")
                raise
            finally:
                if connection.db.in_transaction:
                    connection.db.execute("ROLLBACK")

    def collection(name: str) -> Any:
        with lock:
            if name not in known:
                with writing():  # table and unique index appear together, whoever comes first
                    known[name] = _create_indexes(connection[name])
            return known[name]

    return Backend(collection, writing, lambda: lock, connection.close)


def _connect_sqlite(path: Path) -> neosqlite.Connection:
    """Open the file in WAL mode, synced at each commit. The switch to WAL waits for nobody, so we do."""
    deadline = time.monotonic() + BUSY_SECONDS
    while True:
        try:
            return neosqlite.Connection(
                str(path), timeout=BUSY_SECONDS, check_same_thread=False, write_concern={"j": True}
            )
        except sqlite3.OperationalError as error:
            if "locked" not in str(error) or time.monotonic() > deadline:
                raise
            time.sleep(0.02)


def _mongodb(url: str) -> Backend:
    try:
        client = pymongo.MongoClient(url, appname="evenhand", timeoutMS=int(SERVER_SECONDS * 1000))
    except (ValueError, OSError, ConfigurationError) as error:  # bad port, unreadable certificate, ...
        kind = type(error).__name__
        raise InputError(f"The store address cannot be used ({kind}); nothing was opened.") from None
    known: dict[str, Any] = {}

    def collection(name: str) -> Any:
        if name not in known:
            database = client.get_default_database(DEFAULT_DATABASE, write_concern=_durable(client))
            known[name] = _create_indexes(database[name])
        return known[name]

    return Backend(collection, nullcontext, nullcontext, client.close)


def _durable(client: pymongo.MongoClient) -> pymongo.WriteConcern:
    """Acknowledge a write once it is in the journal, of a majority where the server has others.

    Without the journal a killed server loses writes that it had acknowledged. A server alone is its own majority;
    asked for w=majority it was seen to acknowledge before the journal was written, whatever j said.
    """
    with pymongo.timeout(SERVER_SECONDS / 2):  # whoever gave the address waits for this
        hello = client.admin.command("hello")
    has_others = "setName" in hello or hello.get("msg") == "isdbgrid"
    return pymongo.WriteConcern(w="majority" if has_others else 1, j=True)


def _create_indexes(collection: Any) -> Any:
    for fields in INDEXED.get(collection.name, ()):
        collection.create_index([(field, pymongo.ASCENDING) for field in fields])
    return collection
