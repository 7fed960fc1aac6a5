"""Delimited text into a table of text columns, strictly: no row is shifted, cut or swallowed."""

import csv
import io
from collections import Counter
from pathlib import Path

import pandas as pd
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.csv as arrow_csv

from core.data.encoding import sniff_encoding
from core.errors import TableError

DELIMITERS = {",": "comma", ";": "semicolon", "\t": "tab", "|": "bar"}
MISSING = ["", "NA", "N/A", "n/a", "<NA>", "NaN", "nan", "NULL", "null", "None"]
LONGEST_LINE = 1 << 24  # bytes
MOST_COLUMNS = 500


def read_delimited(path: Path, expected: set[str]) -> tuple[pd.DataFrame, list[str]]:
    """All columns as text, blank cells as missing; and notes on how the file was read.

    Args:
        expected: column names of the table's contract, by which the delimiter is told.

    Raises:
        TableError: not readable as one rectangular table with named columns.
    """
    encoding = sniff_encoding(path)
    header, delimiter = _header(path, encoding, expected)
    _check_header(header, path.name)
    ragged: list[arrow_csv.InvalidRow] = []
    table = _parse(path, header, encoding=encoding, delimiter=delimiter, ragged=ragged)
    if any(_holds_line_break(column) for column in table.columns) or ragged:
        _check_quotes(path, encoding, delimiter)
    if ragged:
        rows, first = [row.number - 1 for row in ragged], ragged[0]
        problem = f"has {first.actual_columns} cells in a row where the header has {first.expected_columns}"
        raise TableError(problem, source=path.name, rows=rows)
    if table.num_rows == 0:
        raise TableError("has a header but no rows", source=path.name)
    named = [place for place, name in enumerate(table.column_names) if name]
    notes = (
        [] if encoding.startswith("utf") else [f"{path.name} was read as {encoding}, since it is not UTF-8."]
    )
    if len(named) < table.num_columns:
        notes.append(f"{path.name}: a column without a name was left out.")
    return table.select(named).to_pandas(), notes


def _header(path: Path, encoding: str, expected: set[str]) -> tuple[list[str], str]:
    """Column names and the delimiter: the one that finds most expected names, then most names."""
    with path.open(encoding=encoding, errors="replace", newline="") as stream:
        beginning = stream.read(LONGEST_LINE)
    if not beginning.strip():
        raise TableError("is empty", source=path.name)
    found = {}
    for delimiter in DELIMITERS:
        try:
            names = next(csv.reader(io.StringIO(beginning.lstrip("\r\n"), newline=""), delimiter=delimiter))
        except (csv.Error, StopIteration):
            continue
        found[delimiter] = [name.strip() for name in names]
    if not found:
        raise TableError("has no header that can be read", source=path.name)
    best = max(found, key=lambda delimiter: (len(expected & set(found[delimiter])), len(found[delimiter])))
    return found[best], best


def _check_header(header: list[str], source: str) -> None:
    if len(header) > MOST_COLUMNS:
        raise TableError(f"has {len(header):,} columns; at most {MOST_COLUMNS} are read", source=source)
    twice = [name for name, count in Counter(header).items() if name and count > 1]
    if twice:
        raise TableError(f"has {len(twice)} column name(s) twice", source=source, column=twice[0])


def _parse(
    path: Path, header: list[str], *, encoding: str, delimiter: str, ragged: list[arrow_csv.InvalidRow]
) -> pa.Table:
    """Read with Arrow; rows of another length than the header's are collected, not read."""

    def collect(row: arrow_csv.InvalidRow) -> str:
        ragged.append(row)
        return "skip"

    numbered = [
        str(place) for place in range(len(header))
    ]  # names may be blank; so the header is read as a row
    try:
        table = arrow_csv.read_csv(
            path,
            arrow_csv.ReadOptions(
                use_threads=False, block_size=LONGEST_LINE, encoding=encoding, column_names=numbered
            ),
            arrow_csv.ParseOptions(delimiter=delimiter, newlines_in_values=True, invalid_row_handler=collect),
            arrow_csv.ConvertOptions(
                column_types=dict.fromkeys(numbered, pa.string()),
                null_values=MISSING,
                strings_can_be_null=True,
                quoted_strings_can_be_null=True,
            ),
        )
    except (pa.ArrowInvalid, UnicodeError) as error:
        problem = "cannot be read as text; it is damaged"
        if "straddl" in str(error):
            problem = f"has a line of more than {LONGEST_LINE >> 20} MB"
        raise TableError(problem, source=path.name) from None
    return table.slice(1).rename_columns(header)


def _holds_line_break(column: pa.ChunkedArray) -> bool:
    return bool(pc.any(pc.match_substring_regex(column, "[\r\n]")).as_py())


def _check_quotes(path: Path, encoding: str, delimiter: str) -> None:
    """A quote that is never closed swallows the rows after it, so line breaks in cells are looked into."""
    row = -1  # the header is row 0
    with path.open(encoding=encoding, errors="replace", newline="") as stream:
        reader = csv.reader(stream, delimiter=delimiter, strict=True)
        try:
            for record in reader:
                row += bool(record)
        except csv.Error:
            longest = csv.field_size_limit()
            problem = f"a quote is not closed, or a cell of several lines exceeds {longest:,} characters"
            raise TableError(problem, source=path.name, rows=[row + 1]) from None
