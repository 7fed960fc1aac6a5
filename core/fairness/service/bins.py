"""Outcomes at each level of prediction, group by group: the points of a calibration plot."""

import numpy as np
import pandas as pd
from scipy import stats

from core.fairness.group_rows import among_rows
from core.fairness.partition import Partition
from core.schema.settings import Statistics
from core.schema.tables import EXPECTED, HIGH, LOW, OBSERVED, PREDICTED, USER

BINS = 5
COLUMNS = ("group", PREDICTED, OBSERVED, LOW, HIGH, "n")


def calibration_bins(
    rows: pd.DataFrame, codes: np.ndarray, part: Partition, settings: Statistics, *, bins: int = BINS
) -> pd.DataFrame:
    """Mean prediction and mean outcome of each shown group, in bins of about equally many of its rows.

    Each group has its own ends, and so few bins that none holds fewer than `minimum_group` users. Intervals are
    Student's, from the spread between users.

    Args:
        rows: of one outcome, as `judged_rows` gives. codes: (U,) audited users, in the partition's order.

    Returns:
        `group`, `predicted`, `observed`, `low`, `high` (of observed) and `n` (users), by group, then by prediction.
    """
    among = among_rows(rows[USER].to_numpy(), codes, part, minimum=settings.minimum_group)
    if among is None:
        return pd.DataFrame(columns=list(COLUMNS))
    own, inside, users = among
    kept = rows[inside]
    observed, said = (
        kept[name].to_numpy(float) for name in (OBSERVED, EXPECTED if EXPECTED in kept else PREDICTED)
    )
    found = []
    for name, place in own.positions():
        here = np.flatnonzero(own.strata[users] == place) if place is not None else np.array([], int)
        for cell in _cells(said[here], users[here], bins, settings.minimum_group):
            chosen = here[cell]
            found.append((name, *_point(observed[chosen], said[chosen], users[chosen], settings)))
    return pd.DataFrame(found, columns=list(COLUMNS))


def _cells(said: np.ndarray, users: np.ndarray, bins: int, minimum: int) -> list[np.ndarray]:
    """Places of the rows in each bin; as many bins, up to `bins`, as have `minimum` users each."""
    for number in range(bins, 0, -1):
        edges = np.unique(np.quantile(said, np.arange(1, number) / number)) if len(said) else []
        code = np.searchsorted(edges, said, side="right")
        cells = [np.flatnonzero(code == each) for each in np.unique(code)]
        if all(len(np.unique(users[cell])) >= minimum for cell in cells):
            return cells
    return []


def _point(
    observed: np.ndarray, said: np.ndarray, users: np.ndarray, settings: Statistics
) -> tuple[float, float, float, float, int]:
    """Mean prediction, mean outcome with its ends, and users of one cell."""
    value = observed.mean()
    each = np.unique(users, return_inverse=True)[1]
    off = np.bincount(each, observed - value)
    n = len(off)
    error = np.sqrt(n / (n - 1) * (off**2).sum()) / len(observed)
    half = stats.t.isf((1 - settings.confidence) / 2, n - 1) * error
    return float(said.mean()), float(value), float(value - half), float(value + half), n
