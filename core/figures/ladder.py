"""The ladder: what is left of a gap the more is held equal, one rung under the other."""

from collections.abc import Mapping

import numpy as np
import pandas as pd
import plotly.graph_objects as go

from core.figures.groups import Style
from core.figures.layout import BAND, figure, parity_line, pattern, rows_height, whiskers
from core.figures.numbers import share, with_interval
from core.figures.text import plotly_text


def ladder_figure(
    rows: pd.DataFrame, styles: Mapping[str, Style], words: Mapping[str, str], *, tolerance: float | None
) -> go.Figure:
    """A bar per rung and group with its interval; the last rung at the bottom is what nothing explains.

    Args:
        rows: gap rows of one or two groups, relative (0.03 is 3 % more), with a metric of `words` each.
        words: metric -> what it holds equal, in order.
    """
    told = [metric for metric in words if metric in set(rows["metric"])]
    places = dict(zip(told, np.arange(len(told))[::-1], strict=True))
    groups = list(dict.fromkeys(rows["group"]))
    drawn = figure(
        height=rows_height(len(told) * max(len(groups), 1), extra=120),
        x_title="← pays less   relative to the price   pays more →",
        legend=len(groups) > 1,
    )
    if tolerance:
        drawn.add_vrect(-100 * tolerance, 100 * tolerance, fillcolor=BAND, line_width=0, layer="below")
    for group in reversed(groups):
        own = rows[rows["group"] == group]
        value, low, high = (100 * own[name].to_numpy(float) for name in ("value", "low", "high"))
        drawn.add_bar(
            x=value,
            y=own["metric"].map(places),
            orientation="h",
            name=plotly_text(group, limit=40),
            marker={"color": styles[group].colour, "pattern": pattern(styles[group].pattern)},
            error_x=whiskers(value, low, high),
            customdata=[with_interval(r.value, r.low, r.high, r.n, form=share) for r in own.itertuples()],
            hovertemplate=f"<b>{plotly_text(group)}</b><br>%{{customdata}}<extra></extra>",
        )
    parity_line(drawn)
    drawn.update_layout(barmode="group", legend_traceorder="reversed")
    drawn.update_xaxes(ticksuffix=" %", nticks=7)
    drawn.update_yaxes(
        tickvals=list(places.values()), ticktext=[words[metric] for metric in told], showgrid=False
    )
    return drawn


def parts_figure(
    rows: pd.DataFrame, style: Style, words: Mapping[str, str], *, total: str, of: str = "discount"
) -> go.Figure:
    """A gap taken apart: the whole first, then its parts, which add up to it.

    Args:
        rows: gap rows of one group in shares; metric `total` and those of `words`. of: what the gap is in.
    """
    named = {total: "the whole gap"} | dict(words)
    told = rows.set_index("metric").reindex([name for name in named if name in set(rows["metric"])])
    places = np.arange(len(told))[::-1]
    drawn = figure(height=rows_height(len(told)), x_title=f"← less   {of}   more →")
    value, low, high = (100 * told[name].to_numpy(float) for name in ("value", "low", "high"))
    drawn.add_bar(
        x=value,
        y=places,
        orientation="h",
        marker={
            "color": style.colour,
            "opacity": [1.0, *[0.55] * (len(told) - 1)],
            "pattern": pattern(style.pattern),
        },
        error_x=whiskers(value, low, high),
        customdata=[with_interval(r.value, r.low, r.high, r.n, form=share) for r in told.itertuples()],
        hovertemplate="%{customdata}<extra></extra>",
    )
    parity_line(drawn)
    drawn.update_xaxes(ticksuffix=" pp", nticks=7)
    drawn.update_yaxes(tickvals=places, ticktext=[named[name] for name in told.index], showgrid=False)
    return drawn
