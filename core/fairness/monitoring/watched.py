"""What a watch over groups has to tell: means and gaps at each look, as arrays and as a table."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import pandas as pd

from core.fairness.groups import Groups
from core.fairness.monitoring.observed import Looks, Observed
from core.fairness.suppression import HIDDEN_TEXT
from core.schema.settings import ALL, REST, Statistics

COLUMNS = [
    *("window", "group", "metric", "statistic", "value", "low", "high", "n", "reference"),
    "suppressed",
]
Ends = tuple[np.ndarray, np.ndarray, np.ndarray]  # value, low, high at each look, (L, K) each


@dataclass(frozen=True)
class Sequences:
    """Value, low, high at each look, (L, Q, K); NaN where nothing is known. n: users so far, (L, Q)."""

    value: np.ndarray
    low: np.ndarray
    high: np.ndarray
    n: np.ndarray


@dataclass(frozen=True)
class Watched:
    """What is told.

    Attributes:
        looks: after which windows, and of which groups. shown, hidden: names of groups that may be told, and of others.
        means: of everybody, then of the shown groups. gaps: of the shown groups; none where there is nobody else.
    """

    looks: Looks
    shown: tuple[str, ...]
    hidden: tuple[str, ...]
    metrics: tuple[str, ...]
    means: Sequences
    gaps: Sequences | None

    def table(self) -> pd.DataFrame:
        """One row for each look, group, metric and statistic, and one for each hidden group.

        Columns: `window` (the last one of the look), `group`, `metric` (`ndcg@10`, `ndcg@10_gap`), `statistic` (mean or gap),
        `value`, `low`, `high`, `n` (users so far; a text where hidden), `reference`, `suppressed`.
        """
        found = [self._long(self.means, [ALL, *self.shown], "", "mean", None)]
        if self.gaps is not None:
            found.append(self._long(self.gaps, self.shown, "_gap", "gap", REST))
        found.append(pd.DataFrame({"group": self.hidden, "n": HIDDEN_TEXT, "suppressed": True}))
        parts = [part for part in found if len(part)]
        told = pd.concat(parts, ignore_index=True) if parts else pd.DataFrame()
        return told.reindex(columns=COLUMNS).astype(dict.fromkeys(("value", "low", "high"), float))

    def _long(
        self, found: Sequences, groups: Sequence[str], suffix: str, statistic: str, reference: str | None
    ) -> pd.DataFrame:
        named = [metric + suffix for metric in self.metrics]
        index = pd.MultiIndex.from_product(
            [self.looks.windows, groups, named], names=["window", "group", "metric"]
        )
        numbers = {name: getattr(found, name).ravel() for name in ("value", "low", "high")}
        n = np.repeat(found.n.ravel(), len(named)).astype(object)
        told = pd.DataFrame({"statistic": statistic, **numbers, "n": n, "reference": reference}, index)
        return told.assign(suppressed=False).reset_index()


def levels(groups: Groups, metrics: Sequence[str], settings: Statistics) -> tuple[float, float]:
    """The share of histories that may miss a mean, and a gap.

    Means have the level of the settings each. Gaps have it together, over all groups and metrics (Bonferroni), since they raise
    alarms: one watch in twenty tells of any gap where there is none.
    """
    alpha = 1 - settings.confidence
    return alpha, alpha / (len(groups.names) * len(metrics))


def nobody_else(observed: Observed, groups: Groups, looks: Looks) -> bool:
    """Whether one group is everybody, so that there is nobody to compare with."""
    return len(looks.groups) == 1 and bool((groups.codes[observed.user] == looks.groups[0]).all())


def watched(
    observed: Observed,
    groups: Groups,
    looks: Looks,
    metrics: Sequence[str],
    means: list[Ends],
    gaps: list[Ends],
) -> Watched:
    """All sequences together; means of everybody first, then in the order of `looks.groups`."""
    came = [groups.codes[np.unique(observed.user[observed.window <= window])] for window in looks.windows]
    n = [[len(users), *((users == group).sum() for group in looks.groups)] for users in came]
    n = np.array(n, dtype=int).reshape(len(came), len(looks.groups) + 1)
    seen = np.unique(groups.codes[observed.user])
    return Watched(
        looks=looks,
        shown=tuple(groups.names[group] for group in looks.groups),
        hidden=tuple(groups.names[group] for group in seen if group not in looks.groups),
        metrics=tuple(metrics),
        means=Sequences(*_stacked(means), n),
        gaps=Sequences(*_stacked(gaps), n[:, 1:]) if gaps else None,
    )


def _stacked(found: list[Ends]) -> list[np.ndarray]:
    """(L, Q, K) of each part."""
    return [np.stack(part, axis=1) for part in zip(*found, strict=True)]
