"""The user's own folder of Parquet or CSV files, one per table."""

from pathlib import Path

from core.data.files import read_file
from core.data.sources.folder import found, read_each
from core.progress import Progress
from core.schema.settings import DatasetSettings
from core.schema.tables import CONTRACTS, REQUIRED_TABLES, Tables


def files(path: Path | None) -> list[Path]:
    """The files of the folder that are named after a table.

    Raises:
        TableError: no such folder, a required table is missing, two files for one table, a file that cannot be
        read, or one that is a link to somewhere outside of the folder.
    """
    return list(_found(path).values())


def read(path: Path | None, settings: DatasetSettings, progress: Progress) -> Tables:
    """Read and check every table of the folder; TableError at the first that breaks its contract."""
    return Tables(**read_each(_found(path), read_file, progress))


def _found(path: Path | None) -> dict[str, Path]:
    return found(path, CONTRACTS, required=REQUIRED_TABLES)
