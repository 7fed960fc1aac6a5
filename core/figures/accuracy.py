"""How good the recommender is beside simple rules, and how training went."""

from collections.abc import Sequence

import numpy as np
import pandas as pd
import plotly.graph_objects as go

from core.figures.gaps import tick
from core.figures.groups import GREY, OUTLINE, PALETTE, SYMBOLS
from core.figures.layout import figure, parity_line, rows_height, whiskers
from core.figures.numbers import points, with_interval
from core.figures.text import plotly_text, spoken
from core.schema.documents import Epoch

DASHES = ("solid", "dot", "dash", "dashdot", "longdash", "longdashdot")


def accuracy_figure(rows: pd.DataFrame, *, metric: str) -> go.Figure:
    """Bars with whiskers: columns `name`, `value`, `low`, `high`, `n`, `is_model`; one row per recommender."""
    drawn = figure(height=rows_height(len(rows), extra=70), x_title=f"{metric}   better →")
    colours = [PALETTE[0] if own else GREY for own in rows["is_model"]]
    texts = [with_interval(r.value, r.low, r.high, r.n) for r in rows.itertuples()]
    names = [plotly_text(name) for name in rows["name"]]
    drawn.add_bar(
        x=rows["value"],
        y=names,
        orientation="h",
        marker={"color": colours, "line": {"color": OUTLINE, "width": 1}},
        error_x=whiskers(rows["value"], rows["low"], rows["high"]),
        customdata=[[text] for text in texts],
        hovertemplate="%{y}<br>" + metric + " %{customdata[0]}<extra></extra>",
    )
    drawn.update_yaxes(autorange="reversed", showgrid=False)
    drawn.update_xaxes(rangemode="tozero", nticks=6)
    return drawn


def training_figure(history: Sequence[Epoch]) -> go.Figure:
    """Losses (above) and validation NDCG@10 (below) per epoch: on one panel, two scales would invent crossings.

    Where there are several objectives each has a curve, as a share of its first epoch: their units differ.
    """
    several = len(history[-1].losses) > 1
    title = "Loss, first epoch = 1" if several else "Loss"
    drawn = figure(height=360 if several else 320, x_title="Epoch", y_title=title, legend=True)
    for number, (name, values) in enumerate(_losses(history, several=several).items()):
        _loss_curve(drawn, history, name, values, number=number, relative=several)
    _curve(drawn, history, [epoch.validation_ndcg for epoch in history], "Validation NDCG@10", number=0)
    drawn.data[-1].update(yaxis="y2", hovertemplate="Epoch %{x}: validation NDCG@10 %{y:.4f}<extra></extra>")
    scale = {"automargin": True, "fixedrange": True, "nticks": 4, "zeroline": False}
    drawn.update_layout(
        yaxis=scale | {"domain": [0.56, 1]},
        yaxis2=scale
        | {
            "domain": [0, 0.44],
            "anchor": "x",
            "tickformat": ".3f",
            "title": {"text": "NDCG@10", "standoff": 10},
        },
    )
    drawn.update_xaxes(anchor="y2")
    drawn.update_xaxes(dtick=max(1, len(history) // 10))
    return drawn


def _losses(history: Sequence[Epoch], *, several: bool) -> dict[str, list[float]]:
    """The curves of the upper panel by name: the whole loss, then each objective."""
    if not several:
        return {"Training loss": [epoch.loss for epoch in history]}
    names = history[-1].losses
    return {"All, weighted": [epoch.loss for epoch in history]} | {
        spoken(name): [epoch.losses.get(name, np.nan) for epoch in history] for name in names
    }


def _loss_curve(
    drawn: go.Figure, history: Sequence[Epoch], name: str, values: list[float], *, number: int, relative: bool
) -> None:
    first = values[0] if relative and values[0] else 1.0
    _curve(drawn, history, [value / first for value in values], name, number=number + 1)
    drawn.data[-1].update(
        customdata=[[value] for value in values],
        hovertemplate=f"Epoch %{{x}}: {plotly_text(name)} %{{customdata[0]:.4g}}<extra></extra>",
    )


def _curve(
    drawn: go.Figure, history: Sequence[Epoch], values: list[float], name: str, *, number: int
) -> None:
    """A line that is told from others by colour, dash and marker; number 0 is the validation's."""
    drawn.add_scatter(
        x=[epoch.epoch for epoch in history],
        y=values,
        mode="lines+markers",
        name=plotly_text(name),
        line={"color": PALETTE[number % len(PALETTE)], "dash": DASHES[number % len(DASHES)]},
        marker={"symbol": SYMBOLS[number % len(SYMBOLS)], "size": 8},
    )


def comparison_figure(rows: pd.DataFrame, *, metric: str) -> go.Figure:
    """Paired difference of two runs, overall and by group.

    Args:
        rows: columns `group` ("all" is everyone), `difference`, `low`, `high`, `n`, `suppressed`; top first.
        metric: how the metric is called on the axis.
    """
    drawn = figure(height=rows_height(len(rows)), x_title="← A better   B better →")
    seen = rows[~rows["suppressed"].astype(bool)]
    names = ["everyone" if group == "all" else group for group in rows["group"]]
    labels = [tick(name, n) for name, n in zip(names, rows["n"], strict=True)]
    places = np.arange(len(rows))[::-1]
    texts = [with_interval(r.difference, r.low, r.high, r.n, form=points) for r in seen.itertuples()]
    drawn.add_scatter(
        x=100 * seen["difference"],
        y=places[seen.index],
        mode="markers",
        marker={"color": PALETTE[0], "size": 11, "line": {"color": OUTLINE, "width": 1}},
        error_x=whiskers(100 * seen["difference"], 100 * seen["low"], 100 * seen["high"])
        | {"color": PALETTE[0]},
        customdata=[[label, text] for label, text in zip(np.array(labels)[seen.index], texts, strict=True)],
        hovertemplate="%{customdata[0]}<br>%{customdata[1]}<extra></extra>",
    )
    parity_line(drawn)
    drawn.update_yaxes(tickvals=places, ticktext=labels, range=[-0.7, len(rows) - 0.3], showgrid=False)
    drawn.update_xaxes(ticksuffix=" pp", nticks=7)
    return drawn
