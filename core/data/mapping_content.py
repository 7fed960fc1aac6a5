"""What the values of a column look like: times, prices, ids that repeat, marks from 1 to 5, few distinct words."""

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
import pandas as pd
from pandas.api import types

from core.data.columns import Refuse, refusal, to_flag, to_number, to_text, to_time
from core.data.plain_numbers import without_currency
from core.errors import TableError

SAMPLE = 1000  # values of a column that are looked at
READABLE = 0.95  # share of values that must be read for a column to count as times or numbers
ENDS = 0.01  # share of numbers at either end that may be wrong
FEW = 50  # distinct values


@dataclass(frozen=True)
class Look:
    """What a column's values are, as far as they can be read.

    Attributes:
        filled: share that is not blank. distinct: of those that are not, the share of distinct ones.
        values: how many distinct ones. length: mean characters.
        times, numbers, flags: whether they are read as such (a column may be several).
        low, high: of the numbers, but for the few at either end. whole: whether all of them are.
    """

    filled: float
    distinct: float
    values: int
    length: float
    times: bool = False
    numbers: bool = False
    flags: bool = False
    low: float = np.nan
    high: float = np.nan
    whole: bool = False

    @property
    def few(self) -> bool:
        """Few distinct values, each several times."""
        return self.values <= FEW and self.distinct <= 0.5

    @property
    def repeats(self) -> bool:
        """Values that come again, without being few."""
        return self.distinct < 0.95 and self.values > 5


def look_at(values: pd.Series) -> Look:
    """The look of a column, told from values spread over it; TableError never, whatever they are."""
    step = max(1, len(values) // SAMPLE)
    sample = values.iloc[::step].head(SAMPLE).reset_index(drop=True)
    try:
        text = to_text(sample, refusal("", ""))
    except TableError:
        return Look(0.0, 0.0, 0, 0.0)
    filled = sample[text.notna()].reset_index(drop=True)
    text = text.dropna()
    if filled.empty:
        return Look(0.0, 0.0, 0, 0.0)
    plain = without_currency(filled) if filled.dtype == "str" else filled
    numbers = _read(plain, to_number)
    known = None if numbers is None else numbers.dropna()
    return Look(
        filled=len(filled) / len(sample),
        distinct=text.nunique() / len(text),
        values=text.nunique(),
        length=float(text.str.len().mean()),
        times=_may_be_time(filled, text) and _read(filled, to_time) is not None,
        numbers=known is not None,
        flags=_read(filled, to_flag) is not None and text.nunique() <= 2,
        low=np.nan if known is None else float(known.quantile(ENDS)),
        high=np.nan if known is None else float(known.quantile(1 - ENDS)),
        whole=known is not None and bool((known % 1 == 0).all()),
    )


def _may_be_time(values: pd.Series, text: pd.Series) -> bool:
    """Told quickly: trying every way to write a date takes its time."""
    written = text.str.len().le(40) & text.str.count(r"\d").ge(4)
    return not types.is_bool_dtype(values.dtype) and written.mean() >= READABLE


def _read(values: pd.Series, converter: Callable[[pd.Series, Refuse], pd.Series]) -> pd.Series | None:
    """The values as the converter reads them, without the few that it cannot; None where it cannot read most."""
    for _ in range(4):  # problems of different kinds, each a few cells
        try:
            return converter(values, refusal("", ""))
        except TableError as error:
            bad = np.array(error.rows, int) - 1
            if len(bad) > (1 - READABLE) * len(values):
                return None
            values = values.drop(values.index[bad]).reset_index(drop=True)
    return None
