"""A frontier for the shell: one JSON object, and a table for people."""

from typing import Any

import numpy as np
import pandas as pd

from core.schema.documents import Frontier
from core.workflow.policies.standing import comparisons, disparities, standing
from core.workflow.policies.steps import reranker

NUMBERS = ("value", "low", "high", "null", "change", "change_low", "change_high", "p_value")
STANDING = ("disparity_p_adjusted", "ndcg_p_adjusted", "dominated", "same")


def record(found: Frontier, table: pd.DataFrame, *, algorithm: str | None = None) -> dict[str, Any]:
    """JSON-ready: every point with its numbers, and where it stands for each disparity.

    Corrections are over the whole grid, whichever algorithm is asked for.

    Args:
        table: of `core.workflow.policies.standing.points_table`. algorithm: its points alone, and the current policy.

    Raises:
        SettingsError: no such algorithm.
    """
    if algorithm is not None:
        reranker(algorithm)
    stand = {name: standing(found, table, name) for name in disparities(found)}
    numbers = {name: rows.set_index("point") for name, rows in table.groupby("measure")}
    points = [
        {
            "algorithm": point.step,
            "settings": point.policy["steps"][0]["settings"] if point.policy["steps"] else {},
            "measures": {name: _plain(numbers[name].loc[place, list(NUMBERS)]) for name in found.measures},
            "standing": {name: _plain(rows.loc[place, list(STANDING)]) for name, rows in stand.items()},
        }
        for place, point in enumerate(found.points)
        if place == 0 or algorithm in (None, point.step)
    ]
    told = {
        "frontier": found.id,
        "run": found.run,
        "split": "validation",
        "k": found.settings["k"],
        "by": found.settings["by"],
        "items_by": found.settings["items_by"],
        "target": found.target,
        "users": found.users,
        "buyers": found.buyers,
        "tests": comparisons(next(iter(stand.values()))),
        "points": points,
    }
    left_out = [one.model_dump() for one in found.left_out if algorithm in (None, one.step)]
    return told | {"left_out": left_out}


def _plain(row: pd.Series) -> dict[str, Any]:
    """Python's own values; None for what is not there."""
    return {
        name: bool(value) if isinstance(value, bool | np.bool_) else None if pd.isna(value) else float(value)
        for name, value in row.items()
    }


def as_text(told: dict[str, Any]) -> str:
    """The points of a record as lines, those marked * that no other beats in that disparity."""
    k = told["k"]
    names = list(told["points"][0]["standing"])
    rows = []
    for place, point in enumerate(told["points"]):
        accuracy = point["measures"][f"ndcg@{k}"]
        row = {
            "algorithm": "current policy" if place == 0 else point["algorithm"],
            "knob": "" if place == 0 else _knob(point["settings"]),
            f"ndcg@{k}": f"{accuracy['value']:.4f}",
            "change": f"{accuracy['change']:+.4f} [{accuracy['change_low']:+.4f}, {accuracy['change_high']:+.4f}]",
        }
        for name in names:
            row[name] = _marked(point["measures"][name]["value"], point["standing"][name])
        rows.append(row)
    head = (
        f"run {told['run']}, validation split, lists of {k}, {told['buyers']:,} users with purchases; items by "
        f"{told['items_by']} against {told['target']}\n* beaten by no other point; ~ not told apart from the current policy "
        f"({told['tests']} changes corrected for together)"
    )
    left_out = [
        f"{one['step']}: {one['points']} points left out. {one['reason']}" for one in told["left_out"]
    ]
    return "\n".join([head, pd.DataFrame(rows).to_string(index=False), *left_out])


def _knob(settings: dict[str, Any]) -> str:
    """The last setting is the knob."""
    return next((f"{name} {value:g}" for name, value in reversed(settings.items())), "")


def _marked(value: float | None, standing: dict[str, Any]) -> str:
    if value is None:
        return ""
    return f"{value:.4f}{' ' if standing['dominated'] else '*'}{'~' if standing['same'] else ' '}"
