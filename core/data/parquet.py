"""A Parquet file into a table of plain columns; what it would unpack to is known before it is unpacked."""

from pathlib import Path

import pandas as pd
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

from core.errors import TableError

MOST_ROWS, MOST_COLUMNS = 100_000_000, 500
MOST_BYTES = 4 * 10**9  # unpacked


def read_parquet(path: Path) -> pd.DataFrame:
    """All columns: text, numbers, times, booleans.

    Raises:
        TableError: damaged, nested types, or too large once unpacked.
    """
    try:
        file = pq.ParquetFile(path)
        _check_size(file.metadata, path.name)
        _check_types(file.schema_arrow, path.name)
        # Texts as dictionaries: one long text repeated a million times stays one text.
        texts = [field.name for field in file.schema_arrow if _is_text(field.type)]
        table = pq.read_table(path, read_dictionary=texts, use_threads=False)
        _check_bytes(table.nbytes + sum(map(_text_bytes, table.columns)), path.name)
        plain = [_plain(table[name], name, path.name) for name in table.column_names]
    except (pa.ArrowException, OSError) as error:
        reason = type(error).__name__
        raise TableError(f"is no Parquet file that can be read ({reason})", source=path.name) from None
    return pa.table(plain, names=table.column_names).to_pandas()


def _check_size(metadata: pq.FileMetaData, source: str) -> None:
    if metadata.num_rows == 0:
        raise TableError("has no rows", source=source)
    if metadata.num_rows > MOST_ROWS or metadata.num_columns > MOST_COLUMNS:
        raise TableError(
            f"has {metadata.num_rows:,} rows and {metadata.num_columns:,} columns; at most "
            f"{MOST_ROWS:,} and {MOST_COLUMNS} are read",
            source=source,
        )
    _check_bytes(sum(metadata.row_group(i).total_byte_size for i in range(metadata.num_row_groups)), source)


def _check_bytes(size: int, source: str) -> None:
    if size > MOST_BYTES:
        raise TableError(
            f"unpacks to {size / 1e9:.1f} GB; at most {MOST_BYTES / 1e9:.1f} GB are read", source=source
        )


def _check_types(schema: pa.Schema, source: str) -> None:
    names = schema.names
    for field in schema:
        if names.count(field.name) > 1:
            raise TableError("stands twice in the file", source=source, column=field.name)
        kind = field.type.value_type if pa.types.is_dictionary(field.type) else field.type
        if pa.types.is_nested(kind) or pa.types.is_duration(kind) or pa.types.is_interval(kind):
            raise TableError(
                f"holds values of type {str(kind)[:60]}, not plain ones", source=source, column=field.name
            )


def _is_text(kind: pa.DataType) -> bool:
    return pa.types.is_string(kind) or pa.types.is_large_string(kind) or pa.types.is_binary(kind)


def _text_bytes(column: pa.ChunkedArray) -> int:
    """Bytes of the texts of a dictionary if each were written out."""
    if not pa.types.is_dictionary(column.type) or not _is_text(column.type.value_type):
        return 0
    lengths = (
        (pc.binary_length(chunk.dictionary).cast(pa.int64()), chunk.indices) for chunk in column.chunks
    )
    return sum(pc.sum(pc.take(length, indices)).as_py() or 0 for length, indices in lengths)


def _plain(column: pa.ChunkedArray, name: str, source: str) -> pa.ChunkedArray:
    """Without dictionaries, dates, decimals and bytes, which pandas would hold as objects."""
    if pa.types.is_dictionary(column.type):
        column = column.cast(column.type.value_type)
    if pa.types.is_date(column.type):
        return column.cast(pa.timestamp("us"))
    if pa.types.is_decimal(column.type):
        scale = column.type.scale
        return column.cast(pa.float64()) if scale else column.cast(pa.string())
    if not pa.types.is_binary(column.type):
        return column
    try:
        return column.cast(pa.string())
    except pa.ArrowInvalid:
        raise TableError("holds bytes that are no UTF-8 text", source=source, column=name) from None
