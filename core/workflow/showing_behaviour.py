"""What one user does next, and which questions about the next days a run can answer."""

from dataclasses import dataclass

import pandas as pd

from core.schema.documents import Run
from core.schema.tables import CATEGORY, HORIZON_DAYS, PATH, PROBABILITY, RANK, TIMESTAMP, USER
from core.store.workspace import Workspace
from core.workflow.behaviour_intent import INTENT, MODEL, RELIABILITY
from core.workflow.behaviour_paths import NEXT_CATEGORIES, PATHS
from core.workflow.runs import run_table


def horizons(run: Run) -> tuple[int, ...]:
    """Days within which a purchase can be foretold; none where the run has no intent model."""
    if INTENT not in run.artefacts:
        return ()
    told = (name.partition("@") for name in run.reports[INTENT].metrics)
    return tuple(sorted({int(days) for metric, _, days in told if metric == "auc" and days.isdecimal()}))


@dataclass(frozen=True)
class UserNext:
    """What is foretold of one user.

    Attributes:
        intent: one row per horizon and moment of the test window, earliest first: `horizon_days`, `timestamp`,
            `probability`, `baseline_probability`, `observed`; and of all answers with a probability like this one
            the share that bought: `alike`, `low`, `high`, `n` answers.
        categories: `rank`, `category`, `probability`. paths: `rank`, `path`, `probability`. Both when the test
            window begins, best first. Any of the three may be empty.
    """

    intent: pd.DataFrame
    categories: pd.DataFrame
    paths: pd.DataFrame


def user_next(workspace: Workspace, run: Run, *, user: int) -> UserNext:
    """The tables of a run, for one user (code)."""
    parts = {
        name: _of_user(workspace, run, name, columns, user)
        for name, columns in (
            (NEXT_CATEGORIES, [RANK, CATEGORY, PROBABILITY]),
            (PATHS, [RANK, PATH, PROBABILITY]),
        )
    }
    return UserNext(_intent(workspace, run, user), parts[NEXT_CATEGORIES], parts[PATHS])


def _of_user(workspace: Workspace, run: Run, name: str, columns: list[str], user: int) -> pd.DataFrame:
    if name not in run.artefacts:
        return pd.DataFrame(columns=columns)
    rows = run_table(workspace, run, name)
    return rows.loc[rows[USER] == user, columns].sort_values(RANK, ignore_index=True)


def _intent(workspace: Workspace, run: Run, user: int) -> pd.DataFrame:
    if INTENT not in run.artefacts:
        return pd.DataFrame(columns=[HORIZON_DAYS, TIMESTAMP, PROBABILITY])
    rows = run_table(workspace, run, INTENT)
    own = rows[rows[USER] == user].drop(columns=USER)
    return with_alike(own, run_table(workspace, run, RELIABILITY)).sort_values(
        [HORIZON_DAYS, TIMESTAMP], ignore_index=True
    )


def with_alike(answers: pd.DataFrame, bins: pd.DataFrame) -> pd.DataFrame:
    """Beside each probability what came of those of its size: the bin whose mean probability is nearest.

    Args:
        answers: `horizon_days`, `probability`. bins: as in the table `intent_reliability` of a run.
    """
    known = bins[bins["model"] == MODEL]
    columns = ["observed", "low", "high", "n"]
    found = [_nearest(row, known)[columns].tolist() for row in answers.itertuples()]
    beside = pd.DataFrame(found, columns=["alike", *columns[1:]], index=answers.index)
    return pd.concat([answers, beside], axis=1)


def _nearest(answer, bins: pd.DataFrame) -> pd.Series:
    """The bin of the same question whose mean probability is nearest."""
    own = bins[bins[HORIZON_DAYS] == answer.horizon_days]
    return own.loc[(own["predicted"] - answer.probability).abs().idxmin()]
