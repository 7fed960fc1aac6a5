"""The only writer of downloads: CSV whose cells no spreadsheet will run, and Parquet with one type per column."""

import csv
import io

import pandas as pd

FORMULA_STARTS = ("=", "+", "-", "@", "\t", "\r", "\0")


def neutral(cell: object) -> object:
    """A text that a spreadsheet could take for a formula gets a leading apostrophe; numbers stay numbers."""
    return f"'{cell}" if isinstance(cell, str) and cell.startswith(FORMULA_STARTS) else cell


def csv_bytes(frame: pd.DataFrame) -> bytes:
    """UTF-8 with byte order mark (spreadsheets need it), comma, header, no index, missing values empty."""
    safe = frame.astype(object).map(neutral)
    safe.columns = [neutral(str(name)) for name in frame.columns]
    # Every text is quoted: left alone, a bare carriage return inside one would begin a new line of cells.
    text = safe.to_csv(index=False, lineterminator="\n", quoting=csv.QUOTE_NONNUMERIC)
    return text.encode("utf-8-sig", errors="replace")


def parquet_bytes(frame: pd.DataFrame) -> bytes:
    """Parquet (zstd); a column that mixes numbers and texts such as `<10` is written as text."""
    buffer = io.BytesIO()
    _one_type_per_column(frame).to_parquet(buffer, index=False, compression="zstd")
    return buffer.getvalue()


def _one_type_per_column(frame: pd.DataFrame) -> pd.DataFrame:
    mixed = [name for name in frame.columns if frame[name].dtype == object and _is_mixed(frame[name])]
    return frame.assign(**{name: frame[name].map(str, na_action="ignore") for name in mixed})


def _is_mixed(column: pd.Series) -> bool:
    return len({type(cell) for cell in column.dropna()}) > 1
