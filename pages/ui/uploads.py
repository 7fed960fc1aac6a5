"""Uploaded tables: put into a folder of ours under names of ours, checked before anything is kept, swept after use."""

import shutil
from collections.abc import Iterable
from datetime import UTC, datetime
from pathlib import Path, PurePath
from typing import Protocol

from core.data.files import read_file
from core.errors import EvenhandError, TableError
from core.jobs.queue import jobs
from core.schema.documents import TERMINAL, new_id
from core.schema.tables import CONTRACTS, REQUIRED_TABLES
from core.store.workspace import Workspace

ENDINGS = (".csv", ".parquet")
FOLDER = "uploads"
FORGOTTEN_AFTER_SECONDS = 3600  # an upload that no job asks for


class Upload(Protocol):
    """A file as the browser sent it."""

    name: str

    def getbuffer(self) -> memoryview: ...


def table_of(name: str) -> tuple[str, str]:
    """Which table a file is, from its name, and its ending; TableError if it is none that we know."""
    shown, path = PurePath(name.replace("\\", "/")).name[:80], PurePath(name.lower())
    if path.suffix not in ENDINGS:
        raise TableError(f"is neither {' nor '.join(ENDINGS)}", source=shown)
    if path.stem not in CONTRACTS:
        raise TableError(f"is named after no table; name it one of {', '.join(CONTRACTS)}", source=shown)
    return path.stem, path.suffix


def keep(workspace: Workspace, uploads: Iterable[Upload]) -> tuple[Path | None, list[EvenhandError]]:
    """Write and check the files; their folder, or everything that is wrong with them and no folder.

    Every file is checked against the contract of its table, so that all problems are told at once.
    """
    day = f"Upload of {datetime.now(UTC):%-d %b %Y %H.%M}"
    folder = workspace.root / FOLDER / new_id("upload") / day
    folder.mkdir(parents=True)
    errors = []
    names = set()
    for upload in uploads:
        try:
            table, ending = table_of(upload.name)
            if table in names:
                raise TableError(f"is a second file for table {table}", source=upload.name[:80])
            names.add(table)
            file = folder / f"{table}{ending}"
            file.write_bytes(upload.getbuffer())
            read_file(file, table)
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


def sweep(workspace: Workspace) -> None:
    """Remove uploads that no waiting or running job needs."""
    root = workspace.root / FOLDER
    if not root.is_dir():
        return
    needed = {job.params.get("path") for job in jobs(workspace, limit=200) if job.state not in TERMINAL}
    present = datetime.now(UTC).timestamp()
    for folder in root.iterdir():
        wanted = any(str(inner) in needed for inner in folder.iterdir())
        if not wanted and present - folder.stat().st_mtime > FORGOTTEN_AFTER_SECONDS:
            shutil.rmtree(folder)
