"""What a policy does to everybody, held against another one: what changes, who gains and loses, which gaps close."""

from dataclasses import dataclass

import numpy as np
import pandas as pd

from core.fairness.compare import compare_runs
from core.fairness.exposure.item_groups import ItemGroups
from core.fairness.groups import group_labels
from core.fairness.partition import Partition, partition
from core.fairness.stats import bootstrap, intervals
from core.metrics import NOTHING
from core.schema.settings import ALL
from core.schema.tables import USER
from core.workflow.policies.yardsticks import NDCG, Measured, Yardsticks

SAME = 1e-9  # of a metric: users whose list is as good as before


@dataclass(frozen=True)
class Consequences:
    """A policy after, another one (or none) before, on the same users.

    Attributes:
        changes: rows of `compare_runs`: NDCG and spending met of everybody and of each group, paired by user.
        before, after: audit rows with verdicts, see `Measured.gaps`.
        per_user: `group` (categories in the order of the groups), `change` of NDCG of each user who took anything; users of
            hidden groups stand under "all".
        seen, providers: `group`, `before`, `after`, `target`, and `change` with `low`, `high`: shares of attention.
        moved: share of all places that hold another item. users: with a list. buyers: who took anything.
    """

    changes: pd.DataFrame
    before: pd.DataFrame
    after: pd.DataFrame
    per_user: pd.DataFrame
    seen: pd.DataFrame
    providers: pd.DataFrame | None
    moved: float
    users: int
    buyers: int


def consequences(by: Yardsticks, before: Measured, after: Measured) -> Consequences:
    """Compare two ways to make everybody's lists."""
    settings = by.settings
    (grouping,) = settings.by
    changes = compare_runs(
        before.per_user,
        after.per_user,
        users=by.shop.users,
        by=[grouping],
        k=settings.k,
        settings=settings,
        bins=settings.bins,
    )
    providers = None
    if by.providers is not None:
        providers = _shares(by, by.providers, before.provided, after.provided)
    return Consequences(
        changes=changes.rows,
        before=before.gaps,
        after=after.gaps,
        per_user=_per_user(by, before, after),
        seen=_shares(by, by.item_groups, before.attention, after.attention, target=by.target.shares),
        providers=providers,
        moved=_moved(before.items[by.listed], after.items[by.listed]),
        users=len(by.listed),
        buyers=len(after.per_user),
    )


def _per_user(by: Yardsticks, before: Measured, after: Measured) -> pd.DataFrame:
    metric, codes = f"{NDCG}@{by.settings.k}", before.per_user[USER].to_numpy()
    part = _buyers(by, codes)
    change = after.per_user[metric].to_numpy() - before.per_user[metric].to_numpy()
    group = pd.Categorical.from_codes(part.strata, [*part.shown_names, ALL], ordered=True)
    return pd.DataFrame({"group": group, "change": np.where(np.abs(change) > SAME, change, 0.0)})


def _buyers(by: Yardsticks, codes: np.ndarray) -> Partition:
    (grouping,) = by.settings.by
    groups = group_labels(by.shop.users, grouping, bins=by.settings.bins)
    return partition(groups, codes, minimum=by.settings.minimum_group)


def _shares(
    by: Yardsticks,
    groups: ItemGroups,
    before: np.ndarray,
    after: np.ndarray,
    *,
    target: np.ndarray | None = None,
) -> pd.DataFrame:
    """Shares of attention over all lists, and their change, paired by user."""
    settings = by.settings
    draws = bootstrap(
        after - before,
        np.zeros(len(after), int),
        n_groups=1,
        draws=settings.draws,
        rng=np.random.default_rng(settings.seed),
        resample_up_to=settings.resample_up_to,
    )
    found = intervals(draws, np.ones((1, 1)), confidence=settings.confidence)
    return pd.DataFrame(
        {
            "group": groups.names,
            "before": before.mean(axis=0),
            "after": after.mean(axis=0),
            "target": np.nan if target is None else target,
            "change": found.value[0],
            "low": found.low[0],
            "high": found.high[0],
            "n": len(after),
        }
    )


def _moved(before: np.ndarray, after: np.ndarray) -> float:
    there = before != NOTHING
    return float((before != after)[there].mean()) if there.any() else 0.0


def gains_and_losses(found: Consequences) -> pd.DataFrame:
    """How many users of everybody and of each shown group, in their order, are served better, worse and as before:
    `group, n, gain, lose, same`."""
    change = found.per_user["change"]
    counted = pd.DataFrame({"gain": change > 0, "lose": change < 0, "same": change == 0, "n": True})
    of_groups = counted.groupby(found.per_user["group"], observed=True).sum()
    everybody = counted.sum().rename(ALL).to_frame().T
    shown = of_groups.drop(index=ALL, errors="ignore")
    return pd.concat([everybody, shown]).astype(int).reset_index(names="group")
