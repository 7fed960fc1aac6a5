"""What share of attention each item group should get: the yardstick of every exposure metric."""

from dataclasses import dataclass

import numpy as np

from core.errors import SettingsError
from core.fairness.exposure.item_groups import ItemGroups
from core.schema.settings import TargetKind


@dataclass(frozen=True)
class Target:
    """Attributes: name: as shown, such as `share of the catalogue`. shares: (H,) that sum to 1."""

    name: str
    shares: np.ndarray


def target_shares(
    groups: ItemGroups,
    kind: TargetKind = "catalogue",
    *,
    purchases: np.ndarray | None = None,
    weight: float = 0.5,
) -> Target:
    """The target shares of item groups.

    catalogue: |h| / I, every item is worth the same. purchases: the group's share of the purchases of catalogue items
    (merit); those of the training window, so that what is judged did not make its own yardstick. equal: 1 / H.
    blend: weight * purchases + (1 - weight) * catalogue.
    Example: groups of 3 and 1 items, purchases 10 and 30, weight 0.5: (0.75, 0.25), (0.25, 0.75), (0.5, 0.5) and
    (0.5, 0.5).

    Args:
        purchases: (I,) training purchases of each item; needed for purchases and blend.

    Raises:
        SettingsError: no purchases, or a weight outside of 0 to 1.
    """
    catalogue = groups.sizes / len(groups.codes)
    if kind == "catalogue":
        return Target("share of the catalogue", catalogue)
    if kind == "equal":
        return Target("equal shares", np.full(len(groups.names), 1 / len(groups.names)))
    if purchases is None or not np.sum(purchases) > 0:
        raise SettingsError(
            "There are no purchases before the split to take shares of; choose another target."
        )
    bought = np.bincount(groups.codes, weights=purchases, minlength=len(groups.names))
    merit = bought / bought.sum()
    if kind == "purchases":
        return Target("share of purchases", merit)
    if not 0 <= weight <= 1:
        raise SettingsError(f"The weight of purchases is {weight:g}; it must lie between 0 and 1.")
    name = f"{100 * weight:g} % share of purchases, {100 * (1 - weight):g} % share of the catalogue"
    return Target(name, weight * merit + (1 - weight) * catalogue)
