"""The user's own folder of Parquet or CSV files, one per table."""

from pathlib import Path

from core.data.files import check_file, read_file
from core.errors import TableError
from core.progress import Progress
from core.schema.settings import DatasetSettings
from core.schema.tables import CONTRACTS, REQUIRED_TABLES, Tables

ENDINGS = (".parquet", ".csv", ".tsv", ".txt")
SHOWN_FILES = 8


def files(path: Path | None) -> list[Path]:
    """The files of the folder that are named after a table.

    Raises:
        TableError: no such folder, a required table is missing, two files for one table, a file that cannot be
        read, or one that is a link to somewhere outside of the folder.
    """
    return list(_found(path).values())


def read(path: Path | None, settings: DatasetSettings, progress: Progress) -> Tables:
    """Read and check every table of the folder; TableError at the first that breaks its contract."""
    found = _found(path)
    tables = {}
    for number, (name, file) in enumerate(found.items()):
        progress("Reading", number / len(found), file.name)
        tables[name] = read_file(file, name)
    return Tables(**tables)


def _found(path: Path | None) -> dict[str, Path]:
    there = _names(path)
    by_table = {
        name: [path / f"{name}{end}" for end in ENDINGS if f"{name}{end}" in there] for name in CONTRACTS
    }
    for name in REQUIRED_TABLES:
        if not by_table[name]:
            shown = ", ".join(there[:SHOWN_FILES]) + (" ..." if len(there) > SHOWN_FILES else "")
            raise TableError(
                f"the folder holds no {name}.csv or {name}.parquet; it holds {shown or 'nothing'}",
                source=path.resolve().name or "/",
            )
    for name, found in by_table.items():
        if len(found) > 1:
            raise TableError(
                f"two files for table {name}: {', '.join(file.name for file in found)}",
                source=path.resolve().name,
            )
    found = {name: files[0] for name, files in by_table.items() if files}
    for file in found.values():
        if not file.resolve().is_relative_to(path.resolve()):
            raise TableError("is a link to somewhere outside of the folder", source=file.name)
        check_file(file)
    return found


def _names(path: Path | None) -> list[str]:
    """The names in the folder, sorted."""
    if path is None:
        raise TableError("there is no such folder", source="path")
    try:
        return sorted(file.name for file in path.iterdir())
    except (FileNotFoundError, NotADirectoryError):
        raise TableError("there is no such folder", source=path.name[:80]) from None
    except OSError as error:
        raise TableError(f"the folder cannot be opened ({error.strerror})", source=path.name[:80]) from None
