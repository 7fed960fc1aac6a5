"""Groups of users and of items that fairness in training goes by; no model reads them."""

from dataclasses import dataclass
from typing import Literal

import numpy as np
import pandas as pd

from core.data.content import category_codes
from core.errors import SettingsError
from core.schema.settings import GROUP_OBJECTIVES, Statistics, TrainSettings
from core.schema.tables import CATEGORY, POPULARITY_BAND

SMALLEST_GROUP = Statistics().minimum_group  # users; smaller groups are never spoken of


@dataclass(frozen=True)
class FairGroups:
    """Codes from 1 in the order of the names; 0 is in no group. None for what was not asked for.

    Attributes:
        attribute: of users. users: int64 (n_users,); codes as the model reads them, save those of groups too small.
        small: groups with too few users, which count as none.
        items: int64 (n_items,), for exposure. categories: int64 (n_items,), for diversity.
    """

    attribute: str | None = None
    names: tuple[str, ...] = ()
    users: np.ndarray | None = None
    small: int = 0
    items: np.ndarray | None = None
    categories: np.ndarray | None = None


def fair_groups(
    users: pd.DataFrame, items: pd.DataFrame, settings: TrainSettings, *, protected: list[str]
) -> FairGroups | None:
    """What the settings ask for; None where they ask for nothing.

    Args:
        users: all user attributes, as categories; row r is user code r. items: of the catalogue.

    Raises:
        SettingsError: no such attribute, or fewer than two groups that are large enough.
    """
    found: dict = {}
    by_user = settings.user_weights != "none" or settings.decorrelate or settings.counterfactual
    if settings.fair_attribute is not None or by_user or any(getattr(settings, n) for n in GROUP_OBJECTIVES):
        found |= _users(users, _attribute(settings, protected))
    if settings.exposure_weight:
        found["items"] = _column(items, settings.items_by or POPULARITY_BAND, "items_by")
    if settings.diversity_weight:
        found["categories"] = _column(items, CATEGORY, "diversity_weight")
    return FairGroups(**found) if found else None


def _attribute(settings: TrainSettings, protected: list[str]) -> str:
    if settings.fair_attribute is None and not protected:
        raise SettingsError("These data name no protected attribute. Set fair_attribute to a user attribute.")
    return settings.fair_attribute or protected[0]


def _users(users: pd.DataFrame, attribute: str) -> dict:
    codes = _column(users, attribute, "fair_attribute")
    names = tuple(map(str, _named(users[attribute])))
    sizes = np.bincount(codes, minlength=len(names) + 1)
    small = np.flatnonzero((sizes > 0) & (sizes < SMALLEST_GROUP) & (np.arange(len(sizes)) > 0))
    codes[np.isin(codes, small)] = 0
    if np.count_nonzero(np.bincount(codes, minlength=2)[1:]) < 2:
        raise SettingsError(
            f"fair_attribute '{attribute}' has fewer than two groups with at least {SMALLEST_GROUP} users."
        )
    return {"attribute": attribute, "names": names, "users": codes, "small": len(small)}


def _column(
    table: pd.DataFrame, name: str, setting: Literal["fair_attribute", "items_by", "diversity_weight"]
):
    known = list(table.select_dtypes("category"))
    if name not in known:
        there = ", ".join(known) or "none"
        raise SettingsError(f"{setting}: there is no attribute '{name[:60]}'; there are {there}.")
    return category_codes(table[name]).astype(np.int64)


def _named(labels: pd.Series) -> pd.Index:
    """The names of the codes from 1 on, in their order."""
    codes = category_codes(labels)
    return pd.Index([labels[codes == code].iloc[0] for code in range(1, codes.max(initial=0) + 1)])
