"""The ledger as a waterfall: the gap at first, what each step closed or added, and the gap that is left."""

from collections.abc import Sequence

import numpy as np
import pandas as pd
import plotly.graph_objects as go

from core.figures.groups import GREY, OUTLINE
from core.figures.layout import LINE, NULL, figure, parity_line, pattern, rows_height, whiskers
from core.figures.numbers import with_interval
from core.figures.text import plotly_text
from core.figures.units import Unit

WHOLE_GAP = "#0072B2"
LOOKS = {  # of a verdict: colour and pattern
    "closed": ("#009E73", ""),
    "widened": ("#D55E00", "/"),
    "no difference shown": (GREY, "."),
}


def waterfall_figure(
    levels: pd.DataFrame, steps: pd.DataFrame, names: Sequence[str], *, title: str, level: Unit, change: Unit
) -> go.Figure:
    """Bars from the gap at first, through one floating bar for each step, to the gap that is left.

    Args:
        levels: of one gap, a row for each way: `value, low, high, null, n`. steps: from each way to the next: `change, low,
            high, n, verdict`. names: of the rows: the first way, each step, and what is left. level, change: how gaps and
            their changes are written; of one scale.
    """
    first, last = levels.iloc[0], levels.iloc[-1]
    places = np.arange(len(names))[::-1]
    drawn = figure(height=rows_height(len(names), extra=110), x_title=title)
    for row, place, name in ((first, places[0], names[0]), (last, places[-1], names[-1])):
        _whole(drawn, row, place, name, level)
    before = levels["value"].to_numpy()[:-1]
    for row, place, name, start in zip(steps.itertuples(), places[1:-1], names[1:-1], before, strict=True):
        _step(drawn, row, place, name, start, change)
    ends = change.scale * levels["value"].to_numpy()
    for end, upper in zip(ends, places, strict=False):
        drawn.add_scatter(
            x=[end, end],
            y=[upper, upper - 1],
            mode="lines",
            line={"color": LINE, "width": 1, "dash": "dot"},
            hoverinfo="skip",
        )
    parity_line(drawn)
    drawn.update_layout(barmode="overlay")
    drawn.update_xaxes(ticksuffix=level.suffix, nticks=7, rangemode="tozero")
    drawn.update_yaxes(
        tickvals=list(places),
        ticktext=[plotly_text(name, limit=48) for name in names],
        range=[-0.7, len(names) - 0.3],
        showgrid=False,
    )
    return drawn


def _whole(drawn: go.Figure, row: pd.Series, place: int, name: str, unit: Unit) -> None:
    value, low, high = (unit.scale * row[end] for end in ("value", "low", "high"))
    drawn.add_bar(
        x=[value],
        y=[place],
        orientation="h",
        width=0.62,
        marker={"color": WHOLE_GAP, "line": {"color": OUTLINE, "width": 1}},
        error_x=whiskers([value], [low], [high]),
        hovertemplate=f"<b>{plotly_text(name)}</b><br>"
        f"{with_interval(row['value'], row['low'], row['high'], row['n'], form=unit.form)}<extra></extra>",
    )
    if np.isfinite(row["null"]):
        drawn.add_scatter(
            x=[unit.scale * row["null"]],
            y=[place],
            mode="markers",
            marker={"symbol": "line-ns-open", "size": 26, "color": NULL, "line": {"width": 3}},
            hovertemplate=f"without any difference up to {unit.form(row['null'])}<extra></extra>",
        )


def _step(drawn: go.Figure, row, place: int, name: str, start: float, unit: Unit) -> None:
    colour, shape = LOOKS[row.verdict]
    value, low, high = (unit.scale * getattr(row, end) for end in ("change", "low", "high"))
    drawn.add_bar(
        x=[value],
        base=[unit.scale * start],
        y=[place],
        orientation="h",
        width=0.62,
        marker={"color": colour, "pattern": pattern(shape), "line": {"color": OUTLINE, "width": 1}},
        error_x=whiskers([value], [low], [high]),
        hovertemplate=f"<b>{plotly_text(name)}</b><br>{row.verdict}: "
        f"{with_interval(row.change, row.low, row.high, row.n, form=unit.form)}<extra></extra>",
    )
