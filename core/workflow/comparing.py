"""A run beside the simple rules that it must beat, and beside another run."""

import pandas as pd

from core.data.dataset import load, table
from core.errors import InputError
from core.fairness.audit import mean_intervals
from core.fairness.compare import RunComparison, compare_runs
from core.schema.documents import Run
from core.schema.settings import AuditSettings
from core.store.workspace import Workspace
from core.workflow.runs import run_table

BASELINE_TITLES = {
    "popularity": "What everybody buys most",
    "p_topfreq": "The customer's own most frequent",
    "item_knn": "Bought by similar customers (item-kNN)",
}
THIS_RUN = "This run"
INTERVALS = AuditSettings(by=(("everyone",),))  # confidence, draws and seed


def beside_baselines(workspace: Workspace, run: Run, *, metric: str) -> pd.DataFrame:
    """Mean of one metric over all test users, of the run and of every baseline, best first.

    Columns `name`, `value`, `low`, `high`, `n`, `is_model`.
    """
    rules = run_table(workspace, run, "baselines_test", ["baseline", metric])
    values = {THIS_RUN: run_table(workspace, run, "per_user_test", [metric])[metric]}
    values |= {BASELINE_TITLES.get(name, name): rows for name, rows in rules.groupby("baseline")[metric]}
    rows = [_row(name, each) for name, each in values.items()]
    return pd.DataFrame(rows).sort_values("value", ascending=False, ignore_index=True)


def _row(name: str, values: pd.Series) -> dict:
    found = mean_intervals(values.to_numpy(dtype=float)[:, None], INTERVALS)
    ends = {end: float(getattr(found, end)[0, 0]) for end in ("value", "low", "high")}
    return {"name": name, **ends, "n": len(values), "is_model": name == THIS_RUN}


def compare(workspace: Workspace, first: Run, second: Run, *, by: tuple[str, ...], k: int) -> RunComparison:
    """The second run minus the first, paired by user, over everyone and by group (test split).

    Raises:
        InputError: the runs stand on different data.
    """
    if first.dataset != second.dataset:
        raise InputError("Runs on different data cannot be compared user by user.")
    users = table(workspace, load(workspace, first.dataset), "users")
    settings = AuditSettings(by=(by,) if by else (), k=k)
    tables = [run_table(workspace, run, "per_user_test") for run in (first, second)]
    return compare_runs(*tables, users, settings)
