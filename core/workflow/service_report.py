"""How well an outcome of orders is predicted on the test rows, beside plain rules, with intervals over users."""

from dataclasses import dataclass

import numpy as np
import pandas as pd

from core.data.service import Rows
from core.fairness.suppression import SHOWN, group_states
from core.models.bias import BiasModel, Outcomes, choose_strengths, fit_bias, fit_line, line_at
from core.schema.documents import Measured, ModelReport
from core.schema.settings import Statistics
from core.schema.tables import HIGH, LOW, OUTCOME
from core.train.conformal import COVERAGE
from core.train.service import Predictions

BLOCK = 2**22  # numbers of a block of draws
CENTRES = ("mean", "median")
ERRORS = ("mae", "rmse")


@dataclass(frozen=True)
class Rule:
    """What a baseline says of the test rows, float64 (N,) each; an interval where it has one."""

    predicted: np.ndarray
    low: np.ndarray | None = None
    high: np.ndarray | None = None


def baseline_rules(
    rows: Rows, train: np.ndarray, validation: np.ndarray, test: np.ndarray, numbers: np.ndarray
) -> dict[str, Rule]:
    """Mean, median, bias models by means and by medians, and a line through the numbers of the context.

    Shrinkage is chosen on validation rows; then everything is fitted on training and validation rows together, all
    known when the test begins.

    Args:
        train, validation, test: bool (N,), unbiased rows. numbers: float32 (N, F), the coded context.
    """
    parts = {name: _outcomes(rows, chosen) for name, chosen in (("train", train), ("validation", validation))}
    known, asked = _outcomes(rows, train | validation), _outcomes(rows, test)
    rules = {}
    for by in CENTRES:
        items, users = choose_strengths(parts["train"], parts["validation"], by=by)
        bias = fit_bias(known, item_strength=items, user_strength=users, by=by)
        rules |= {by: _constant(bias, known, asked), f"bias_{by}": Rule(bias.predict(asked))}
    line = fit_line(numbers[train | validation], known.observed, known.weights)
    return rules | {"linear": Rule(line_at(line, numbers[test]))}


def _outcomes(rows: Rows, chosen: np.ndarray) -> Outcomes:
    part = rows.at(chosen)
    return Outcomes(part.users, part.items, part.observed.astype(float), part.weights.astype(float))


def _constant(bias: BiasModel, known: Outcomes, asked: Outcomes) -> Rule:
    """The centre for everyone, and the interval that covers as much of the known rows."""
    ends = np.quantile(
        known.observed,
        [(1 - COVERAGE) / 2, (1 + COVERAGE) / 2],
        weights=known.weights,
        method="inverted_cdf",
    )
    low, high = (np.full(len(asked.observed), end) for end in ends)
    return Rule(np.full(len(asked.observed), bias.centre), low, high)


def measure(
    rows: Rows, predictions: Predictions, rules: dict[str, Rule], settings: Statistics
) -> ModelReport:
    """Metrics of the model and of each baseline on the same test rows, and paired differences to the best one.

    `mae` judges the median, `rmse` the mean; `coverage` is the share of outcomes within the interval, `width` its mean
    width. `mae_difference` and `rmse_difference` are the model less the baseline that does best on these very rows.

    Args:
        rows: the test rows, N; `predictions` and `rules` are of these.
    """
    observed = rows.observed.astype(float)
    columns = {
        "mae": np.abs(predictions.median - observed),
        "rmse": (predictions.mean - observed) ** 2,
    } | _interval_columns(observed, predictions.low, predictions.high)
    drawn = {"": _draws(rows.users, columns, settings)}
    for name, rule in rules.items():
        errors = {"mae": np.abs(rule.predicted - observed), "rmse": (rule.predicted - observed) ** 2}
        ends = {} if rule.low is None else _interval_columns(observed, rule.low, rule.high)
        drawn[name] = _draws(rows.users, errors | ends, settings)
    measured = {
        name: {metric: _measured(values, len(rows), settings) for metric, values in draws.items()}
        for name, draws in drawn.items()
    }
    metrics = measured.pop("")
    for error in ERRORS:
        best = best_rule(measured, error)
        paired = drawn[""][error] - drawn[best][error]
        metrics[f"{error}_difference"] = _measured(paired, len(rows), settings)
    return ModelReport(metrics=metrics, baselines=measured)


def best_rule(baselines: dict[str, dict[str, Measured]], error: str) -> str:
    """The baseline with the smallest error."""
    return min(baselines, key=lambda name: baselines[name][error].value)


def _interval_columns(observed: np.ndarray, low: np.ndarray, high: np.ndarray) -> dict[str, np.ndarray]:
    return {"coverage": ((low <= observed) & (observed <= high)).astype(float), "width": high - low}


def _draws(users: np.ndarray, columns: dict[str, np.ndarray], settings: Statistics) -> dict[str, np.ndarray]:
    """Each metric over all rows, then in each bootstrap draw of users, (1 + B,); users weigh Poisson(1).

    The same seed gives the same draws, so differences are paired. `rmse` columns are squared errors.
    """
    distinct, places = np.unique(users, return_inverse=True)
    stacked = np.column_stack([np.ones(len(users)), *columns.values()])
    sums = np.column_stack([np.bincount(places, column, len(distinct)) for column in stacked.T])  # (U, 1 + K)
    rng = np.random.default_rng(settings.seed)
    drawn, step = [sums.sum(axis=0, keepdims=True)], max(1, BLOCK // len(distinct))
    for start in range(0, settings.draws, step):
        weights = rng.poisson(1.0, (min(step, settings.draws - start), len(distinct)))
        drawn.append(weights.astype(np.float32) @ sums)
    totals = np.concatenate(drawn)
    means = totals[:, 1:] / np.maximum(totals[:, :1], 1.0)
    return {
        name: np.sqrt(means[:, place]) if name == "rmse" else means[:, place]
        for place, name in enumerate(columns)
    }


def _measured(draws: np.ndarray, n: int, settings: Statistics) -> Measured:
    tail = (1 - settings.confidence) / 2
    low, high = np.quantile(draws[1:], [tail, 1 - tail])
    return Measured(value=float(draws[0]), low=float(low), high=float(high), n=n)


def by_group(
    rows: Rows, predictions: Predictions, labels: pd.DataFrame, settings: Statistics
) -> pd.DataFrame:
    """Coverage, width and error of the test rows of each group that may be shown.

    Returns:
        `outcome`, `attribute`, `group`, `metric`, `value`, `low`, `high`, `users`, `rows`.
    """
    observed = rows.observed.astype(float)
    columns = {"mae": np.abs(predictions.median - observed)}
    columns |= _interval_columns(observed, predictions.low, predictions.high)
    found = []
    for attribute in labels:
        groups = labels[attribute].astype("category")
        users = pd.Series(rows.users).groupby(groups.to_numpy(), observed=False).nunique()
        states = group_states(users.to_numpy(), settings.minimum_group)
        for group, count in users[states == SHOWN].items():
            chosen = (groups == group).to_numpy()
            drawn = _draws(rows.users[chosen], {name: v[chosen] for name, v in columns.items()}, settings)
            for metric, draws in drawn.items():
                cell = _measured(draws, int(chosen.sum()), settings)
                found.append(
                    {
                        OUTCOME: rows.outcome.name,
                        "attribute": attribute,
                        "group": str(group),
                        "metric": metric,
                    }
                    | {
                        "value": cell.value,
                        LOW: cell.low,
                        HIGH: cell.high,
                        "users": int(count),
                        "rows": cell.n,
                    }
                )
    names = (OUTCOME, "attribute", "group", "metric", "value", LOW, HIGH, "users", "rows")
    return pd.DataFrame(found, columns=list(names))
