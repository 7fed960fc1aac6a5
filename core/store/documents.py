"""Documents of datasets, runs, jobs, policies: a narrow interface over MongoDB or an embedded SQLite file."""

import json
import math
import re
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import Any

from core.errors import DuplicateId, InputError
from core.schema.documents import ID_PATTERN
from core.store.backends import Backend, open_backend, translated_errors

Scalar = str | int | float | bool | None
FIELD_PATTERN = re.compile(r"^[A-Za-z_][A-Za-z0-9_]{0,63}$")
COLLECTION_PATTERN = re.compile(r"^[a-z][a-z_]{2,31}$")
# MongoDB refuses 16 MB; the embedded engine would not.
MAXIMUM_CHARACTERS = 8_000_000
# Keys by which the embedded engine marks its own types.
RESERVED_PREFIXES = ("$", "__neosqlite")


class DocumentStore:
    """Documents by id; safe for several threads and processes on one store.

    A document is JSON with a text `_id` that matches `ID_PATTERN`; its numbers are finite and fit 64 bits,
    its top-level keys are identifiers. Every operation is atomic on each document and durable when it returns.

    Raises (every method): `StoreUnavailable` if the engine does not answer, `InputError` for unsafe input.
    """

    def __init__(self, backend: Backend, *, before_write: Callable[[], None] = lambda: None):
        """Use `open`; `before_write` is called ahead of each write and may raise to prevent it."""
        self._backend = backend
        self._before_write = before_write

    @classmethod
    def open(cls, url: str) -> "DocumentStore":
        """Open `sqlite:///path` or `mongodb://host/database`."""
        with translated_errors():
            return cls(open_backend(url))

    def guarded(self, before_write: Callable[[], None]) -> "DocumentStore":
        """The same store whose writes first ask `before_write`."""
        return DocumentStore(self._backend, before_write=before_write)

    def close(self) -> None:
        """Release the connection; the store is unusable afterwards."""
        self._backend.close()

    def insert(self, collection: str, document: Mapping[str, Any]) -> None:
        """Add a document; `DuplicateId` if its `_id` is there."""
        document = _checked_document(document)
        with self._writing(collection) as engine:
            engine.insert_one(document)

    def insert_many(self, collection: str, documents: Iterable[Mapping[str, Any]]) -> None:
        """Add documents in their order, a few thousand at a time.

        Raises:
            DuplicateId: at the first whose `_id` is there; those before it are kept, those after it are not added.
            StoreUnavailable: any number of the first ones may be there.
        """
        checked = [_checked_document(document) for document in documents]
        if checked:
            with self._writing(collection) as engine:
                engine.insert_many(checked)

    def put(self, collection: str, document: Mapping[str, Any]) -> None:
        """Replace the document of that `_id`, or add it."""
        document = _checked_document(document)
        try:
            self._replace(collection, document)
        except DuplicateId:  # MongoDB: another process added it between our look and our insert
            self._replace(collection, document)

    def _replace(self, collection: str, document: dict[str, Any]) -> None:
        with self._writing(collection) as engine:
            engine.replace_one({"_id": document["_id"]}, document, upsert=True)

    def update(
        self,
        collection: str,
        id: str,
        changes: Mapping[str, Any],
        *,
        expect: Mapping[str, Scalar] | None = None,
    ) -> dict[str, Any] | None:
        """Set top-level fields of one document if the fields in `expect` have those values (compare and set).

        An `expect` of None is met by a field that is None or absent.

        Returns:
            the document after the change, or None if there is none or it does not meet `expect`.
        """
        changes = _checked_fields(changes)
        if not changes or "_id" in changes:
            raise InputError("An update needs at least one field, and cannot change the id.")
        wanted = {_field(name): _scalar(value) for name, value in (expect or {}).items()}
        # To pull nothing from a field that nobody has changes nothing, but keeps neosqlite off its SQL
        # shortcut, which stores True and False as 1 and 0.
        change = {"$set": changes, "$pullAll": {"_none": []}}
        with self._writing(collection) as engine:
            return engine.find_one_and_update(wanted | {"_id": checked_id(id)}, change, return_document=True)

    def delete(self, collection: str, id: str) -> bool:
        """Remove one document; whether it was there."""
        query = {"_id": checked_id(id)}
        with self._writing(collection) as engine:
            return engine.delete_one(query).deleted_count == 1

    def delete_many(self, collection: str, *, field: str, value: Scalar) -> int:
        """Remove every document that `find` would return; how many there were."""
        query = _equality(field, value)
        with self._writing(collection) as engine:
            return engine.delete_many(query).deleted_count

    def get(self, collection: str, id: str) -> dict[str, Any] | None:
        """The document of that id, or None."""
        query = {"_id": checked_id(id)}
        with self._reading(collection) as engine:
            return engine.find_one(query)

    def find(
        self,
        collection: str,
        *,
        field: str | None = None,
        value: Scalar = None,
        sort: str | None = None,
        descending: bool = False,
        limit: int | None = None,
        fields: Sequence[str] | None = None,
    ) -> list[dict[str, Any]]:
        """Documents whose `field` equals `value` (all without a field), in order of `sort`, then of id.

        Args:
            sort: a top-level field whose values are all of one type; documents without it come first.
            limit: at most this many documents; unset: all.
            fields: return only these top-level fields, and `_id`.
        """
        if limit is not None and limit < 1:
            raise InputError(f"A limit is at least 1, not {limit}.")
        direction = -1 if descending else 1
        order = [
            (_field(name), direction) for name in dict.fromkeys(("_id" if sort is None else sort, "_id"))
        ]
        projection = None if fields is None else {_field(name): 1 for name in ("_id", *fields)}
        query = _equality(field, value)
        with self._reading(collection) as engine:
            return list(engine.find(query, projection).sort(order).limit(limit or 0))

    def count(self, collection: str, *, field: str | None = None, value: Scalar = None) -> int:
        """How many documents `find` would return."""
        query = _equality(field, value)
        with self._reading(collection) as engine:
            return engine.count_documents(query)

    @contextmanager
    def _writing(self, collection: str) -> Iterator[Any]:
        self._before_write()
        with translated_errors():
            engine = self._backend.collection(_collection(collection))
            with self._backend.writing():
                yield engine

    @contextmanager
    def _reading(self, collection: str) -> Iterator[Any]:
        with translated_errors():
            engine = self._backend.collection(_collection(collection))
            with self._backend.reading():
                yield engine


def checked_id(id: object) -> str:
    """The id if it is safe in queries, paths and links; `InputError` otherwise."""
    if not isinstance(id, str) or not ID_PATTERN.fullmatch(id):
        raise InputError(f"{_shown(id)} is no valid id.")
    return id


def _collection(name: str) -> str:
    if not COLLECTION_PATTERN.fullmatch(name):
        raise InputError(f"{_shown(name)} is no valid collection.")
    return name


def _field(name: object) -> str:
    if not isinstance(name, str) or not FIELD_PATTERN.fullmatch(name) or name.startswith(RESERVED_PREFIXES):
        raise InputError(f"{_shown(name)} is no valid field name.")
    return name


def _equality(field: str | None, value: object) -> dict[str, Scalar]:
    return {} if field is None else {_field(field): _scalar(value)}


def _scalar(value: object) -> Scalar:
    """A value that a query may compare with: never a dict, so no operator gets in."""
    if value is not None and not isinstance(value, str | int | float):
        raise InputError(f"A query compares with a single value, not with {type(value).__name__}.")
    if isinstance(value, str) and "\0" in value:  # the embedded engine would match nothing
        raise InputError("A query value cannot hold a NUL character.")
    return _checked(value)


def _checked_document(document: Mapping[str, Any]) -> dict[str, Any]:
    checked_id(document.get("_id"))
    return _checked_fields(document)


def _checked_fields(fields: Mapping[str, Any]) -> dict[str, Any]:
    checked = {_field(name): _checked(value) for name, value in fields.items()}
    if len(json.dumps(checked)) > MAXIMUM_CHARACTERS:
        raise InputError("A document of this size cannot be stored; large data belong in an artefact.")
    return checked


def _checked(value: Any) -> Any:
    """A copy of a JSON value that both engines keep alike; `InputError` for anything else."""
    match value:
        case None | bool():
            return value
        case str():
            return _encodable(value)
        case int() if -(2**63) <= value < 2**63:
            return int(value)
        case float() if math.isfinite(value):
            return float(value)  # numpy's too
        case list() | tuple():
            return [_checked(element) for element in value]
        case dict():
            return {_key(key): _checked(element) for key, element in value.items()}
    raise InputError(f"A document cannot hold {_shown(value)}.")


def _key(key: object) -> str:
    if not isinstance(key, str) or not key or "\0" in key or key.startswith(RESERVED_PREFIXES):
        raise InputError(f"A document cannot hold the key {_shown(key)}.")
    return _encodable(key)


def _encodable(text: str) -> str:
    try:
        text.encode()
    except UnicodeEncodeError:
        raise InputError("A document cannot hold text with half a surrogate pair.") from None
    return text


def _shown(value: object) -> str:
    text = repr(value)
    return text if len(text) <= 60 else f"{text[:57]}..."
