"""User groups: the values of one attribute, or the crossing of two."""

from dataclasses import dataclass

import numpy as np
import pandas as pd

from core.data.labels import BANDS, MOST_GROUPS, labels
from core.errors import NotFound, SettingsError
from core.schema.settings import ALL, REST
from core.schema.tables import USER_ID

CROSS = " × "
MAXIMUM_CELLS = 400  # of a crossing


@dataclass(frozen=True)
class Groups:
    """A partition of all users.

    Attributes:
        attribute: `age`, or `age × income` for a crossing.
        names: (G,) group names in the order of the categories; a crossing has every pair, also empty ones.
        codes: (U,) int32, the group of each user.
        shape: (G,) for one attribute, (rows, columns) for a crossing; row-major in `names`.
    """

    attribute: str
    names: tuple[str, ...]
    codes: np.ndarray
    shape: tuple[int, ...]


def attribute_name(by: tuple[str, ...]) -> str:
    """How a grouping is called in audit rows: `("age", "income")` -> `age × income`."""
    return CROSS.join(by)


def group_labels(users: pd.DataFrame, attributes: tuple[str, ...], *, bins: int = BANDS) -> Groups:
    """The groups of one attribute, or of two crossed.

    A group that the data call `all` or `rest` becomes `'all'` or `'rest'`: audits use these words themselves.
    Categories keep their order where they have one, other text is in natural order, and "Unknown" is last.
    Numbers with many values are cut at their quantiles.

    Args:
        users: row r is user code r.
        bins: groups that a number with many values is cut into.

    Raises:
        NotFound: no such attribute. SettingsError: too many groups, or not one or two attributes.
    """
    if not 1 <= len(set(attributes)) == len(attributes) <= 2:
        raise SettingsError("A grouping is one attribute, or two different ones crossed.")
    columns = [_categories(users, name, bins) for name in attributes]
    if len(columns) == 1:
        return _single(attributes[0], columns[0])
    return _crossing(attributes, *columns)


def _single(attribute: str, column: pd.Categorical) -> Groups:
    names = tuple(f"'{name}'" if name in (ALL, REST) else name for name in column.categories)
    return Groups(attribute, names, column.codes.astype(np.int32), (len(names),))


def _crossing(attributes: tuple[str, ...], rows: pd.Categorical, columns: pd.Categorical) -> Groups:
    shape = len(rows.categories), len(columns.categories)
    if shape[0] * shape[1] > MAXIMUM_CELLS:
        raise SettingsError(
            f"'{attributes[0]}' and '{attributes[1]}' crossed make {shape[0] * shape[1]} groups; "
            f"at most {MAXIMUM_CELLS} can be compared."
        )
    codes = rows.codes.astype(np.int32) * shape[1] + columns.codes
    names = tuple(f"{row}{CROSS}{column}" for row in rows.categories for column in columns.categories)
    return Groups(attribute_name(attributes), names, codes, shape)


def _categories(users: pd.DataFrame, attribute: str, bins: int) -> pd.Categorical:
    known = [str(name) for name in users.columns if name != USER_ID]
    if attribute not in known:
        raise NotFound(f"There is no user attribute '{attribute}'; there are: {', '.join(known) or 'none'}.")
    found = labels(users[attribute], bins=bins).array
    if len(found.categories) > MOST_GROUPS:
        raise SettingsError(
            f"'{attribute}' has {len(found.categories):,} groups; at most {MOST_GROUPS} can be compared. "
            "Choose a coarser one."
        )
    return found
