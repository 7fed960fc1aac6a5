"""How good the recommender is beside simple rules, and how training went."""

from collections.abc import Sequence

import numpy as np
import pandas as pd
import plotly.graph_objects as go

from core.figures.gaps import tick
from core.figures.groups import GREY, OUTLINE, PALETTE
from core.figures.layout import figure, parity_line, rows_height, whiskers
from core.figures.numbers import points, with_interval
from core.figures.text import plotly_text
from core.schema.documents import Epoch


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
    """Loss (above) and validation NDCG@10 (below) per epoch: on one panel, two scales would invent crossings."""
    drawn = figure(height=320, x_title="Epoch", y_title="Loss", legend=True)
    epochs = [epoch.epoch for epoch in history]
    drawn.add_scatter(
        x=epochs,
        y=[epoch.loss for epoch in history],
        mode="lines+markers",
        name="Training loss",
        line={"color": PALETTE[1], "dash": "dot"},
        marker={"symbol": "diamond", "size": 8},
        hovertemplate="Epoch %{x}: loss %{y:.3f}<extra></extra>",
    )
    drawn.add_scatter(
        x=epochs,
        y=[epoch.validation_ndcg for epoch in history],
        mode="lines+markers",
        name="Validation NDCG@10",
        yaxis="y2",
        line={"color": PALETTE[0]},
        marker={"symbol": "circle", "size": 8},
        hovertemplate="Epoch %{x}: NDCG@10 %{y:.4f}<extra></extra>",
    )
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
    drawn.update_xaxes(dtick=max(1, len(epochs) // 10))
    return drawn


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
