"""Columns as files give them into the types of the contracts, or one clear reason why not."""

from collections.abc import Callable

import numpy as np
import pandas as pd
from pandas.api import types

from core.errors import TableError

EXACT_INTEGERS = 2**53  # larger ones have lost digits once they are floats
YEARS = (1990, 2100)
# Seconds, milliseconds, microseconds, nanoseconds since 1970: told by size, from 1973 to 5138 in each unit.
EPOCH_UNITS = (("s", 1e8, 1e11), ("ms", 1e11, 1e14), ("us", 1e14, 1e17), ("ns", 1e17, 1e20))
DATE_FORMATS = ("%d.%m.%Y", "%Y/%m/%d", "%d/%m/%Y", "%m/%d/%Y", "%d-%m-%Y", "%m-%d-%Y", "%Y%m%d")
TIME_ENDINGS = ("", " %H:%M", " %H:%M:%S", " %I:%M %p", " %I:%M:%S %p")
YES, NO = {"true", "t", "yes", "y", "1", "1.0"}, {"false", "f", "no", "n", "0", "0.0"}

Refuse = Callable[[str, np.ndarray], TableError]


def refusal(source: str, column: str) -> Refuse:
    """Makes the error for bad cells of one column from the problem and a mask of the cells."""

    def error(problem: str, bad: np.ndarray) -> TableError:
        return TableError(problem, source=source, column=column, rows=(np.flatnonzero(bad) + 1).tolist())

    return error


def to_identifier(values: pd.Series, refuse: Refuse) -> pd.Series:
    """Text without surrounding space; numbers as text without a decimal part when all of them are whole."""
    if types.is_float_dtype(values.dtype):
        bad = ((values % 1 != 0) | (values.abs() >= EXACT_INTEGERS)) & values.notna()
        if bad.any():
            raise refuse(
                "is a fraction or too large for an exact number; write identifiers as text", bad.to_numpy()
            )
        return values.astype("Int64").astype("str").where(values.notna())
    text = to_text(values, refuse)
    _refuse_where(
        text.str.contains(r"[\x00-\x1f]", na=False), "holds a line break or control character", refuse
    )
    whole = text.str.fullmatch(r"\d+(\.0+)?", na=True).all()
    return text.str.replace(r"\.0+$", "", regex=True) if whole else text


def to_text(values: pd.Series, refuse: Refuse) -> pd.Series:
    """Text without surrounding space; blank becomes missing."""
    text = values if values.dtype == "str" else values.astype("str").where(values.notna())
    stripped = text.str.strip()
    return stripped.where(stripped != "")


def to_number(values: pd.Series, refuse: Refuse) -> pd.Series:
    """Finite numbers as float64; a decimal comma is read where it can be nothing else."""
    if types.is_bool_dtype(values.dtype) or types.is_datetime64_any_dtype(values.dtype):
        raise refuse("holds no numbers", np.ones(len(values), bool))
    if types.is_numeric_dtype(values.dtype):
        numbers = values.astype("float64")
    else:
        text = to_text(values, refuse)
        with_comma = text.str.contains(",", na=False)
        text = _decimal_comma(text, with_comma, refuse) if with_comma.any() else text
        numbers = pd.to_numeric(text, errors="coerce").astype("float64")
        _refuse_where(numbers.isna() & text.notna(), "is no number", refuse)
    _refuse_where(np.isinf(numbers), "is infinite or too large", refuse)
    return numbers


def _decimal_comma(text: pd.Series, with_comma: pd.Series, refuse: Refuse) -> pd.Series:
    """'1.234,50' as '1234.50'; refused where a comma may as well part thousands."""
    german = text.str.fullmatch(r"-?(\d+|\d{1,3}(\.\d{3})+)(,\d+)?", na=True)
    _refuse_where(~german & with_comma, "is no number", refuse)
    if with_comma.sum() < (~german).sum():
        raise refuse(
            "is written with a decimal comma where most rows have a decimal point", with_comma.to_numpy(bool)
        )
    _refuse_where(~german, "is written with a decimal point where other rows have a decimal comma", refuse)
    thousands = text.str.fullmatch(r"-?\d{1,3},\d{3}", na=False)
    if thousands[with_comma].all():
        raise refuse("may have a decimal comma or thousands; write 1234.5", thousands.to_numpy())
    return text.str.replace(".", "", regex=False).str.replace(",", ".", regex=False)


def to_flag(values: pd.Series, refuse: Refuse) -> pd.Series:
    """Yes or no, true or false, 1 or 0."""
    text = values.astype("str").str.strip().str.lower().where(values.notna())
    _refuse_where(text.notna() & ~text.isin(YES | NO), "is neither yes nor no", refuse)
    return text.isin(YES).astype("boolean").where(text.notna())


def to_time(values: pd.Series, refuse: Refuse) -> pd.Series:
    """UTC without zone, in microseconds; text without a zone counts as UTC, numbers as time since 1970."""
    if types.is_bool_dtype(values.dtype):
        raise refuse("holds no dates", np.ones(len(values), bool))
    if types.is_datetime64_any_dtype(values.dtype):
        times = values.dt.tz_convert("UTC").dt.tz_localize(None) if values.dt.tz is not None else values
    else:
        times = _parsed_time(values, refuse)
    times = times.astype("datetime64[us]")
    outside = (times.dt.year < YEARS[0]) | (times.dt.year >= YEARS[1])
    _refuse_where(outside, f"lies outside of the years {YEARS[0]} to {YEARS[1]}", refuse)
    return times


def _parsed_time(values: pd.Series, refuse: Refuse) -> pd.Series:
    text = to_text(values, refuse)
    numbers = pd.to_numeric(text, errors="coerce")
    numeric = numbers.notna().sum() == text.notna().sum()
    if numeric and (numbers.abs().min() >= EPOCH_UNITS[0][1] or text.isna().all()):
        return _from_epoch(numbers, refuse)
    times = pd.to_datetime(text, format="ISO8601", utc=True, errors="coerce").dt.tz_localize(None)
    unread = (times.isna() & text.notna()).to_numpy()
    return _by_format(text, unread, refuse) if unread.any() or numeric else times


def _from_epoch(numbers: pd.Series, refuse: Refuse) -> pd.Series:
    for unit, low, high in EPOCH_UNITS:
        inside = numbers.between(low, high, inclusive="left") | numbers.isna()
        if inside.empty or inside.iloc[0]:
            _refuse_where(~inside, f"is not in the unit of the first row, {unit} since 1970", refuse)
            return pd.to_datetime(numbers, unit=unit)
    raise refuse("is no time since 1970", np.ones(len(numbers), bool))


def _by_format(text: pd.Series, unread: np.ndarray, refuse: Refuse) -> pd.Series:
    """The one format that fits every cell; day and month are never guessed.

    Where none does, the bad cells are those that the format lacks that fits most.
    """
    distinct = pd.Series(text.dropna().unique())
    fitting, bad = {}, unread
    for form in (date + ending for date in DATE_FORMATS for ending in TIME_ENDINGS):
        times = pd.to_datetime(distinct, format=form, errors="coerce")
        if times.notna().all():
            fitting[form] = times
        elif times.notna().any():
            other = text.isin(distinct[times.isna()]).to_numpy(bool)
            bad = min(bad, other, key=np.count_nonzero)
    if not fitting:
        raise refuse("is no date; write 2024-03-31 or 2024-03-31T18:05:00+01:00", bad)
    readings = list(fitting.values())
    if any(not readings[0].equals(other) for other in readings[1:]):
        raise refuse("may be day/month or month/day; write 2024-03-31", unread)
    return text.map(dict(zip(distinct, readings[0], strict=True))).astype("datetime64[us]")


def _refuse_where(bad: pd.Series, problem: str, refuse: Refuse) -> None:
    if bad.any():
        raise refuse(problem, bad.to_numpy(dtype=bool, na_value=False))
