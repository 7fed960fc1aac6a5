"""Attribute values as ordered labels that can name groups."""

import re

import numpy as np
import pandas as pd

from core.schema.tables import UNKNOWN

MOST_GROUPS = 50  # an attribute with more values names no groups
MOST_NUMBERS = 12  # numbers with more values than this are cut into bands
BANDS = 5
NAME = re.compile(r"[^,*]{1,60}")  # groupings are written age,income and age*income


def labels(values: pd.Series) -> pd.Series:
    """The values as an ordered category: numbers in five bands, text in natural order, Unknown last.

    Missing and blank values become "Unknown", which is a category only if there are some.
    """
    if isinstance(values.dtype, pd.CategoricalDtype):
        values = values.astype(values.cat.categories.dtype)
    text = values.astype("str").str.strip().replace("", None)
    numbers = pd.to_numeric(text, errors="coerce")
    if numbers.notna().equals(text.notna()) and numbers.nunique() > MOST_NUMBERS:
        found = _bands(numbers)
    else:
        found = text.astype(
            pd.CategoricalDtype(sorted(text.dropna().unique(), key=natural_order), ordered=True)
        )
    return _with_unknown(found)


def can_name_groups(values: pd.Series) -> bool:
    """Whether an attribute divides users into at least two and not too many groups."""
    return (
        isinstance(values.dtype, pd.CategoricalDtype)
        and 2 <= values.nunique() <= MOST_GROUPS
        and NAME.fullmatch(str(values.name)) is not None
    )


def natural_order(label: str) -> tuple:
    """Sorts 'Under 15K', '15-24K', '100-124K', '250K+' as people would: by the first number, then as text."""
    number = re.search(r"\d+(?:\.\d+)?", label)
    return (float(number[0]) if number else np.inf, label[:1].isdigit(), label)


def _bands(numbers: pd.Series) -> pd.Series:
    """Five bands with equally many users, named by the smallest and largest number in each."""
    places = pd.qcut(numbers, BANDS, labels=False, duplicates="drop")
    ends = numbers.groupby(places).agg(["min", "max"])
    names = [f"{low:.10g} to {high:.10g}" if low < high else f"{low:.10g}" for low, high in ends.to_numpy()]
    codes = places.map(dict(zip(ends.index, range(len(ends)), strict=True))).fillna(-1).astype("int64")
    return pd.Series(
        pd.Categorical.from_codes(codes, names, ordered=True), index=numbers.index, name=numbers.name
    )


def _with_unknown(found: pd.Series) -> pd.Series:
    """Missing labels named, and that name the last category."""
    known = [label for label in found.cat.categories if label != UNKNOWN]
    unknown = found.isna() | (found == UNKNOWN)
    categories = [*known, UNKNOWN] if unknown.any() else known
    return found.cat.set_categories(categories).fillna(UNKNOWN) if unknown.any() else found
