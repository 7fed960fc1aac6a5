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
from core.workflow.policies.published_lists import STORED, hold, row_id


@dataclass(frozen=True)
class ServedList:
    """A user's list as the shop gets it, best first, with the shop's own ids."""

    publication: str
    item_ids: tuple[str, ...]
    scores: tuple[float, ...]


def servings(workspace: Workspace, dataset_id: str, *, limit: int | None = None) -> list[Serving]:
    """The log, newest first: the first entry is the present one."""
    found = workspace.documents.find(
        SERVINGS, field="dataset", value=dataset_id, sort="number", descending=True, limit=limit
    )
    return [Serving.model_validate(document) for document in found]


def serve(
    workspace: Workspace, publication: Publication, *, author: str, by: Literal["publish", "rollback"]
) -> Serving:
    """Make a publication the present one: one write, which is the last of publishing.

    Raises:
        ListsSwept: its rows are not all there any more; what was served is served still.
    """
    dataset = publication.dataset
    while True:
        present = next(iter(servings(workspace, dataset, limit=1)), None)
        hold(workspace, publication.id, STORED)  # between the look and the write: see `sweep`
        number = 1 if present is None else present.number + 1
        serving = Serving(
            _id=f"serving-{hashlib.sha256(dataset.encode()).hexdigest()[:16]}-{number}",
            dataset=dataset,
            number=number,
            publication=publication.id,
            policy=publication.policy,
            author=author,
            at=now(),
            by=by,
            replaced=None if present is None else present.publication,
        )
        try:
            workspace.documents.insert(SERVINGS, serving.dump())
            return serving
        except DuplicateId:  # another one was quicker
            continue


def served(workspace: Workspace, dataset_id: str, user_id: str) -> ServedList | None:
    """What a shop shows a user now, in two look-ups; None for a user without a list.

    Raises:
        NotFound: nothing is published for this dataset.
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
