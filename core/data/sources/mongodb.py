"""Collections of the shop's own MongoDB database, collected into the workspace and then read like files.

The address is a secret: it comes from the environment alone, and is neither kept nor shown.
"""

import hashlib
import json
import os
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import pandas as pd

from core.data.collecting import (
    NESTED,
    NO_NUMBER,
    News,
    alone,
    collect,
    is_current,
    is_empty,
    kinds_in,
    news,
    plain_values,
    write_table,
)
from core.data.parquet import MOST_COLUMNS, read_parquet
from core.data.sifting import counted, sift
from core.data.sources.folder import found
from core.errors import SettingsError, TableError
from core.progress import Progress, part_of
from core.schema.documents import RuleCount
from core.schema.settings import CollectionSettings, DatasetSettings, MongoSettings, Settings, is_path
from core.schema.tables import CONTRACTS, REQUIRED_TABLES, TIMESTAMP, Tables
from core.store.collections import SourceDatabase
from core.store.workspace import Workspace

ADDRESS = "EVENHAND_SOURCE"
FOLDER = "collected"
SHOWN_FIELDS, SAMPLE_DOCUMENTS = 15, 500
NO_CHANGES = (
    "Documents of {collection} that were changed after they were read are not noticed, since the settings name no field "
    "that tells of changes (changed_at)."
)


@contextmanager
def connected(database: str | None, waiting: Callable[[], None] = lambda: None) -> Iterator[SourceDatabase]:
    """The database at the address that the environment names.

    Args:
        database: its name; None: the one that the address names.
        waiting: called before each new attempt after a broken connection; may raise to give up.

    Raises:
        SettingsError: no address or no database is named. InputError, SourceUnavailable: it cannot be used.
    """
    address = os.environ.get(ADDRESS, "").strip()
    if not address:
        raise SettingsError(
            f"Set {ADDRESS} in the environment to the address of the database (mongodb://...)."
        )
    with SourceDatabase(address, database, waiting=waiting) as opened:
        yield opened


def collected(workspace: Workspace, settings: DatasetSettings, progress: Progress) -> Path:
    """Bring what is kept of the collections up to date; the folder with a Parquet file for each table.

    Raises:
        SettingsError: no collections are named, or `events` is not among them. TableError: a collection is empty,
        or has no value of a required column. SourceUnavailable: the database does not answer.
    """
    return collected_tables(workspace, checked(settings), progress)


def collected_tables(workspace: Workspace, mongodb: MongoSettings, progress: Progress) -> Path:
    """The same of whatever tables are named."""
    reached = 0.0

    def told(stage: str, fraction: float, message: str = "") -> None:
        nonlocal reached
        reached = max(reached, fraction)
        progress(stage, reached, message)

    with connected(mongodb.database, lambda: told("Waiting for the database", reached)) as database:
        root = workspace.root / FOLDER / database.key
        with alone(root):
            for place, table in enumerate(mongodb.tables):
                part = part_of(told, place / len(mongodb.tables), (place + 1) / len(mongodb.tables))
                _collect_table(database, root, mongodb, table, part)
            return _whole(root, mongodb)


def whats_new(workspace: Workspace, settings: DatasetSettings) -> dict[str, News]:
    """For each table, what came, was changed and went in its collection since it was collected."""
    mongodb = checked(settings)
    with connected(mongodb.database) as database:
        root = workspace.root / FOLDER / database.key
        return {
            table: news(database, _parts(root, table, collection), collection)
            for table, collection in mongodb.tables.items()
        }


def is_named() -> bool:
    """Whether the environment names an address."""
    return bool(os.environ.get(ADDRESS, "").strip())


def collection_names(database: str | None) -> list[str]:
    """Collections that there are; errors as for `connected`."""
    with connected(database) as opened:
        return opened.collection_names()


def sample(database: str | None, collection: str, each: str | None = None) -> tuple[pd.DataFrame, list[str]]:
    """The latest documents of a collection as text, a column for each path, and the paths of lists of documents.

    Args:
        each: path of a list, each element of which becomes a row.
    """
    with connected(database) as opened:
        shape = opened.shape(collection)
        usable = [path for path in shape.fields if is_path(path)][:MOST_COLUMNS]
        ids = opened.some_ids(collection, SAMPLE_DOCUMENTS)
        if not ids or not usable:
            raise TableError("holds no document with a field to read", source=f"collection {collection[:80]}")
        rows = opened.rows(collection, ids, {path: path for path in usable}, each)
    return plain_values(rows).to_pandas(), [path for path in shape.lists if is_path(path)]


def files(path: Path | None) -> list[Path]:
    """The file of each table that was collected."""
    return list(found(path, CONTRACTS, required=REQUIRED_TABLES).values())


def read(path: Path | None, settings: DatasetSettings, progress: Progress) -> Tables:
    """The collected tables in the types of the contracts.

    Rows that break a contract are set aside and counted, each problem in `attrs["quality"]` of its table.

    Raises:
        TableError: a table cannot be used: more than half of its rows have the same problem.
    """
    mongodb, tables = checked(settings), {}
    present = found(path, CONTRACTS, required=REQUIRED_TABLES)
    for number, (table, file) in enumerate(present.items()):
        progress("Reading", number / len(present), table)
        collection = mongodb.tables[table]
        frame, kinds = read_parquet(file), kinds_in(file)
        absent = [name for name in frame if frame[name].isna().all()]
        sound, problems = sift(frame.drop(columns=absent), table, f"collection {collection.collection}")
        sound.attrs["quality"] = [*_about_kinds(table, kinds), *counted(problems, table)]
        sound.attrs["notes"] = _notes(table, collection, absent)
        tables[table] = sound
    return Tables(**tables)


def checked(settings: DatasetSettings) -> MongoSettings:
    """What the settings say of the database; SettingsError where it is not enough."""
    if settings.mongodb is None:
        raise SettingsError("Source 'mongodb' needs the setting mongodb: which collections are which tables.")
    for table in REQUIRED_TABLES:
        if table not in settings.mongodb.tables:
            raise SettingsError(f"Setting 'mongodb.tables': no collection is named for {table}.")
    return settings.mongodb


def fields_of(table: str, collection: CollectionSettings) -> dict[str, str]:
    """Column: path, with the columns of the contract under their own names where none is given."""
    return {name: name for name in CONTRACTS[table].columns} | collection.fields


def _collect_table(
    database: SourceDatabase, root: Path, mongodb: MongoSettings, table: str, progress: Progress
) -> None:
    collection = mongodb.tables[table]
    fields, parts = fields_of(table, collection), _parts(root, table, collection)
    parts.mkdir(parents=True, exist_ok=True)
    collect(database, parts, collection, fields, progress)
    if is_empty(parts):
        raise TableError(
            f"holds no document to read as {table}", source=f"collection {collection.collection}"
        )
    file = _whole(root, mongodb) / f"{table}.parquet"
    if not is_current(file, parts):
        file.parent.mkdir(exist_ok=True)
        write_table(parts, file, order=[TIMESTAMP] if TIMESTAMP in fields else [])
    _check_required(database, table, collection, kinds_in(file))


def _check_required(
    database: SourceDatabase, table: str, collection: CollectionSettings, kinds: dict[str, dict[str, int]]
) -> None:
    """A field that no document has is most likely misspelled: TableError with the names that there are."""
    source = f"collection {collection.collection}"
    for name, column in CONTRACTS[table].columns.items():
        if column.required and not set(kinds[name]) - {"missing", NESTED, NO_NUMBER}:
            fields = database.shape(collection.collection).fields
            there = ", ".join(field[:60] for field in fields[:SHOWN_FIELDS])
            path = fields_of(table, collection)[name]
            problem = f"no document has a plain value at '{path}'; there are {there}"
            raise TableError(problem, source=source, column=name)


def _about_kinds(table: str, kinds: dict[str, dict[str, int]]) -> list[RuleCount]:
    """What of a collection could not be read as it stands, or is of several kinds."""
    told = []
    for name, counts in kinds.items():
        read = sum(counts.values())
        rule = {"table": table, "read": read}
        for kind, note in (
            (NESTED, "A document or list where a plain value is expected: read as missing"),
            (NO_NUMBER, "Not a number (NaN): read as missing"),
        ):
            if count := counts.get(kind, 0):
                told.append(
                    RuleCount(**rule, rule=f"{name} {kind}", action="repaired", affected=count, note=note)
                )
        plain = {kind: n for kind, n in counts.items() if kind not in ("missing", NESTED, NO_NUMBER)}
        if len(plain) > 1:
            note = "Values of several kinds, all read as text: " + ", ".join(
                f"{n:,} {kind}" for kind, n in sorted(plain.items(), key=lambda pair: -pair[1])
            )
            others = sum(plain.values()) - max(plain.values())
            told.append(
                RuleCount(**rule, rule=f"{name} of several kinds", action="kept", affected=others, note=note)
            )
    return told


def _notes(table: str, collection: CollectionSettings, absent: list[str]) -> list[str]:
    notes = [
        f"No document of {collection.collection[:60]} has a value at '{collection.fields[name]}' ({table}.{name})."
        for name in absent
        if name in collection.fields
    ]
    return notes + (
        [] if collection.changed_at else [NO_CHANGES.format(collection=collection.collection[:60])]
    )


def _parts(root: Path, table: str, collection: CollectionSettings) -> Path:
    """Where the parts of a collection lie; another mapping is read anew."""
    return root / f"{table}-{_hash(collection)}"


def _whole(root: Path, mongodb: MongoSettings) -> Path:
    return root / f"tables-{_hash(mongodb)}"


def _hash(settings: Settings) -> str:
    dumped = json.dumps(settings.model_dump(mode="json"), sort_keys=True)
    return hashlib.sha256(dumped.encode()).hexdigest()[:16]
