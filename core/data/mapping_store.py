"""Mappings that were saved: the next file with the same columns finds its own again."""

import hashlib
import json
from collections.abc import Mapping, Sequence

from core.errors import InputError
from core.schema.documents import MAPPINGS, ColumnMapping, now
from core.store.workspace import Workspace

LONGEST_NAME = 60


def save_mapping(
    workspace: Workspace,
    name: str,
    table: str,
    header: Sequence[str],
    columns: Mapping[str, str],
    keep: Sequence[str] = (),
) -> ColumnMapping:
    """Keep a mapping for files with these columns; it takes the place of an earlier one for the same.

    Raises:
        InputError: it has no name, or one that is too long or cannot be shown.
    """
    name = name.strip()
    if not name or len(name) > LONGEST_NAME or not name.isprintable():
        raise InputError(f"Give the mapping a name of 1 to {LONGEST_NAME} characters.")
    mapping = ColumnMapping(
        _id=_id(table, header),
        name=name,
        table=table,
        columns=dict(columns),
        keep=list(keep),
        header=list(header),
        created_at=now(),
    )
    workspace.documents.put(MAPPINGS, mapping.dump())
    return mapping


def find_mapping(workspace: Workspace, table: str, header: Sequence[str]) -> ColumnMapping | None:
    """The mapping that was saved for files with these columns, in whatever order; None where there is none."""
    document = workspace.documents.get(MAPPINGS, _id(table, header))
    return None if document is None else ColumnMapping.model_validate(document)


def list_mappings(workspace: Workspace) -> list[ColumnMapping]:
    """All mappings, newest first."""
    found = workspace.documents.find(MAPPINGS, sort="created_at", descending=True)
    return [ColumnMapping.model_validate(document) for document in found]


def _id(table: str, header: Sequence[str]) -> str:
    digest = hashlib.sha256(json.dumps([table, sorted(header)]).encode()).hexdigest()
    return f"mapping-{digest[:16]}"
