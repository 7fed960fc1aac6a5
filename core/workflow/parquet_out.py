"""Files where a person asked for them, whole or not at all: tables as Parquet, and anything else."""

import os
from collections.abc import Callable
from pathlib import Path
from typing import BinaryIO

import pandas as pd

from core.errors import SettingsError, StoreError


def checked_path(out: Path) -> None:
    """SettingsError where no Parquet file can be written."""
    if out.suffix != ".parquet" or not os.path.isdir(out.parent):
        raise SettingsError(f"--out {out.name[:80]}: must end in .parquet and lie in a folder that exists.")


def write_whole(table: pd.DataFrame, out: Path) -> None:
    """All of the table, or nothing; raises as `write_file`."""
    write_file(out, lambda file: table.to_parquet(file, index=False))


def write_file(out: Path, write: Callable[[BinaryIO], object]) -> None:
    """All of what `write` puts into the file, or nothing.

    Raises:
        StoreError: it cannot be written; a file that was there stays.
    """
    unfinished = out.with_name(f"{out.name}.part")
    try:
        try:
            with unfinished.open(
                "wb"
            ) as file:  # a path itself would have to be text, which a name need not be
                write(file)
            os.replace(unfinished, out)
        finally:
            unfinished.unlink(missing_ok=True)
    except OSError as error:
        reason = os.strerror(error.errno) if error.errno else str(error)
        raise StoreError(f"{out.name[:80]} cannot be written: {reason}.") from error
