"""Which policies a frontier tries: every re-ranker alone, at some positions of its knob."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np

from core.schema.policies import PolicySettings, Step
from core.workflow.policies.knobs import KNOBS
from core.workflow.policies.steps import RERANKERS

POSITIONS = 8  # of each knob, the strongest one included; at rest all re-rankers make the same lists


@dataclass(frozen=True)
class GridPoint:
    """Attributes: step: the re-ranker. position: of its knob; None where it has none."""

    step: str
    position: float | None
    policy: PolicySettings


def grid(known: Mapping[str, Any], *, k: int) -> tuple[GridPoint, ...]:
    """All points, those of a re-ranker in a row.

    Args:
        known: by name what re-rankers may have to be told, such as `items_by`, `target` or `by`; each takes what it has a
            setting for, and has its defaults for the rest.
    """
    return tuple(
        GridPoint(name, position, PolicySettings(steps=(_step(name, position, known),), k=k))
        for name in RERANKERS
        for position in positions(name)
    )


def positions(step: str, *, most: int = POSITIONS) -> tuple[float | None, ...]:
    """Positions of a knob, evenly from the first beyond rest to the strongest."""
    beyond = KNOBS[step].positions[1:]
    return tuple(
        beyond[place] for place in np.linspace(0, len(beyond) - 1, min(most, len(beyond))).round().astype(int)
    )


def _step(name: str, position: float | None, known: Mapping[str, Any]) -> Step:
    """What a setting would be anyway is left out."""
    fields = RERANKERS[name].settings.model_fields
    told = {
        field: value for field, value in known.items() if field in fields and value != fields[field].default
    }
    return Step(step=name, settings=told | {KNOBS[name].field: position})
