"""Rows that break a contract are set aside with the reason, where a table may lose rows; the others come in its types."""

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pandas as pd

from core.data.files import check, convert_column, read_unchecked, require_columns
from core.errors import TableError
from core.schema.documents import RuleCount
from core.schema.tables import CONTRACTS

MOST_ASIDE = (
    0.5  # share of the rows with one problem; beyond it the column is another one than it was taken for
)


@dataclass(frozen=True)
class Problem:
    """What is wrong with some rows; `rows` are their places, counted from 0, ascending.

    `read` is how many rows were still there to be looked at.
    """

    column: str | None
    problem: str
    rows: np.ndarray
    read: int


def sift(
    frame: pd.DataFrame, table: str, source: str, *, most: float = MOST_ASIDE
) -> tuple[pd.DataFrame, list[Problem]]:
    """The rows that keep the contract of a table, in its types, and what is wrong with the others.

    Args:
        frame: columns as text, or in the types of a Parquet file.
        table: a name in CONTRACTS. source: what messages call it.
        most: share of the rows that may have one and the same problem.

    Raises:
        TableError: a required column is missing, or more rows have one and the same problem.
    """
    require_columns(frame, table, source)
    left, problems = np.arange(len(frame)), []
    sound = frame.reset_index(drop=True)

    def settled(step: Callable[[pd.DataFrame], pd.DataFrame]) -> pd.DataFrame:
        """The step's answer once the rows that it refuses are gone."""
        nonlocal left, sound
        while True:
            try:
                return step(sound)
            except TableError as error:
                bad = np.array(error.rows, int) - 1
                if not len(bad) or len(bad) > most * len(frame):
                    raise
                problems.append(Problem(error.column, error.problem, left[bad], len(left)))
                kept = np.ones(len(left), bool)
                kept[bad] = False
                left, sound = left[kept], sound[kept].reset_index(drop=True)

    for name in [name for name in CONTRACTS[table].columns if name in frame]:
        sound = settled(
            lambda rows, name=name: rows.assign(**{name: convert_column(rows[name], table, source)})
        )
    return settled(lambda rows: check(rows, table, source)), problems


def read_sound(path: Path, table: str) -> pd.DataFrame:
    """A file as `read_file` reads it, without the rows that break the contract; `attrs["quality"]` counts those.

    Raises:
        TableError: as for `sift`, or the file cannot be read as a table at all.
    """
    frame, notes = read_unchecked(path, set(CONTRACTS[table].columns))
    sound, problems = sift(frame, table, path.name)
    sound.attrs.update(notes=notes, quality=counted(problems, table))
    return sound


def counted(problems: list[Problem], table: str) -> list[RuleCount]:
    """The problems as lines of the cleaning report."""
    return [
        RuleCount(
            table=table,
            rule=f"{problem.column or 'Row'} {problem.problem}"[:120],
            action="dropped",
            read=problem.read,
            affected=len(problem.rows),
            note="The line breaks the contract of the table and was set aside",
        )
        for problem in problems
    ]
