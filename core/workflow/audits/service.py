"""Predictions of service by group: what was observed, what was predicted, and for whom that can be relied on."""

from dataclasses import dataclass

import numpy as np
import pandas as pd

from core.data.service import VOLUNTEERED, Outcome, volunteered
from core.errors import InputError
from core.fairness.correction import NAMES, adjusted_p_values
from core.fairness.rows import AuditRow
from core.fairness.service.adjusted import adjusted_rows
from core.fairness.service.all_or_none import all_or_none
from core.fairness.service.bins import calibration_bins
from core.fairness.service.calibration import ECE_METRICS, calibration_tests
from core.fairness.service.group_loss import group_loss_rows
from core.fairness.service.outcomes import outcome_contributions, outcome_measures, outcome_rows
from core.fairness.service.residuals import distribution_rows
from core.fairness.service.rows import judged_rows
from core.figures.sentences import plural
from core.schema.settings import AuditSettings
from core.schema.tables import EXPECTED, OBSERVED, PREDICTED, USER
from core.train.conformal import COVERAGE
from core.workflow.audits.orders import (
    ADJUSTED,
    circumstances,
    held_equal,
    in_parts,
    orders_behind,
    scope_of_orders,
)
from core.workflow.audits.section import Section, section, with_permutations
from core.workflow.audits.shop import Shop, partitions

OF_THE_OUTCOME = (
    "observed",
    "predicted",
    "residual",
    *ECE_METRICS,
)  # judged by a share of the outcome's size
OF_THEIR_OWN = ("mae", "rmse", "width")  # judged by a share of their own mean
RESIDUAL, SAID = "_residual", "_predicted"  # after the name of an outcome, before that of a distance


@dataclass(frozen=True)
class PredictedService:
    """What was found of the predictions of one outcome.

    Attributes:
        section: rows of all metrics, named `<outcome>_<metric>`. rows: orders or reviews behind them.
        volunteered: neither are: rows of feedback.
        bins: of each grouping, outcomes at each level of prediction; see `core.fairness.service.bins`.
        off_line: of each grouping, the p-value of each shown group that predictions are calibrated (intercept 0 and
            slope 1), corrected for all groups.
    """

    section: Section
    rows: int
    volunteered: bool
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
        _basis(len(rows), len(codes)),
        f"Prediction intervals are made to hold {COVERAGE:.0%} of the outcomes.",
        _line_note(off_line, settings),
        *notes,
    ]
    return PredictedService(
        section=section(found, settings, users=len(codes), notes=notes),
        rows=len(rows),
        volunteered=bool(volunteered(rows).all()),
        bins=tuple(calibration_bins(rows, codes, part, settings) for part in parts),
        off_line=off_line,
    )


def residual_parity(
    shop: Shop,
    predictions: pd.DataFrame,
    orders: pd.DataFrame,
    outcome: Outcome,
    settings: AuditSettings,
) -> Section:
    """Mean residuals by group, all orders alike in their circumstances: is a group promised too much for the same order?

        r = s - s^ = b_g + c' (X - mean(X)) + e;   parity: b_g is the same for all groups

    X is what is held equal where groups wait (`core.workflow.audits.orders.delivery`), by least squares with errors
    clustered by user (`core.fairness.service.adjusted`). The residual as it is, X left out, is a row of `service`: where
    it differs between groups and this does not, the model errs on circumstances that groups have unequally often. A
    family of its own.

    Args:
        predictions: the table `service_predictions` of a run. orders: as `read_orders` gives. outcome: of orders.

    Raises:
        InputError: too few test rows, or nothing can be held equal. NotFound: no such group or category.
    """
    rows, notes = _judged(shop, predictions, outcome, settings)
    behind = orders_behind(rows, orders)
    around = circumstances(behind, shop)
    told = held_equal(around, behind)
    if not around.shape[1]:
        raise InputError(" ".join(told))
    equal, users = in_parts(around), rows[USER].to_numpy()
    codes = np.unique(users)
    found: list[AuditRow] = []
    for part in partitions(shop.users, codes, settings):
        found += adjusted_rows(
            _residuals(rows),
            users,
            codes,
            part,
            settings,
            metric=outcome.name + RESIDUAL + ADJUSTED,
            circumstances=equal,
            tolerance=settings.tolerance * _size(rows) or None,
        )
    return section(found, settings, users=len(codes), notes=[_basis(len(rows), len(codes)), *told, *notes])


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
    return _distances(shop, rows, _residuals(rows), outcome.name + RESIDUAL, settings, notes)


def prediction_distributions(
    shop: Shop, predictions: pd.DataFrame, outcome: Outcome, settings: AuditSettings
) -> Section:
    """How far the whole distribution of predictions of each group lies from the others': strong demographic parity.

        KS = sup_t |P(s^ <= t | g) - P(s^ <= t | others)|;   W1 = integral of the same over t

    Zero where no threshold on the prediction picks one group more often than another. Whether groups should be
    predicted alike is another question than whether predictions are right: see `residual_distributions`. A family of
    its own. Source: Jiang et al., UAI 2019.

    Args:
        predictions: the table `service_predictions` of a run.

    Raises:
        InputError: too few test rows. NotFound: no such group or category.
    """
    rows, notes = _judged(shop, predictions, outcome, settings)
    return _distances(shop, rows, _said(rows), outcome.name + SAID, settings, notes)


def _distances(
    shop: Shop,
    rows: pd.DataFrame,
    values: np.ndarray,
    metric: str,
    settings: AuditSettings,
    notes: list[str],
) -> Section:
    """Distances of the distributions of values, (N,) of the rows, users being the unit."""
    users = rows[USER].to_numpy()
    codes = np.unique(users)
    parts = partitions(shop.users, codes, settings)
    tolerances = {f"{metric}_ks": settings.tolerance, f"{metric}_w1": settings.tolerance * _size(rows)}
    settings = with_permutations(settings, parts, metrics=len(tolerances))
    found: list[AuditRow] = []
    for part in parts:
        found += distribution_rows(values, users, codes, part, settings, metric=metric, tolerances=tolerances)
    return section(found, settings, users=len(codes), notes=notes)


def _judged(
    shop: Shop, predictions: pd.DataFrame, outcome: Outcome, settings: AuditSettings
) -> tuple[pd.DataFrame, list[str]]:
    rows = judged_rows(predictions, outcome.name)
    inside, notes = scope_of_orders(rows, shop, settings.scope)
    if not inside.any():
        raise InputError(f"No test row of {outcome.title} lies in this part of the shop.")
    told = rows[inside].reset_index(drop=True)
    return told, [VOLUNTEERED, *notes] if volunteered(told).all() else notes


def _said(rows: pd.DataFrame) -> np.ndarray:
    """The mean prediction, float64 (N,); the median where there is no other."""
    return rows[EXPECTED if EXPECTED in rows else PREDICTED].to_numpy(float)


def _residuals(rows: pd.DataFrame) -> np.ndarray:
    return rows[OBSERVED].to_numpy(float) - _said(rows)


def _size(rows: pd.DataFrame) -> float:
    """How large the outcome is; of delays the mean itself may be near 0."""
    return float(rows[OBSERVED].abs().mean())


def _basis(rows: int, users: int) -> str:
    return f"{plural(rows, 'test row')} of {plural(users, 'user')}; the model learnt from none of them."


def _tolerances(rows: pd.DataFrame, codes: np.ndarray, settings: AuditSettings) -> dict[str, float]:
    """By metric, in its unit; none where it would be 0."""
    contributions, names = outcome_contributions(rows, codes)
    overall = dict(zip(names, outcome_measures(contributions.sum(axis=0)), strict=True))
    levels = dict.fromkeys(OF_THE_OUTCOME, _size(rows)) | {
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
        f"That predictions are calibrated (intercept 0 and slope 1) is rejected {whom}; corrected for {plural(tested, 'test')} "
        f"({NAMES[settings.correction]})."
    )
