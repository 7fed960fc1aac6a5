"""Whether forecasts of purchases still come true, window after window, for everyone and for groups."""

from dataclasses import dataclass

import numpy as np
import pandas as pd

from core.fairness.groups import Groups
from core.fairness.monitoring.observed import Observed
from core.fairness.monitoring.returning_users import watch_users
from core.schema.documents import Run
from core.schema.settings import Statistics
from core.schema.tables import HORIZON_DAYS, OBSERVED, PROBABILITY, TIMESTAMP, USER
from core.store.workspace import Workspace
from core.workflow.runs import run_table

INTENT = "intent"
METRIC = "purchases beyond the forecast"


@dataclass(frozen=True)
class Forecasts:
    """How forecasts of a purchase compare with what came.

    Attributes:
        days: that a forecast looks ahead. starts: the moment of each window, ISO dates.
        rows: means of `Watched.table`: share of users who bought, less the chance that was forecast. All of them hold together,
            at every look (confidence sequences). Above zero: more bought than was forecast.
    """

    days: int
    starts: tuple[str, ...]
    rows: pd.DataFrame


def watched_forecasts(
    workspace: Workspace, run: Run, groups: Groups, settings: Statistics
) -> Forecasts | None:
    """The shortest forecast of a run, at each moment at which it was asked; None where the run makes none.

    Its moments are as far apart as it looks ahead, so no purchase counts twice.
    """
    if INTENT not in run.artefacts:
        return None
    asked = run_table(workspace, run, INTENT, [USER, TIMESTAMP, HORIZON_DAYS, PROBABILITY, OBSERVED])
    days = int(asked[HORIZON_DAYS].min())
    asked = asked[(asked[HORIZON_DAYS] == days) & asked[OBSERVED].notna()]
    moments, window = np.unique(asked[TIMESTAMP].to_numpy("datetime64[s]"), return_inverse=True)
    beyond = asked[OBSERVED].to_numpy(float) - asked[PROBABILITY].to_numpy(float)
    order = np.lexsort((asked[USER].to_numpy(), window))
    observed = Observed(asked[USER].to_numpy()[order], window[order], beyond[order, None])
    found = watch_users(observed, groups, [METRIC], _together(settings, groups), bounds=(-1.0, 1.0)).table()
    starts = tuple(str(moment.astype("datetime64[D]")) for moment in moments)
    return Forecasts(days, starts, found[found["statistic"] != "gap"].reset_index(drop=True))


def _together(settings: Statistics, groups: Groups) -> Statistics:
    """The same level for all means together (Bonferroni): any of them raises an alarm."""
    alpha = (1 - settings.confidence) / (1 + len(groups.names))
    return settings.model_copy(update={"confidence": 1 - alpha})
