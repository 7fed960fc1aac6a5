"""Service quality: satisfaction and delivery predicted for every order, beside plain rules, for a run."""

from collections.abc import Callable
from dataclasses import dataclass
from itertools import pairwise

import numpy as np
import pandas as pd

from core.data.dataset import table
from core.data.feedback.joining import FED
from core.data.order_context import attributes_telling, context_of
from core.data.service import OUTCOMES, Outcome, Rows, rows_of
from core.data.splits import TEST, TRAIN, VALIDATION
from core.errors import CorruptArtefact, TrainingError
from core.models.representations import Representations
from core.progress import Progress, part_of, quiet
from core.schema.documents import Artefact, Dataset, ModelReport, Run
from core.schema.settings import Statistics, TrainSettings
from core.schema.tables import (
    EXPECTED,
    HIGH,
    ITEM,
    LOW,
    OBSERVED,
    ORDER_ID,
    OUTCOME,
    PREDICTED,
    PURCHASES_SO_FAR,
    SPLIT,
    TIMESTAMP,
    UNBIASED,
    USER,
)
from core.store.workspace import Workspace
from core.train.quality import STAGE
from core.train.service import Predictions, TrainedService, check_rows, dump, fit, predict, undump
from core.workflow.chapter import Chapter, joined
from core.workflow.service_notes import notes
from core.workflow.service_report import baseline_rules, by_group, measure

MOST_ROWS = {TRAIN: 200_000, VALIDATION: 40_000, TEST: 40_000}
FEWEST_TEST_ROWS = 50
PREDICTIONS, GROUPS = "service_predictions", "service_groups"

Representing = Callable[[np.ndarray, np.ndarray, np.ndarray], Representations | None]


@dataclass(frozen=True)
class _Shop:
    """What the models of all outcomes share.

    Attributes:
        began: int64 (U,), seconds of each user's first event. hidden: user attributes that no model may see: protected ones and what tells them.
        protected: user attributes whose groups intervals hold for.
    """

    users: pd.DataFrame
    items: pd.DataFrame
    began: np.ndarray
    protected: list[str]
    hidden: tuple[str, ...]


def service_chapter(
    workspace: Workspace,
    dataset: Dataset,
    representations_of: Representing,
    settings: TrainSettings,
    progress: Progress = quiet,
) -> Chapter | None:
    """Models of satisfaction, rating and delivery, whichever the dataset tells of; None where it tells of none.

    Tables: `service_predictions`, one row per order or review and outcome; `service_groups`, coverage and error of the
    groups of each protected attribute. Tensors: `service_<outcome>`, for `load_service`. An outcome with too few rows
    has a report that says so.

    Args:
        representations_of: U, P and R of users at times (seconds) with items (-1 for none); None where there is none.

    Raises:
        TrainingError: the loss is no longer finite. Cancelled: `progress` said so.
    """
    tables = {
        name: table(workspace, dataset, name) for name in ("service", "reviews") if name in dataset.tables
    }
    if not tables:
        return None
    events = table(workspace, dataset, "events")
    found = recorded_rows(tables, events, dataset, settings)
    users = table(workspace, dataset, "users")
    shop = _Shop(
        users=users,
        items=table(workspace, dataset, "items"),
        began=_first_events(events, dataset.counts["users"]),
        protected=dataset.protected,
        hidden=unseen(users, dataset, settings),
    )
    ends = np.linspace(0, 1, len(found) + 1)
    parts = [part_of(progress, start, end) for start, end in pairwise(ends)]
    chapters = [
        _one(rows, shop, representations_of, settings, part) for rows, part in zip(found, parts, strict=True)
    ]
    return joined(chapters) if chapters else None


def outcomes_told(run: Run) -> list[Outcome]:
    """What the run's service models predict, in the order of OUTCOMES."""
    if PREDICTIONS not in run.artefacts:
        return []
    return [each for each in OUTCOMES if each.name in run.reports and run.reports[each.name].metrics]


def load_service(workspace: Workspace, artefact: Artefact) -> TrainedService:
    """A kept model, ready to be asked.

    Raises:
        CorruptArtefact: the file is damaged or of another format.
    """
    texts = workspace.artefacts.read_metadata(artefact)
    if "model" not in texts:
        raise CorruptArtefact(f"{artefact.path} holds no service model. Train again to replace it.")
    return undump(workspace.artefacts.read_tensors(artefact), texts["model"])


def recorded_rows(
    tables: dict[str, pd.DataFrame], events: pd.DataFrame, dataset: Dataset, settings: TrainSettings
) -> list[Rows]:
    """The rows of each outcome; ratings of items stand back where orders have a satisfaction of their own, and what customers
    volunteered in feedback where there are reviews."""
    temporal = dataset.settings.get("split") == "temporal"
    every = [rows_of(outcome, tables, events, temporal=temporal) for outcome in OUTCOMES]
    asked = [one for one in every if one is not None and not one.volunteered.all()]
    satisfied = any(one.outcome.name.startswith("satisfaction") for one in asked)
    reviewed = any(one.outcome.table == "reviews" for one in asked)
    found = asked if reviewed else [one for one in every if one is not None]
    kept = [one for one in found if not (satisfied and one.outcome.table == "reviews")]
    return [_capped(one, np.random.default_rng(settings.seed)) for one in kept]


def unseen(users: pd.DataFrame, dataset: Dataset, settings: TrainSettings) -> tuple[str, ...]:
    """User attributes that no model may see: the protected ones and what tells them, and what was made of later events."""
    made = [PURCHASES_SO_FAR] if PURCHASES_SO_FAR in users else []
    secret = [] if settings.protected_inputs else attributes_telling(users, dataset.protected)
    return tuple(dict.fromkeys([*made, *secret]))


def _capped(rows: Rows, rng: np.random.Generator) -> Rows:
    """At most MOST_ROWS of each split, drawn at random."""
    kept = np.ones(len(rows), bool)
    for split, most in MOST_ROWS.items():
        places = np.flatnonzero(rows.split == split)
        kept[rng.permutation(places)[most:]] = False
    return rows if kept.all() else rows.at(kept)


def _first_events(events: pd.DataFrame, n_users: int) -> np.ndarray:
    first = events.groupby(USER)[TIMESTAMP].min().reindex(range(n_users))
    return first.fillna(pd.Timestamp.max.floor("s")).to_numpy("datetime64[s]").astype(np.int64)


def _one(
    rows: Rows, shop: _Shop, representations_of: Representing, settings: TrainSettings, progress: Progress
) -> Chapter:
    """The model of one outcome; only a report that says why where there are too few rows."""
    name, test = rows.outcome.name, (rows.split == TEST) & rows.unbiased
    progress(STAGE, 0.0, rows.outcome.title)
    if lacking := _lacking(rows, test, seed=settings.seed):
        return Chapter({name: ModelReport(metrics={}, notes=[lacking])})
    context = context_of(rows, shop.users, shop.items, without=shop.hidden)
    represented = representations_of(rows.users, rows.times, rows.items)
    labels = shop.users[shop.protected].iloc[rows.users].reset_index(drop=True)
    options = {"seed": settings.seed, "device": settings.device, "progress": part_of(progress, 0.1, 0.9)}
    trained = fit(rows, context, represented, labels, **options)
    said = predict(trained, context, represented, labels)
    progress(STAGE, 0.95, f"{rows.outcome.title}, baselines")
    report, groups = _judged(rows, said, trained.coding.arrays(context)[0], labels, test)
    new = float((shop.began[rows.users] >= rows.times)[test].mean())
    told = notes(rows, trained, report, groups, without=shop.hidden, without_history=new)
    return Chapter(
        reports={name: report.model_copy(update={"notes": told})},
        tables={PREDICTIONS: _predictions(rows, said), GROUPS: groups},
        tensors={f"service_{name}": dump(trained)},
    )


def _lacking(rows: Rows, test: np.ndarray, *, seed: int) -> str | None:
    """Why there can be no model, if there cannot."""
    try:
        check_rows(rows, seed=seed)
    except TrainingError as lacking:
        fed = int((rows.volunteered & ~rows.unbiased).sum())
        without = f" {fed:,} more were volunteered in feedback, and are of no order." if fed else ""
        return f"{lacking}{without}"
    if test.sum() < FEWEST_TEST_ROWS:
        return (
            f"Too few test rows to judge a model of {rows.outcome.title}: {int(test.sum()):,} "
            f"(at least {FEWEST_TEST_ROWS})."
        )
    return None


def _judged(
    rows: Rows, said: Predictions, numbers: np.ndarray, labels: pd.DataFrame, test: np.ndarray
) -> tuple[ModelReport, pd.DataFrame]:
    """The report on the test rows, and the same by group."""
    train, validation = ((rows.split == split) & rows.unbiased for split in (TRAIN, VALIDATION))
    rules = baseline_rules(rows, train, validation, test, numbers)
    asked, answers = rows.at(test), said.at(test)
    report = measure(asked, answers, rules, Statistics())
    return report, by_group(asked, answers, labels[test].reset_index(drop=True), Statistics())


def _predictions(rows: Rows, said: Predictions) -> pd.DataFrame:
    """Every row with its outcome, the median, the mean and the interval; split -1: known too late for its split."""
    kept = [name for name in (USER, ITEM, ORDER_ID, TIMESTAMP) if name in rows.frame]
    return rows.frame[kept].assign(
        **{
            OUTCOME: rows.outcome.name,
            OBSERVED: rows.observed,
            PREDICTED: said.median.astype(np.float32),
            EXPECTED: said.mean.astype(np.float32),
            LOW: said.low.astype(np.float32),
            HIGH: said.high.astype(np.float32),
            SPLIT: rows.split,
            UNBIASED: rows.unbiased,
            FED: rows.volunteered,
        }
    )
