"""Watching a run: groups window by window after the split, and whether what comes in has changed."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import pandas as pd

from core.data.dataset import load, table, users_with_numbers
from core.data.inputs import positives
from core.errors import InputError
from core.fairness.audit import audit_users
from core.fairness.groups import Groups, group_labels
from core.fairness.monitoring.drift import DriftRow, Window, category_drift, drift_table, number_drift
from core.fairness.monitoring.observed import Observed
from core.fairness.monitoring.returning_users import watch_users
from core.fairness.rows import tidy
from core.recommend.lists import accuracy
from core.schema.documents import Dataset, Run
from core.schema.settings import ALL, SPLITS, AuditSettings
from core.schema.tables import (
    CATEGORY,
    CHANNEL,
    EVENT,
    ITEM,
    PAID_PRICE,
    PURCHASE,
    RANK,
    SCORE,
    SPLIT,
    TIMESTAMP,
    USER,
)
from core.store.workspace import Workspace
from core.workflow.auditing import AUDITED, lists_of_run, per_user_of_run, without_judged
from core.workflow.forecasts import Forecasts, watched_forecasts
from core.workflow.runs import list_runs, load_run, run_table

MOST_RUNS = 12  # of one dataset, side by side
TITLES = {  # what is looked at for drift -> how it is called
    "price": "Prices paid",
    "category": "Categories bought",
    "channel": "Where people buy",
    "group": "Which groups come",
    "score": "Scores of the best candidate",
}


@dataclass(frozen=True)
class Monitored:
    """A run on the windows of its test split.

    Attributes:
        starts: first day of each window. rows: of `Watched.table`, `window` being a place in `starts`; its numbers hold at every
            look at once (confidence sequences). drift: of `drift_table`, with `what`, a key of `TITLES`. forecasts: of purchases;
            None where the run makes none. notes: sentences.
    """

    run: str
    by: tuple[str, ...]
    days: int
    starts: tuple[str, ...]
    users: int
    rows: pd.DataFrame
    drift: pd.DataFrame
    forecasts: Forecasts | None
    notes: tuple[str, ...]


def monitor(workspace: Workspace, run_id: str, settings: AuditSettings, *, days: int = 7) -> Monitored:
    """Look at a run as if it were looked at after every window of its test split, and hold that split against validation.

    Args:
        settings: of one grouping; its first is taken. days: of a window, from the first day of the split.

    Raises:
        NotFound: no such run or attribute. InputError: data without dates, or nobody bought anything.
    """
    run = load_run(workspace, run_id)
    dataset, by = load(workspace, run.dataset), settings.by[0]
    events = table(workspace, dataset, "events")
    groups = group_labels(users_with_numbers(workspace, dataset), by, bins=settings.bins)
    window = windows_of(events, dataset, days)
    observed = _observed(workspace, run, dataset, events, window, settings.k)
    metrics = [f"{metric}@{settings.k}" for metric in AUDITED]
    watched = watch_users(observed, groups, metrics, settings, bounds=(0.0, 1.0))
    first = pd.Timestamp(dataset.period["test_start"])
    starts = [(first + pd.Timedelta(days=days * n)).date().isoformat() for n in range(observed.n_windows)]
    notes = []
    if len(watched.looks.windows) < observed.n_windows:
        notes.append(
            f"{observed.n_windows - len(watched.looks.windows):,} of {observed.n_windows:,} windows are read together with later "
            "ones, so that nobody can be told from the difference of two looks."
        )
    if watched.gaps is None:
        notes.append("There are no two groups large enough to compare.")
    return Monitored(
        run=run.id,
        by=by,
        days=days,
        starts=tuple(starts),
        users=len(np.unique(observed.user)),
        rows=watched.table(),
        drift=drift(workspace, run, dataset, events, groups, settings),
        forecasts=watched_forecasts(workspace, run, groups, settings),
        notes=tuple(notes),
    )


def windows_of(events: pd.DataFrame, dataset: Dataset, days: int) -> np.ndarray:
    """The window of each event, counted in calendar days of the shop from the first of the test split; -1 before it.

    Raises:
        InputError: the data have no dates.
    """
    if "test_start" not in dataset.period:
        raise InputError("These data have no dates, so there is no time to watch.")
    zone = dataset.settings.get("timezone") or "UTC"
    local = events[TIMESTAMP].dt.tz_localize("UTC").dt.tz_convert(zone).dt.tz_localize(None)
    since = (local - pd.Timestamp(dataset.period["test_start"])).dt.days.to_numpy()
    return np.where(events[SPLIT] == SPLITS.index("test"), np.maximum(since, 0) // days, -1)


def _observed(
    workspace: Workspace, run: Run, dataset: Dataset, events: pd.DataFrame, window: np.ndarray, k: int
) -> Observed:
    """How good the list of each user who bought in a window was for what was bought in it."""
    lists = lists_of_run(workspace, run, "test")
    n_items, n_users = dataset.counts["catalogue"], dataset.counts["users"]
    parts = []
    for number in range(window.max(initial=-1) + 1):
        wanted = positives(events[window == number], n_items, n_users, "test")
        wanted = without_judged(workspace, dataset, wanted)
        parts.append(accuracy(lists, wanted, ks=(k,)).assign(window=number))
    if not parts or not sum(map(len, parts)):
        raise InputError(
            "Nobody bought anything of the catalogue after the split, so there is nothing to watch."
        )
    found = pd.concat(parts, ignore_index=True)
    values = found[[f"{metric}@{k}" for metric in AUDITED]].to_numpy(float)
    return Observed(found[USER].to_numpy(), found["window"].to_numpy(), values)


def drift(
    workspace: Workspace,
    run: Run,
    dataset: Dataset,
    events: pd.DataFrame,
    groups: Groups,
    settings: AuditSettings,
) -> pd.DataFrame:
    """What was bought, by whom, where and for how much, and how sure the model is: test held against validation.

    Returns:
        the table of `drift_table`, corrected over all of it, with `what`.
    """
    bought = events[events[EVENT] == PURCHASE]
    old, new = (bought[bought[SPLIT] == SPLITS.index(split)] for split in ("validation", "test"))
    found: list[tuple[str, DriftRow]] = []

    def add(what: str, rows: Sequence[DriftRow]) -> None:
        found.extend((what, row) for row in rows)

    def window(rows: pd.DataFrame, values: np.ndarray) -> Window:
        return Window(rows[USER].to_numpy(), values)

    if PAID_PRICE in bought:
        old_price, new_price = (rows[PAID_PRICE].to_numpy(float) for rows in (old, new))
        add("price", number_drift(window(old, old_price), window(new, new_price), groups, settings))
    items = table(workspace, dataset, "items")
    if CATEGORY in items:
        named = items[CATEGORY].astype(object).to_numpy()
        sides = [window(rows, named[rows[ITEM]]) for rows in (old, new)]
        add("category", category_drift(*sides, groups, settings))
    if CHANNEL in bought:
        sides = [window(rows, rows[CHANNEL].astype(object).to_numpy()) for rows in (old, new)]
        add("channel", category_drift(*sides, groups, settings))
    everybody = Groups(groups.attribute, (ALL,), np.zeros(len(groups.codes), int), (1,))
    names = np.array(groups.names, dtype=object)
    came = [rows.drop_duplicates(USER) for rows in (old, new)]
    sides = [window(rows, names[groups.codes[rows[USER]]]) for rows in came]
    add("group", _of_all(category_drift(*sides, everybody, settings)))
    if not run.brought:
        add("score", _scores(workspace, run, groups, settings))
    told = drift_table([row for _, row in found], settings)
    return told.assign(what=[what for what, _ in found])


def _of_all(rows: Sequence[DriftRow]) -> list[DriftRow]:
    """Everybody once: a grouping of one group tells the same twice."""
    return list({row.measure: row for row in rows}.values())


def _scores(workspace: Workspace, run: Run, groups: Groups, settings: AuditSettings) -> list[DriftRow]:
    sides = []
    for split in ("validation", "test"):
        best = run_table(workspace, run, f"candidates_{split}", [USER, RANK, SCORE])
        best = best[best[RANK] == 1]
        sides.append(Window(best[USER].to_numpy(), best[SCORE].to_numpy(float)))
    return number_drift(*sides, groups, settings)


def runs_over_time(workspace: Workspace, dataset_id: str, settings: AuditSettings) -> pd.DataFrame:
    """The gaps of the latest runs of a dataset in the first metric, oldest run first.

    Returns:
        audit rows of statistic `gap` with `run`, `name`, `created_at`; verdicts are corrected within each run alone.
    """
    dataset = load(workspace, dataset_id)
    users, parts = users_with_numbers(workspace, dataset), []
    for run in reversed(list_runs(workspace, dataset=dataset_id, limit=MOST_RUNS)):
        metric = f"ndcg@{settings.k}"
        per_user = per_user_of_run(workspace, run, settings.k, "test")[[USER, metric]]
        lists = lists_of_run(workspace, run, "test")
        shown = lists[lists[RANK] <= settings.k]
        rows = audit_users(per_user, shown, users, dataset.counts["catalogue"], settings).rows
        rows = rows[(rows["statistic"] == "gap") & (rows["metric"] == f"{metric}_gap")]
        parts.append(rows.assign(run=run.id, name=run.name, created_at=run.created_at))
    return pd.concat(parts, ignore_index=True) if parts else tidy([])


def gaps_of(found: Monitored, metric: str) -> pd.DataFrame:
    """The gaps of one metric, and the groups that are hidden."""
    rows = found.rows
    return rows[(rows["metric"] == f"{metric}_gap") | rows["suppressed"].astype(bool)]
