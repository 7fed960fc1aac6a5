"""The bias model, a line, and their plainer kin: what a model of service quality has to beat."""

from dataclasses import dataclass
from itertools import product
from typing import Literal

import numpy as np
import pandas as pd

STRENGTHS = (1.0, 3.0, 10.0, 30.0, 100.0, 300.0, np.inf)  # rows that an offset is shrunk by; inf: no offset
RIDGE = 1.0  # strength of the line
Centre = Literal["mean", "median"]


@dataclass(frozen=True)
class Outcomes:
    """Rows to learn from or to judge by: keys of users and items (-1 for none), outcome and weight, (N,) each."""

    users: np.ndarray
    items: np.ndarray
    observed: np.ndarray
    weights: np.ndarray


@dataclass(frozen=True)
class BiasModel:
    """centre + item offset + user offset.

    An offset is the mean (or median) of what is left of the outcome, times n / (n + strength) of its n rows. With
    means: Koren, KDD 2008, equation 1, with the shrunken averages of Bell & Koren 2007.
    """

    centre: float
    items: pd.Series
    users: pd.Series

    def predict(self, rows: Outcomes) -> np.ndarray:
        """(N,); an unknown user or item adds nothing."""
        return self.centre + _offsets_at(self.items, rows.items) + _offsets_at(self.users, rows.users)


def fit_bias(rows: Outcomes, *, item_strength: float, user_strength: float, by: Centre) -> BiasModel:
    """Items first, then users on what the items leave."""
    centre = _centre(rows.observed, rows.weights, by)
    items = _offsets(rows.items, rows.observed - centre, item_strength, by)
    left = rows.observed - centre - _offsets_at(items, rows.items)
    return BiasModel(centre, items, _offsets(rows.users, left, user_strength, by))


def choose_strengths(train: Outcomes, tuning: Outcomes, *, by: Centre) -> tuple[float, float]:
    """The item and the user strength with the least squared (mean) or absolute (median) error on the tuning rows."""
    power = 2 if by == "mean" else 1

    def error(strengths: tuple[float, float]) -> float:
        fitted = fit_bias(train, item_strength=strengths[0], user_strength=strengths[1], by=by)
        return float(
            np.average(np.abs(fitted.predict(tuning) - tuning.observed) ** power, weights=tuning.weights)
        )

    return min(product(STRENGTHS, STRENGTHS), key=error)


def _centre(values: np.ndarray, weights: np.ndarray, by: Centre) -> float:
    if by == "mean":
        return float(np.average(values, weights=weights))
    order = np.argsort(values, kind="stable")
    place = np.searchsorted(np.cumsum(weights[order]), weights.sum() / 2)
    return float(values[order[min(place, len(order) - 1)]])


def _offsets(keys: np.ndarray, left: np.ndarray, strength: float, by: Centre) -> pd.Series:
    if np.isinf(strength):
        return pd.Series(dtype=float)
    known = keys >= 0
    groups = pd.Series(left[known]).groupby(keys[known])
    counts = groups.size()
    return groups.agg(by) * counts / (counts + strength)


def _offsets_at(offsets: pd.Series, keys: np.ndarray) -> np.ndarray:
    return offsets.reindex(keys).fillna(0.0).to_numpy(float) if len(offsets) else np.zeros(len(keys))


def fit_line(numbers: np.ndarray, observed: np.ndarray, weights: np.ndarray) -> np.ndarray:
    """Weighted ridge regression on standardised numbers: (N, F) -> (F + 1,), the intercept first."""
    columns = np.column_stack([np.ones(len(numbers)), numbers]).astype(float)
    weighted = columns * weights[:, None]
    penalty = RIDGE * np.eye(columns.shape[1])
    penalty[0, 0] = 0.0
    return np.linalg.solve(weighted.T @ columns + penalty, weighted.T @ observed)


def line_at(line: np.ndarray, numbers: np.ndarray) -> np.ndarray:
    """What the line says of these numbers, (N, F) -> (N,)."""
    return line[0] + numbers.astype(float) @ line[1:]
