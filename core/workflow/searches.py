"""Finding searches for better settings."""

from core.schema.documents import SEARCHES, Search
from core.store.workspace import Workspace


def list_searches(workspace: Workspace, dataset_id: str, *, limit: int = 50) -> list[Search]:
    """The searches on a dataset, newest first."""
    found = workspace.documents.find(
        SEARCHES, field="dataset", value=dataset_id, sort="created_at", descending=True, limit=limit
    )
    return [Search.model_validate(document) for document in found]
