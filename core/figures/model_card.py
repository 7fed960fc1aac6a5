"""The model card of a run: what each model is, how good beside plain rules, from which data and settings, with what limits."""

import json
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, field
from typing import Any

import pandas as pd

from core.figures.about_data import split_sentence
from core.figures.model_words import HIGHER, direction, metric_title, model_words, rule_title
from core.schema.documents import Dataset, Measured, ModelReport, Run
from core.train.objectives import WEIGHTS

DIFFERENCE = "_difference"
BETTER, WORSE, OPEN = "better", "worse", "no difference shown"
RECOMMENDER, BROUGHT = "recommender", "brought"


@dataclass(frozen=True)
class CardMetric:
    """One number of a model beside the plain rule that does best in it.

    Attributes:
        better: which way is better, in words; None where neither is.
        rules: every rule that has this metric, by title; best: the one that does best, None where there is none.
        difference: model less the best rule, paired. verdict: what it shows. None where they were not compared.
    """

    name: str
    title: str
    better: str | None
    value: Measured
    rules: dict[str, Measured] = field(default_factory=dict)
    best: str | None = None
    difference: Measured | None = None
    verdict: str | None = None


@dataclass(frozen=True)
class CardModel:
    """One model of the run; `notes` are plain sentences."""

    name: str
    title: str
    what: str
    metrics: tuple[CardMetric, ...]
    notes: tuple[str, ...]


@dataclass(frozen=True)
class ModelCard:
    """Everything that a reader needs to judge a run without asking who made it."""

    run: dict[str, Any]
    training: dict[str, Any]
    data: dict[str, Any]
    models: tuple[CardModel, ...]

    def json(self) -> str:
        """For the download."""
        return json.dumps(
            asdict(self), ensure_ascii=False, indent=2, default=lambda number: number.model_dump()
        )


def model_card(run: Run, dataset: Dataset, accuracy: Mapping[str, pd.DataFrame]) -> ModelCard:
    """The card of a run.

    Args:
        accuracy: by metric, how the recommender stands beside the baselines (`beside_baselines`).
    """
    recommender = CardModel(
        RECOMMENDER,
        *_words(BROUGHT if run.brought else RECOMMENDER),
        tuple(_beside(metric, rows) for metric, rows in accuracy.items()),
        tuple(run.reports[RECOMMENDER].notes if RECOMMENDER in run.reports else ()),
    )
    others = [_model(name, report) for name, report in run.reports.items() if name != RECOMMENDER]
    return ModelCard(_run(run), _training(run, dataset), _data(dataset), (recommender, *others))


def _words(name: str) -> tuple[str, str]:
    words = model_words(name)
    return words.title, words.what


def _run(run: Run) -> dict[str, Any]:
    names = (
        *("id", "name", "created_at", "brought"),
        *("seconds", "device", "device_reason", "sequences_per_second"),
    )
    return {name: getattr(run, name) for name in names}


def _training(run: Run, dataset: Dataset) -> dict[str, Any]:
    """The settings, and apart from them those that matter most to a reader; None: not known."""
    learnt = run.history[-1].losses if run.history else {}
    settings = run.settings
    return {
        "epochs": len(run.history),
        "seed": settings.get("seed"),
        "follows": run.follows,
        "feedback": run.feedback,
        "objectives": {name: settings.get(WEIGHTS.get(name, "")) for name in learnt},
        "protected_attributes": dataset.protected,
        "protected_attributes_seen": None if run.brought else bool(settings.get("protected_inputs", False)),
        "settings": settings,
    }


def _data(dataset: Dataset) -> dict[str, Any]:
    return {
        "id": dataset.id,
        "name": dataset.name,
        "source": dataset.source,
        "counts": dataset.counts,
        "period": dataset.period,
        "split": split_sentence(dataset),
        "notes": dataset.notes,
        "cannot_support": dataset.missing,
    }


def _model(name: str, report: ModelReport) -> CardModel:
    metrics = tuple(
        card_metric(report, metric) for metric in report.metrics if not metric.endswith(DIFFERENCE)
    )
    return CardModel(name, *_words(name), metrics, tuple(report.notes))


def card_metric(report: ModelReport, name: str) -> CardMetric:
    """One metric of a report beside its best rule."""
    better, difference = direction(name), report.metrics.get(name + DIFFERENCE)
    rules = {rule_title(rule): numbers[name] for rule, numbers in report.baselines.items() if name in numbers}
    return CardMetric(
        name,
        metric_title(name),
        better,
        report.metrics[name],
        rules,
        best_rule(rules, better),
        difference,
        verdict(difference, better) if difference else None,
    )


def best_rule(rules: Mapping[str, Measured], better: str | None) -> str | None:
    """The rule that does best; the first where no way is better."""
    if not rules or better is None:
        return next(iter(rules), None)
    return (max if better == HIGHER else min)(rules, key=lambda name: rules[name].value)


def verdict(difference: Measured, better: str | None) -> str | None:
    """What a paired difference shows; nothing where its interval holds zero."""
    if better is None:
        return None
    if difference.low is None or difference.high is None or difference.low <= 0 <= difference.high:
        return OPEN
    return BETTER if (difference.low > 0) == (better == HIGHER) else WORSE


def _beside(metric: str, rows: pd.DataFrame) -> CardMetric:
    """A metric of the recommender, from rows as `beside_baselines` gives them."""
    own, rules = rows[rows["is_model"]].iloc[0], rows[~rows["is_model"]]
    measured = {row["name"]: _measured(row, "value", "low", "high") for _, row in rules.iterrows()}
    best = best_rule(measured, HIGHER)
    difference = None
    if best is not None:
        row = rules[rules["name"] == best].iloc[0]
        difference = _measured(row, "behind", "behind_low", "behind_high")
    return CardMetric(
        metric,
        metric_title(metric),
        HIGHER,
        _measured(own, "value", "low", "high"),
        measured,
        best,
        difference,
        verdict(difference, HIGHER) if difference else None,
    )


def _measured(row: pd.Series, *names: str) -> Measured:
    value, low, high = (None if pd.isna(row[name]) else float(row[name]) for name in names)
    return Measured(value=value, low=low, high=high, n=int(row["n"]))


def shown_better(metrics: Sequence[CardMetric]) -> dict[str, int]:
    """How many of the metrics with a paired difference show the model better, worse, or neither."""
    told = [metric.verdict for metric in metrics if metric.verdict]
    return {word: told.count(word) for word in (BETTER, WORSE, OPEN)}
