"""A search for settings: every trial across all settings that it varied, and which settings mattered."""

from collections.abc import Mapping, Sequence

import numpy as np
import plotly.graph_objects as go

from core.figures.about_search import CLASSES, OUTCOME, classes, ordered_settings, value_text
from core.figures.groups import GREY, OUTLINE, PALETTE
from core.figures.layout import figure, note, rows_height
from core.figures.numbers import share
from core.figures.text import plotly_text, spoken
from core.schema.documents import Search, SearchTrial

LABELLED = 6  # so many different values of a setting are each written under their place
WIDE = 20.0  # beyond this ratio of largest to smallest a scale is logarithmic
BELOW, ASIDE = 0.33, 0.008  # of a row and of its width: where a value is written, off a line straight down
LINES = dict(  # of each class of trials: told apart by width and dash too
    zip(
        CLASSES,
        (
            {"color": GREY, "width": 1, "dash": "dot"},
            {"color": GREY, "width": 1.5},
            {"color": PALETTE[4], "width": 2},
            {"color": PALETTE[1], "width": 3, "dash": "dash"},
            {"color": PALETTE[0], "width": 4},
        ),
        strict=True,
    )
)
MARKERS = dict(zip(CLASSES, ("circle-open", "circle", "square", "diamond", "star"), strict=True))


def trials_figure(search: Search) -> go.Figure:
    """Parallel coordinates: a row for each setting, the most important first, then validation NDCG@10; a line for each
    trial, from low values on the left to high ones on the right."""
    trials = [trial for trial in search.trials if trial.value is not None]
    columns = {name: [trial.params[name] for trial in trials] for name in ordered_settings(search)}
    columns[OUTCOME] = [trial.value for trial in trials]
    drawn = figure(height=rows_height(2 * len(columns), extra=60), legend=True)
    places = {name: _places(values) for name, values in columns.items()}
    kinds = classes(search)
    for kind in CLASSES:
        lines = [number for number, trial in enumerate(trials) if kinds[trial.number] == kind]
        if lines:
            _draw(drawn, kind, [trials[number] for number in lines], [_line(places, n) for n in lines])
    rows = {name: len(columns) - 1 - row for row, name in enumerate(columns)}
    for name, values in columns.items():
        for value, place in _written(values, places[name]):
            aside, anchor = (ASIDE, "left") if place < 0.9 else (-ASIDE, "right")
            text = plotly_text(value_text(name, value))
            note(drawn, text, x=place + aside, y=rows[name] - BELOW, anchor=anchor)
    names = [_spoken(name) for name in columns]
    drawn.update_yaxes(tickvals=list(rows.values()), ticktext=names, range=[-0.6, len(columns) - 0.7])
    drawn.update_xaxes(showticklabels=False, showgrid=False, range=[-0.06, 1.06])
    return drawn


def importance_figure(importances: Mapping[str, float]) -> go.Figure:
    """Bars: the share of the differences between trials that each setting explains alone, largest first."""
    drawn = figure(
        height=rows_height(len(importances), extra=70), x_title="Share of the differences explained"
    )
    shares = list(importances.values())
    drawn.add_bar(
        x=[100 * value for value in shares],
        y=[_spoken(name) for name in importances],
        orientation="h",
        marker={"color": PALETTE[0], "line": {"color": OUTLINE, "width": 1}},
        customdata=[[share(value)] for value in shares],
        hovertemplate="%{y}: %{customdata[0]}<extra></extra>",
    )
    drawn.update_yaxes(autorange="reversed", showgrid=False)
    drawn.update_xaxes(ticksuffix=" %", rangemode="tozero", nticks=6)
    return drawn


def _draw(
    drawn: go.Figure, kind: str, trials: Sequence[SearchTrial], lines: Sequence[dict[str, float]]
) -> None:
    """One trace for all trials of a class; a gap (None) lies between two lines."""
    x, y, told = [], [], []
    for trial, line in zip(trials, lines, strict=True):
        x += [*line.values(), None]
        y += [*range(len(line) - 1, -1, -1), None]
        told += [[_hover(trial, name)] for name in line] + [[""]]
    drawn.add_scatter(
        x=x,
        y=y,
        mode="lines+markers",
        name=kind,
        line=LINES[kind],
        marker={"symbol": MARKERS[kind], "size": 8, "color": LINES[kind]["color"]},
        customdata=told,
        hovertemplate="%{customdata[0]}<extra></extra>",
    )


def _hover(trial: SearchTrial, name: str) -> str:
    outcome = f"Trial {trial.number}: {OUTCOME} {value_text(OUTCOME, trial.value)}"
    if name == OUTCOME:
        return outcome
    return f"{outcome}<br>{_spoken(name)} {plotly_text(value_text(name, trial.params[name]))}"


def _line(places: Mapping[str, Sequence[float]], number: int) -> dict[str, float]:
    return {name: column[number] for name, column in places.items()}


def _places(values: Sequence[float]) -> list[float]:
    """Where values stand between 0 and 1: few evenly in order, many to scale."""
    distinct = sorted(set(values))
    if len(distinct) <= LABELLED:
        step = 1 / max(len(distinct) - 1, 1)
        return [distinct.index(value) * step for value in values]
    low, high = distinct[0], distinct[-1]
    numbers = np.array(values, dtype=float)
    if low > 0 and high / low >= WIDE:
        numbers, low, high = np.log(numbers), np.log(low), np.log(high)
    return list((numbers - low) / (high - low))


def _written(values: Sequence[float], places: Sequence[float]) -> list[tuple[float, float]]:
    """The values that are written under a row, with their places: all if few, else the ends."""
    where = dict(zip(values, places, strict=True))
    distinct = sorted(set(values))
    shown = distinct if len(distinct) <= LABELLED else [distinct[0], distinct[-1]]
    return [(value, where[value]) for value in shown]


def _spoken(name: str) -> str:
    return name if name == OUTCOME else plotly_text(spoken(name))
