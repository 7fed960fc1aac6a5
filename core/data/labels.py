"""Attribute values as ordered labels that can name groups."""

import re

import numpy as np
import pandas as pd

from core.schema.tables import UNKNOWN

MOST_GROUPS = 50  # an attribute with more values names no groups
MOST_NUMBERS = 12  # numbers with more values than this are cut into bands
BANDS = 5
NUMBER = re.compile(r"\d+(?:[.,]\d+)*")
FEWER = re.compile(r"(?i)^\s*(under|less than|below|<)")
NAME = re.compile(r"[^,*]{1,60}")  # groupings are written age,income and age*income


def labels(values: pd.Series, *, bins: int = BANDS) -> pd.Series:
    """The values as an ordered category: numbers in bands, text in natural order, Unknown last.

    An order that the data bring along is kept. Missing and blank values become "Unknown", which is a category only
    if there are some.

    Args:
        bins: bands of a number with more than MOST_NUMBERS values; fewer where many users have one value.
    """
    if isinstance(values.dtype, pd.CategoricalDtype):
        if values.cat.ordered:
            return _with_unknown(values.cat.remove_unused_categories().cat.rename_categories(str))
        values = values.astype(values.cat.categories.dtype)
    text = _text(values)
    numbers = _numbers(text)
    if numbers is None:
        found = text.astype(_ordered(sorted(text.dropna().unique(), key=natural_order)))
    else:
        found = _bands(numbers, bins) if numbers.nunique() > MOST_NUMBERS else _single_numbers(numbers)
    return _with_unknown(found)


def many_numbers(values: pd.Series) -> pd.Series | None:
    """The values as numbers, where `labels` would cut them into bands; None where it would not."""
    if isinstance(values.dtype, pd.CategoricalDtype):
        return None
    numbers = _numbers(_text(values))
    return numbers if numbers is not None and numbers.nunique() > MOST_NUMBERS else None


def _text(values: pd.Series) -> pd.Series:
    return values.astype("str").str.strip().replace("", None)


def _numbers(text: pd.Series) -> pd.Series | None:
    """As numbers, NaN where missing; None where some are none, or all are missing."""
    numbers = pd.to_numeric(text, errors="coerce")
    return numbers if len(text.dropna()) and numbers.notna().equals(text.notna()) else None


def can_name_groups(values: pd.Series) -> bool:
    """Whether an attribute divides users into at least two and not too many groups."""
    return (
        isinstance(values.dtype, pd.CategoricalDtype)
        and 2 <= values.nunique() <= MOST_GROUPS
        and NAME.fullmatch(str(values.name)) is not None
    )


def natural_order(label: str) -> tuple[float, bool, str]:
    """Sorts 'Under 15K', '15-24K', '100-124K', '250K+' as people would: by the first number, then as text."""
    number = NUMBER.search(label)
    value = float(number.group().replace(",", "")) if number else np.inf
    return value, not FEWER.search(label), label


def _ordered(names: list[str]) -> pd.CategoricalDtype:
    return pd.CategoricalDtype(names, ordered=True)


def _single_numbers(numbers: pd.Series) -> pd.Series:
    """Few numbers are groups of their own; whole ones without a decimal point."""
    names = {number: f"{number:.10g}" for number in np.sort(numbers.dropna().unique())}
    return numbers.map(names).astype(_ordered(list(names.values())))


def _bands(numbers: pd.Series, bins: int) -> pd.Series:
    """Bands of about equally many users, closed below; the outer ones are open, lest an extreme value show."""
    values = numbers.to_numpy(dtype=float)
    known = values[np.isfinite(values)]
    edges = np.quantile(known, np.arange(1, bins) / bins, method="nearest")
    edges = np.unique(np.maximum(edges, known[known > known.min()].min()))
    if np.all(known == np.round(known)):
        low, high = [f"{edge:.0f}" for edge in edges], [f"{edge - 1:.0f}" for edge in edges]
    else:
        edges = np.unique([float(f"{edge:.6g}") for edge in edges])  # as printed
        low = high = [f"{edge:.6g}" for edge in edges]
    middle = [one if one == other else f"{one}–{other}" for one, other in zip(low, high[1:], strict=False)]
    names = [f"under {low[0]}", *middle, f"{low[-1]} and over"]
    places = np.where(np.isfinite(values), np.searchsorted(edges, values, side="right"), -1)
    return pd.Series(
        pd.Categorical.from_codes(places, names, ordered=True), index=numbers.index, name=numbers.name
    )


def _with_unknown(found: pd.Series) -> pd.Series:
    """Missing labels named, and that name the last category."""
    known = [label for label in found.cat.categories if label != UNKNOWN]
    unknown = found.isna() | (found == UNKNOWN)
    categories = [*known, UNKNOWN] if unknown.any() else known
    return found.cat.set_categories(categories).fillna(UNKNOWN) if unknown.any() else found
