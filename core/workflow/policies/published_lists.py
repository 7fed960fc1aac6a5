"""The rows of publications in the document store: one document a user, found by publication and user.

Only the two publications that were served last keep their rows; the table of each publication keeps everything. Whoever
writes or needs rows says so again and again (`hold`), so that nobody sweeps them meanwhile.
"""

import hashlib
from collections.abc import Iterator
from datetime import datetime, timedelta
from itertools import pairwise
from typing import Any

import numpy as np
import pandas as pd

from core.errors import StoreError
from core.progress import Progress
from core.schema.documents import PUBLICATIONS, RECOMMENDATIONS, Publication, Serving, now
from core.schema.tables import ITEM_ID, SCORE, USER_ID
from core.store.workspace import Workspace
from core.workflow.policies.line import line_of

WRITING, STORED, SWEEPING, GONE = "writing", "stored", "sweeping", "gone"
KEPT = 2  # publications with rows
BATCH = 1000  # users at a time
LEASE_SECONDS = 60.0  # a writer that has said nothing for so long was killed; a batch takes far less


class ListsSwept(StoreError):
    """Rows that were to be served are not all there any more."""


def row_id(publication: str, user_id: str) -> str:
    """The `_id` of a user's list: the publication, `-`, and 32 hexadecimal digits of the SHA-256 of the user's id (UTF-8)."""
    return f"{publication}-{hashlib.sha256(user_id.encode('utf-8', 'surrogatepass')).hexdigest()[:32]}"


def write_rows(workspace: Workspace, publication: str, lists: pd.DataFrame, progress: Progress) -> None:
    """Write everybody's list, and mark them as stored once all are there.

    Args:
        lists: `user_id`, `item_id`, `rank`, `score`; rows of one user follow each other in order of rank.

    Raises:
        ListsSwept: this writer was taken for dead.
    """
    n_users = lists[USER_ID].nunique()
    try:
        for number, rows in enumerate(_batches(publication, lists)):
            progress("Writing lists", number * BATCH / n_users, f"{number * BATCH:,} of {n_users:,} users")
            hold(workspace, publication, WRITING)
            workspace.documents.insert_many(RECOMMENDATIONS, rows)
        hold(workspace, publication, WRITING, becomes=STORED)
    except ListsSwept:
        _delete(workspace, publication)  # what was written after the sweep
        raise


def _batches(publication: str, lists: pd.DataFrame) -> Iterator[list[dict[str, Any]]]:
    users, items = lists[USER_ID].to_numpy(), lists[ITEM_ID].to_numpy()
    scores = lists[SCORE].to_numpy(float)
    starts = np.flatnonzero(np.r_[True, users[1:] != users[:-1]])
    bounds = [*starts.tolist(), len(users)]
    for first in range(0, len(starts), BATCH):
        here = bounds[first : first + BATCH + 1]
        yield [
            {
                "_id": row_id(publication, users[start]),
                "publication": publication,
                "user_id": users[start],
                "item_ids": items[start:end].tolist(),
                "scores": scores[start:end].tolist(),
            }
            for start, end in pairwise(here)
        ]


def hold(workspace: Workspace, publication: str, state: str, *, becomes: str | None = None) -> None:
    """Say that the rows are needed; ListsSwept if they are in another state than this by now."""
    change = {"state": becomes or state, "beat": now()}
    if workspace.documents.update(PUBLICATIONS, publication, change, expect={"state": state}) is None:
        raise ListsSwept(
            "The lists of this publication were swept meanwhile. What was served is served still; publish again."
        )


def sweep(workspace: Workspace, switched: Serving, log: list[Serving]) -> None:
    """Remove the rows of all but the publications served last: older ones, and what killed writers left.

    A publication is left alone if it was held within a lease before the switch. So one that is taken has, if it is about to be
    served, looked at the log before this switch, and the number that it will try to take is taken: it must hold its rows
    again, which fails.

    Args:
        switched: what the caller has just entered into the log. log: newest first, read after that.
    """
    kept = list(dict.fromkeys(serving.publication for serving in log))[:KEPT]
    until = datetime.fromisoformat(switched.at) - timedelta(seconds=LEASE_SECONDS)
    for publication in publications(workspace, switched.dataset):
        if publication.id in kept or publication.state == GONE:
            continue
        if publication.state != SWEEPING and not _taken(workspace, publication, until):
            continue
        _delete(workspace, publication.id)
        workspace.documents.update(PUBLICATIONS, publication.id, {"state": GONE}, expect={"state": SWEEPING})


def _delete(workspace: Workspace, publication: str) -> None:
    workspace.documents.delete_many(RECOMMENDATIONS, field="publication", value=publication)


def _taken(workspace: Workspace, publication: Publication, until: datetime) -> bool:
    """Whether nobody needed the rows until then, and nobody can any more."""
    if datetime.fromisoformat(publication.beat) > until:
        return False
    seen = {"state": publication.state, "beat": publication.beat}
    found = workspace.documents.update(PUBLICATIONS, publication.id, {"state": SWEEPING}, expect=seen)
    return found is not None


def publications(workspace: Workspace, dataset_id: str) -> list[Publication]:
    """Every publication of a dataset's line, newest first, also those that never got as far as being served."""
    line = line_of(workspace, dataset_id)
    found = workspace.documents.find(
        PUBLICATIONS, field="dataset", value=line, sort="created_at", descending=True
    )
    return [Publication.model_validate(document) for document in found]
