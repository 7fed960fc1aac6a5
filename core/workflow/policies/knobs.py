"""The knob of each step: where it rests, and the positions that a slider and the frontier try."""

from collections.abc import Mapping
from dataclasses import dataclass


@dataclass(frozen=True)
class Knob:
    """Attributes: field: of the step's settings. positions: from rest, where every list stays as it was, to the strongest."""

    field: str
    positions: tuple[float | None, ...]


def _even(last: float, steps: int) -> tuple[float, ...]:
    return tuple(round(last * step / steps, 4) for step in range(steps + 1))


KNOBS: Mapping[str, Knob] = {
    "propensity": Knob("strength", _even(1.0, 20)),
    "calibrated": Knob("strength", _even(1.0, 20)),
    "two_sided_calibration": Knob("strength", _even(1.0, 20)),
    "exposure_limits": Knob("floor", _even(1.0, 20)),
    "greedy_exposure": Knob(
        "strength", (0.0, 0.01, 0.02, 0.05, 0.1, 0.2, 0.5, 1.0, 2.0, 5.0, 10.0, 20.0, 50.0)
    ),
    "max_min_exposure": Knob(
        "strength", (0.0, 0.01, 0.02, 0.05, 0.1, 0.15, 0.2, 0.3, 0.5, 0.7, 1.0, 1.5, 2.0)
    ),
    "two_sided_penalty": Knob("items", (0.0, 0.005, 0.01, 0.02, 0.05, 0.1, 0.2, 0.3, 0.5, 1.0, 2.0)),
    "price_guard": Knob(
        "band", (None, 0.2, 0.1, 0.07, 0.05, 0.04, 0.03, 0.02, 0.015, 0.01, 0.005, 0.002, 0.0)
    ),
    "deal_access": Knob("gap", (None, 0.5, 0.3, 0.2, 0.15, 0.1, 0.07, 0.05, 0.03, 0.02, 0.01, 0.0)),
    "fa_star_ir": Knob("share", _even(1.0, 20)),
    "constrained_sort": Knob("strength", _even(1.0, 20)),
    "marginal_relevance": Knob("strength", _even(1.0, 20)),
    "xquad": Knob("strength", _even(1.0, 20)),
}
