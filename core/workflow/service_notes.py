"""What the card of a service-quality model says in sentences: from what it learnt, and where it knows nothing."""

import pandas as pd

from core.data.service import UNUSED, VOLUNTEERED, Rows
from core.schema.documents import Measured, ModelReport
from core.schema.tables import HIGH, LOW
from core.train.conformal import COVERAGE
from core.train.service import TrainedService
from core.workflow.service_report import ERRORS, best_rule

MOSTLY = 0.9
ERROR_NAMES = {"mae": "mean absolute error", "rmse": "root mean squared error"}
RULE_NAMES = {
    "mean": "the mean",
    "median": "the median",
    "bias_mean": "the bias model (user and item means)",
    "bias_median": "the bias model by medians",
    "linear": "a linear regression on the numbers of the order",
}


def notes(
    rows: Rows,
    trained: TrainedService,
    report: ModelReport,
    groups: pd.DataFrame,
    *,
    without: tuple[str, ...],
    without_history: float,
) -> list[str]:
    """Plain sentences for the model card.

    Args:
        report, groups: on the test rows. without: attributes that the model may not see.
        without_history: share of the test rows whose user had no history.
    """
    outcome = rows.outcome
    told = [
        f"Predicts {outcome.title} {outcome.moment}, from {trained.training_rows:,} rows of the training and half of "
        f"the validation users; the {COVERAGE:.0%} intervals are calibrated on the other half, "
        f"{trained.calibration_rows:,} rows.",
        _ways(trained),
        *(_against(report, error, outcome.unit) for error in ERRORS),
    ]
    if late := int((rows.split == UNUSED).sum()):
        told.append(
            f"{late:,} rows of orders placed before a split and decided after it were left out; rows that took "
            "nearly as long weigh more in their place."
        )
    fed = rows.volunteered
    if fed.all():
        told.append(VOLUNTEERED)
    elif fed.any():
        told.append(
            f"{int(fed.sum()):,} of {len(rows):,} rows were volunteered in feedback, and are of no order: they may teach, and "
            "no figure here rests on them."
        )
    if drawn := int((~rows.unbiased & ~fed).sum()):
        told.append(
            f"{drawn:,} of {len(rows):,} rows were not drawn at random; no figure here rests on them."
        )
    if without_history > MOSTLY:
        told.append(
            f"For {without_history:.0%} of the test rows nothing is known of what the user had before, so U says "
            "nothing of the person: predictions rest on the product and the order."
        )
    if without:
        told.append(
            f"The model does not see protected attributes, nor what tells them ({', '.join(without)}); the widths of "
            "its intervals do. What the shop promises and charges may still depend on them."
        )
    return told + _least_covered(groups)


def _ways(trained: TrainedService) -> str:
    """Which of the ways tried was taken, and by what."""
    errors = "; ".join(f"{way} {error:.3f}" for way, error in trained.tuning.items())
    return f"Chosen by the loss on validation rows: {trained.way}. Tried: {errors}."


def _against(report: ModelReport, error: str, unit: str) -> str:
    """Whether the model beats the best baseline, from the interval of the paired difference."""
    best, difference = best_rule(report.baselines, error), report.metrics[f"{error}_difference"]
    compared = f"{report.metrics[error].value:.3f} against {report.baselines[best][error].value:.3f} {unit}"
    interval = f"difference {difference.value:+.3f} [{difference.low:+.3f}, {difference.high:+.3f}]"
    name = f"{ERROR_NAMES[error]} ({compared}; {interval})"
    if difference.high < 0:
        return f"Beats the best baseline, {RULE_NAMES[best]}, in {name}."
    if difference.low > 0:
        return f"Does worse than {RULE_NAMES[best]} in {name}: there that rule is better."
    return f"Not shown to beat {RULE_NAMES[best]} in {name}: beyond it the data carry no signal that this model finds."


def _least_covered(groups: pd.DataFrame) -> list[str]:
    """The group that intervals cover least, as one sentence."""
    covered = groups[groups["metric"] == "coverage"]
    if covered.empty:
        return []
    least = covered.loc[covered["value"].idxmin()]
    cell = Measured(value=least["value"], low=least[LOW], high=least[HIGH], n=least["rows"])
    return [
        f"Of {len(covered)} groups the intervals cover {least['attribute']} {least['group']} least: {cell.value:.1%} "
        f"[{cell.low:.1%}, {cell.high:.1%}] of {cell.n:,} rows, {COVERAGE:.0%} wanted."
    ]
