"""Simulations that were made: one for the same settings, kept in the workspace."""

import hashlib
import json
import time

import pandas as pd

from core import __version__
from core.progress import Progress, quiet
from core.schema.documents import SIMULATIONS, Simulation, now
from core.schema.simulation import SimulationSettings
from core.simulation.loop import simulate
from core.store.workspace import Workspace


def simulation(
    workspace: Workspace, settings: SimulationSettings, *, progress: Progress = quiet
) -> Simulation:
    """Simulate, unless that has been done: the table first, its document last.

    Raises:
        Cancelled: `progress` said so.
    """
    known = find_simulation(workspace, settings)
    if known is not None:
        return known
    start = time.monotonic()
    table = simulate(settings, progress=progress)
    id = _id(settings)
    found = Simulation(
        _id=id,
        created_at=now(),
        settings=settings.model_dump(mode="json"),
        seconds=time.monotonic() - start,
        table=workspace.artefacts.write_table(f"simulations/{id}.parquet", table),
    )
    workspace.documents.put(SIMULATIONS, found.dump())
    return found


def find_simulation(workspace: Workspace, settings: SimulationSettings) -> Simulation | None:
    """The one of these settings, if there is one."""
    document = workspace.documents.get(SIMULATIONS, _id(settings))
    return None if document is None else Simulation.model_validate(document)


def rounds_table(workspace: Workspace, found: Simulation) -> pd.DataFrame:
    """What `simulate` found."""
    return workspace.artefacts.read_table(found.table)


def _id(settings: SimulationSettings) -> str:
    described = [settings.model_dump(mode="json"), __version__]
    return f"simulation-{hashlib.sha256(json.dumps(described, sort_keys=True).encode()).hexdigest()[:16]}"
