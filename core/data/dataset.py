"""Finding prepared datasets and reading their tables."""

from collections.abc import Sequence

import pandas as pd

from core.errors import NotFound
from core.schema.documents import DATASETS, ID_PATTERN, Dataset
from core.store.workspace import Workspace


def load(workspace: Workspace, dataset_id: str) -> Dataset:
    """The dataset of that id.

    Raises:
        NotFound: there is none; the message names those that there are.
    """
    document = workspace.documents.get(DATASETS, dataset_id) if ID_PATTERN.match(dataset_id) else None
    if document is None:
        known = (
            ", ".join(dataset.id for dataset in list_datasets(workspace, limit=5))
            or "none yet; prepare one first"
        )
        raise NotFound(f"There is no dataset '{dataset_id[:80]}'. Latest datasets: {known}.")
    return Dataset.model_validate(document)


def list_datasets(workspace: Workspace, *, limit: int = 200) -> list[Dataset]:
    """Datasets, newest first."""
    found = workspace.documents.find(DATASETS, sort="created_at", descending=True, limit=limit)
    return [Dataset.model_validate(document) for document in found]


def table(
    workspace: Workspace, dataset: Dataset, name: str, columns: Sequence[str] | None = None
) -> pd.DataFrame:
    """A table of a prepared dataset, or only some columns of it.

    Raises:
        NotFound: the dataset has no such table or column. CorruptArtefact: its file is damaged.
    """
    if name not in dataset.tables:
        raise NotFound(
            f"Dataset {dataset.id} has no table '{name[:80]}'; it has {', '.join(dataset.tables)}."
        )
    return workspace.artefacts.read_table(dataset.tables[name], columns)
