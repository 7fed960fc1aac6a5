"""One CSV or Parquet file into one checked table: everything that is wrong with it is one clear error."""

import difflib
import stat
from collections.abc import Callable, Iterable, Mapping
from pathlib import Path

import pandas as pd
import pandera.errors

from core.data.columns import Refuse, refusal, to_flag, to_identifier, to_number, to_text, to_time
from core.data.delimited import read_delimited
from core.data.parquet import read_parquet
from core.errors import TableError
from core.schema.tables import CONTRACTS, TIMESTAMP, Tables

LARGEST_FILE = 10**9  # bytes
SHOWN_COLUMNS = 12
IDENTIFIER = "_id"  # the ending of identifiers' names
# How files begin that people rename to .csv
FOREIGN = {
    b"PK\x03\x04": "a ZIP archive or an Excel workbook",
    b"\x1f\x8b": "a gzip archive",
    b"\xfd7zXZ": "an xz archive",
    b"BZh": "a bzip2 archive",
    b"7z\xbc\xaf": "a 7-Zip archive",
    b"\x28\xb5\x2f\xfd": "a Zstandard archive",
    b"Rar!": "a RAR archive",
    b"\xd0\xcf\x11\xe0": "an old Excel workbook",
    b"MZ\x90": "a program",
    b"\x7fELF": "a program",
    b"%PDF": "a PDF document",
    b"SQLite format 3": "an SQLite database",
}
PARQUET = b"PAR1"


def read_file(path: Path, table: str) -> pd.DataFrame:
    """Read and check a file against the contract of a table; Parquet is told by its content, not its name.

    Columns of the contract come in its types: identifiers and text as str, numbers as float64, times as
    datetime64[us] in UTC, flags as boolean. Other columns come as they are. `attrs["notes"]` of the result
    says what was not read as it stands.

    Args:
        table: a name in CONTRACTS.

    Raises:
        TableError: names file, column and the first bad rows (data rows, counted from 1).
    """
    frame, notes = read_unchecked(path, set(CONTRACTS[table].columns))
    frame = check(convert(frame, table, path.name), table, path.name)
    frame.attrs["notes"] = notes
    return frame


def read_unchecked(path: Path, expected: set[str]) -> tuple[pd.DataFrame, list[str]]:
    """All columns of a file as they come, those of delimited text as text; and notes on how it was read.

    Args:
        expected: column names by which the delimiter is told.

    Raises:
        TableError: not readable as one table with named columns.
    """
    if check_file(path).startswith(PARQUET):
        return read_parquet(path), []
    return read_delimited(path, expected)


Converter = Callable[[pd.Series, Refuse], pd.Series]  # such as to_number of core.data.columns


def read_columns(
    path: Path,
    columns: Mapping[str, Converter],
    *,
    required: Iterable[str] | None = None,
    spellings: Mapping[str, str] | None = None,
) -> pd.DataFrame:
    """Some columns of a file whose form is not one of the contracts, each as its converter gives it.

    Args:
        required: columns that must be there without a blank cell; of the others an absent one is all blank.
            Unset: all.
        spellings: names that the file may have for columns, with ours.

    Raises:
        TableError: names file, column and the first bad rows.
    """
    frame, _ = read_unchecked(path, {*columns, *(spellings or {})})
    return convert_columns(frame.rename(columns=spellings or {}), columns, path.name, required=required)


def convert_columns(
    frame: pd.DataFrame,
    columns: Mapping[str, Converter],
    source: str,
    *,
    required: Iterable[str] | None = None,
) -> pd.DataFrame:
    """The named columns of a table read, converted; TableError as for `read_columns`."""
    converted, needed = {}, list(columns if required is None else required)
    blank = pd.Series(None, index=frame.index, dtype="str")
    for name, converter in columns.items():
        if name in needed and name not in frame:
            raise TableError(_missing(name, list(frame.columns)), source=source, column=name)
        converted[name] = converter(frame.get(name, blank), refusal(source, name))
    for name in needed:
        if converted[name].isna().any():
            raise refusal(source, name)("is blank", converted[name].isna().to_numpy())
    return pd.DataFrame(converted)


def convert(frame: pd.DataFrame, table: str, source: str) -> pd.DataFrame:
    """Columns of the contract in its types.

    Raises:
        TableError: a required column is missing, or a cell cannot be converted.
    """
    require_columns(frame, table, source)
    names = [name for name in CONTRACTS[table].columns if name in frame]
    return frame.assign(**{name: convert_column(frame[name], table, source) for name in names})


def require_columns(frame: pd.DataFrame, table: str, source: str, *, but: str | None = None) -> None:
    """TableError where a required column, `but` for one, is missing."""
    for name, column in CONTRACTS[table].columns.items():
        if column.required and name not in frame and name != but:
            raise TableError(_missing(name, list(frame.columns)), source=source, column=name)


def convert_column(values: pd.Series, table: str, source: str) -> pd.Series:
    """A column of the contract in its type; TableError with the cells that cannot be converted."""
    name = str(values.name)
    return _converter(name, CONTRACTS[table].columns[name])(values, refusal(source, name))


def check(frame: pd.DataFrame, table: str, source: str) -> pd.DataFrame:
    """The same table, if it keeps the contract.

    Raises:
        TableError: the first rule that is broken, with the rows that break it.
    """
    if TIMESTAMP in CONTRACTS[table].columns:
        late = frame[TIMESTAMP] > pd.Timestamp.now("UTC").tz_localize(None) + pd.Timedelta(days=1)
        if late.any():
            raise refusal(source, TIMESTAMP)("lies in the future", late.to_numpy())
    try:
        CONTRACTS[table].validate(frame.reset_index(drop=True), lazy=True)
    except pandera.errors.SchemaErrors as errors:
        raise _translated(errors.failure_cases, table, source) from None
    return frame


def check_tables(tables: Tables, source: str) -> Tables:
    """The same tables, if each keeps its contract; else TableError, in which `source` and the table are named."""
    for name, frame in tables.present().items():
        check(frame, name, f"{source}, table {name}")
    return tables


def check_file(path: Path) -> bytes:
    """How the file begins.

    Raises:
        TableError: it is no plain file that can be opened, is too large, or is an archive or program.
    """
    printable = path.name.encode("utf-8", "replace").decode()
    if printable != path.name:
        raise TableError("has a name that is no text in UTF-8; rename it", source=printable)
    try:
        status = path.stat()
        if not stat.S_ISREG(status.st_mode):
            raise TableError("is no file", source=path.name)
        if status.st_size > LARGEST_FILE:
            limit = f"{LARGEST_FILE / 1e9:.1f} GB"
            raise TableError(f"has {status.st_size / 1e9:.1f} GB; at most {limit} are read", source=path.name)
        with path.open("rb") as stream:
            beginning = stream.read(16)
    except FileNotFoundError:
        raise TableError("there is no such file", source=path.name) from None
    except OSError as error:
        raise TableError(f"cannot be opened ({error.strerror})", source=path.name) from None
    for mark, kind in FOREIGN.items():
        if beginning.startswith(mark):
            raise TableError(f"is {kind}, no CSV or Parquet file", source=path.name)
    return beginning


def _converter(name: str, column):
    if name.endswith(IDENTIFIER):
        return to_identifier
    kind = str(column.dtype)
    if kind.startswith("datetime"):
        return to_time
    return {"float64": to_number, "boolean": to_flag}.get(kind, to_text)


def _missing(name: str, columns: list[str]) -> str:
    """What is missing, what there is, and what was probably meant."""
    shown = ", ".join(str(column)[:40] for column in columns[:SHOWN_COLUMNS])
    more = f" and {len(columns) - SHOWN_COLUMNS:,} more" if len(columns) > SHOWN_COLUMNS else ""
    by_lower = {str(column).lower(): str(column) for column in columns}
    close = difflib.get_close_matches(name, by_lower, n=1, cutoff=0.5)
    meant = f" (closest: {by_lower[close[0]][:40]})" if close else ""
    return f"is missing; the columns are {shown}{more}{meant}"


def _translated(failures: pd.DataFrame, table: str, source: str) -> TableError:
    """The first broken rule of pandera's list as our error."""
    first = failures.iloc[0]
    same = failures[(failures["check"] == first["check"]) & (failures["column"] == first["column"])]
    rows = sorted({int(row) + 1 for row in same["index"].dropna()})
    if first["check"] == "multiple_fields_uniqueness":
        key = CONTRACTS[table].unique
        column = key[0] if len(key) == 1 else None
        what = "stands more than once" if column else f"the same {' and '.join(key)} stand more than once"
        return TableError(what, source=source, column=column, rows=rows)
    if first["schema_context"] == "DataFrameSchema":
        return TableError(str(first["check"]), source=source, rows=rows)
    problem = "is blank" if first["check"] == "not_nullable" else str(first["check"])
    return TableError(problem, source=source, column=first["column"], rows=rows)
