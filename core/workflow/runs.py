"""Finding runs and what they keep."""

import pandas as pd

from core.errors import NotFound
from core.schema.documents import ID_PATTERN, RUNS, Run
from core.store.workspace import Workspace


def load_run(workspace: Workspace, run_id: str) -> Run:
    """The run of that id; NotFound names the runs there are."""
    document = workspace.documents.get(RUNS, run_id) if ID_PATTERN.match(run_id) else None
    if document is None:
        known = ", ".join(run.id for run in list_runs(workspace, limit=5)) or "none yet; train one first"
        raise NotFound(f"There is no run '{run_id[:80]}'. Latest runs: {known}.")
    return Run.model_validate(document)


def list_runs(workspace: Workspace, *, dataset: str | None = None, limit: int = 200) -> list[Run]:
    """Runs, newest first; of one dataset if given."""
    field = {"field": "dataset", "value": dataset} if dataset else {}
    found = workspace.documents.find(RUNS, sort="created_at", descending=True, limit=limit, **field)
    return [Run.model_validate(document) for document in found]


def run_table(workspace: Workspace, run: Run, name: str, columns: list[str] | None = None) -> pd.DataFrame:
    """A table that the run keeps, e.g. `candidates_test` or `per_user_test`; NotFound where it does not."""
    if name not in run.artefacts:
        why = " Its lists were made by another system, for the test split alone." if run.brought else ""
        raise NotFound(f"Run {run.id} keeps no {name}.{why}")
    return workspace.artefacts.read_table(run.artefacts[name], columns)
