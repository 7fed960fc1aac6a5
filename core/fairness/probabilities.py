"""How good predicted probabilities are, alone and compared, with intervals over users.

Letters in shapes: N rows, U users, B draws, J bins. A user may have several rows; users are resampled whole.
"""

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
import pandas as pd
from scipy import stats

from core.schema.documents import Measured
from core.schema.settings import Statistics

BINS = 10
SMALLEST = 1e-12  # probability that a logarithm is taken of
_BLOCK = 2**22  # numbers made at a time
HIGHER_IS_BETTER = {"auc": True, "brier": False, "log_loss": False, "ece": False}


@dataclass(frozen=True)
class Scores:
    """Metrics of one predictor: of the sample, and of B draws of users (the same draws for every predictor)."""

    value: dict[str, float]
    draws: dict[str, np.ndarray]


def score_all(
    predictions: dict[str, np.ndarray], happened: np.ndarray, users: np.ndarray, *, settings: Statistics
) -> dict[str, Scores]:
    """AUC, Brier score, log loss and expected calibration error of several predictors of the same rows.

    AUC: chance that a row where it happened is rated above one where it did not, ties half. Brier: mean squared
    error. Log loss: nats. ECE: mean over BINS bins of equally many rows of |mean probability - observed share|
    (Naeini et al., AAAI 2015).

    Args:
        predictions: by name, (N,) in [0, 1]. happened: bool (N,), both values there. users: (N,).
    """
    _, places = np.unique(users, return_inverse=True)
    rng = np.random.default_rng(settings.seed)
    n_users, step = int(places.max()) + 1, max(1, _BLOCK // len(places))
    blocks: dict[str, list[dict[str, np.ndarray]]] = {name: [] for name in predictions}
    measures = {name: _measure(values, happened) for name, values in predictions.items()}
    for start in range(0, settings.draws, step):
        rows = min(step, settings.draws - start)
        weights = rng.poisson(1.0, (rows, n_users)).astype(np.float32)[:, places]  # (b, N)
        for name, measure in measures.items():
            blocks[name].append(measure(weights))
    whole = np.ones((1, len(places)))
    return {
        name: Scores(
            {metric: float(value[0]) for metric, value in measures[name](whole).items()},
            {metric: np.concatenate([block[metric] for block in parts]) for metric in HIGHER_IS_BETTER},
        )
        for name, parts in blocks.items()
    }


def _measure(predicted: np.ndarray, happened: np.ndarray) -> Callable[[np.ndarray], dict[str, np.ndarray]]:
    """The metrics as a function of the rows' weights, (b, N) -> (b,) each."""
    order = np.argsort(predicted, kind="stable")
    steps = np.flatnonzero(np.diff(predicted[order], prepend=-1.0))  # where each distinct prediction begins
    likely = np.clip(np.where(happened, predicted, 1 - predicted), SMALLEST, 1.0)
    bins = bins_of(predicted)
    columns = np.column_stack([np.ones(len(predicted)), (predicted - happened) ** 2, -np.log(likely)])
    off = np.zeros((len(predicted), int(bins.max()) + 1))
    off[np.arange(len(predicted)), bins] = predicted - happened  # (N, J)
    columns = np.column_stack([columns, off]).astype(np.float32)
    yes = happened[order].astype(np.float32)

    def measure(weights: np.ndarray) -> dict[str, np.ndarray]:
        sums = (weights @ columns.astype(weights.dtype)).astype(np.float64)
        total = np.maximum(sums[:, :1], SMALLEST)
        brier, loss = (sums[:, 1:3] / total).T
        sorted_weights = weights[:, order]
        positive = np.add.reduceat(sorted_weights * yes, steps, axis=1, dtype=np.float64)
        negative = np.add.reduceat(sorted_weights * (1 - yes), steps, axis=1, dtype=np.float64)
        below = np.cumsum(negative, axis=1) - negative / 2  # ties half
        pairs = np.maximum(positive.sum(axis=1) * negative.sum(axis=1), SMALLEST)
        auc = (positive * below).sum(axis=1) / pairs
        ece = (np.abs(sums[:, 3:]) / total).sum(axis=1)
        return {"auc": auc, "brier": brier, "log_loss": loss, "ece": ece}

    return measure


def bins_of(predicted: np.ndarray) -> np.ndarray:
    """The bin of each prediction, 0..BINS-1, about equally many in each; equal predictions share one."""
    edges = np.unique(np.quantile(predicted, np.arange(1, BINS) / BINS))
    return np.unique(np.searchsorted(edges, predicted, side="right"), return_inverse=True)[1]


def measured(scores: Scores, *, n: int, settings: Statistics) -> dict[str, Measured]:
    """Each metric with its interval, the ends no further out than 0 and, but for log loss, 1."""
    found = {}
    for metric, value in scores.value.items():
        low, high = _around(value, scores.draws[metric], settings)
        found[metric] = Measured(
            value=value, low=max(low, 0.0), high=high if metric == "log_loss" else min(high, 1.0), n=n
        )
    return found


def difference(first: Scores, second: Scores, metric: str, *, n: int, settings: Statistics) -> Measured:
    """First minus second of one metric, paired: both saw the same draws."""
    value = first.value[metric] - second.value[metric]
    low, high = _around(value, first.draws[metric] - second.draws[metric], settings)
    return Measured(value=value, low=low, high=high, n=n)


def _around(value: float, draws: np.ndarray, settings: Statistics) -> tuple[float, float]:
    """Normal interval with the bootstrap's standard error (percentiles of ECE would lie above its value)."""
    reach = stats.norm.ppf((1 + settings.confidence) / 2) * draws.std(ddof=1)
    return value - reach, value + reach


def reliability(
    predicted: np.ndarray, happened: np.ndarray, users: np.ndarray, *, settings: Statistics
) -> pd.DataFrame:
    """One row per bin: `predicted` mean probability, `observed` share with `low` and `high`, rows `n`."""
    bins = bins_of(predicted)
    _, places = np.unique(users, return_inverse=True)
    n_bins, n_users = int(bins.max()) + 1, int(places.max()) + 1
    counts, yes = (
        np.bincount(places * n_bins + bins, weights, minlength=n_users * n_bins).reshape(n_users, n_bins)
        for weights in (None, happened.astype(float))
    )
    weights = np.random.default_rng(settings.seed).poisson(1.0, (settings.draws, n_users)).astype(float)
    draws = (weights @ yes) / np.maximum(weights @ counts, 1.0)  # (B, J)
    n = counts.sum(axis=0)
    observed, drawn_to_half = yes.sum(axis=0) / n, (yes.sum(axis=0) + 1) / (n + 2)
    # A bin where it always or never happened shows no spread: it gets at least that of independent rows.
    error = np.maximum(draws.std(axis=0, ddof=1), np.sqrt(drawn_to_half * (1 - drawn_to_half) / n))
    reach = stats.norm.ppf((1 + settings.confidence) / 2) * error
    return pd.DataFrame(
        {
            "predicted": np.bincount(bins, predicted) / n,
            "observed": observed,
            "low": np.maximum(observed - reach, 0),
            "high": np.minimum(observed + reach, 1),
            "n": n.astype(int),
        }
    )
