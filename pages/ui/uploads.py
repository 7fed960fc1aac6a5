"""Uploaded tables: put into a folder of ours under names of ours, checked before anything is kept, swept after use."""

import re
import shutil
import tempfile
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path, PurePath
from typing import Protocol

import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq

from core.data.feedback.rules import REACTIONS, SERVICE
from core.data.files import PARQUET, read_file, read_unchecked
from core.data.mapped import apply
from core.data.sifting import read_sound
from core.errors import EvenhandError, TableError
from core.jobs.queue import jobs
from core.schema.documents import ORIGINS, TERMINAL, new_id
from core.schema.tables import (
    COMPLAINED,
    CONTRACTS,
    RANK,
    REQUIRED_TABLES,
    SATISFACTION,
    TIMESTAMP,
    USER_ID,
)
from core.store.workspace import Workspace
from core.workflow.own_lists import read_own_lists

ENDINGS = (".csv", ".parquet")
FOLDER = "uploads"
HEADER_BYTES = 65_536
OUTCOMES = (SATISFACTION, COMPLAINED)
LISTS = "recommendations"  # the table whose contract lists of another system keep
FORGOTTEN_AFTER_SECONDS = 3600  # an upload that no job asks for


@dataclass(frozen=True)
class Mapped:
    """A file whose columns were chosen: its rows, and what `core.data.mapped.apply` makes them a table with."""

    frame: pd.DataFrame
    table: str
    columns: Mapping[str, str]
    keep: tuple[str, ...]


class Upload(Protocol):
    """A file as the browser sent it."""

    name: str

    def getbuffer(self) -> memoryview: ...


def table_of(name: str) -> tuple[str, str]:
    """Which table a file is, from its name, and its ending; TableError if it is none that we know."""
    ending, stem = ending_of(name), PurePath(name.lower()).stem
    if stem not in CONTRACTS:
        problem = f"is named after no table; name it one of {', '.join(CONTRACTS)}"
        raise TableError(problem, source=shown_name(name))
    return stem, ending


def ending_of(name: str) -> str:
    """The ending of a file that can be read; TableError for any other."""
    ending = PurePath(name.lower()).suffix
    if ending not in ENDINGS:
        raise TableError(f"is neither {' nor '.join(ENDINGS)}", source=shown_name(name))
    return ending


def shown_name(name: str) -> str:
    """The name of a file without folders, as messages call it."""
    return PurePath(name.replace("\\", "/")).name[:80]


def named_table(name: str) -> str | None:
    """The table that a file is named after, if it is."""
    stem = PurePath(shown_name(name).lower()).stem
    return stem if stem in CONTRACTS else None


def conforms(upload: Upload) -> bool:
    """Whether a file is named after a table and has the columns that the table cannot do without.

    Told from its beginning; what is wrong further on is told when it is kept.
    """
    table = named_table(upload.name)
    return table is not None and _required(table) <= _columns(upload)


def is_feedback(upload: Upload) -> bool:
    """Whether a file has the columns that feedback cannot do without; impressions may lack a rank."""
    columns = _columns(upload)
    return {USER_ID, TIMESTAMP} <= columns and not {RANK, *REACTIONS, *OUTCOMES}.isdisjoint(columns)


def _required(table: str) -> set[str]:
    return {name for name, column in CONTRACTS[table].columns.items() if column.required}


def _columns(upload: Upload) -> set[str]:
    """Names of the columns, as far as the beginning of the file tells; none where it cannot be read."""
    content = upload.getbuffer()
    if bytes(content[:4]) == PARQUET:
        try:
            return set(pq.read_schema(pa.BufferReader(content)).names)
        except pa.ArrowException:
            return set()
    first = bytes(content[:HEADER_BYTES]).replace(b"\0", b"").decode("latin-1").strip().split("\n")[0]
    return {name.strip(' "\r\xef\xbb\xbf\xff\xfe') for name in re.split(r"[,;\t|]", first)}


def opened(workspace: Workspace, upload: Upload) -> tuple[pd.DataFrame, list[str]]:
    """The columns of a file of any form, and notes on how it was read.

    Raises:
        TableError: it cannot be read as a table.
    """
    ending = ending_of(upload.name)
    (workspace.root / FOLDER).mkdir(exist_ok=True)
    with tempfile.TemporaryDirectory(dir=workspace.root / FOLDER) as folder:
        file = Path(folder) / f"file{ending}"
        file.write_bytes(upload.getbuffer())
        try:
            return read_unchecked(file, set())
        except TableError as error:
            named = {"source": shown_name(upload.name), "column": error.column, "rows": error.rows}
            raise TableError(error.problem, **named) from None


def keep(
    workspace: Workspace,
    uploads: Iterable[Upload],
    mapped: Mapping[int, Mapped] | None = None,
    *,
    set_aside: bool = False,
) -> tuple[Path | None, list[EvenhandError]]:
    """Write and check the files; their folder, or everything that is wrong with them and no folder.

    Every file is checked against the contract of its table, so that all problems are told at once.

    Args:
        mapped: by place among the uploads, files that become a table under a mapping.
        set_aside: rows that break the contract will be left out, so they are no reason to refuse a file.
    """
    day = f"Upload of {datetime.now(UTC):%-d %b %Y %H.%M}"
    folder = workspace.root / FOLDER / new_id("upload") / day
    folder.mkdir(parents=True)
    errors, names, check = [], set(), read_sound if set_aside else read_file
    for place, upload in enumerate(uploads):
        chosen = (mapped or {}).get(place)
        try:
            table, ending = (chosen.table, ".parquet") if chosen else table_of(upload.name)
            if table in names:
                raise TableError(f"is a second file for table {table}", source=shown_name(upload.name))
            names.add(table)
            file = folder / f"{table}{ending}"
            if chosen:
                apply(chosen.frame, table, chosen.columns, chosen.keep).to_parquet(file, index=False)
            else:
                file.write_bytes(upload.getbuffer())
            check(file, table)
        except EvenhandError as error:
            errors.append(error)
    errors += [
        TableError("is missing", source=f"{name}.csv")
        for name in REQUIRED_TABLES
        if name not in names and not errors
    ]
    if errors:
        shutil.rmtree(folder.parent)
        return None, errors
    return folder, []


def keep_lists(workspace: Workspace, dataset_id: str, upload: Upload) -> Path:
    """Write and check a file of lists for a dataset; where it lies.

    Raises:
        EvenhandError: it cannot be used, and is not kept.
    """
    file = workspace.root / FOLDER / new_id("upload") / f"{LISTS}{ending_of(upload.name)}"
    file.parent.mkdir(parents=True)
    try:
        file.write_bytes(upload.getbuffer())
        read_own_lists(workspace, dataset_id, file)
    except EvenhandError:
        shutil.rmtree(file.parent)
        raise
    return file


def keep_feedback(
    workspace: Workspace, files: Sequence[Upload], mapped: Mapping[int, Mapped]
) -> list[dict[str, str]]:
    """Write files of feedback: `path`, `name` and, where it was chosen, `table` of each, service after impressions.

    Args:
        mapped: by place among the files, those whose columns were chosen.

    Raises:
        EvenhandError: a file is of another kind, or a mapping lacks a column. Nothing is kept then.
    """
    folder = workspace.root / FOLDER / new_id("upload")
    folder.mkdir(parents=True)
    kept = []
    try:
        for place, file in enumerate(files):
            chosen = mapped.get(place)
            path = folder / f"{place}{'.parquet' if chosen else ending_of(file.name)}"
            kept.append({"path": str(path), "name": shown_name(file.name)})
            if chosen:
                apply(chosen.frame, chosen.table, chosen.columns, chosen.keep).to_parquet(path, index=False)
                kept[-1]["table"] = chosen.table
            else:
                path.write_bytes(file.getbuffer())
    except EvenhandError:
        shutil.rmtree(folder)
        raise
    return sorted(kept, key=lambda file: (file.get("table") or named_table(file["name"])) == SERVICE)


def sweep(workspace: Workspace) -> None:
    """Remove uploads that no waiting or running job needs, and no dataset would be prepared from again."""
    root = workspace.root / FOLDER
    if not root.is_dir():
        return
    needed = {origin.get("path") for origin in workspace.documents.find(ORIGINS)}
    for job in jobs(workspace, limit=200):
        if job.state not in TERMINAL:
            needed |= {job.params.get("path"), *(file["path"] for file in job.params.get("files", []))}
    present = datetime.now(UTC).timestamp()
    for folder in root.iterdir():
        wanted = any(str(inner) in needed for inner in folder.iterdir())
        if not wanted and present - folder.stat().st_mtime > FORGOTTEN_AFTER_SECONDS:
            shutil.rmtree(folder)
