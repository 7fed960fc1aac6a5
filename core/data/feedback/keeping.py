"""Feedback in the workspace: kept as it came, never changed, for the whole line of datasets that a shop's data become."""

import hashlib
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import pandas as pd

from core.data.dataset import load, table
from core.data.feedback.joining import with_feedback
from core.data.feedback.rules import IMPRESSIONS, SERVICE, Judged, Known, judge, reactions_in
from core.data.files import read_unchecked
from core.data.support import TIMING
from core.errors import InputError, TableError
from core.progress import Progress, quiet
from core.schema.documents import FEEDBACK, Dataset, Feedback, RuleCount, now
from core.schema.tables import CONTRACTS, ITEM, ITEM_ID, RANK, TIMESTAMP, USER, USER_ID, Tables
from core.store.trail import record
from core.store.workspace import Workspace

TABLES = (IMPRESSIONS, SERVICE)
LONGEST_NAME = 120  # characters, of a piece


def feedback_of(workspace: Workspace, dataset: Dataset) -> list[Feedback]:
    """All feedback of a dataset's line, oldest first."""
    found = workspace.documents.find(FEEDBACK, field="line", value=dataset.line, sort="created_at")
    return [Feedback.model_validate(document) for document in found]


def apart(feedback: Sequence[Feedback]) -> tuple[list[Feedback], list[Feedback]]:
    """What customers did, and what analysts said."""
    customers, analysts = (
        [one for one in feedback if (one.origin == "hand") is by_hand] for by_hand in (False, True)
    )
    return customers, analysts


def ids_of(workspace: Workspace, dataset: Dataset) -> tuple[pd.Index, pd.Index]:
    """The shop's own ids of users and items, in the order of their codes."""
    users, items = (
        pd.Index(table(workspace, dataset, name, [id])[id])
        for name, id in (("users", USER_ID), ("items", ITEM_ID))
    )
    return users, items


def rows_of(workspace: Workspace, feedback: Sequence[Feedback], table: str) -> pd.DataFrame:
    """The rows of one table of some feedback, in the columns and types of the contract."""
    frames = [workspace.artefacts.read_table(one.rows) for one in feedback if one.table == table]
    frames = [frame for frame in frames if len(frame)]
    return pd.concat(frames, ignore_index=True) if frames else _nothing(table)


def load_file(
    workspace: Workspace, dataset_id: str, path: Path, *, who: str, table: str | None = None, name: str = ""
) -> Feedback:
    """Bring in a CSV or Parquet file of feedback.

    Args:
        table: `impressions` or `service`; unset: what the file is named after, else what its columns say.
        name: what to call it; unset: the name of the file.

    Raises:
        NotFound: no such dataset. TableError: the file is no table with the required columns.
    """
    dataset = load(workspace, dataset_id)
    frame, _ = read_unchecked(path, {column for each in TABLES for column in CONTRACTS[each].columns})
    named = name or path.name
    return keep(
        workspace, dataset, frame, table or _table_of(named, frame), origin="file", name=named, who=who
    )


def keep(
    workspace: Workspace,
    dataset: Dataset,
    frame: pd.DataFrame,
    table: str,
    *,
    origin: str,
    name: str,
    who: str,
    progress: Progress = quiet,
) -> Feedback:
    """Keep the rows that can be used, and those that cannot with the reason.

    The same rows again are the same feedback: nothing is added, unless the impressions that rows lacked have come since.

    Args:
        frame: columns as text, or in the types of a Parquet file. table: `impressions` or `service`.
        name: of the file or collection, for people.

    Raises:
        InputError: there is no such table, or the data have no calendar. TableError: a required column is missing, or there are no rows.
    """
    if table not in TABLES:
        raise InputError(f"Feedback is a table impressions or service, not '{table[:40]}'.")
    if frame.empty:
        raise TableError("holds no rows", source=name)
    if TIMING in dataset.missing and origin != "hand":
        raise InputError(
            "The times of these data are only an order, so nothing can be told to have come before or after a reaction."
        )
    id = _identity(dataset.line, table, frame)
    progress("Checking feedback", 0.2, f"{len(frame):,} rows")
    judged = judge(frame, table, name, known_of(workspace, dataset))
    if document := workspace.documents.get(FEEDBACK, id):
        if judged.rows.empty:
            return Feedback.model_validate(document)
        id = _identity(id, table, judged.rows)  # what they react to has come since
    progress("Keeping feedback", 0.8)
    feedback = _written(workspace, dataset, judged, id=id, table=table, origin=origin, name=name, who=who)
    workspace.documents.put(FEEDBACK, feedback.dump())
    record(
        workspace,
        "collected",
        who=who,
        about={"dataset": dataset.id, "feedback": id},
        details={"rows": len(judged.rows), "aside": len(judged.aside)},
        left=feedback,
    )
    return feedback


def known_of(workspace: Workspace, dataset: Dataset) -> Known:
    """What new feedback on a dataset is held against: its users and items, its impressions, and earlier feedback."""
    users, items = ids_of(workspace, dataset)
    earlier = feedback_of(workspace, dataset)
    return Known(
        users,
        items,
        impressions=pd.concat(
            [_impressions(workspace, dataset, users, items), rows_of(workspace, earlier, IMPRESSIONS)],
            ignore_index=True,
        ),
        service=rows_of(workspace, earlier, SERVICE),
    )


def _impressions(workspace: Workspace, dataset: Dataset, users: pd.Index, items: pd.Index) -> pd.DataFrame:
    """What the dataset itself says was shown, with the shop's own ids."""
    if IMPRESSIONS not in dataset.tables:
        return _nothing(IMPRESSIONS)
    coded = table(workspace, dataset, IMPRESSIONS, [USER, ITEM, RANK, TIMESTAMP])
    ids = {USER_ID: users[coded[USER]], ITEM_ID: items[coded[ITEM]]}
    return coded.assign(**ids)[[USER_ID, ITEM_ID, RANK, TIMESTAMP]].reset_index(drop=True)


def _written(
    workspace: Workspace,
    dataset: Dataset,
    judged: Judged,
    *,
    id: str,
    table: str,
    origin: str,
    name: str,
    who: str,
) -> Feedback:
    folder, times = f"feedback/{id}", judged.rows[TIMESTAMP]
    aside = None
    if len(judged.aside):
        text = judged.aside.astype(dict.fromkeys(judged.aside, "str"))
        aside = workspace.artefacts.write_table(f"{folder}/aside.parquet", text)
    return Feedback(
        _id=id,
        line=dataset.line,
        dataset=dataset.id,
        table=table,
        origin=origin,
        name=name[:LONGEST_NAME],
        who=who,
        created_at=now(),
        count=len(judged.rows),
        reactions=reactions_in(judged.rows, table),
        period=None if times.empty else (times.min().isoformat(), times.max().isoformat()),
        aside=judged.counts,
        rows=workspace.artefacts.write_table(f"{folder}/rows.parquet", judged.rows),
        kept_aside=aside,
    )


def _identity(line: str, table: str, frame: pd.DataFrame) -> str:
    """The same for the same rows of one line, in whatever file and order of columns they come."""
    text = frame[sorted(frame, key=str)].astype("str").fillna("")
    content = np.sort(pd.util.hash_pandas_object(text, index=False).to_numpy())
    parts = hashlib.sha256(f"{line} {table} {[str(name) for name in text]}".encode("utf-8", "surrogatepass"))
    parts.update(content.tobytes())
    return f"feedback-{parts.hexdigest()[:16]}"


def _table_of(name: str, frame: pd.DataFrame) -> str:
    """The table that a file is named after, else the one whose own columns it has more of."""
    stem = Path(name).stem.lower()
    if stem in TABLES:
        return stem
    own = {each: set(CONTRACTS[each].columns) - {USER_ID, ITEM_ID, TIMESTAMP} for each in TABLES}
    return max(TABLES, key=lambda each: len(own[each] & {str(column) for column in frame}))


def _nothing(table: str) -> pd.DataFrame:
    """No rows, all columns of the contract in its types."""
    columns = CONTRACTS[table].columns.items()
    return pd.DataFrame({name: pd.Series(dtype=str(column.dtype)) for name, column in columns})


def joined_by(
    workspace: Workspace, tables: Tables, feedback: Sequence[Feedback]
) -> tuple[Tables, list[RuleCount]]:
    """The tables of a shop with feedback among them, and what became of it (see `with_feedback`)."""
    if not feedback:
        return tables, []
    customers, analysts = apart(feedback)
    return with_feedback(
        tables,
        rows_of(workspace, customers, IMPRESSIONS),
        rows_of(workspace, customers, SERVICE),
        judged_impressions=rows_of(workspace, analysts, IMPRESSIONS),
        judged_service=rows_of(workspace, analysts, SERVICE),
    )
