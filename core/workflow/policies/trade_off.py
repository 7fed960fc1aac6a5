"""What a policy costs and whom: accuracy of the same users before and after, and how many gain and lose."""

from dataclasses import asdict, dataclass
from typing import Any

import pandas as pd

from core.data.dataset import load
from core.schema.policies import PolicySettings
from core.schema.settings import Split
from core.schema.tables import ITEM, RANK, USER
from core.store.workspace import Workspace
from core.workflow.auditing import per_user_of_lists, per_user_of_run
from core.workflow.evaluation import Estimate, estimates
from core.workflow.policies.consequences import SAME
from core.workflow.policies.rerank import rerank
from core.workflow.runs import load_run, run_table

DECIDES = "ndcg"


@dataclass(frozen=True)
class TradeOff:
    """A policy held against the run's own lists, over the users with purchases in the split.

    Attributes:
        before, after, change: by metric, with 95 % intervals over users; those of `change` are paired.
        gain, lose, same: users by NDCG@k; with few purchases each, most are the same. moved: share of all places that
            hold another item than before.
    """

    run: str
    split: Split
    k: int
    users: int
    before: dict[str, Estimate]
    after: dict[str, Estimate]
    change: dict[str, Estimate]
    gain: int
    lose: int
    same: int
    moved: float
    notes: tuple[str, ...]

    def record(self) -> dict[str, Any]:
        """JSON-ready."""
        return asdict(self) | {"notes": list(self.notes)}


def trade_off(
    workspace: Workspace, run_id: str, policy: PolicySettings, *, split: Split = "validation"
) -> TradeOff:
    """Compare a policy with the run's own lists. Choose it on validation; the test split confirms it once.

    Raises:
        NotFound, SettingsError, InputError: as `rerank` does.
    """
    run = load_run(workspace, run_id)
    k = policy.k
    made = rerank(workspace, run_id, policy, split=split)
    before = per_user_of_run(workspace, run, k, split).set_index(USER)
    after = per_user_of_lists(workspace, load(workspace, run.dataset), made.lists, k, split).set_index(USER)
    change = after[before.columns] - before
    own = run_table(workspace, run, f"candidates_{split}")
    decisive = change[f"{DECIDES}@{k}"]
    gain, lose = int((decisive > SAME).sum()), int((decisive < -SAME).sum())
    return TradeOff(
        run=run.id,
        split=split,
        k=k,
        users=len(change),
        before=estimates(before),
        after=estimates(after[before.columns]),
        change=estimates(change, -1),
        gain=gain,
        lose=lose,
        same=len(change) - gain - lose,
        moved=_moved(own[own[RANK] <= k], made.lists),
        notes=made.notes,
    )


def _moved(before: pd.DataFrame, after: pd.DataFrame) -> float:
    """Share of places whose item is another one; both have the same places."""
    order = [USER, RANK]
    one, other = before.sort_values(order)[ITEM].to_numpy(), after.sort_values(order)[ITEM].to_numpy()
    return float((one != other).mean()) if len(one) else 0.0


def as_text(found: TradeOff) -> str:
    """The trade-off for people."""
    lines = [
        f"run {found.run}, {found.split} split, lists of {found.k}, {found.users:,} users with purchases"
    ]
    for metric, row in found.change.items():
        interval = "" if row["low"] is None else f" [{row['low']:+.4f}, {row['high']:+.4f}]"
        lines.append(
            f"{metric}: {found.before[metric]['value']:.4f} before, {found.after[metric]['value']:.4f} after, "
            f"{row['value']:+.4f}{interval}"
        )
    lines.append(
        f"{found.gain:,} users are served better, {found.lose:,} worse, {found.same:,} as before; "
        f"{100 * found.moved:.1f} % of all places hold another item."
    )
    return "\n".join([*lines, *found.notes])
