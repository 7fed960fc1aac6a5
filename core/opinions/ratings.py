"""The rating to expect of a customer for a product where no model predicts it: item and user means, shrunk."""

from dataclasses import dataclass
from typing import Literal

import numpy as np
import pandas as pd

from core.schema.documents import Measured
from core.schema.tables import ITEM, RATING, USER

NORMAL_95 = 1.959964
Basis = Literal["service model", "ratings"]


@dataclass(frozen=True)
class ExpectedRating:
    """The expected rating on the data's scale.

    Attributes:
        measured: value with its interval, and `n` ratings of the product by others.
        basis: what it comes from. The interval of "ratings" is that of the expected rating; that of the "service
            model" is where the customer's own rating will lie.
        confidence: of the interval.
        bottom, top: the ends of the scale.
    """

    measured: Measured
    basis: Basis
    bottom: float
    top: float
    confidence: float = 0.95


def scale(reviews: pd.DataFrame) -> tuple[float, float]:
    """The lowest and the highest rating in the data; (nan, nan) without any."""
    return float(reviews[RATING].min()), float(reviews[RATING].max())


def shrunken_rating(reviews: pd.DataFrame, *, user: int, item: int) -> ExpectedRating | None:
    """Mean of all + the item's offset + the user's offset, each shrunk by how little is known of it.

    The random-effects model rating = m + b_item + b_user + noise, with variance components by the method of moments
    and offsets n / (n + noise / variance) of their means (Searle, Casella & McCulloch, Variance Components, 1992,
    chapters 3 and 7). What the customer rated the product itself is left out. None if nobody rated anything.
    """
    known = reviews[reviews[RATING].notna() & ~((reviews[USER] == user) & (reviews[ITEM] == item))]
    if known.empty:
        return None
    ratings, items, users = known[RATING].to_numpy(float), known[ITEM].to_numpy(), known[USER].to_numpy()
    left = ratings - ratings.mean()
    offsets, variances = _shrunken(left, items)
    at_item, spread_item, n = _of(item, items, offsets, variances, _between(left, items)[0])
    left = left - offsets[items]
    offsets, variances = _shrunken(left, users)
    at_user, spread_user, _ = _of(user, users, offsets, variances, _between(left, users)[0])
    bottom, top = scale(reviews)
    spread = np.var(ratings) / len(ratings) + spread_item + spread_user
    value, half = ratings.mean() + at_item + at_user, NORMAL_95 * np.sqrt(spread)
    ends = np.clip([value, value - half, value + half], bottom, top)
    measured = Measured(value=float(ends[0]), low=float(ends[1]), high=float(ends[2]), n=n)
    return ExpectedRating(measured, "ratings", bottom, top)


def _between(values: np.ndarray, groups: np.ndarray) -> tuple[float, float]:
    """Variance between groups and within them (one-way, unbalanced).

    An estimate below its own standard error (that of no variance at all) is raised to it: a variance that cannot be
    told from none is not none. Where no group has two values there is nothing to tell it by, and it is 0.
    """
    counts = np.bincount(groups)
    sums = np.bincount(groups, weights=values)
    means = np.divide(sums, counts, out=np.zeros(len(counts)), where=counts > 0)
    n, n_groups = len(values), int((counts > 0).sum())
    if n == n_groups or n_groups < 2:
        return 0.0, float(np.var(values))
    within = float(((values - means[groups]) ** 2).sum() / (n - n_groups))
    squares = float((counts * (means - values.mean()) ** 2).sum())
    effective = (n - (counts.astype(float) ** 2).sum() / n) / (n_groups - 1)  # values of a group, on average
    between = (squares / (n_groups - 1) - within) / effective
    return max(between, within / effective * np.sqrt(2 / (n_groups - 1))), within


def _shrunken(values: np.ndarray, groups: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """The offset of each group code and its posterior variance."""
    between, within = _between(values, groups)
    counts, sums = np.bincount(groups), np.bincount(groups, weights=values)
    if between == 0:
        return np.zeros(len(counts)), np.zeros(len(counts))
    strength = within / between
    variances = np.where(within > 0, within / (counts + max(strength, 1e-12)), 0.0)
    return sums / (counts + strength) if strength else sums / np.maximum(counts, 1), variances


def _of(
    code: int, groups: np.ndarray, offsets: np.ndarray, variances: np.ndarray, between: float
) -> tuple[float, float, int]:
    """Offset, variance and number of values of one code; a code never seen has the variance between groups."""
    if code >= len(offsets):
        return 0.0, between, 0
    return float(offsets[code]), float(variances[code]), int((groups == code).sum())
