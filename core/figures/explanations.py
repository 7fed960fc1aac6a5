"""What predictions are made of: importance of features, the swarm of single predictions, and one of them step by step."""

from collections.abc import Sequence

import numpy as np
import pandas as pd
import plotly.graph_objects as go

from core.figures.groups import GREY, OUTLINE, PALETTE
from core.figures.layout import figure, note, parity_line, rows_height, whiskers
from core.figures.numbers import with_interval
from core.figures.text import plain, plotly_text
from core.figures.units import Unit

MOST_FEATURES = 12
MOST_DOTS = 400  # of a row of the swarm
LOW, HIGH = PALETTE[0], PALETTE[1]
MARK = "⚑"  # of protected attributes and what tells them
OTHERS = "{n} others"


def importance_figure(table: pd.DataFrame, *, unit: Unit, marked: Sequence[str]) -> go.Figure:
    """A bar per feature with its interval, the most telling first.

    Args:
        table: `feature`, `value`, `low`, `high`, `share`, `n`. marked: features that are protected or tell what is.
    """
    rows = table.head(MOST_FEATURES)
    drawn = figure(height=rows_height(len(rows)), x_title="moves a prediction by, on average")
    value, low, high = (unit.scale * rows[name].to_numpy(float) for name in ("value", "low", "high"))
    drawn.add_bar(
        x=value,
        y=np.arange(len(rows))[::-1],
        orientation="h",
        marker={
            "color": [HIGH if name in marked else LOW for name in rows["feature"]],
            "line": {"color": OUTLINE, "width": 1},
        },
        error_x=whiskers(value, low, high),
        customdata=[
            f"<b>{plotly_text(r.feature)}</b><br>"
            + with_interval(r.value, r.low, r.high, r.n, form=unit.amount)
            + f"<br>{100 * r.share:.0f} % of all that moves predictions"
            for r in rows.itertuples()
        ],
        hovertemplate="%{customdata}<extra></extra>",
    )
    drawn.update_xaxes(ticksuffix=unit.suffix, rangemode="tozero", nticks=6)
    return _labelled(drawn, rows["feature"], marked)


def swarm_figure(
    values: pd.DataFrame, shown: pd.DataFrame, features: Sequence[str], *, unit: Unit, marked: Sequence[str]
) -> go.Figure:
    """A dot per prediction and feature: how far the feature moved it, coloured by the feature's own value.

    Args:
        values: attributions, a column per feature. shown: the features' values, same rows. features: to draw, top first.
    """
    drawn = figure(
        height=rows_height(len(features), extra=130), x_title="← lowers the prediction   raises it →"
    )
    some = np.random.default_rng(0).permutation(len(values))[:MOST_DOTS]
    for place, name in enumerate(features):
        row = len(features) - 1 - place
        moved, told = values[name].to_numpy(float)[some], shown[name].iloc[some]
        drawn.add_scatter(
            x=unit.scale * moved,
            y=row + _spread(moved),
            mode="markers",
            showlegend=False,
            marker={
                "size": 5,
                "opacity": 0.75,
                "color": _ranks(told),
                "colorscale": [[0, LOW], [0.5, "#B9B2A8"], [1, HIGH]],
                "cmin": 0,
                "cmax": 1,
            },
            customdata=[_value(value) for value in told],
            hovertemplate=f"{plotly_text(name)}: %{{customdata}}<br>%{{x:.2f}}{unit.suffix}<extra></extra>",
        )
    parity_line(drawn)
    top = len(features) - 0.35
    note(drawn, f"<span style='color:{LOW}'>●</span> low value  ", x=0, y=top, anchor="right")
    note(drawn, f"  high value <span style='color:{HIGH}'>●</span>", x=0, y=top)
    drawn.update_xaxes(ticksuffix=unit.suffix, nticks=7)
    drawn = _labelled(drawn, features, marked)
    return drawn.update_yaxes(range=[-0.7, len(features) - 0.1])


def waterfall_figure(
    parts: pd.DataFrame, *, expected: float, output: float, unit: Unit, level: Unit, marked: Sequence[str]
) -> go.Figure:
    """From what the model says usually to what it says here, feature by feature.

    Args:
        parts: `feature`, `shown`, `value`, the largest first; those behind MOST_FEATURES are drawn as one.
        level: how predictions themselves are written.
    """
    rows = parts.head(MOST_FEATURES)
    rest = parts["value"].iloc[MOST_FEATURES:]
    names = [_named(row, marked) for row in rows.itertuples()]
    steps = rows["value"].tolist()
    if len(rest):
        names.append(OTHERS.format(n=len(rest)))
        steps.append(float(rest.sum()))
    labels = ["usually", *names, "<b>here</b>"]
    texts = [level.form(expected), *(unit.form(step) for step in steps), level.form(output)]
    drawn = figure(height=rows_height(len(labels)), x_title="the prediction")
    drawn.add_trace(
        go.Waterfall(
            orientation="h",
            y=np.arange(len(labels))[::-1],
            x=[unit.scale * each for each in (expected, *steps, output)],
            measure=["absolute", *["relative"] * len(steps), "total"],
            text=texts,
            textposition="outside",
            cliponaxis=False,
            increasing={"marker": {"color": HIGH, "line": {"color": OUTLINE, "width": 1}}},
            decreasing={"marker": {"color": LOW, "line": {"color": OUTLINE, "width": 1}}},
            totals={"marker": {"color": GREY}},
            connector={"line": {"color": GREY, "width": 1}},
            hovertemplate="%{text}<extra></extra>",
        )
    )
    ends = unit.scale * (expected + np.concatenate([[0.0], np.cumsum(steps)]))
    reach = max(float(np.ptp(ends)), 1e-9)
    drawn.update_xaxes(
        range=[ends.min() - 0.25 * reach, ends.max() + 0.25 * reach], ticksuffix=level.suffix, nticks=6
    )
    drawn.update_yaxes(
        tickvals=list(range(len(labels)))[::-1],
        ticktext=labels,
        range=[-0.7, len(labels) - 0.3],
        showgrid=False,
    )
    return drawn


def effects_figure(history: pd.DataFrame) -> go.Figure:
    """What the absence of each product of a history would take from the score of the explained one.

    Args:
        history: `product`, `effect`, the most telling first; products without which nothing is left have no bar.
    """
    rows = history[history["effect"].notna()].head(MOST_FEATURES)
    drawn = figure(height=rows_height(len(rows)), x_title="← against   part of the score   for →")
    drawn.add_bar(
        x=rows["effect"],
        y=np.arange(len(rows))[::-1],
        orientation="h",
        marker={
            "color": [HIGH if effect > 0 else LOW for effect in rows["effect"]],
            "line": {"color": OUTLINE, "width": 1},
        },
        hovertemplate="%{x:.3f}<extra></extra>",
    )
    parity_line(drawn)
    return _labelled(drawn, rows["product"], ())


def _labelled(drawn: go.Figure, features: Sequence[str], marked: Sequence[str]) -> go.Figure:
    labels = [plotly_text(name, limit=44) + (f" {MARK}" if name in marked else "") for name in features]
    return drawn.update_yaxes(
        tickvals=list(range(len(labels)))[::-1],
        ticktext=labels,
        range=[-0.7, len(labels) - 0.3],
        showgrid=False,
    )


def _named(row, marked: Sequence[str]) -> str:
    """`days since purchase = 12`."""
    name = plotly_text(row.feature, limit=40) + (f" {MARK}" if row.feature in marked else "")
    value = _value(row.shown)
    return f"{name} = {plotly_text(value, limit=24)}" if value else name


def _value(value: object) -> str:
    """A feature's value in a few digits; empty where there is nothing to read."""
    if isinstance(value, str):
        return plain(value, limit=40)
    return "" if value is None or not np.isfinite(value) else f"{value:.4g}".replace("-", "−")


def _ranks(told: pd.Series) -> np.ndarray:
    """Places of numbers among all, in [0, 1]; the middle for what has no order."""
    if not pd.api.types.is_numeric_dtype(told):
        return np.full(len(told), 0.5)
    return told.rank(pct=True).fillna(0.5).to_numpy()


def _spread(moved: np.ndarray) -> np.ndarray:
    """Offsets that keep dots of like places apart, within ±0.38 of a row."""
    order = np.argsort(moved, kind="stable")
    reach = max(float(np.ptp(moved)), 1e-12)
    bins = np.floor((moved - moved.min()) / reach * 60).astype(int)
    crowd = np.bincount(bins)
    number = np.zeros(len(moved), int)
    seen: dict[int, int] = {}
    for place in order:
        number[place] = seen.get(bins[place], 0)
        seen[bins[place]] = number[place] + 1
    step = 0.76 / max(crowd.max(), 12)
    signs = np.where(number % 2 == 0, 1, -1)
    return signs * ((number + 1) // 2) * step
