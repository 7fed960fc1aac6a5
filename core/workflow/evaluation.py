"""Accuracy of a run, alone or beside the baselines, with intervals over users."""

from typing import Any

import numpy as np
import pandas as pd

from core.data.dataset import load
from core.errors import SettingsError
from core.fairness.audit import mean_intervals
from core.fairness.coverage import rarefied_coverage
from core.schema.settings import AuditSettings, Split
from core.schema.tables import ITEM, RANK, USER
from core.store.workspace import Workspace
from core.workflow.runs import load_run, run_table

COVERAGE_KS = (10, 20)
INTERVALS = AuditSettings(by=(("everyone",),))  # confidence, draws and seed of every accuracy interval


def evaluate(
    workspace: Workspace, run_id: str, *, split: Split = "test", baselines: bool = False
) -> dict[str, Any]:
    """Mean metrics over the users with positives in the split, each with its 95 % interval.

    Coverage is the share of the catalogue that half of all users are shown together (see core.fairness.coverage).

    Returns:
        {"run", "split", "users", "metrics": {metric: {"value", "low", "high"}}, and with `baselines`
        "baselines": {name: {metric: value}} and "differences": {name: {"ndcg@10": interval of run minus baseline}}}.

    Raises:
        NotFound: no such run. SettingsError: baselines are kept for the test split only.
    """
    run = load_run(workspace, run_id)
    if baselines and split != "test":
        raise SettingsError("Baselines are reported on the test split only.")
    per_user = run_table(workspace, run, f"per_user_{split}").set_index(USER)
    lists = run_table(workspace, run, f"candidates_{split}", [USER, ITEM, RANK])
    catalogue = load(workspace, run.dataset).counts["catalogue"]
    covered = {
        f"coverage@{k}": _coverage(lists[lists[RANK] <= k], per_user.index, catalogue) for k in COVERAGE_KS
    }
    answer = {
        "run": run.id,
        "split": split,
        "users": len(per_user),
        "metrics": _intervals(per_user.assign(**covered)),
    }
    if baselines:
        compared = run_table(workspace, run, "baselines_test")
        each = {
            name: rows.drop(columns="baseline").set_index(USER) for name, rows in compared.groupby("baseline")
        }
        answer["baselines"] = {name: rows.mean().to_dict() for name, rows in each.items()}
        answer["differences"] = {
            name: _intervals((per_user - rows)[["ndcg@10"]]) for name, rows in each.items()
        }
    return answer


def _coverage(lists: pd.DataFrame, users: pd.Index, catalogue: int) -> np.ndarray:
    """Per-user values of coverage at half of the users, (U,)."""
    places = users.get_indexer(lists[USER])
    shown = places >= 0
    everyone = np.zeros(len(users), dtype=int)
    items = lists[ITEM].to_numpy()[shown]
    return rarefied_coverage(
        places[shown], items, everyone, n_groups=1, n_items=catalogue, m=max(1, len(users) // 2)
    )


def _intervals(per_user: pd.DataFrame) -> dict[str, dict[str, float]]:
    found = mean_intervals(per_user.to_numpy(float), INTERVALS)
    return {
        name: {"value": float(value), "low": float(low), "high": float(high)}
        for name, value, low, high in zip(per_user, found.value[0], found.low[0], found.high[0], strict=True)
    }


def as_table(answer: dict[str, Any]) -> str:
    """The answer of `evaluate` for people."""
    models = {"this run": {name: row["value"] for name, row in answer["metrics"].items()}} | answer.get(
        "baselines", {}
    )
    lines = [
        f"run {answer['run']}, {answer['split']} split, {answer['users']:,} users with purchases in it",
        "",
    ]
    table = pd.DataFrame(models)
    table["95 % interval of this run"] = [
        f"{row['low']:.4f} – {row['high']:.4f}" for row in answer["metrics"].values()
    ]
    lines.append(table.to_string(float_format="{:.4f}".format, na_rep=""))
    for name, difference in answer.get("differences", {}).items():
        row = difference["ndcg@10"]
        lines.append(
            f"NDCG@10, this run minus {name}: {row['value']:+.4f} [{row['low']:+.4f}, {row['high']:+.4f}], same users"
        )
    return "\n".join(lines)
