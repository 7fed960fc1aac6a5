"""A file under a mapping: in the form of a table, with the first rows that break its contract and why."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import pandas as pd
from pandas.api import types

from core.data.mapping import LONGEST_NAME, MOST_KEPT, OWN_ATTRIBUTES
from core.data.plain_numbers import without_currency
from core.data.sifting import sift
from core.errors import InputError, TableError
from core.schema.tables import CONTRACTS

SHOWN_VALUE = 60  # characters of a bad value


@dataclass(frozen=True)
class BadRow:
    """A row that breaks the contract.

    Attributes:
        row: its number in the file, counted from 1 without the header.
        column: of the table; source: of the file; both None where the row as a whole is wrong.
        value: what stands there, shortened. why: what is wrong.
    """

    row: int
    column: str | None
    source: str | None
    value: str
    why: str


@dataclass(frozen=True)
class Examined:
    """What a mapping makes of a file.

    Attributes:
        rows: in the file. bad: how many of them break the contract. first: the first of those, in their order.
        refused: why the table cannot be used even without its bad rows; None where it can.
    """

    rows: int
    bad: int
    first: list[BadRow]
    refused: str | None


def apply(
    frame: pd.DataFrame, table: str, columns: Mapping[str, str], keep: Sequence[str] = ()
) -> pd.DataFrame:
    """The columns of a file under the names of a table; amounts of money lose their currency sign.

    Args:
        columns: column of the table: column of the file.
        keep: further columns of the file that come along under their own names, for users and items.

    Raises:
        InputError: the mapping names a column that is not there, uses one twice, or lacks a required one.
    """
    _check(frame, table, columns, keep)
    mapped = {}
    for name, source in columns.items():
        values = frame[source]
        amount = str(CONTRACTS[table].columns[name].dtype) == "float64"
        mapped[name] = without_currency(values) if amount and types.is_string_dtype(values.dtype) else values
    return pd.DataFrame(mapped | {name: frame[name] for name in keep})


def examine(
    frame: pd.DataFrame, table: str, columns: Mapping[str, str], keep: Sequence[str] = (), *, limit: int = 20
) -> Examined:
    """What is wrong with a file under a mapping; InputError as for `apply`."""
    mapped = apply(frame, table, columns, keep)
    refused = None
    try:
        _, problems = sift(mapped, table, "The file")
        found = [(problem.column, problem.problem, problem.rows) for problem in problems]
    except TableError as error:
        refused = str(error)
        found = [(error.column, error.problem, [row - 1 for row in error.rows])]
    bad = sorted((int(row), column, why) for column, why, rows in found for row in rows)
    first = [_bad_row(mapped, columns, row, column, why) for row, column, why in bad[:limit]]
    return Examined(len(frame), len({row for row, _, _ in bad}), first, refused)


def _bad_row(
    mapped: pd.DataFrame, columns: Mapping[str, str], row: int, column: str | None, why: str
) -> BadRow:
    value = None if column is None else mapped[column].iloc[row]
    shown = "" if value is None or pd.isna(value) else str(value)[:SHOWN_VALUE]
    return BadRow(row + 1, column, None if column is None else columns.get(column, column), shown, why)


def _check(frame: pd.DataFrame, table: str, columns: Mapping[str, str], keep: Sequence[str]) -> None:
    contract = CONTRACTS[table].columns
    named = list(frame.columns)
    for name, source in columns.items():
        if name not in contract:
            raise InputError(f"Table {table} has no column '{name[:60]}'; it has {', '.join(contract)}.")
        if named.count(source) != 1:
            often = "no" if source not in named else "more than one"
            raise InputError(
                f"The file has {often} column '{str(source)[:60]}', which was chosen for {name}."
            )
    for source in columns.values():
        used = [name for name, other in columns.items() if other == source]
        if len(used) > 1:
            raise InputError(f"Column '{source[:60]}' was chosen for {' and '.join(used)}; choose it once.")
    lacking = [name for name, column in contract.items() if column.required and name not in columns]
    if lacking:
        raise InputError(f"Choose a column for {' and '.join(lacking)}: table {table} cannot do without.")
    _check_kept(named, table, columns, keep)


def _check_kept(named: list, table: str, columns: Mapping[str, str], keep: Sequence[str]) -> None:
    if keep and table not in OWN_ATTRIBUTES:
        raise InputError(f"Further columns come along for {' and '.join(OWN_ATTRIBUTES)} only.")
    if len(keep) > MOST_KEPT:
        raise InputError(f"At most {MOST_KEPT} further columns come along.")
    for name in keep:
        if named.count(name) != 1 or name in CONTRACTS[table].columns or name in columns.values():
            raise InputError(f"Column '{str(name)[:60]}' cannot come along under its own name.")
        if len(name) > LONGEST_NAME or not name.isprintable() or not name.strip():
            raise InputError(
                f"The name of column '{name[:60]}' is too long or holds characters that cannot be shown."
            )
