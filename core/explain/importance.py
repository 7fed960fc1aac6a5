"""What a model goes by on the whole, and whether it goes by something else for some groups of users."""

from collections.abc import Sequence

import numpy as np
import pandas as pd

from core.fairness.group_rows import mean_rows
from core.fairness.judging import judged
from core.fairness.partition import Partition, everybody
from core.fairness.rows import tidy
from core.fairness.stats import bootstrap, intervals
from core.schema.settings import Statistics

SECTION = "explain"
WEIGHT, PUSH = "weight", "push"  # families of metrics: `weight: price`, `push: price`
TOLERANCE = 0.02  # of all that a model goes by: shares that differ by less are alike


def per_user(values: np.ndarray, users: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Attributions of rows (N, K) as means of users: signed and absolute, (2, U, K), and the users (U,)."""
    codes, place, n = np.unique(users, return_inverse=True, return_counts=True)
    sums = np.zeros((2, len(codes), values.shape[1]))
    for total, each in zip(sums, (values, np.abs(values)), strict=True):
        np.add.at(total, place, each)
    return sums / n[:, None], codes


def shares(absolute: np.ndarray) -> np.ndarray:
    """Each feature's part of all that moved a user's predictions, (U, K); rows sum to one, or are NaN where nothing did."""
    total = absolute.sum(axis=1, keepdims=True)
    return np.divide(absolute, total, out=np.full_like(absolute, np.nan), where=total > 0)


def importance(
    values: np.ndarray, users: np.ndarray, features: Sequence[str], settings: Statistics
) -> pd.DataFrame:
    """How much each feature moves a prediction on average, the most telling first; every user counts once.

    Returns:
        `feature`, `value`, `low`, `high` (mean size of its attributions, in the output's unit, with its interval over
        users), `share` (of all that moves predictions), `n` (users). Without rows where there are under `minimum_group`.
    """
    (_, absolute), codes = per_user(values, users)
    if len(codes) < settings.minimum_group:
        return pd.DataFrame(columns=["feature", "value", "low", "high", "share", "n"])
    rng = np.random.default_rng(settings.seed)
    together = np.zeros(len(codes), dtype=int)
    moments = bootstrap(absolute, together, n_groups=1, draws=settings.draws, rng=rng)
    found = intervals(moments, np.ones((1, 1)), confidence=settings.confidence).within(0, np.inf)
    table = pd.DataFrame(
        {"feature": list(features), **{name: getattr(found, name)[0] for name in ("value", "low", "high")}}
    )
    table["share"] = np.nan_to_num(shares(absolute.mean(axis=0, keepdims=True))[0])
    table["n"] = len(codes)
    return table.sort_values("value", ascending=False, ignore_index=True)


def by_group(
    values: np.ndarray,
    users: np.ndarray,
    features: Sequence[str],
    part: Partition | None,
    settings: Statistics,
) -> pd.DataFrame:
    """Does the model go by other things for some groups? Audit rows of two families of metrics.

    `weight: <feature>`: the feature's share of all that moves a user's predictions, judged against TOLERANCE with one
    correction for all groups and features. `push: <feature>`: the mean signed attribution, in the unit of the output;
    the gaps of all features add up to the gap of the mean outputs, so they say what makes a group's predictions higher
    or lower; these are told with their intervals and tests and not judged.

    Args:
        part: of the users in ascending order of their codes, as `per_user` tells them; None: everybody.
    """
    (signed, absolute), codes = per_user(values, users)
    part = everybody(len(codes)) if part is None else part
    weights, pushes = ([f"{family}: {name}" for name in features] for family in (WEIGHT, PUSH))
    of = {"section": SECTION}
    rows = mean_rows(
        shares(absolute),
        weights,
        part,
        settings,
        tolerances=dict.fromkeys(weights, TOLERANCE),
        bounds=dict.fromkeys(weights, (0.0, 1.0)),
        **of,
    )
    rows += mean_rows(signed, pushes, part, settings, **of)
    rows = [row for row in rows if row.statistic != "ratio"]
    return tidy(judged(rows, settings))
