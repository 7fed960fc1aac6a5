"""Accuracy of a run, alone or beside the baselines, with intervals over users."""

from typing import Any

import numpy as np
import pandas as pd

from core.data.dataset import load
from core.errors import SettingsError
from core.fairness.audit import mean_intervals
from core.fairness.coverage import rarefied_coverage
from core.schema.documents import Run
from core.schema.settings import Split, Statistics
from core.schema.tables import ITEM, RANK, USER
from core.store.workspace import Workspace
from core.workflow.runs import load_run, run_table

COVERAGE_KS = (10, 20)
DECISIVE = "ndcg@10"  # the metric by which a run must beat the baselines
BASELINE = "baseline"
Estimate = dict[str, float | None]  # value, low, high


def evaluate(
    workspace: Workspace, run_id: str, *, split: Split = "test", baselines: bool = False
) -> dict[str, Any]:
    """Mean metrics over the users with positives in the split, each with its 95 % interval.

    Coverage is the share of the catalogue that half of all users are shown together (see core.fairness.coverage).

    Returns:
        {"run", "split", "users", "metrics": {metric: {"value", "low", "high"}}, "baselines": {name: {metric: value}},
        "differences": {name: {"ndcg@10": interval of run minus baseline}}}; the last two are empty unless asked for.
        The ends of an interval are None where there is one user.

    Raises:
        NotFound: no such run. SettingsError: baselines are kept for the test split only.
    """
    run = load_run(workspace, run_id)
    if baselines and split != "test":
        raise SettingsError("Baselines are reported on the test split only.")
    per_user = run_table(workspace, run, f"per_user_{split}").set_index(USER)
    compared = per_user_of_baselines(workspace, run) if baselines else {}
    return {
        "run": run.id,
        "split": split,
        "users": len(per_user),
        "metrics": estimates(per_user.assign(**_coverage(workspace, run, per_user.index, split))),
        "baselines": {name: rows.mean().to_dict() for name, rows in compared.items()},
        "differences": {
            name: estimates((per_user - rows)[[DECISIVE]], -1) for name, rows in compared.items()
        },
    }


def per_user_of_baselines(
    workspace: Workspace, run: Run, metrics: list[str] | None = None
) -> dict[str, pd.DataFrame]:
    """Metrics of every test user by baseline; index: user code."""
    columns = None if metrics is None else [BASELINE, USER, *metrics]
    stacked = run_table(workspace, run, "baselines_test", columns).set_index(USER)
    return {str(name): rows.drop(columns=BASELINE) for name, rows in stacked.groupby(BASELINE)}


def estimates(per_user: pd.DataFrame, lowest: float = 0) -> dict[str, Estimate]:
    """Mean and 95 % interval of each column over its users, the ends no further out than `lowest` and 1."""
    found = mean_intervals(per_user.to_numpy(float), Statistics()).within(lowest, 1)
    ends = {
        name: [None if np.isnan(number) else float(number) for number in getattr(found, name)[0]]
        for name in ("value", "low", "high")
    }
    return {
        metric: {name: numbers[place] for name, numbers in ends.items()}
        for place, metric in enumerate(per_user)
    }


def _coverage(workspace: Workspace, run: Run, users: pd.Index, split: Split) -> dict[str, np.ndarray]:
    """Per-user values of coverage at half of the users, (U,), for each length of list."""
    lists = run_table(workspace, run, f"candidates_{split}", [USER, ITEM, RANK])
    lists = lists[lists[USER].isin(users)]
    places, everyone = users.get_indexer(lists[USER]), np.zeros(len(users), dtype=int)
    options = {
        "n_groups": 1,
        "n_items": load(workspace, run.dataset).counts["catalogue"],
        "m": max(1, len(users) // 2),
    }
    found = {}
    for k in COVERAGE_KS:
        shown = (lists[RANK] <= k).to_numpy()
        items = lists[ITEM].to_numpy()[shown]
        found[f"coverage@{k}"] = rarefied_coverage(places[shown], items, everyone, **options)
    return found


def as_table(answer: dict[str, Any]) -> str:
    """The answer of `evaluate` for people."""
    metrics = answer["metrics"]
    table = pd.DataFrame(
        {"this run": {name: row["value"] for name, row in metrics.items()}} | answer["baselines"]
    )
    table["95 % interval of this run"] = [_interval(row, "{:.4f} – {:.4f}") for row in metrics.values()]
    lines = [
        f"run {answer['run']}, {answer['split']} split, {answer['users']:,} users with purchases in it",
        "",
        table.to_string(float_format="{:.4f}".format, na_rep=""),
    ]
    for name, difference in answer["differences"].items():
        row = difference[DECISIVE]
        lines.append(
            f"NDCG@10, this run minus {name}: {row['value']:+.4f} {_interval(row, '[{:+.4f}, {:+.4f}]')}, same users"
        )
    return "\n".join(lines)


def _interval(row: Estimate, form: str) -> str:
    return "one user, no interval" if row["low"] is None else form.format(row["low"], row["high"])
