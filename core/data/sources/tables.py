"""The user's own folder of Parquet or CSV files: one per table, or a folder of them that grows by the day."""

from pathlib import Path

import pandas as pd

from core.data.files import check, read_file
from core.data.sifting import counted, read_sound, sift
from core.data.sources.folder import ENDINGS, checked, found, listed
from core.errors import TableError
from core.progress import Progress
from core.schema.settings import DatasetSettings
from core.schema.tables import CONTRACTS, REQUIRED_TABLES, Tables

MOST_FILES = 2000  # of one table


def files(path: Path | None) -> list[Path]:
    """The files of the folder that are named after a table, or lie in a folder that is.

    Raises:
        TableError: no such folder, a required table is missing, two files for one table, a file that cannot be
        read, or one that is a link to somewhere outside of the folder.
    """
    return [file for of_table in _found(path).values() for file in of_table]


def read(path: Path | None, settings: DatasetSettings, progress: Progress) -> Tables:
    """Read and check every table of the folder.

    Raises:
        TableError: at the first table that breaks its contract; where the settings set bad rows aside, at the first
        that breaks it in more than half of its rows.
    """
    there, tables = _found(path), {}
    every, done = sum(map(len, there.values())), 0
    set_aside = settings.bad_rows == "set_aside"
    for table, of_table in there.items():
        frames = []
        for file in of_table:
            progress("Reading", done / every, file.name)
            frames.append(read_sound(file, table) if set_aside else read_file(file, table))
            done += 1
        tables[table] = frames[0] if len(frames) == 1 else _together(frames, table, set_aside)
    return Tables(**tables)


def _together(frames: list[pd.DataFrame], table: str, set_aside: bool) -> pd.DataFrame:
    """Several files of a table as one; a key that stands in two of them breaks the contract as within one."""
    notes = [note for frame in frames for note in frame.attrs.get("notes", [])]
    quality = [count for frame in frames for count in frame.attrs.get("quality", [])]
    for frame in frames:
        frame.attrs.clear()
    whole = pd.concat(frames, ignore_index=True)
    if set_aside:
        whole, problems = sift(whole, table, f"{table}/")
        quality += counted(problems, table)
    else:
        check(whole, table, f"{table}/")
    whole.attrs.update(notes=notes, quality=quality)
    return whole


def _found(path: Path | None) -> dict[str, list[Path]]:
    folders = {name: path / name for name in listed(path) if name in CONTRACTS and (path / name).is_dir()}
    required = [name for name in REQUIRED_TABLES if name not in folders]
    single = found(path, CONTRACTS, required=required)
    if twice := single.keys() & folders.keys():
        name = min(twice)
        raise TableError(f"both a file and a folder for table {name}", source=path.resolve().name)
    several = {name: _files_in(folder, path) for name, folder in folders.items()}
    return {
        name: several.get(name) or [single[name]] for name in CONTRACTS if name in several or name in single
    }


def _files_in(folder: Path, outer: Path) -> list[Path]:
    """The files of one table, in the order of their names."""
    names = [name for name in listed(folder) if name.endswith(ENDINGS) and not name.startswith(".")]
    if not names:
        raise TableError("the folder holds no CSV or Parquet file", source=f"{folder.name}/")
    if len(names) > MOST_FILES:
        raise TableError(
            f"the folder holds {len(names):,} files; at most {MOST_FILES:,} are read",
            source=f"{folder.name}/",
        )
    return [checked(folder / name, outer) for name in names]
