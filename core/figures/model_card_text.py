"""The model card for the screen and as Markdown: sentences, lines and tables."""

from typing import Any

import pandas as pd

from core.figures.model_card import (
    BETTER,
    OPEN,
    WORSE,
    CardMetric,
    CardModel,
    ModelCard,
    shown_better,
)
from core.figures.model_words import HIGHER, LOWER
from core.figures.numbers import count, duration, fine, moment, score, with_interval
from core.figures.sentences import plural
from core.figures.text import markdown_text, plain, spoken
from core.schema.documents import Measured

ARROWS = {HIGHER: "↑", LOWER: "↓"}


def metric_table(model: CardModel) -> pd.DataFrame:
    """One line per metric: the model, the best rule, and what the paired difference shows."""
    return pd.DataFrame([_metric_line(metric) for metric in model.metrics])


def _metric_line(metric: CardMetric) -> dict[str, str]:
    best = metric.rules.get(metric.best) if metric.best else None
    return {
        "Metric": f"{metric.title} {ARROWS.get(metric.better, '')}".strip(),
        "This model": _with(metric.value),
        "Best plain rule": "–" if best is None else f"{_with(best, n=False)} {plain(metric.best)}",
        "Model less rule": "–" if metric.difference is None else _with(metric.difference, n=False, form=fine),
        "Shown": metric.verdict or "–",
    }


def _with(number: Measured, *, n: bool = True, form=score) -> str:
    return with_interval(number.value, number.low, number.high, number.n if n else None, form=form)


def metric_rows(model: CardModel) -> pd.DataFrame:
    """All numbers of a model for the download: `metric`, `of` (model, each rule, difference), `value`, `low`, `high`, `n`."""
    rows = []
    for metric in model.metrics:
        parts = {"model": metric.value} | metric.rules
        if metric.difference:
            parts[f"model less {metric.best}"] = metric.difference
        rows += [{"metric": metric.name, "of": of, **number.model_dump()} for of, number in parts.items()]
    return pd.DataFrame(rows, columns=["metric", "of", "value", "low", "high", "n"])


def model_sentence(model: CardModel) -> str:
    """Whether the model earns its keep beside the best plain rules."""
    told = shown_better(model.metrics)
    total = sum(told.values())
    if not model.metrics:
        return "There is no number of it: the notes say why."
    if not total:
        return "It was not compared with a plain rule."
    parts = [f"{word} in {told[word]}" for word in (BETTER, WORSE) if told[word]]
    if told[OPEN]:
        parts.append(f"no difference shown in {told[OPEN]}")
    return f"Beside the best plain rule, of {plural(total, 'metric')}: **{'; '.join(parts)}**."


def standing_sentence(metric: CardMetric) -> str:
    """One metric in words: the model, the best rule, and whether they are shown to differ."""
    value = f"{metric.title} is {_marked(_with(metric.value))}"
    if metric.best is None or metric.difference is None:
        return f"{value}."
    stands = {BETTER: "better than", WORSE: "**worse than**"}.get(metric.verdict, "not shown to differ from")
    return (
        f"{value}: {stands} the best plain rule ({markdown_text(metric.best)}), "
        f"difference {_marked(_with(metric.difference, n=False, form=fine))}."
    )


def _marked(text: str) -> str:
    return markdown_text(text, limit=160)


def training_lines(card: ModelCard) -> list[str]:
    """The settings that matter, as Markdown lines."""
    training, run = card.training, card.run
    names = ", ".join(markdown_text(name) for name in training["protected_attributes"]) or "none are named"
    if run["brought"]:
        return [
            "Another system made the lists: nothing was trained here, so there are no objectives, seed or settings.",
            f"Whether that system saw protected attributes ({names}) is not known here.",
        ]
    seen = (
        "were inputs of the model" if training["protected_attributes_seen"] else "were not shown to the model"
    )
    return [
        f"Protected attributes ({names}) **{seen}**.",
        _objectives(training["objectives"]),
        *_beginnings(training),
        f"Seed {training['seed']}; {plural(training['epochs'], 'epoch')}, {duration(run['seconds'])}.",
        f"Device: {markdown_text(run['device'])} ({markdown_text(run['device_reason'], limit=160)}).",
        "Settings other than the standard ones are listed with the runs above; all of them are in the downloads.",
    ]


def _beginnings(training: dict[str, Any]) -> list[str]:
    """Which run it went on from, and the feedback that it learnt from."""
    found = []
    if training["follows"]:
        found.append(f"Training went on from the weights of {markdown_text(training['follows'])}.")
    if training["feedback"]:
        pieces = plural(len(training["feedback"]), "piece")
        found.append(f"Its data hold {pieces} of feedback on recommendations.")
    return found


def _objectives(weights: dict[str, float | None]) -> str:
    if not weights:
        return "Which objectives it was trained on was not recorded, or nothing could be learnt."
    told = [
        markdown_text(name) if weight is None else f"{markdown_text(name)} × {weight:g}"
        for name, weight in weights.items()
    ]
    return f"One objective, the weighted sum of: {', '.join(told)}."


def data_lines(card: ModelCard) -> list[str]:
    """Where the numbers come from and what the data cannot support, as Markdown lines."""
    data = card.data
    counts = data["counts"]
    lacking = [
        f"{markdown_text(spoken(name))} (needs {markdown_text(needs, limit=160)})"
        for name, needs in data["cannot_support"].items()
    ]
    return [
        f"{markdown_text(data['name'])}: {count(counts.get('events'))} events of {count(counts.get('users'))} users. "
        f"{data['split']} Numbers are of the test split unless a note says otherwise.",
        f"Cannot support: {'; '.join(lacking)}."
        if lacking
        else "Nothing that an analysis here needs is missing.",
        *(markdown_text(note, limit=400) for note in data["notes"]),
    ]


def card_markdown(card: ModelCard) -> str:
    """The whole card as one Markdown document."""
    run = card.run
    lines = [
        f"# Model card: {markdown_text(run['name'])}",
        f"Run {run['id']}, {moment(run['created_at'])} UTC. 95 % intervals; n counts users or rows.",
        "## Training",
        *_training_part(card),
        "## Data and limits",
        _bullets(data_lines(card)),
    ]
    for model in card.models:
        lines += [f"## {markdown_text(model.title)}", markdown_text(model.what, limit=200)]
        lines += [model_sentence(model)] if model.metrics else []
        lines += [_markdown_table(model)] if model.metrics else []
        lines += [_bullets([markdown_text(note, limit=800) for note in model.notes])] if model.notes else []
    return "\n\n".join(lines) + "\n"


def _training_part(card: ModelCard) -> list[str]:
    if card.run["brought"]:
        return [_bullets(training_lines(card))]
    settings = ", ".join(_setting(name, value) for name, value in card.training["settings"].items())
    return [_bullets(training_lines(card)[:-1]), f"All settings: {settings}"]


def _setting(name: str, value: object) -> str:
    text = ", ".join(map(str, value)) or "none" if isinstance(value, list) else str(value)
    return f"{markdown_text(name)} {markdown_text(text)}"


def _bullets(lines: list[str]) -> str:
    return "\n".join(f"- {line}" for line in lines)


def _markdown_table(model: CardModel) -> str:
    heads = ("Metric", "Model", "n", "Best plain rule", "Model less rule", "Shown")
    rows = [
        (
            metric.title,
            _with(metric.value, n=False),
            count(metric.value.n),
            "–" if metric.best is None else f"{metric.best} {_with(metric.rules[metric.best], n=False)}",
            "–" if metric.difference is None else _with(metric.difference, n=False, form=fine),
            metric.verdict or "–",
        )
        for metric in model.metrics
    ]
    cells = [heads, ("---",) * len(heads), *((_marked(cell) for cell in row) for row in rows)]
    return "\n".join(f"| {' | '.join(row)} |" for row in cells)
