"""Purchase intent of a run: models of each horizon, how good they are, and what they say of every user."""

import json
from dataclasses import asdict, dataclass

import numpy as np
import pandas as pd

from core.data.behaviour import (
    RECENCY_FREQUENCY,
    Calendar,
    IntentRows,
    Occasions,
    intent_moments,
    intent_rows,
    occasions,
)
from core.data.inputs import SECONDS_PER_DAY
from core.data.splits import TEST, TRAIN, VALIDATION, temporal_windows
from core.data.support import TIMING
from core.errors import CorruptArtefact, SettingsError
from core.fairness.probabilities import (
    HIGHER_IS_BETTER,
    Scores,
    difference,
    measured,
    reliability,
    score_all,
)
from core.models.intent import IntentModel, IntentShape
from core.progress import Progress, part_of
from core.schema.documents import Artefact, Dataset, Measured, ModelReport
from core.schema.settings import DatasetSettings, Statistics, TrainSettings
from core.schema.tables import BASELINE_PROBABILITY, HORIZON_DAYS, OBSERVED, PROBABILITY, TIMESTAMP, USER
from core.store.workspace import Workspace
from core.train.intent import fit_intent, fit_regression, probabilities
from core.train.step_batches import Vectors
from core.workflow.behaviour_notes import about_vectors, against
from core.workflow.chapter import Chapter

INTENT, RELIABILITY = "intent", "intent_reliability"
MODEL, RULE, SAME_FEATURES = "model", "recency_frequency", "same_features"
LONG_DAYS = 28  # asked besides the horizon of the settings
MOST_ROWS = {TRAIN: 150_000, VALIDATION: 50_000, TEST: 100_000}
LOWER_IS_BETTER = {metric for metric, higher in HIGHER_IS_BETTER.items() if not higher}
FEWEST_EACH = 20  # rows with and without a purchase, in every window
STATISTICS = Statistics()
RULE_NAMES = {
    RULE: "logistic regression on recency, frequency and spend",
    SAME_FEATURES: "logistic regression on all features of the model",
}
FORMAT = 1


@dataclass(frozen=True)
class Horizon:
    """One horizon's model and what it and the rules say of the test rows.

    Attributes:
        rows: by split. predictions, scores: of the test rows, by name of the predictor.
        tried: whether there were user vectors to try.
    """

    days: int
    rows: dict[int, IntentRows]
    model: IntentModel
    predictions: dict[str, np.ndarray]
    scores: dict[str, Scores]
    tried: bool


def intent_part(
    events: pd.DataFrame,
    dataset: Dataset,
    vectors: Vectors | None,
    settings: TrainSettings,
    progress: Progress,
) -> Chapter:
    """Intent within the horizon of the settings and within LONG_DAYS.

    Tables: `intent`, one row per horizon, user and moment of the test window (`timestamp`): probability of the model
    and of the recency-frequency regression, and what was observed; `intent_reliability`, predicted and observed shares
    by bin. Tensors: `intent_<days>`, for `load_intent`.
    """
    if TIMING in dataset.missing:
        return _without(f"Purchase intent is not told: it needs {dataset.missing[TIMING]}.")
    try:
        calendar = _calendar(events[TIMESTAMP], DatasetSettings(**dataset.settings))
    except SettingsError as reason:
        return _without(f"Purchase intent is not told. {reason}")
    past = occasions(events, n_users=dataset.counts["users"])
    days = tuple(dict.fromkeys((settings.intent_days, LONG_DAYS)))
    found, notes = [], []
    for number, each in enumerate(days):
        part = part_of(progress, number / len(days), (number + 1) / len(days))
        rows = _rows(past, calendar, each, settings.seed)
        if lacking := _lacking(rows, each):
            notes.append(lacking)
        else:
            found.append(_horizon(each, rows, vectors, settings, part))
    return _chapter(found, notes)


def _without(note: str) -> Chapter:
    return Chapter({INTENT: ModelReport(metrics={}, notes=[note])})


def _calendar(times: pd.Series, settings: DatasetSettings) -> Calendar:
    windows = temporal_windows(times, settings)
    moments = (times.min(), windows.validation, windows.test, windows.end)
    return Calendar(*(int(moment.timestamp()) for moment in moments))


def _rows(past: Occasions, calendar: Calendar, days: int, seed: int) -> dict[int, IntentRows]:
    seconds = days * SECONDS_PER_DAY
    rng = np.random.default_rng([seed, days])
    return {
        split: intent_rows(past, moments, seconds=seconds, most=MOST_ROWS[split], rng=rng)
        for split, moments in intent_moments(calendar, seconds=seconds).items()
    }


def _lacking(rows: dict[int, IntentRows], days: int) -> str | None:
    """Why a horizon cannot be learnt or judged; None where it can."""
    names = {TRAIN: "training", VALIDATION: "validation", TEST: "test"}
    for split, part in rows.items():
        yes = int(part.bought.sum())
        if not len(part.bought):
            return f"Intent within {days} days is not told: the {names[split]} window is shorter."
        if min(yes, len(part.bought) - yes) < FEWEST_EACH:
            return (
                f"Intent within {days} days is not told: in the {names[split]} window {yes:,} of "
                f"{len(part.bought):,} times a user bought; at least {FEWEST_EACH} of each answer are needed."
            )
    return None


def _horizon(
    days: int,
    rows: dict[int, IntentRows],
    vectors: Vectors | None,
    settings: TrainSettings,
    progress: Progress,
) -> Horizon:
    training, validation, test = (rows[split] for split in (TRAIN, VALIDATION, TEST))
    every = list(training.features)
    plain = [name for name in every if name in RECENCY_FREQUENCY]
    rules = {
        RULE: fit_regression(training, validation, features=plain),
        SAME_FEATURES: fit_regression(training, validation, features=every),
    }
    model = fit_intent(
        rules[SAME_FEATURES],
        training,
        validation,
        seed=settings.seed,
        vectors=vectors,
        progress=part_of(progress, 0.0, 0.8),
    )
    predictions = {MODEL: probabilities(model, test, vectors)}
    predictions |= {name: probabilities(rule, test) for name, rule in rules.items()}
    progress("Judging intent", 0.9, f"{len(test.users):,} questions")
    scores = score_all(predictions, test.bought, test.users, settings=STATISTICS)
    return Horizon(days, rows, model, predictions, scores, tried=vectors is not None)


def _chapter(found: list[Horizon], notes: list[str]) -> Chapter:
    report = ModelReport(metrics={}, notes=notes)
    for one in found:
        _add(report, one)
    if not found:
        return Chapter({INTENT: report})
    return Chapter(
        {INTENT: report},
        {
            INTENT: pd.concat([_table(one) for one in found], ignore_index=True),
            RELIABILITY: pd.concat([_bins(one) for one in found], ignore_index=True),
        },
        {
            f"intent_{one.days}": (
                one.model.state_dict(),
                json.dumps({"format": FORMAT, "shape": asdict(one.model.shape)}),
            )
            for one in found
        },
    )


def _add(report: ModelReport, one: Horizon) -> None:
    """A horizon's numbers, as `auc@7`, and its sentences; differences are to the rule that does best on these rows."""
    n = len(np.unique(one.rows[TEST].users))
    for name, scores in one.scores.items():
        numbers = report.metrics if name == MODEL else report.baselines.setdefault(name, {})
        found = measured(scores, n=n, settings=STATISTICS)
        numbers |= {f"{metric}@{one.days}": value for metric, value in found.items()}
    for metric, higher in HIGHER_IS_BETTER.items():
        rules = [name for name in one.scores if name != MODEL]
        best = (max if higher else min)(rules, key=lambda name: one.scores[name].value[metric])
        report.metrics[f"{metric}@{one.days}_difference"] = _less(one, best, metric, n)
    report.notes.extend(_sentences(one, n))


def _less(one: Horizon, rule: str, metric: str, n: int) -> Measured:
    return difference(one.scores[MODEL], one.scores[rule], metric, n=n, settings=STATISTICS)


def _sentences(one: Horizon, n: int) -> list[str]:
    test, moments = one.rows[TEST], len(np.unique(one.rows[TEST].times))
    told = [
        f"Intent within {one.days} days: {n:,} users who had bought before, asked at {_times(moments)} of the test "
        f"window; {test.bought.mean():.0%} of the {len(test.bought):,} answers are yes. Learnt from "
        f"{len(one.rows[TRAIN].bought):,} answers at {len(np.unique(one.rows[TRAIN].times))} earlier moments whose "
        f"{one.days} days end before validation; probabilities calibrated on the validation window (Platt scaling).",
    ]
    for rule, title in RULE_NAMES.items():
        less = {metric: _less(one, rule, metric, n) for metric in HIGHER_IS_BETTER}
        compared = against(title, less, lower=LOWER_IS_BETTER)
        told.append(f"Within {one.days} days, {compared}")
    return told + [
        f"Within {one.days} days: {note}" for note in about_vectors(one.model.user, tried=one.tried)
    ]


def _times(moments: int) -> str:
    return "the beginning" if moments == 1 else f"{moments} moments"


def _table(one: Horizon) -> pd.DataFrame:
    test = one.rows[TEST]
    return pd.DataFrame(
        {
            USER: test.users.astype(np.int32),
            TIMESTAMP: test.times.astype("datetime64[s]").astype("datetime64[us]"),
            HORIZON_DAYS: np.int32(one.days),
            PROBABILITY: one.predictions[MODEL],
            BASELINE_PROBABILITY: one.predictions[RULE],
            OBSERVED: test.bought,
        }
    ).sort_values([USER, TIMESTAMP], ignore_index=True)


def _bins(one: Horizon) -> pd.DataFrame:
    test = one.rows[TEST]
    parts = [
        reliability(predicted, test.bought, test.users, settings=STATISTICS).assign(
            **{HORIZON_DAYS: one.days}, model=name
        )
        for name, predicted in one.predictions.items()
    ]
    return pd.concat(parts, ignore_index=True)


def load_intent(workspace: Workspace, artefact: Artefact) -> IntentModel:
    """A kept intent model, ready to be asked.

    Raises:
        CorruptArtefact: the file is damaged or of another format.
    """
    described = json.loads(workspace.artefacts.read_metadata(artefact).get("model", "{}"))
    if described.get("format") != FORMAT:
        raise CorruptArtefact(f"{artefact.path} holds no intent model. Train again to replace it.")
    shape = described["shape"]
    model = IntentModel(IntentShape(**shape | {"features": tuple(shape["features"])}))
    model.load_state_dict(workspace.artefacts.read_tensors(artefact))
    return model.eval()
