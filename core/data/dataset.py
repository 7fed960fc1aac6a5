"""Finding prepared datasets and reading their tables."""

from collections.abc import Sequence

import pandas as pd

from core.errors import NotFound
from core.schema.documents import DATASETS, ID_PATTERN, Dataset
from core.schema.tables import USER_NUMBERS
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


def users_with_numbers(workspace: Workspace, dataset: Dataset) -> pd.DataFrame:
    """The user table, with numbers in place of their bands: for audits, which cut them as they are asked."""
    users = table(workspace, dataset, "users")
    if USER_NUMBERS not in dataset.tables:
        return users
    numbers = table(workspace, dataset, USER_NUMBERS)
    return users.assign(**{name: numbers[name] for name in numbers})


def number_attributes(workspace: Workspace, dataset: Dataset) -> tuple[str, ...]:
    """User attributes that are numbers with many values, which audits cut into groups."""
    return tuple(table(workspace, dataset, USER_NUMBERS)) if USER_NUMBERS in dataset.tables else ()
