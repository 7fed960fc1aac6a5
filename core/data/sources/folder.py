"""Which files of a folder a source reads."""

from collections.abc import Callable, Iterable
from pathlib import Path

import pandas as pd

from core.data.files import check_file
from core.errors import TableError
from core.progress import Progress

ENDINGS = (".parquet", ".csv", ".tsv", ".txt")
SHOWN_FILES = 8


def found(
    path: Path | None,
    names: Iterable[str],
    *,
    endings: Iterable[str] = ENDINGS,
    required: Iterable[str] = (),
) -> dict[str, Path]:
    """The files of the folder that have one of the names, by name; those that are not there are left out.

    Raises:
        TableError: no such folder, a required file is missing, two files of one name, a file that cannot be read,
        or one that is a link to somewhere outside of the folder.
    """
    there, files = listed(path), {}
    for name in required:
        if not any(f"{name}{end}" in there for end in endings):
            raise lacks(path, f"{name}.csv or {name}.parquet")
    for name in names:
        alike = [path / f"{name}{end}" for end in endings if f"{name}{end}" in there]
        if len(alike) > 1:
            raise TableError(
                f"two files for table {name}: {', '.join(file.name for file in alike)}",
                source=path.resolve().name,
            )
        if alike:
            files[name] = checked(alike[0], path)
    return files


def read_each(
    files: dict[str, Path], read: Callable[[Path, str], pd.DataFrame], progress: Progress
) -> dict[str, pd.DataFrame]:
    """What `read` makes of each file and its name, by name."""
    tables = {}
    for number, (name, file) in enumerate(files.items()):
        progress("Reading", number / len(files), file.name)
        tables[name] = read(file, name)
    return tables


def checked(file: Path, folder: Path) -> Path:
    """The file, if it is a plain one inside of the folder; else TableError."""
    if not file.resolve().is_relative_to(folder.resolve()):
        raise TableError("is a link to somewhere outside of the folder", source=file.name)
    check_file(file)
    return file


def lacks(path: Path, wanted: str) -> TableError:
    """The error for a folder without a file that its source cannot do without."""
    there = listed(path)
    shown = ", ".join(there[:SHOWN_FILES]) + (" ..." if len(there) > SHOWN_FILES else "")
    return TableError(
        f"the folder holds no {wanted}; it holds {shown or 'nothing'}", source=path.resolve().name or "/"
    )


def listed(path: Path | None) -> list[str]:
    """The names in the folder, sorted.

    Raises:
        TableError: there is no such folder, or it cannot be opened.
    """
    if path is None:
        raise TableError("there is no such folder", source="path")
    try:
        return sorted(file.name for file in path.iterdir())
    except (FileNotFoundError, NotADirectoryError):
        raise TableError("there is no such folder", source=path.name[:80]) from None
    except OSError as error:
        raise TableError(f"the folder cannot be opened ({error.strerror})", source=path.name[:80]) from None
