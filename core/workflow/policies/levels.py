"""What several ways to make everyone's lists are by every measure of a trade-off, each against the first one."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, fields

import numpy as np
import pandas as pd

from core.fairness.disparity import SHORTFALL, TO_MOVE, Levels, mean_levels, range_levels, share_levels
from core.schema.settings import Statistics
from core.schema.tables import UNKNOWN, USER
from core.workflow.policies.yardsticks import (
    DEALS,
    NDCG,
    PERCENTILE,
    SPENDING,
    Yardsticks,
    metrics_of_buyers,
    metrics_of_lists,
    shown_of_groups,
)

NUMBERS = tuple(field.name for field in fields(Levels))
BETWEEN = "_max_min"  # of a measure: between groups of users


@dataclass(frozen=True)
class Way:
    """What a trade-off asks of one way to make lists.

    Attributes:
        means: by measure (V,) of the users who took anything. of_lists: by measure (U',) of the users with candidates, NaN
            where unknown. attention: (U', H) shares of each list's attention by group of items.
    """

    means: dict[str, np.ndarray]
    of_lists: dict[str, np.ndarray]
    attention: np.ndarray


def way(by: Yardsticks, items: np.ndarray) -> Way:
    """Read what is asked off everyone's lists, (U, k)."""
    per_user = metrics_of_buyers(by, items)
    means = {name: per_user[name].to_numpy() for name in per_user.columns.drop(USER)}
    of_lists = metrics_of_lists(by, items, per_user)
    return Way(means, of_lists, shown_of_groups(by, items).shares)


def measures(by: Yardsticks) -> tuple[str, ...]:
    """What `levels` tells: accuracy, spending met where there are prices, then disparities of item and of user groups."""
    k = by.settings.k
    of_users = [NDCG, *(name for name in (PERCENTILE, DEALS) if name in by.of_item)]
    means = [NDCG] if by.price is None else [NDCG, SPENDING]
    disparities = [TO_MOVE, SHORTFALL, *(f"{name}@{k}{BETWEEN}" for name in of_users)]
    return (
        *(f"{name}@{k}" for name in means),
        *(name if "@" in name else f"{name}@{k}" for name in disparities),
    )


def named(by: Yardsticks) -> np.ndarray:
    """Which groups of items are not Unknown, bool (H,)."""
    return np.array([name != UNKNOWN for name in by.item_groups.names])


def levels(by: Yardsticks, ways: Sequence[Way], settings: Statistics) -> pd.DataFrame:
    """Rows `way` (0 is the one held against), `measure` and the fields of `Levels`, in this order."""
    k = by.settings.k
    found: dict[str, Levels] = {}
    for name in ways[0].means:
        found[name] = mean_levels(np.column_stack([one.means[name] for one in ways]), settings)
    attention = np.stack([one.attention for one in ways], axis=1)
    together = share_levels(attention, by.target.shares, named(by), settings)
    found |= {f"{name}@{k}": told for name, told in together.items()}
    for name in ways[0].of_lists:
        values = np.column_stack([one.of_lists[name] for one in ways])
        found[f"{name}{BETWEEN}"] = range_levels(values, by.part, settings)
    return pd.concat([_rows(name, found[name]) for name in measures(by)], ignore_index=True)


def _rows(measure: str, told: Levels) -> pd.DataFrame:
    numbers: Mapping[str, np.ndarray] = {name: getattr(told, name) for name in NUMBERS}
    return pd.DataFrame({"way": np.arange(len(told.value)), "measure": measure} | numbers)
