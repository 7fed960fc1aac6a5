"""Somebody else's MongoDB database: its documents are read in batches that outlast a broken connection, never written.

Identifiers of documents travel as the database sends them, one small BSON document `{_id: value}` each, so that any
kind of identifier can be compared, kept and asked for again without being understood.
"""

import hashlib
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import timedelta
from typing import Any, TypeVar

import bson
import pyarrow as pa
import pymongo
from bson.codec_options import CodecOptions, DatetimeConversion
from bson.datetime_ms import DatetimeMS
from pymongo.errors import ConnectionFailure, CursorNotFound, OperationFailure, PyMongoError
from pymongoarrow.api import Schema, aggregate_arrow_all

from core.errors import InputError, SettingsError, SourceUnavailable

Answer = TypeVar("Answer")

ANSWER_SECONDS = 5.0  # for a server to be found
SILENT_SECONDS = 120.0  # a connection that says nothing for so long is broken
PATIENCE_SECONDS = 60.0  # for a broken connection, or an election of a replica set
PAUSE_SECONDS = 0.5
MOST_DOCUMENTS = 20_000_000
SHAPE_DOCUMENTS, DEEPEST = 20, 8  # documents that are looked at, and how far into them
BATCH_DOCUMENTS = 10_000  # identifiers that arrive at once: as many as a broken connection costs at most
KINDS = (
    "kinds"  # column of `rows`: the kinds of all values of a row as the database names them, by a space apart
)
WIRE_VERSION_8 = 25  # from MongoDB 8.0 on, bytes such as UUIDs can be had as text
REFUSED = {18: "it refuses the sign-in", 13: "the account may not read it"}  # codes of the database
EXACT = CodecOptions(
    datetime_conversion=DatetimeConversion.DATETIME_MS
)  # what is decoded is encoded as it was


@dataclass(frozen=True)
class Shape:
    """Dotted paths within documents: of plain values, also of those within lists, and of lists of documents."""

    fields: tuple[str, ...]
    lists: tuple[str, ...]


class SourceDatabase:
    """A database to read from.

    Raises (every method): `SourceUnavailable` when it does not answer in spite of patience, or refuses. No message
    holds the address, nor what the driver said, which may name it.
    """

    def __init__(self, address: str, database: str | None, *, waiting: Callable[[], None] = lambda: None):
        """Connect.

        Args:
            address: `mongodb://...` or `mongodb+srv://...`, with whatever it needs to sign in.
            database: its name; None: the one that the address names.
            waiting: called before each new attempt after a broken connection; may raise to give up.

        Raises:
            InputError: the address cannot be used. SettingsError: no database is named.
        """
        if not address.startswith(("mongodb://", "mongodb+srv://")):
            raise InputError("The address of the database must begin with mongodb:// or mongodb+srv://.")
        limits = {"serverSelectionTimeoutMS": ANSWER_SECONDS * 1000, "socketTimeoutMS": SILENT_SECONDS * 1000}
        try:
            self._client = pymongo.MongoClient(address, appname="evenhand", retryReads=True, **limits)
            named = database or self._client.get_default_database().name
        except (PyMongoError, ValueError, OSError) as error:
            raise _unusable(error, database) from None
        self._database = self._client.get_database(named, codec_options=EXACT)
        self._waiting = waiting
        self.name = named
        self.key = hashlib.sha256(f"{_hosts(address)}/{named}".encode()).hexdigest()[:16]
        try:
            hello = self._once(lambda: self._client.admin.command("hello"))
        except SourceUnavailable:
            self._client.close()
            raise
        self._bytes_as_text = hello.get("maxWireVersion", 0) >= WIRE_VERSION_8

    def close(self) -> None:
        """Release the connection."""
        self._client.close()

    def __enter__(self) -> "SourceDatabase":
        return self

    def __exit__(self, *raised: object) -> None:
        self.close()

    def ids(self, collection: str) -> list[bytes]:
        """Identifiers of all documents, in their order; a broken read goes on after the last one that arrived.

        Raises:
            InputError: more than MOST_DOCUMENTS.
        """
        found: list[bytes] = []

        def read() -> None:
            cursor = self._database[collection].find_raw_batches(
                {}, {"_id": 1}, sort=[("_id", 1)], hint=[("_id", 1)], batch_size=BATCH_DOCUMENTS
            )
            if found:
                cursor = cursor.min([("_id", _value(found[-1]))])  # of any kind, and itself included
            for batch in cursor:
                arrived = list(_documents(batch))
                found.extend(arrived[1:] if found and arrived[:1] == found[-1:] else arrived)
                if len(found) > MOST_DOCUMENTS:
                    raise InputError(
                        f"Collection {collection[:80]} has more than {MOST_DOCUMENTS:,} documents; no more are read."
                    )

        self._patiently(collection, read)
        return found

    def latest(self, collection: str, field: str) -> bytes | None:
        """The highest value of a field, as BSON; None where no document has it."""

        def read() -> bytes | None:
            found = self._database[collection].find_one(
                {field: {"$ne": None}}, {field: 1, "_id": 0}, sort=[(field, -1)]
            )
            value = None if found is None else _at(found, field)
            return None if value is None else bson.encode({"": value}, codec_options=EXACT)

        return self._patiently(collection, read)

    def ids_since(
        self, collection: str, field: str, latest: bytes, overlap: timedelta | None = None
    ) -> set[bytes]:
        """Identifiers of documents whose field lies above a value that `latest` gave.

        Args:
            overlap: take those as well whose time lies no more than this below it, or at it.
        """
        value = bson.decode(latest, EXACT)[""]
        if overlap is not None and isinstance(value, DatetimeMS):
            value = DatetimeMS(int(value) - int(overlap / timedelta(milliseconds=1)))
        later = {"$gt" if overlap is None else "$gte": value}

        def read() -> set[bytes]:
            cursor = self._database[collection].find_raw_batches({field: later}, {"_id": 1})
            return {id for batch in cursor for id in _documents(batch)}

        return self._patiently(collection, read)

    def rows(
        self, collection: str, ids: Sequence[bytes], fields: Mapping[str, str], each: str | None = None
    ) -> pa.Table:
        """Some documents, each column as text, in the order of their identifiers.

        The database writes the text: numbers with all their digits, times as ISO 8601 in UTC. So whatever kinds of
        values a field holds, none is lost or rounded.

        Args:
            fields: column: dotted path of the field. each: path of a list, each element of which becomes a row.

        Returns:
            a column of text for each of `fields`, null where there is no value, and KINDS.
        """
        places = [f"c{place}" for place in range(len(fields))]
        shown = dict(zip(places, map(self._as_text, fields.values()), strict=True))
        kinds = [part for path in fields.values() for part in ({"$type": f"${path}"}, " ")]
        pipeline: list[dict[str, Any]] = [
            {"$match": {"_id": {"$in": [_value(id) for id in ids]}}},
            {"$sort": {"_id": 1}},
            *([{"$unwind": f"${each}"}] if each else []),
            {"$project": shown | {KINDS: {"$concat": kinds}}},
        ]
        schema = Schema(dict.fromkeys((*places, KINDS), pa.string()))

        def read() -> pa.Table:
            return aggregate_arrow_all(self._database[collection], pipeline, schema=schema)

        return self._patiently(collection, read).rename_columns([*fields, KINDS])

    def shape(self, collection: str) -> Shape:
        """What the latest documents of a collection are made of, for messages and choices."""

        def read() -> Shape:
            latest = list(self._database[collection].find({}, sort=[("_id", -1)], limit=SHAPE_DOCUMENTS))
            fields, lists = ({} for _ in range(2))
            for document in latest:
                _note_paths(document, "", fields, lists)
            return Shape(tuple(fields), tuple(lists))

        return self._patiently(collection, read)

    def some_ids(self, collection: str, count: int) -> list[bytes]:
        """Identifiers of the latest documents, in their order."""

        def read() -> list[bytes]:
            cursor = self._database[collection].find_raw_batches(
                {}, {"_id": 1}, sort=[("_id", -1)], limit=count
            )
            return [id for batch in cursor for id in _documents(batch)][::-1]

        return self._patiently(collection, read)

    def collection_names(self) -> list[str]:
        """Collections that there are, sorted."""
        return sorted(self._once(lambda: self._database.list_collection_names(authorizedCollections=True)))

    def _as_text(self, path: str) -> dict[str, Any]:
        given = {"input": f"${path}", "to": "string", "onError": None, "onNull": None}
        return {"$convert": given | ({"format": "auto"} if self._bytes_as_text else {})}

    def _once(self, read: Callable[[], Answer]) -> Answer:
        try:
            return read()
        except PyMongoError as error:
            raise SourceUnavailable(f"The database cannot be read: {_reason(error)}.") from None

    def _patiently(self, collection: str, read: Callable[[], Answer]) -> Answer:
        """What `read` gives; it is called again while the connection breaks, until patience ends."""
        deadline = time.monotonic() + PATIENCE_SECONDS
        while True:
            try:
                return read()
            except (ConnectionFailure, CursorNotFound) as error:
                if time.monotonic() > deadline:
                    raise _lost(collection, error) from None
            except PyMongoError as error:
                raise _lost(collection, error) from None
            self._waiting()
            time.sleep(PAUSE_SECONDS)


def _documents(batch: bytes) -> Iterator[bytes]:
    """The BSON documents that stand one after another; each begins with its length."""
    place = 0
    while place < len(batch):
        length = int.from_bytes(batch[place : place + 4], "little")
        yield batch[place : place + length]
        place += length


def split_ids(kept: bytes) -> list[bytes]:
    """Identifiers that were kept one after another."""
    return list(_documents(kept))


def _value(id: bytes) -> Any:
    return bson.decode(id, EXACT)["_id"]


def _at(document: Any, path: str) -> Any:
    for part in path.split("."):
        document = document.get(part) if isinstance(document, Mapping) else None
    return document


def _note_paths(
    document: Mapping[str, Any], before: str, fields: dict[str, None], lists: dict[str, None]
) -> None:
    """Add the paths of plain values, and those of lists of documents."""
    for name, value in document.items():
        path = f"{before}{name}"
        inner = value
        if isinstance(value, list):
            inner = next((one for one in value if isinstance(one, Mapping)), None)
            if isinstance(inner, Mapping):
                lists[path] = None
        if isinstance(inner, Mapping) and path.count(".") < DEEPEST:
            _note_paths(inner, f"{path}.", fields, lists)
        else:
            fields[path] = None


def _hosts(address: str) -> str:
    """The servers that an address names, without account and options."""
    servers = address.split("://", 1)[1].partition("/")[0].partition("?")[0].rpartition("@")[2]
    return ",".join(sorted(servers.lower().split(",")))


def _unusable(error: Exception, database: str | None) -> InputError:
    if database is None and "default database" in str(error):
        return SettingsError("Neither the address nor the setting mongodb.database names a database.")
    return InputError(f"The address of the database cannot be used ({type(error).__name__}).")


def _lost(collection: str, error: PyMongoError) -> SourceUnavailable:
    return SourceUnavailable(
        f"Collection {collection[:80]} cannot be read: {_reason(error)}. What was read before is kept; run the same "
        "again to go on from there."
    )


def _reason(error: PyMongoError) -> str:
    """Why, without anything that the driver says of addresses."""
    if isinstance(error, OperationFailure) and not isinstance(error, CursorNotFound):
        named = (error.details or {}).get("codeName", type(error).__name__)
        return REFUSED.get(error.code, f"it refuses ({named})")
    return f"it does not answer ({type(error).__name__})"
