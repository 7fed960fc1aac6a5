"""Calibration by group: the line of outcomes on predictions, the binned error, and a test of both line parameters."""

import numpy as np
import pandas as pd
from scipy import stats

from core.fairness.group_rows import among_rows
from core.fairness.partition import Partition
from core.fairness.service.adjusted import least_squares
from core.fairness.service.rows import user_sums
from core.schema.settings import Statistics
from core.schema.tables import EXPECTED, OBSERVED, PREDICTED, USER

LINE_METRICS = ("calibration_intercept", "calibration_slope")
ECE_METRICS = ("calibration_error",)
ECE_BINS = 10


def line_contributions(rows: pd.DataFrame, codes: np.ndarray) -> np.ndarray:
    """What each user adds to the line of outcomes on predictions, (U, 5): n, s^, s, s^ s^, s^ s."""
    observed = rows[OBSERVED].to_numpy(float)
    said = rows[EXPECTED if EXPECTED in rows else PREDICTED].to_numpy(float)
    columns = np.column_stack([np.ones(len(rows)), said, observed, said**2, said * observed])
    return user_sums(rows[USER].to_numpy(), columns, codes)


def calibration_line(totals: np.ndarray) -> np.ndarray:
    """Intercept a and slope b of s = a + b s^ by least squares, (..., 5) -> (..., 2); calibrated: 0 and 1.

    A slope below 1: predictions are too extreme for this group. NaN where all predictions are the same.
    Source: Cox, Biometrika 45 (1958).
    """
    n, said, observed, squares, products = (totals[..., place] for place in range(5))
    spread = n * squares - said**2
    spread = np.where(spread > 1e-9 * n * squares, spread, np.nan)
    slope = (n * products - said * observed) / spread
    return np.stack([(observed - slope * said) / n, slope], axis=-1)


def error_contributions(rows: pd.DataFrame, codes: np.ndarray, *, bins: int = ECE_BINS) -> np.ndarray:
    """What each user adds to the binned calibration error, (U, 1 + bins): n, and s - s^ in each bin of s^.

    Bins hold about equally many rows of all groups together and have the same ends for every group.
    """
    observed = rows[OBSERVED].to_numpy(float)
    said = rows[EXPECTED if EXPECTED in rows else PREDICTED].to_numpy(float)
    edges = np.unique(np.quantile(said, np.arange(1, bins) / bins))
    places = np.searchsorted(edges, said, side="right")
    columns = np.zeros((len(rows), 1 + bins))
    columns[:, 0] = 1
    columns[np.arange(len(rows)), 1 + places] = observed - said
    return user_sums(rows[USER].to_numpy(), columns, codes)


def calibration_error(totals: np.ndarray) -> np.ndarray:
    """Expected calibration error, (..., 1 + bins) -> (..., 1), >= 0, in the unit of the outcome.

        ECE_g = sum_b n_gb / n_g |mean_b(s) - mean_b(s^)|

    Chance alone makes it larger in smaller groups: read a gap beside its null band, which shows by how much.
    Source: Naeini et al., AAAI 2015, with values in place of probabilities.
    """
    n = totals[..., :1]
    return np.abs(totals[..., 1:]).sum(axis=-1, keepdims=True) / np.where(n > 0, n, np.nan)


def calibration_tests(
    rows: pd.DataFrame, codes: np.ndarray, part: Partition, settings: Statistics
) -> dict[str, float]:
    """P-value of each shown group for intercept 0 and slope 1 at once; absent where there is no line.

    Wald's F with 2 and users - 1 degrees of freedom, on the covariance that leaves each user out
    (`core.fairness.service.adjusted`). Many users make any small fault significant: look at the line as well.
    """
    among_users = among_rows(rows[USER].to_numpy(), codes, part, minimum=settings.minimum_group)
    if among_users is None:
        return {}
    own, inside, places = among_users
    kept = rows[inside]
    observed = kept[OBSERVED].to_numpy(float)
    said = kept[EXPECTED if EXPECTED in kept else PREDICTED].to_numpy(float)
    found = {}
    for name, shown in own.positions():
        inside = own.strata[places] == shown if shown is not None else np.zeros(len(places), bool)
        if shown is not None and np.ptp(said[inside]) > 0:
            found[name] = _line_test(observed[inside], said[inside], places[inside])
    return found


def _line_test(observed: np.ndarray, said: np.ndarray, users: np.ndarray) -> float:
    clusters = np.unique(users, return_inverse=True)[1]
    # residuals on predictions around their mean: both coefficients are 0 if the line is the diagonal
    fit = least_squares(observed - said, np.column_stack([np.ones(len(said)), said - said.mean()]), clusters)
    wald = fit.coefficients @ np.linalg.pinv(fit.covariance, hermitian=True) @ fit.coefficients
    return float(stats.f.sf(wald / 2, 2, fit.clusters - 1))
