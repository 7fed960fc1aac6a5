"""Every error a user can meet.

EvenhandError              a plain sentence: what is wrong, what was kept, what to do next
├── InputError             the caller gave something unusable (exit code 2)
│   ├── TableError         a table breaks its contract: names file, column and first bad rows
│   ├── SettingsError      a setting is unknown or out of its bounds
│   └── NotFound           no dataset, run, job, user or attribute of that name
├── StoreError             the workspace cannot be read or written
│   ├── StoreUnavailable   the document store does not answer
│   ├── DuplicateId        a document of that id is there already
│   └── CorruptArtefact    a file does not match the hash in its document
├── SourceUnavailable      the shop's own database does not answer
├── TrainingError          training diverged or cannot start
└── Cancelled              the user asked the job to stop
"""

from collections.abc import Sequence

SHOWN_ROWS = 5
UNCHANGED = " Nothing was changed."


class EvenhandError(Exception):
    """Base of all errors whose text may be shown to a user as it is."""


class InputError(EvenhandError):
    """The caller gave something unusable; nothing was changed."""


class TableError(InputError):
    """A table breaks its contract.

    Args:
        problem: what is wrong, one sentence without a final stop.
        source: file name (never a full path) or table name.
        column: the column concerned, if one is.
        rows: positions of bad data rows, counted from 1 without the header; the first five are named.
    """

    def __init__(self, problem: str, *, source: str, column: str | None = None, rows: Sequence[int] = ()):
        self.problem, self.source, self.column, self.rows = problem, source, column, tuple(rows)
        super().__init__(self._sentence())

    def _sentence(self) -> str:
        where = self.source if self.column is None else f"{self.source}, column '{self.column}'"
        shown = ", ".join(str(row) for row in self.rows[:SHOWN_ROWS])
        more = " and more" if len(self.rows) > SHOWN_ROWS else ""
        rows = f" (row {shown}{more})" if shown else ""
        return f"{where}: {self.problem}{rows}.{UNCHANGED}"


class SettingsError(InputError):
    """A setting is unknown or out of its bounds."""


class NotFound(InputError):
    """Nothing of that name exists in this workspace."""


class StoreError(EvenhandError):
    """The workspace cannot be read or written."""


class StoreUnavailable(StoreError):
    """The document store does not answer; nothing is known to be lost."""


class DuplicateId(StoreError):
    """A document of that id is there already."""


class CorruptArtefact(StoreError):
    """A file is missing, truncated or differs from the hash in its document."""


class SourceUnavailable(EvenhandError):
    """The shop's own database does not answer or refuses; what was read of it before is kept."""


class TrainingError(EvenhandError):
    """Training diverged or cannot start with these data and settings."""


class Cancelled(EvenhandError):
    """The user asked the job to stop."""
