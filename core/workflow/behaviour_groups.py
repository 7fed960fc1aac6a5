"""What groups of users do next: mean intent, the likeliest category and the likeliest paths, with intervals over users."""

from dataclasses import replace

import numpy as np
import pandas as pd

from core.data.dataset import load, table
from core.fairness.groups import Groups, group_labels
from core.schema.documents import Run
from core.schema.tables import (
    BASELINE_PROBABILITY,
    CATEGORY,
    HORIZON_DAYS,
    OBSERVED,
    OTHERS,
    PATH,
    PROBABILITY,
    RANK,
    USER,
)
from core.store.workspace import Workspace
from core.workflow.behaviour_intent import INTENT
from core.workflow.behaviour_paths import COMMON_PATHS, NEXT_CATEGORIES
from core.workflow.runs import run_table
from core.workflow.showing_groups import GroupMeans, group_means

DIFFERENCE = "difference"  # probability less what was observed
MOST_CATEGORIES = 8  # that are told apart; the rest is summed up as OTHERS


def intent_of_groups(workspace: Workspace, run: Run, *, by: tuple[str, ...], days: int) -> GroupMeans:
    """Mean probability to buy within `days`, of the model and the regression, the share that did, and DIFFERENCE.

    A user who was asked at several moments counts once, with the mean.
    """
    rows = run_table(workspace, run, INTENT)
    wanted = [PROBABILITY, BASELINE_PROBABILITY, OBSERVED]
    per_user = rows[rows[HORIZON_DAYS] == days].groupby(USER)[wanted].mean().astype(float)
    per_user[DIFFERENCE] = per_user[PROBABILITY] - per_user[OBSERVED]
    found = group_means(per_user, _groups(workspace, run, by), within=(-1, 1))
    ends, shares = found.rows[["low", "high"]], found.rows["name"] != DIFFERENCE
    return replace(found, rows=found.rows.assign(**ends.where(~shares, ends.clip(0, 1))))


def categories_of_groups(workspace: Workspace, run: Run, *, by: tuple[str, ...]) -> GroupMeans:
    """Share of each group's users whose likeliest next category it is; the rarer ones as OTHERS."""
    rows = run_table(workspace, run, NEXT_CATEGORIES)
    first = rows[rows[RANK] == 1].set_index(USER)[CATEGORY].astype(str)
    frequent = first.value_counts().index[:MOST_CATEGORIES]
    per_user = pd.get_dummies(first.where(first.isin(frequent), OTHERS), dtype=float)
    order = [*frequent, *(name for name in per_user if name not in frequent)]
    return group_means(per_user[order], _groups(workspace, run, by), within=(0, 1))


def paths_of_groups(workspace: Workspace, run: Run, *, by: tuple[str, ...], k: int = 5) -> GroupMeans:
    """The k likeliest paths of each group: mean over its users of the exact probability under the model.

    Looked for among the paths that are likeliest for everybody together (the run's `common_paths`).
    """
    rows = run_table(workspace, run, COMMON_PATHS)
    per_user = rows.pivot(index=USER, columns=PATH, values=PROBABILITY)
    per_user.columns = per_user.columns.astype(str)
    found = group_means(per_user, _groups(workspace, run, by), within=(0, 1))
    ranked = found.rows.sort_values("value", ascending=False, kind="stable").groupby("group").head(k)
    order = pd.Categorical(ranked["group"], found.groups, ordered=True)
    ranked = ranked.iloc[np.argsort(order.codes, kind="stable")].reset_index(drop=True)
    return replace(found, rows=ranked)


def _groups(workspace: Workspace, run: Run, by: tuple[str, ...]) -> Groups:
    return group_labels(table(workspace, load(workspace, run.dataset), "users"), by)
