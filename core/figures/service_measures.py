"""What is measured of service: what each number is called, and what a gap in it says of a group."""

from collections.abc import Callable
from dataclasses import dataclass

from core.figures.numbers import change, days, decimal, share
from core.figures.units import DAYS, PLAIN, POINTS, Unit

FORMS = {"points": decimal, "days": days}
UNITS = {"points": PLAIN, "days": DAYS}
SATISFIED = (
    "{who} were {amount} points more satisfied {than}",
    "{who} were {amount} points less satisfied {than}",
)
OUTCOMES = {  # what a gap above and below zero says
    "satisfaction_at_order": SATISFIED,
    "satisfaction_at_review": SATISFIED,
    "rating": ("{who} gave {amount} points more {than}", "{who} gave {amount} points less {than}"),
    "delivery_delay": (
        "{who} got their orders {amount} later, held against the promised day, {than}",
        "{who} got their orders {amount} earlier, held against the promised day, {than}",
    ),
    "delivery_days": ("{who} waited {amount} longer {than}", "{who} waited {amount} less {than}"),
}
ANY_OUTCOME = ("{who} had {amount} more {than}", "{who} had {amount} less {than}")


@dataclass(frozen=True)
class Measure:
    """A metric in words.

    Attributes:
        title: what it is called. form: how a group's own value is written. unit: of gaps.
        more, less: what a gap above and below zero says; `{who}` or, within a sentence, `{whom}` is the group,
            `{amount}` the size, `{than}` whom it is compared with.
        ends: of an axis of gaps, below and above zero.
    """

    title: str
    form: Callable[[float | None], str]
    unit: Unit
    more: str
    less: str
    ends: tuple[str, str]


def form_of(unit: str) -> Callable[[float | None], str]:
    """How numbers of a unit are written."""
    return FORMS.get(unit, decimal)


DELIVERY = {
    "days_waited": Measure("Days waited", days, DAYS, *OUTCOMES["delivery_days"], ("sooner", "later")),
    "days_overdue": Measure("Days overdue", days, DAYS, *OUTCOMES["delivery_delay"], ("earlier", "later")),
    "late": Measure(
        "Share late",
        share,
        POINTS,
        "{who} had a share of late orders {amount} higher {than}",
        "{who} had a share of late orders {amount} lower {than}",
        ("fewer", "more"),
    ),
}
ANSWERS = {
    "satisfaction_response_rate": Measure(
        "Who answers",
        share,
        POINTS,
        "{who} answered {amount} more often {than}",
        "{who} answered {amount} less often {than}",
        ("fewer answer", "more answer"),
    ),
    "satisfaction_naive_mean": Measure(
        "Mean of the answers", decimal, PLAIN, *SATISFIED, ("less satisfied", "more satisfied")
    ),
    "satisfaction_weighted_mean": Measure(
        "Mean, weighted for who answers",
        decimal,
        PLAIN,
        *(f"Weighted for who answers, {claim.replace('{who}', '{whom}')}" for claim in SATISFIED),
        ("less satisfied", "more satisfied"),
    ),
}


def parity_measure(unit: str) -> Measure:
    """Residuals with the circumstances of orders held equal."""
    against = "Measured against the prediction and in the same circumstances, {whom} got {amount} "
    return Measure(
        "Promise kept, in the same circumstances",
        change(form_of(unit)),
        UNITS.get(unit, PLAIN),
        against + "more {than}",
        against + "less {than}",
        ("less", "more"),
    )


def prediction_measures(outcome: str, unit: str) -> dict[str, Measure]:
    """What is measured of the predictions of an outcome, by the end of the metric's name; the first counts most."""
    form, gap = form_of(unit), UNITS.get(unit, PLAIN)
    off = "{who} have predictions that are off by {amount} "
    against = "Measured against the prediction, {whom} got {amount} "
    told = {
        "residual": ("Promise kept (residual)", against + "more {than}", against + "less {than}"),
        "mae": ("Typical error (MAE)", off + "more {than}", off + "less {than}"),
        "rmse": (
            "Error, large misses counting more (RMSE)",
            off + "more {than}, large misses counting more",
            off + "less {than}, large misses counting more",
        ),
        "width": (
            "Width of the interval",
            "{who} have intervals that are {amount} wider {than}",
            "{who} have intervals that are {amount} narrower {than}",
        ),
        "calibration_error": (
            "Calibration error",
            "{who} have predictions {amount} further from what came at their level {than}",
            "{who} have predictions {amount} nearer to what came at their level {than}",
        ),
    }
    ends = {
        "residual": ("less", "more"),
        "mae": ("more exact", "less exact"),
        "rmse": ("more exact", "less exact"),
        "width": ("narrower", "wider"),
        "calibration_error": ("better", "worse"),
    }
    found = {name: Measure(title, form, gap, *claims, ends[name]) for name, (title, *claims) in told.items()}
    found["coverage"] = Measure(
        "Outcomes within the interval",
        share,
        POINTS,
        "{who} have their outcome inside the interval {amount} more often {than}",
        "{who} have their outcome inside the interval {amount} less often {than}",
        ("less often", "more often"),
    )
    order = ("residual", "mae", "rmse", "coverage", "width", "calibration_error")
    return {name: found[name] for name in order}


def claim_measures(outcome: str, unit: str) -> dict[str, Measure]:
    """What was observed and what was predicted, by the end of the metric's name."""
    form, gap, ends = form_of(unit), UNITS.get(unit, PLAIN), ("less", "more")
    said = "{who} have predictions {amount} "
    return {
        "observed": Measure("Observed", form, gap, *OUTCOMES.get(outcome, ANY_OUTCOME), ends),
        "predicted": Measure("Predicted", form, gap, said + "higher {than}", said + "lower {than}", ends),
    }


def distance_measures(unit: str, *, of: str = "residual") -> dict[str, Measure]:
    """Distances of whole distributions of residuals, or of predictions, by the end of the metric's name.

    Args:
        of: residual or predicted.
    """
    title, values = {"residual": ("Errors", "errors"), "predicted": ("Predictions", "predictions")}[of]
    spread = "{who} have " + values + " spread otherwise {than}: "
    told = {
        "ks": (
            f"{title}, largest difference (KS)",
            POINTS,
            "at some point the shares below it differ by {amount}",
        ),
        "w1": (
            f"{title}, distance (Wasserstein)",
            UNITS.get(unit, PLAIN),
            "they would have to move by {amount} on average",
        ),
    }
    return {
        f"{of}_{name}": Measure(
            title, form_of(unit), gap.unsigned, spread + claim, spread + claim, ("", "more different")
        )
        for name, (title, gap, claim) in told.items()
    }
