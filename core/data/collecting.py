"""Documents of a database as Parquet in the workspace: only what is new is read the next time.

What was read lies in parts: the rows of some documents, and beside them the documents' identifiers. Each time the
identifiers in the database are held against those of the parts. Documents that are in none are new, wherever their
identifiers lie in the order; a part of which a document is gone or was changed is read again. A part is complete once
its identifiers are there, so a read that was interrupted goes on after the last part, also in another process.
"""

import fcntl
import json
import os
from collections import Counter
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path

import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

from core.errors import CorruptArtefact, StoreError
from core.progress import Progress
from core.schema.settings import CollectionSettings
from core.store.collections import KINDS, SourceDatabase, split_ids

PART_DOCUMENTS = 5000
OVERLAP = timedelta(minutes=10)  # clocks differ, and what is written last need not be dated last
FOUND = b"evenhand_kinds"  # in the Parquet file: kinds of values of each column, as {column: {kind: values}}
LATEST = "latest.bson"
# Kinds that are the same to a reader of text; of any other kind there is no plain value.
PLAIN = {
    **dict.fromkeys(("int", "long", "double", "decimal"), "number"),
    **dict.fromkeys(("string", "symbol"), "text"),
    **dict.fromkeys(("null", "missing"), "missing"),
    "objectId": "object id",
    "date": "time",
    "bool": "yes or no",
    "binData": "bytes",
}
NESTED, NO_NUMBER = "no plain value", "not a number"


@dataclass(frozen=True)
class News:
    """Documents of a collection that came, were changed and went since it was read."""

    new: int = 0
    changed: int = 0
    gone: int = 0

    def __bool__(self) -> bool:
        return bool(self.new or self.changed or self.gone)


@dataclass(frozen=True)
class _Part:
    number: int
    rows: Path
    ids: list[bytes]


@dataclass(frozen=True)
class _Difference:
    """What has to be read: parts again, with the identifiers that are left of each, and new identifiers."""

    again: list[tuple[_Part, list[bytes]]]
    new: list[bytes]
    news: News


def collect(
    database: SourceDatabase,
    folder: Path,
    settings: CollectionSettings,
    fields: dict[str, str],
    progress: Progress,
) -> News:
    """Bring the parts in `folder` up to date with a collection; what was new.

    Args:
        fields: column: path of the field. They must be the same each time for one folder.
    """
    progress("Looking for new documents", 0.0, settings.collection)
    latest = (
        None if settings.changed_at is None else database.latest(settings.collection, settings.changed_at)
    )
    difference = _difference(database, folder, settings)
    batches = [(part.number, ids) for part, ids in difference.again]
    number = 1 + max((part.number for part in _parts(folder)), default=0)
    new = (
        difference.new[start : start + PART_DOCUMENTS]
        for start in range(0, len(difference.new), PART_DOCUMENTS)
    )
    batches += list(enumerate(new, start=number))
    for place, (number, ids) in enumerate(batches):
        progress(
            "Reading documents",
            place / len(batches),
            f"{settings.collection}, {place:,} of {len(batches):,} parts",
        )
        table = plain_values(database.rows(settings.collection, ids, fields, settings.each)) if ids else None
        _write_part(folder, number, ids, table)
    if latest is not None and latest != _latest_read(folder):
        _replace(folder / LATEST, latest)
    return difference.news


def news(database: SourceDatabase, folder: Path, settings: CollectionSettings) -> News:
    """What is new in a collection since `collect` read it; nothing is read or changed."""
    return _difference(database, folder, settings).news


def _difference(database: SourceDatabase, folder: Path, settings: CollectionSettings) -> _Difference:
    parts, ids = _parts(folder), database.ids(settings.collection)
    doubtful, changed = _changed(database, folder, settings)
    there, known = set(ids), {id for part in parts for id in part.ids}
    again = []
    for part in parts:
        left = [id for id in part.ids if id in there]
        if len(left) < len(part.ids) or not doubtful.isdisjoint(left):
            again.append((part, left))
    new = [id for id in ids if id not in known]
    return _Difference(again, new, News(len(new), len(changed & known), len(known - there)))


def _changed(
    database: SourceDatabase, folder: Path, settings: CollectionSettings
) -> tuple[set[bytes], set[bytes]]:
    """Documents that may have been changed since they were read, and of them those that certainly were."""
    latest = _latest_read(folder)
    if settings.changed_at is None or latest is None:
        return set(), set()
    asked = (settings.collection, settings.changed_at, latest)
    return database.ids_since(*asked, overlap=OVERLAP), database.ids_since(*asked)


def write_table(folder: Path, file: Path, order: Sequence[str]) -> None:
    """All rows of the parts as one Parquet file of text columns.

    The order of the rows follows from what is in them, so that the same documents give the same file however often
    and in whatever order they were read.

    Args:
        order: the columns that rows are sorted by first; the others follow by name.

    Raises:
        CorruptArtefact: a part is damaged; it is removed, and will be read again.
    """
    tables, kinds = [], {}
    for part in _parts(folder):
        try:
            tables.append(table := pq.read_table(part.rows, use_threads=False))
        except (pa.ArrowException, OSError):
            _ids_file(folder, part.number).unlink(missing_ok=True)
            raise CorruptArtefact(
                "A file of what was read of the database is damaged; it was removed. Run the same again."
            ) from None
        for column, counts in json.loads(table.schema.metadata[FOUND]).items():
            kinds[column] = Counter(kinds.get(column)) + Counter(counts)
    whole = pa.concat_tables(tables)
    whole = whole.cast(pa.schema([(name, pa.large_string()) for name in whole.column_names]))
    columns = [*order, *sorted(set(whole.column_names) - set(order))]
    whole = whole.sort_by([(name, "ascending") for name in columns]).combine_chunks()
    found = json.dumps(kinds, sort_keys=True).encode()
    with _unfinished(file) as unfinished:
        pq.write_table(whole.replace_schema_metadata({FOUND: found}), unfinished, compression="zstd")


def is_empty(folder: Path) -> bool:
    """Whether no document was collected."""
    return next(folder.glob("part-*.bson"), None) is None


def is_current(file: Path, folder: Path) -> bool:
    """Whether a file of `write_table` is of the parts as they are now: each change of theirs changes the folder."""
    return file.is_file() and file.stat().st_mtime_ns > folder.stat().st_mtime_ns


def kinds_in(file: Path) -> dict[str, dict[str, int]]:
    """How many values of which kind each column of a file of `write_table` was read from."""
    return json.loads(pq.read_schema(file).metadata[FOUND])


@contextmanager
def alone(folder: Path) -> Iterator[None]:
    """Keeps other processes from collecting into the folder.

    Raises:
        StoreError: one does.
    """
    try:
        folder.mkdir(parents=True, exist_ok=True)
        with (folder / "lock").open("w") as lock:
            try:
                fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except BlockingIOError:
                raise StoreError(
                    "This database is being read by another process; wait until it is done."
                ) from None
            yield
    except OSError as error:
        raise StoreError(f"Cannot write to the workspace: {error.strerror}.") from error


def plain_values(table: pa.Table) -> pa.Table:
    """Values that are not plain, and numbers that are none, as missing; how many there were of each kind, beside."""
    kinds = table[KINDS].combine_chunks().dictionary_encode()
    named = [
        text.split() for text in kinds.dictionary.to_pylist()
    ]  # of each combination, the kind of each column
    rows = {count["values"]: count["counts"] for count in pc.value_counts(kinds.indices).to_pylist()}
    columns, found = {}, {}
    for place, name in enumerate(name for name in table.column_names if name != KINDS):
        column, counts = table[name].combine_chunks(), Counter()
        for combination, words in enumerate(named):
            counts[PLAIN.get(words[place], NESTED)] += rows[combination]
        nested = pa.array([words[place] not in PLAIN for words in named], pa.bool_())
        numbers = pa.array([PLAIN.get(words[place]) == "number" for words in named], pa.bool_())
        no_number = pc.and_(pc.fill_null(pc.equal(column, "NaN"), False), numbers.take(kinds.indices))
        if odd := pc.sum(no_number).as_py():
            counts.update({NO_NUMBER: odd, "number": -odd})
        columns[name] = pc.if_else(
            pc.or_(nested.take(kinds.indices), no_number), pa.scalar(None, pa.string()), column
        )
        found[name] = {kind: count for kind, count in sorted(counts.items()) if count}
    return pa.table(columns).replace_schema_metadata({FOUND: json.dumps(found)})


def _latest_read(folder: Path) -> bytes | None:
    file = folder / LATEST
    return file.read_bytes() if file.is_file() else None


def _parts(folder: Path) -> list[_Part]:
    """Complete parts that can be read, by number."""
    found = []
    for file in sorted(folder.glob("part-*.bson")):
        number = int(file.stem.removeprefix("part-"))
        rows = _rows_file(folder, number)
        try:
            pq.read_metadata(rows)
        except (pa.ArrowException, OSError):
            continue
        found.append(_Part(number, rows, split_ids(file.read_bytes())))
    return found


def _write_part(folder: Path, number: int, ids: Sequence[bytes], table: pa.Table | None) -> None:
    """Rows first, then the identifiers, with which the part is complete; a part of no document goes."""
    if table is None:
        _ids_file(folder, number).unlink()
        _rows_file(folder, number).unlink()
        return
    with _unfinished(_rows_file(folder, number)) as unfinished:
        pq.write_table(table, unfinished, compression="zstd")
    _replace(_ids_file(folder, number), b"".join(ids))


def _rows_file(folder: Path, number: int) -> Path:
    return folder / f"part-{number:06d}.parquet"


def _ids_file(folder: Path, number: int) -> Path:
    return folder / f"part-{number:06d}.bson"


def _replace(file: Path, content: bytes) -> None:
    with _unfinished(file) as unfinished:
        unfinished.write_bytes(content)


@contextmanager
def _unfinished(file: Path) -> Iterator[Path]:
    """A name to write under; the file has its own name once it is whole and on the disk."""
    unfinished = file.with_name(f"{file.name}.unfinished")
    yield unfinished
    with unfinished.open("rb") as stream:
        os.fsync(stream.fileno())
    os.replace(unfinished, file)
