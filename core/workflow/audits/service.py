"""Predictions of service by group: what was observed, what was predicted, and for whom that can be relied on."""

from dataclasses import dataclass

import numpy as np
import pandas as pd

from core.data.service import Outcome
from core.errors import InputError
from core.fairness.correction import NAMES, adjusted_p_values
from core.fairness.rows import AuditRow
from core.fairness.service.all_or_none import all_or_none
from core.fairness.service.bins import calibration_bins
from core.fairness.service.calibration import ECE_METRICS, calibration_tests
from core.fairness.service.group_loss import group_loss_rows
from core.fairness.service.outcomes import outcome_contributions, outcome_measures, outcome_rows
from core.fairness.service.residuals import distribution_rows
from core.fairness.service.rows import judged_rows
from core.schema.settings import AuditSettings
from core.schema.tables import EXPECTED, OBSERVED, PREDICTED, USER
from core.train.conformal import COVERAGE
from core.workflow.audits.orders import scope_of_orders
from core.workflow.audits.section import Section, section, with_permutations
from core.workflow.audits.shop import Shop, partitions

OF_THE_OUTCOME = (
    "observed",
    "predicted",
    "residual",
    *ECE_METRICS,
)  # judged by a share of the outcome's size
OF_THEIR_OWN = ("mae", "rmse", "width")  # judged by a share of their own mean
RESIDUAL = "_residual"  # after the name of an outcome, before that of a distance


@dataclass(frozen=True)
class PredictedService:
    """What was found of the predictions of one outcome.

    Attributes:
        section: rows of all metrics, named `<outcome>_<metric>`. rows: orders or reviews behind them.
        bins: of each grouping, outcomes at each level of prediction; see `core.fairness.service.bins`.
        off_line: of each grouping, the p-value of each shown group that predictions are calibrated (intercept 0 and
            slope 1), corrected for all groups.
    """

    section: Section
    rows: int
    bins: tuple[pd.DataFrame, ...]
    off_line: tuple[dict[str, float], ...]


def service(
    shop: Shop, predictions: pd.DataFrame, outcome: Outcome, settings: AuditSettings
) -> PredictedService:
    """Observed and predicted means, residuals, errors, coverage and calibration by group, on the test rows.

    A gap matters from `tolerance` upwards: of the outcome's mean size for what is in its unit, of their own mean for
    errors and widths, of the promised level for coverage. Intercept and slope are tested together, not judged.

    Args:
        predictions: the table `service_predictions` of a run.

    Raises:
        InputError: too few test rows. NotFound: no such group or category.
    """
    rows, notes = _judged(shop, predictions, outcome, settings)
    codes = np.unique(rows[USER].to_numpy())
    parts = partitions(shop.users, codes, settings)
    tolerances = _tolerances(rows, codes, settings)
    settings = with_permutations(settings, parts, metrics=len(tolerances))
    prefix = f"{outcome.name}_"
    options = {"tolerances": {prefix + metric: value for metric, value in tolerances.items()}}
    found: list[AuditRow] = []
    for part in parts:
        found += outcome_rows(rows, codes, part, settings, prefix=prefix, **options)
        found += group_loss_rows(rows, codes, part, settings, zeta=_allowed(rows, settings), prefix=prefix)
    found = all_or_none(found, f"{prefix}coverage")
    off_line = _corrected([calibration_tests(rows, codes, part, settings) for part in parts], settings)
    notes = [
        f"{len(rows):,} test rows of {len(codes):,} users; the model learnt from none of them.",
        f"Prediction intervals are made to hold {COVERAGE:.0%} of the outcomes.",
        _line_note(off_line, settings),
        *notes,
    ]
    return PredictedService(
        section=section(found, settings, users=len(codes), notes=notes),
        rows=len(rows),
        bins=tuple(calibration_bins(rows, codes, part, settings) for part in parts),
        off_line=off_line,
    )


def residual_distributions(
    shop: Shop, predictions: pd.DataFrame, outcome: Outcome, settings: AuditSettings
) -> Section:
    """How far the whole distribution of residuals of each group lies from the others' (KS, Wasserstein).

    A family of its own: another question than those of `service`, and shuffling whole distributions takes seconds.

    Args:
        predictions: the table `service_predictions` of a run.

    Raises:
        InputError: too few test rows. NotFound: no such group or category.
    """
    rows, notes = _judged(shop, predictions, outcome, settings)
    users, residuals = rows[USER].to_numpy(), (rows[OBSERVED] - rows[_said(rows)]).to_numpy(float)
    codes = np.unique(users)
    parts = partitions(shop.users, codes, settings)
    metric, size = outcome.name + RESIDUAL, float(rows[OBSERVED].abs().mean())
    tolerances = {f"{metric}_ks": settings.tolerance, f"{metric}_w1": settings.tolerance * size}
    settings = with_permutations(settings, parts, metrics=len(tolerances))
    found: list[AuditRow] = []
    for part in parts:
        found += distribution_rows(
            residuals, users, codes, part, settings, metric=metric, tolerances=tolerances
        )
    return section(found, settings, users=len(codes), notes=notes)


def _judged(
    shop: Shop, predictions: pd.DataFrame, outcome: Outcome, settings: AuditSettings
) -> tuple[pd.DataFrame, list[str]]:
    rows = judged_rows(predictions, outcome.name)
    inside, notes = scope_of_orders(rows, shop, settings.scope)
    if not inside.any():
        raise InputError(f"No test row of {outcome.title} lies in this part of the shop.")
    return rows[inside].reset_index(drop=True), notes


def _said(rows: pd.DataFrame) -> str:
    return EXPECTED if EXPECTED in rows else PREDICTED


def _tolerances(rows: pd.DataFrame, codes: np.ndarray, settings: AuditSettings) -> dict[str, float]:
    """By metric, in its unit; none where it would be 0."""
    contributions, names = outcome_contributions(rows, codes)
    overall = dict(zip(names, outcome_measures(contributions.sum(axis=0)), strict=True))
    size = float(rows[OBSERVED].abs().mean())  # of delays the mean may be near 0
    levels = dict.fromkeys(OF_THE_OUTCOME, size) | {
        metric: float(overall[metric]) for metric in OF_THEIR_OWN if metric in overall
    }
    if "coverage" in overall:
        levels["coverage"] = COVERAGE
    return {metric: settings.tolerance * level for metric, level in levels.items() if level > 0}


def _allowed(rows: pd.DataFrame, settings: AuditSettings) -> dict[str, float]:
    """The loss that no group should exceed: that of all rows, and the tolerance of it; nothing where there is none."""
    observed, median, mean = (rows[name].to_numpy(float) for name in (OBSERVED, PREDICTED, EXPECTED))
    losses = {
        "absolute_loss": np.abs(observed - median).mean(),
        "squared_loss": ((observed - mean) ** 2).mean(),
    }
    return {name: float(loss * (1 + settings.tolerance)) for name, loss in losses.items() if loss > 0}


def _corrected(found: list[dict[str, float]], settings: AuditSettings) -> tuple[dict[str, float], ...]:
    """The p-values of all groupings corrected together."""
    p_values = np.array([p for tests in found for p in tests.values()])
    adjusted = iter(adjusted_p_values(p_values, settings.correction))
    return tuple({group: float(next(adjusted)) for group in tests} for tests in found)


def _line_note(off_line: tuple[dict[str, float], ...], settings: AuditSettings) -> str:
    tested = sum(map(len, off_line))
    if not tested:
        return "Calibration could not be tested: predictions do not vary within any group."
    off = [group for tests in off_line for group, p in tests.items() if p <= settings.false_discovery_rate]
    whom = (
        f"for {', '.join(group[:40] for group in off[:6])}{', ...' if len(off) > 6 else ''}"
        if off
        else "for no group"
    )
    return (
        f"That predictions are calibrated (intercept 0 and slope 1) is rejected {whom}; corrected for {tested} tests "
        f"({NAMES[settings.correction]})."
    )
