"""What one further model adds to a run."""

from collections.abc import Sequence
from dataclasses import dataclass, field

import pandas as pd
from torch import Tensor

from core.schema.documents import ModelReport


@dataclass(frozen=True)
class Chapter:
    """Results of one model that a run keeps beside its recommender.

    Attributes:
        reports: how good it is, by name of the model.
        tables: rows that pages show, by name of the artefact.
        tensors: weights and what rebuilds the module from them (JSON text), by name of the artefact.
    """

    reports: dict[str, ModelReport]
    tables: dict[str, pd.DataFrame] = field(default_factory=dict)
    tensors: dict[str, tuple[dict[str, Tensor], str]] = field(default_factory=dict)


def joined(chapters: Sequence[Chapter]) -> Chapter:
    """All of them as one; tables of one name are stacked."""
    tables: dict[str, list[pd.DataFrame]] = {}
    for chapter in chapters:
        for name, table in chapter.tables.items():
            tables.setdefault(name, []).append(table)
    return Chapter(
        reports={name: report for chapter in chapters for name, report in chapter.reports.items()},
        tables={
            name: pd.concat(parts, ignore_index=True) if len(parts) > 1 else parts[0]
            for name, parts in tables.items()
        },
        tensors={name: tensors for chapter in chapters for name, tensors in chapter.tensors.items()},
    )
