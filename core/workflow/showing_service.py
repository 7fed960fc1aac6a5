"""Observed and predicted service quality of groups: two claims, and how far the second can be relied on."""

from dataclasses import dataclass, replace

import numpy as np
import pandas as pd

from core.data.dataset import load, table
from core.data.service import OUTCOMES, Outcome
from core.fairness.groups import Groups, group_labels
from core.fairness.service.rows import judged_rows
from core.schema.documents import Run
from core.schema.tables import EXPECTED, HIGH, LOW, OBSERVED, PREDICTED, USER
from core.store.workspace import Workspace
from core.workflow.runs import run_table
from core.workflow.service import PREDICTIONS
from core.workflow.showing_groups import GroupMeans, group_means

DIFFERENCE, ERROR, COVERED = "difference", "mae", "coverage"
EVERYONE = "everyone"


@dataclass(frozen=True)
class ServiceOfGroups:
    """Test orders or reviews of each group, of those drawn at random where only some were.

    Attributes:
        means: by group, named OBSERVED and EXPECTED (the two claims), DIFFERENCE (expected less observed), ERROR
            (absolute error of the median) and COVERED (share of outcomes inside the model's interval).
        overall: the same of all users together, in one group EVERYONE.
        rows: how many orders or reviews stand behind it.
    """

    outcome: Outcome
    means: GroupMeans
    overall: GroupMeans
    rows: int


def outcomes_told(run: Run) -> list[Outcome]:
    """What the run's service models predict, in the order of OUTCOMES."""
    if PREDICTIONS not in run.artefacts:
        return []
    return [each for each in OUTCOMES if each.name in run.reports and run.reports[each.name].metrics]


def service_of_groups(
    workspace: Workspace, run: Run, *, by: tuple[str, ...], outcome: Outcome
) -> ServiceOfGroups:
    """A user with several orders counts once, with their mean.

    Args:
        by: one attribute, or two crossed; none: everyone only.
    """
    rows = judged_rows(run_table(workspace, run, PREDICTIONS), outcome.name)
    per_user = _measures(rows).groupby(rows[USER]).mean()
    users = table(workspace, load(workspace, run.dataset), "users")
    together = Groups(EVERYONE, (EVERYONE,), np.zeros(len(users), np.int32), (1,))
    groups = group_labels(users, by) if by else together
    return ServiceOfGroups(outcome, *(_means(per_user, part) for part in (groups, together)), len(rows))


def _means(per_user: pd.DataFrame, groups: Groups) -> GroupMeans:
    """Means by group; the ends of intervals no further than an error or a share can go."""
    found = group_means(per_user, groups)
    highest = found.rows["name"].map({COVERED: 1.0}).fillna(np.inf)
    lowest = found.rows["name"].map({COVERED: 0.0, ERROR: 0.0}).fillna(-np.inf)
    ends = {side: found.rows[side].clip(lowest, highest) for side in ("low", "high")}
    return replace(found, rows=found.rows.assign(**ends))


def _measures(rows: pd.DataFrame) -> pd.DataFrame:
    observed = rows[OBSERVED].astype(float)
    return pd.DataFrame(
        {
            OBSERVED: observed,
            EXPECTED: rows[EXPECTED].astype(float),
            DIFFERENCE: rows[EXPECTED] - observed,
            ERROR: (rows[PREDICTED] - observed).abs(),
            COVERED: observed.between(rows[LOW], rows[HIGH]).astype(float),
        }
    )
