"""What one further model adds to a run."""

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
