"""What is known of an order besides who orders what: numbers and categories, coded as training rows alone say."""

from collections.abc import Collection
from dataclasses import dataclass

import numpy as np
import pandas as pd

from core.data.inputs import SECONDS_PER_DAY
from core.data.service import ARRIVED, DAYS_LATE, DAYS_TAKEN, LINES, PROMISED_DAYS, VALUE, Rows
from core.data.splits import TEST, TRAIN, VALIDATION
from core.schema.tables import (
    FREIGHT,
    IN_CATALOGUE,
    ITEM_ID,
    KNOWN_AT_ORDER,
    POPULARITY_BAND,
    PRICE_BAND,
    UNKNOWN,
    USER_ID,
)

FEWEST_ROWS = 10  # training rows of a category of its own; rarer ones share one
MOST_LEVELS = 300  # of one category
FURTHEST = 4.0  # standard deviations: numbers beyond count as this far
SKEWED = 2.0  # numbers from zero upwards and more skewed than this are taken as logarithms
YEAR = 365.25 * SECONDS_PER_DAY
RARELY = 0.01  # share of the training rows that may lie before the year begins
STRENGTH = 5.0  # outcomes that the mean of earlier ones is shrunk by
TELLING, SMALLEST_VALUE = (
    0.95,
    2,
)  # share guessed right; users per value on average, lest each value be one user
ITEM_ITSELF = "item itself"
NOT_CONTEXT = (ITEM_ID, USER_ID, IN_CATALOGUE, POPULARITY_BAND, PRICE_BAND)


@dataclass(frozen=True)
class Context:
    """The context of N orders.

    Attributes:
        numbers: float64, one column each, NaN where not known. categories: text, one column each.
    """

    numbers: pd.DataFrame
    categories: pd.DataFrame


@dataclass(frozen=True)
class Coding:
    """How contexts become arrays; plain numbers and names, from training rows.

    Attributes:
        numbers: by name, (mean, standard deviation, 1 where logarithms are taken). missing: names of numbers that
            are not always known; each has a flag. levels: by category, the labels that have a code of their own, from
            1 upwards.
    """

    numbers: dict[str, tuple[float, float, int]]
    missing: list[str]
    levels: dict[str, list[str]]

    @property
    def width(self) -> int:
        """Columns of the array of numbers."""
        return len(self.numbers) + len(self.missing)

    @property
    def sizes(self) -> list[int]:
        """Codes of each category, 0 (any other label) included."""
        return [len(labels) + 1 for labels in self.levels.values()]

    def arrays(self, context: Context) -> tuple[np.ndarray, np.ndarray]:
        """Numbers, float32 (N, F), standardised, 0 where not known; codes, int64 (N, C)."""
        numbers = np.zeros((len(context.numbers), self.width), np.float32)
        for place, (name, (mean, deviation, logarithm)) in enumerate(self.numbers.items()):
            values = _logarithms(context.numbers[name].to_numpy(float), logarithm)
            numbers[:, place] = np.nan_to_num(np.clip((values - mean) / deviation, -FURTHEST, FURTHEST))
        for place, name in enumerate(self.missing, start=len(self.numbers)):
            numbers[:, place] = context.numbers[name].isna()
        codes = [
            pd.Index(labels, dtype=object).get_indexer(context.categories[name].astype(object)) + 1
            for name, labels in self.levels.items()
        ]
        return numbers, np.column_stack(codes) if codes else np.zeros((len(numbers), 0), np.int64)


def context_of(
    rows: Rows, users: pd.DataFrame, items: pd.DataFrame, *, without: Collection[str] = ()
) -> Context:
    """What is known of each row's order at the moment of the prediction.

    Args:
        users, items: tables of the prepared dataset. without: user attributes that may not be used.
    """
    known = [FREIGHT, PROMISED_DAYS, LINES, VALUE, *KNOWN_AT_ORDER]
    known += [ARRIVED, DAYS_LATE, DAYS_TAKEN] if rows.outcome.informed else []
    columns = {name: rows.frame[name] for name in known if name in rows.frame}
    for name in items.columns.difference(NOT_CONTEXT, sort=False):
        if pd.api.types.is_numeric_dtype(items[name]):
            columns[f"item {name}"] = _looked_up(items[name].astype(float), rows.items, np.nan)
        elif isinstance(items[name].dtype, pd.CategoricalDtype):
            columns[f"item {name}"] = _looked_up(items[name].astype(object), rows.items, UNKNOWN)
    columns[ITEM_ITSELF] = _looked_up(items[ITEM_ID].astype(object), rows.items, UNKNOWN)
    for name in users.columns.difference((USER_ID, *without), sort=False):
        columns[f"user {name}"] = users[name].astype(object).to_numpy()[rows.users]
    columns |= _calendar(rows) | _earlier(rows)
    frame = pd.DataFrame({name: np.asarray(values) for name, values in columns.items()})
    numbers = frame.select_dtypes(["number", "bool"]).astype(float)
    return Context(numbers, frame.drop(columns=numbers.columns).astype(object).fillna(UNKNOWN))


def attributes_telling(users: pd.DataFrame, protected: Collection[str]) -> list[str]:
    """User attributes that tell a protected one (a state tells its region), the protected ones included.

    Telling: guessing the most frequent protected value of each value is right for at least TELLING of the users, and
    without the attribute it would not be.
    """
    found = list(protected)
    for name in users.columns.difference((USER_ID, *protected), sort=False):
        for secret in protected:
            counts = pd.crosstab(users[name].astype(object), users[secret].astype(object))
            guessed, blind = counts.max(axis=1).sum() / len(users), counts.sum().max() / len(users)
            if guessed >= TELLING > blind and len(counts) * SMALLEST_VALUE <= len(users):
                found.append(str(name))
                break
    return found


def coding_of(context: Context, train: np.ndarray) -> Coding:
    """The coding that suits the training rows, bool (N,); what never varies among them is left out."""
    numbers, missing, levels = {}, [], {}
    for name in context.numbers:
        values = context.numbers[name].to_numpy(float)[train]
        known = values[np.isfinite(values)]
        if len(known) < FEWEST_ROWS or np.ptp(known) == 0:
            continue
        logarithm = int(known.min() >= 0 and _skewness(known) > SKEWED)
        known = _logarithms(known, logarithm)
        numbers[name] = (float(known.mean()), float(known.std()), logarithm)
        missing += [name] if len(values) - len(known) >= FEWEST_ROWS else []
    for name in context.categories:
        counts = context.categories[name][train].value_counts()
        kept = [str(label) for label in counts[counts >= FEWEST_ROWS].index[:MOST_LEVELS] if label != UNKNOWN]
        if kept and counts.iloc[0] < train.sum():
            levels[name] = sorted(kept)
    return Coding(numbers, missing, levels)


def _calendar(rows: Rows) -> dict[str, np.ndarray]:
    """The weekday, and the time of the year if training rows have seen a whole one, on circles.

    Seasons that nobody has seen would be made up: on Olist the time of the year made errors larger where less than a
    year had been learnt from, and much smaller where more had.
    """
    turns = {"week": rows.times / (7 * SECONDS_PER_DAY)}
    learnt = rows.times[rows.split == TRAIN]
    if len(learnt) and learnt.max() - np.quantile(learnt, RARELY) >= YEAR:
        turns["year"] = rows.times / YEAR
    return {
        f"{part} of the {name}": wave(2 * np.pi * turn)
        for name, turn in turns.items()
        for part, wave in (("sine", np.sin), ("cosine", np.cos))
    }


def _earlier(rows: Rows) -> dict[str, np.ndarray]:
    """What came of earlier orders of the same user and of the same item: mean beyond the average, log of how many.

    Earlier means known before the order. Training and validation rows look at training rows, test rows at validation
    rows too; so the test says what can be told when it begins.
    """
    learnt = (rows.split == TRAIN) & rows.unbiased
    average = float(rows.observed[learnt].mean()) if learnt.any() else 0.0
    found = {}
    for name, keys in (("user", rows.users), ("item", rows.items)):
        sums, counts = np.zeros(len(rows)), np.zeros(len(rows))
        for asking, sources in (
            (rows.split != TEST, learnt),
            (rows.split == TEST, learnt | ((rows.split == VALIDATION) & rows.unbiased)),
        ):
            sums[asking], counts[asking] = _before(rows, keys, asking, sources & (keys >= 0), average)
        found[f"earlier outcomes of the {name}"] = sums / (counts + STRENGTH)
        found[f"number of earlier outcomes of the {name}"] = np.log1p(counts)
    return found


def _before(
    rows: Rows, keys: np.ndarray, asking: np.ndarray, sources: np.ndarray, average: float
) -> tuple[np.ndarray, np.ndarray]:
    """Sum beyond the average, and number, of the sources of the same key known before each asking row's moment."""
    instants = np.unique(rows.known[sources])
    span = len(instants) + 1
    known = keys[sources] * span + np.searchsorted(instants, rows.known[sources])
    order = np.argsort(known, kind="stable")
    beyond = np.concatenate([[0.0], np.cumsum(rows.observed[sources][order].astype(float) - average)])
    first = keys[asking] * span
    ends = np.searchsorted(known[order], first + np.searchsorted(instants, rows.times[asking]))
    begins = np.searchsorted(known[order], first)
    return beyond[ends] - beyond[begins], (ends - begins).astype(float)


def _looked_up(column: pd.Series, places: np.ndarray, missing: object) -> np.ndarray:
    """The column's value at each place; `missing` where the place is -1."""
    return np.where(places >= 0, column.to_numpy()[places], missing)


def _logarithms(values: np.ndarray, wanted: int) -> np.ndarray:
    return np.log1p(np.maximum(values, 0)) if wanted else values


def _skewness(values: np.ndarray) -> float:
    return float(np.mean(((values - values.mean()) / values.std()) ** 3))
