"""Means per group of users with intervals, small groups hidden: what all pages that speak of groups show."""

from dataclasses import dataclass

import numpy as np
import pandas as pd

from core.fairness.groups import Groups
from core.fairness.stats import bootstrap, intervals
from core.fairness.suppression import HIDDEN, SHOWN, group_states
from core.schema.settings import Statistics

STATISTICS = Statistics()
COLUMNS = ("group", "name", "value", "low", "high", "n")


@dataclass(frozen=True)
class GroupMeans:
    """Means of several columns by group.

    Attributes:
        groups: names of all groups, in order.
        hidden: those too small to be shown, or needed to hide one that is; not those known to be empty.
        rows: `group`, `name` (of the column), `value`, `low`, `high` (mean over users with 95 % interval) and `n`
            (users); by group, then column. No row of a hidden group.
    """

    groups: tuple[str, ...]
    hidden: tuple[str, ...]
    rows: pd.DataFrame

    @property
    def shown(self) -> list[str]:
        """Names of the groups that have rows, in order."""
        found = set(self.rows["group"])
        return [name for name in self.groups if name in found]


def group_means(
    per_user: pd.DataFrame, groups: Groups, *, within: tuple[float, float] = (-np.inf, np.inf)
) -> GroupMeans:
    """Every user counts once.

    Args:
        per_user: index: user code, distinct; any columns, finite.
        within: how far the ends of an interval may go.
    """
    codes = groups.codes[per_user.index.to_numpy()]
    counts = np.bincount(codes, minlength=len(groups.names)).reshape(groups.shape)
    states = group_states(counts, STATISTICS.minimum_group).ravel()
    hidden = tuple(name for name, state in zip(groups.names, states, strict=True) if state == HIDDEN)
    return GroupMeans(groups.names, hidden, _rows(per_user, codes, groups, states == SHOWN, within))


def _rows(
    per_user: pd.DataFrame,
    codes: np.ndarray,
    groups: Groups,
    visible: np.ndarray,
    within: tuple[float, float],
) -> pd.DataFrame:
    places = np.flatnonzero(visible)
    kept = np.isin(codes, places)
    if not kept.any():
        return pd.DataFrame(columns=list(COLUMNS))
    inner = np.searchsorted(places, codes[kept])
    rng = np.random.default_rng(STATISTICS.seed)
    values = per_user.to_numpy(float)[kept]
    moments = bootstrap(values, inner, n_groups=len(places), draws=STATISTICS.draws, rng=rng)
    found = intervals(moments, np.eye(len(places)), confidence=STATISTICS.confidence).within(*within)
    width = per_user.shape[1]
    return pd.DataFrame(
        {
            "group": np.repeat([groups.names[place] for place in places], width),
            "name": list(per_user.columns) * len(places),
            **{side: getattr(found, side).ravel() for side in ("value", "low", "high")},
            "n": np.repeat(moments.n, width),
        }
    )
