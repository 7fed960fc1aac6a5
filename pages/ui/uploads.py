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
from core.workflow.own_lists import read_own_lists

ENDINGS = (".csv", ".parquet")
FOLDER = "uploads"
LISTS = "recommendations"  # the table whose contract lists of another system keep
FORGOTTEN_AFTER_SECONDS = 3600  # an upload that no job asks for


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
