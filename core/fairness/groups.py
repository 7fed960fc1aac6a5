"""User groups: the values of one attribute, or the crossing of two."""

import re
from dataclasses import dataclass

import numpy as np
import pandas as pd

from core.errors import NotFound, SettingsError
from core.schema.tables import UNKNOWN, USER_ID

CROSS = " × "
MAXIMUM_GROUPS = 60  # of one attribute
MAXIMUM_CELLS = 400  # of a crossing
BINS = 5  # a numeric attribute with more values than MAXIMUM_VALUES is cut at its quantiles
MAXIMUM_VALUES = 12

_NUMBER = re.compile(r"\d+(?:[.,]\d+)*")
_FEWER = re.compile(r"(?i)^\s*(under|less than|below|<)")


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


def group_labels(users: pd.DataFrame, attributes: tuple[str, ...]) -> Groups:
    """The groups of one attribute, or of two crossed.

    Categories keep their order where they have one, other text is in natural order, and "Unknown" is last.
    Numbers with many values are cut at their quantiles.

    Args:
        users: row r is user code r.

    Raises:
        NotFound: no such attribute. SettingsError: too many groups, or not one or two attributes.
    """
    if not 1 <= len(set(attributes)) == len(attributes) <= 2:
        raise SettingsError("A grouping is one attribute, or two different ones crossed.")
    columns = [_categories(users, name) for name in attributes]
    if len(columns) == 1:
        return _single(attributes[0], columns[0])
    return _crossing(attributes, *columns)


def _single(attribute: str, column: pd.Categorical) -> Groups:
    return Groups(
        attribute, tuple(column.categories), column.codes.astype(np.int32), (len(column.categories),)
    )


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


def _categories(users: pd.DataFrame, attribute: str) -> pd.Categorical:
    known = [str(name) for name in users.columns if name != USER_ID]
    if attribute not in known:
        raise NotFound(f"There is no user attribute '{attribute}'; there are: {', '.join(known) or 'none'}.")
    column = users[attribute]
    if _many_numbers(column):
        column = _quantile_bins(column)
    text = column.astype(object).map(_name)
    seen = set(text)
    names = [
        name for name in dict.fromkeys(map(_name, _in_order(column))) if name in seen and name != UNKNOWN
    ]
    names += [UNKNOWN] if UNKNOWN in seen else []
    if len(names) > MAXIMUM_GROUPS:
        raise SettingsError(
            f"'{attribute}' has {len(names):,} groups; at most {MAXIMUM_GROUPS} can be compared. Choose a coarser one."
        )
    return pd.Categorical(text, categories=names)


def _name(value: object) -> str:
    """A value as the name of its group; missing and blank ones are "Unknown"."""
    if pd.isna(value):
        return UNKNOWN
    whole = isinstance(value, float) and value.is_integer()  # 2.0, as numbers with gaps are stored
    return str(int(value) if whole else value).strip() or UNKNOWN


def _in_order(column: pd.Series) -> list:
    """The values of a column as people would list them."""
    if isinstance(column.dtype, pd.CategoricalDtype) and column.cat.ordered:
        return list(column.cat.categories)
    values = column.dropna().unique()
    return sorted(
        values, key=None if pd.api.types.is_numeric_dtype(column) else lambda value: _natural(_name(value))
    )


def _natural(name: str) -> tuple[float, bool, str]:
    """By the first number in the name, "under ..." before others, then by the alphabet."""
    number = _NUMBER.search(name)
    return float(number.group().replace(",", "")) if number else np.inf, not _FEWER.search(name), name


def _many_numbers(column: pd.Series) -> bool:
    numeric = pd.api.types.is_numeric_dtype(column) and not pd.api.types.is_bool_dtype(column)
    return numeric and column.nunique() > MAXIMUM_VALUES


def _quantile_bins(column: pd.Series) -> pd.Series:
    """Cut at the quantiles into bins closed on the left; the outer ones are open, lest an extreme value show."""
    values = column.to_numpy(dtype=float, na_value=np.nan)
    known = values[np.isfinite(values)]
    edges = np.quantile(known, np.arange(1, BINS) / BINS, method="nearest")
    edges = np.unique(np.maximum(edges, known[known > known.min()].min()))
    if np.all(known == np.round(known)):
        low, high = [f"{edge:,.0f}" for edge in edges], [f"{edge - 1:,.0f}" for edge in edges]
    else:
        edges = np.unique([float(f"{edge:.6g}") for edge in edges])  # as printed
        low = high = [f"{edge:,.6g}" for edge in edges]
    middle = [one if one == other else f"{one}–{other}" for one, other in zip(low, high[1:], strict=False)]
    names = [f"under {low[0]}", *middle, f"{low[-1]} and over"]
    places = np.where(np.isfinite(values), np.searchsorted(edges, values, side="right"), -1)
    return pd.Series(pd.Categorical.from_codes(places, names, ordered=True), index=column.index)
