"""What is to be predicted: a window of days or the next basket, and whether seen items may be listed."""

from dataclasses import dataclass
from typing import Literal

import numpy as np

from core.data.inputs import SECONDS_PER_DAY
from core.models.history import History
from core.schema.settings import TrainSettings

SINGLE_ITEM_BASKETS = 1.2  # mean items per basket up to which each event counts as its own occasion
REPEATS_MATTER = 0.01  # share of repeated purchases from which lists may hold what the user had before
LONGEST_HORIZON = 0.25  # of the calendar


@dataclass(frozen=True)
class Task:
    """The resolved question that a model is trained on and later asked.

    Attributes:
        predict: "window": all that a user takes in the days after a moment; "next": the next basket, asked
            right after the last one.
        horizon: seconds of the window (unused with "next").
        exclude_seen: lists never hold what the user took before.
    """

    predict: Literal["window", "next"]
    horizon: int
    exclude_seen: bool


def resolve_task(history: History, settings: TrainSettings) -> Task:
    """Settle what the settings leave to the data; looks at the history only."""
    predict = settings.predict
    if predict == "auto":
        several = len(history.items) > SINGLE_ITEM_BASKETS * len(history.token_times)
        predict = "window" if several else "next"
    span = history.at - int(history.times.min(initial=history.at))
    horizon = min(settings.horizon_days * SECONDS_PER_DAY, max(int(span * LONGEST_HORIZON), 1))
    exclude = settings.seen_items == "exclude"
    if settings.seen_items == "auto":
        exclude = repeat_share(history) < REPEATS_MATTER
    return Task(predict, horizon, exclude)


def repeat_share(history: History) -> float:
    """Share of events that repeat an earlier item of the same user, in [0, 1]."""
    return float(np.mean(history.counts[:, 0] > 1)) if len(history.items) else 0.0
