"""Where each point of a frontier stands: beaten by another, told apart from the current policy, or neither."""

import pandas as pd

from core.fairness.trade_offs import adjusted_together, dominated
from core.schema.documents import Frontier
from core.schema.policies import PolicySettings
from core.schema.settings import AuditSettings
from core.store.workspace import Workspace
from core.workflow.policies.yardsticks import NDCG, SPENDING

NUMBERS = ("value", "low", "high", "null", "change", "change_low", "change_high", "p_value", "n")


def settings_of(found: Frontier) -> AuditSettings:
    """What it was asked."""
    return AuditSettings.model_validate(found.settings)


def policy_of(found: Frontier, point: int) -> PolicySettings:
    """The policy of a point."""
    return PolicySettings.model_validate(found.points[point].policy)


def disparities(found: Frontier) -> tuple[str, ...]:
    """Its measures of disparity."""
    k = found.settings["k"]
    return tuple(name for name in found.measures if name not in (f"{NDCG}@{k}", f"{SPENDING}@{k}"))


def points_table(workspace: Workspace, found: Frontier) -> pd.DataFrame:
    """Every number: `point`, `measure` and the fields of `core.fairness.disparity.Levels`."""
    return workspace.artefacts.read_table(found.table)


def standing(found: Frontier, table: pd.DataFrame, disparity: str) -> pd.DataFrame:
    """One row for each point, the current policy first.

    Both changes of every point, of accuracy and of the disparity, are corrected as one family. A point of which neither
    survives cannot be told apart from the current policy. Beaten (`dominated`) goes by point estimates alone.

    Args:
        table: of `points_table`.

    Returns:
        `point`, `step`, `knob`, `position`; of accuracy `ndcg`, `ndcg_low`, ... and of the disparity `disparity`, ... all numbers,
        with `ndcg_p_adjusted`, and whether that change survives (`ndcg_differs`); `dominated`, `same` (bool).
    """
    settings = settings_of(found)
    rows = pd.DataFrame([point.model_dump(exclude={"policy"}) for point in found.points])
    rows = rows.rename_axis("point").reset_index()
    for name, measure in (("ndcg", f"{NDCG}@{settings.k}"), ("disparity", disparity)):
        numbers = table[table["measure"] == measure].set_index("point")[list(NUMBERS)]
        columns = {one: name if one == "value" else f"{name}_{one}" for one in NUMBERS}
        rows = rows.join(numbers.rename(columns=columns), on="point")
    tested = rows.loc[1:, ["ndcg_p_value", "disparity_p_value"]]
    adjusted = adjusted_together(tested.to_numpy(float), settings)
    rows.loc[1:, ["ndcg_p_adjusted", "disparity_p_adjusted"]] = adjusted
    for name in ("ndcg", "disparity"):
        rows[f"{name}_differs"] = rows[f"{name}_p_adjusted"] <= settings.false_discovery_rate
    beaten = dominated(rows["ndcg"].to_numpy(float), rows["disparity"].to_numpy(float))
    return rows.assign(dominated=beaten, same=~(rows["ndcg_differs"] | rows["disparity_differs"]))


def comparisons(rows: pd.DataFrame) -> int:
    """How many changes were corrected for together."""
    return int(rows[["ndcg_p_adjusted", "disparity_p_adjusted"]].notna().to_numpy().sum())
