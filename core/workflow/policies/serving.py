"""Which publication a shop reads: an append-only log, whose last entry says what is served now.

Entries are numbered, and a number can be taken once: of two that switch at the same moment the second sees what the first
did, and every entry tells truly what it replaced.
"""

import hashlib
from dataclasses import dataclass
from typing import Literal

from core.errors import DuplicateId, NotFound
from core.schema.documents import RECOMMENDATIONS, SERVINGS, Publication, Serving, now
from core.store.workspace import Workspace
from core.workflow.policies.line import line_of
from core.workflow.policies.published_lists import STORED, hold, row_id


@dataclass(frozen=True)
class Asked:
    """Who wants a switch, how, and the job that it is done for, if it is done for one."""

    author: str
    by: Literal["publish", "rollback"]
    job: str | None = None


@dataclass(frozen=True)
class ServedList:
    """A user's list as the shop gets it, best first, with the shop's own ids."""

    publication: str
    item_ids: tuple[str, ...]
    scores: tuple[float, ...]


def servings(workspace: Workspace, dataset_id: str, *, limit: int | None = None) -> list[Serving]:
    """The log of a dataset's line, newest first: the first entry is the present one.

    Raises:
        NotFound: no such dataset.
    """
    line = line_of(workspace, dataset_id)
    found = workspace.documents.find(
        SERVINGS, field="dataset", value=line, sort="number", descending=True, limit=limit
    )
    return [Serving.model_validate(document) for document in found]


def serve(workspace: Workspace, publication: Publication, asked: Asked) -> Serving:
    """Make a publication the present one: one write, which is the last of publishing.

    Raises:
        ListsSwept: its rows are not all there any more; what was served is served still.
    """
    line = publication.dataset
    while True:
        present = next(iter(servings(workspace, line, limit=1)), None)
        hold(workspace, publication.id, STORED)  # between the look and the write: see `sweep`
        number = 1 if present is None else present.number + 1
        serving = Serving(
            _id=f"serving-{hashlib.sha256(line.encode()).hexdigest()[:16]}-{number}",
            dataset=line,
            number=number,
            publication=publication.id,
            policy=publication.policy,
            author=asked.author,
            at=now(),
            by=asked.by,
            replaced=None if present is None else present.publication,
            job=asked.job,
        )
        try:
            workspace.documents.insert(SERVINGS, serving.dump())
            return serving
        except DuplicateId:  # another one was quicker
            continue


def served(workspace: Workspace, dataset_id: str, user_id: str) -> ServedList | None:
    """What a shop shows a user now; None for a user without a list.

    Args:
        dataset_id: any dataset of the shop's line.

    Raises:
        NotFound: no such dataset, or nothing is published for its line.
    """
    present = _present(workspace, dataset_id)
    while True:
        row = workspace.documents.get(RECOMMENDATIONS, row_id(present, user_id))
        if row is not None:
            return ServedList(present, tuple(row["item_ids"]), tuple(row["scores"]))
        before, present = present, _present(workspace, dataset_id)
        if before == present:
            return None


def _present(workspace: Workspace, dataset_id: str) -> str:
    found = servings(workspace, dataset_id, limit=1)
    if not found:
        raise NotFound(f"Nothing is published for dataset '{dataset_id[:80]}'.")
    return found[0].publication
