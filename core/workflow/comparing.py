"""A run beside the simple rules that it must beat, and beside another run."""

import pandas as pd

from core.data.dataset import load, table
from core.errors import InputError
from core.fairness.compare import RunComparison, compare_runs
from core.schema.documents import Run
from core.schema.settings import Statistics
from core.schema.tables import USER
from core.store.workspace import Workspace
from core.workflow.evaluation import estimates, per_user_of_baselines
from core.workflow.runs import run_table

BASELINE_TITLES = {
    "popularity": "What everybody buys most",
    "p_topfreq": "The customer's own most frequent",
    "tifu_knn": "Own and similar customers' favourites of late (TIFU-KNN)",
    "item_knn": "Bought by similar customers (item-kNN)",
    "ease": "What the rest of the history predicts (EASE)",
}
THIS_RUN = "This run"


def beside_baselines(workspace: Workspace, run: Run, *, metric: str) -> pd.DataFrame:
    """Mean of one metric over all test users, of the run and of every baseline, best first.

    Columns `name`, `value`, `low`, `high` (missing where there is one user), `n`, `is_model`; of baselines also
    `behind`, `behind_low`, `behind_high`: the run minus this baseline on the same users.
    """
    own = run_table(workspace, run, "per_user_test", [USER, metric]).set_index(USER)
    rows = [{"name": THIS_RUN, **estimates(own)[metric], "n": len(own), "is_model": True}]
    for name, rule in per_user_of_baselines(workspace, run, [metric]).items():
        behind = estimates(own - rule, -1)[metric]
        rows.append(
            {"name": BASELINE_TITLES.get(name, name), **estimates(rule)[metric]}
            | {"n": len(rule), "is_model": False, "behind": behind["value"]}
            | {"behind_low": behind["low"], "behind_high": behind["high"]}
        )
    numbers = ("value", "low", "high", "behind", "behind_low", "behind_high")
    found = pd.DataFrame(rows).astype(dict.fromkeys(numbers, float))
    return found.sort_values("value", ascending=False, ignore_index=True)


def compare(workspace: Workspace, first: Run, second: Run, *, by: tuple[str, ...], k: int) -> RunComparison:
    """The second run minus the first, paired by user, over everyone and by group (test split).

    Args:
        by: one attribute, or two crossed; none: everyone only.

    Raises:
        InputError: the runs stand on different data.
    """
    if first.dataset != second.dataset:
        raise InputError("Runs on different data cannot be compared user by user.")
    users = table(workspace, load(workspace, first.dataset), "users")
    tables = [run_table(workspace, run, "per_user_test") for run in (first, second)]
    return compare_runs(*tables, users=users, by=(by,) if by else (), k=k, settings=Statistics())
