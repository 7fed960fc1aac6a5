"""Runs that hold nothing but the tables a test gives them: nothing has to be trained."""

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pandas as pd
from torch import Tensor

from core.data.prepare import prepare
from core.schema.documents import Dataset, ModelReport, Run
from core.store.workspace import Workspace
from tests.core.workflow.conftest import WINDOWS, made_tables


@contextmanager
def prepared_tables(root: Path) -> Iterator[tuple[Workspace, Dataset]]:
    """The made shop, prepared and not trained."""
    events, users = made_tables()
    events.to_csv(root / "events.csv", index=False)
    users.to_csv(root / "users.csv", index=False)
    workspace = Workspace.open(root / "workspace", f"sqlite:///{root}/workspace/evenhand.db")
    yield workspace, prepare(workspace, "tables", WINDOWS, path=root)
    workspace.close()


def run_with(
    workspace: Workspace,
    dataset: Dataset,
    tables: dict[str, pd.DataFrame],
    reports: dict[str, ModelReport] | None = None,
    tensors: dict[str, tuple[dict[str, Tensor], str]] | None = None,
) -> Run:
    """A run with these tables as artefacts; it is not kept in the workspace."""
    artefacts = {
        name: workspace.artefacts.write_table(f"runs/run-given/{name}.parquet", frame)
        for name, frame in tables.items()
    }
    for name, (weights, text) in (tensors or {}).items():
        path = f"runs/run-given/{name}.safetensors"
        artefacts[name] = workspace.artefacts.write_tensors(path, weights, {"description": text})
    return Run(
        _id="run-given",
        dataset=dataset.id,
        name="given",
        settings={},
        created_at="2024-01-01T00:00:00+00:00",
        device="cpu",
        device_reason="",
        seconds=0,
        sequences_per_second=0,
        history=[],
        metrics={},
        baselines={},
        reports=reports or {},
        artefacts=artefacts,
    )
