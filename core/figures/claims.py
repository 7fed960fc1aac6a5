"""Two claims about each group side by side: what was observed, and what a model expected."""

from dataclasses import dataclass

import numpy as np
import pandas as pd
import plotly.graph_objects as go

from core.figures.gaps import tick
from core.figures.groups import GREY, OUTLINE, Style
from core.figures.layout import figure, rows_height, whiskers
from core.figures.numbers import with_interval
from core.figures.text import plotly_text

APART = 0.2  # of a row, from its middle


@dataclass(frozen=True)
class Claim:
    """One of the two: the name of its rows, what it is called, and whether its dots are open."""

    name: str
    title: str
    open: bool


def claims_figure(
    rows: pd.DataFrame,
    styles: dict[str, Style],
    claims: tuple[Claim, Claim],
    *,
    x_title: str,
    form,
    scale: float = 1.0,
    suffix: str = "",
) -> go.Figure:
    """Dots with whiskers, a row per group, one dot per claim.

    Args:
        rows: `group`, `name`, `value`, `low`, `high`, `n`; groups in the order to draw, top first.
        form: how a number is written. scale, suffix: of the axis.
    """
    groups = list(dict.fromkeys(rows["group"]))
    drawn = figure(height=rows_height(len(groups), extra=110), x_title=x_title, legend=True)
    places = dict(zip(groups, np.arange(len(groups))[::-1], strict=True))
    for claim, side in zip(claims, (APART, -APART), strict=True):
        _in_legend(drawn, claim)
        for row in rows[rows["name"] == claim.name].itertuples():
            _dot(drawn, row, claim, styles[row.group], y=places[row.group] + side, scale=scale, form=form)
    first = rows.drop_duplicates("group")
    labels = [tick(group, n) for group, n in zip(first["group"], first["n"], strict=True)]
    drawn.update_yaxes(
        tickvals=list(places.values()), ticktext=labels, range=[-0.7, len(groups) - 0.3], showgrid=False
    )
    drawn.update_xaxes(ticksuffix=suffix, nticks=6)
    return drawn


def _symbol(style: Style, claim: Claim) -> str:
    symbol = style.symbol.removesuffix("-open")
    return f"{symbol}-open" if claim.open else symbol


def _dot(drawn: go.Figure, row, claim: Claim, style: Style, *, y: float, scale: float, form) -> None:
    ends = ([scale * number] for number in (row.value, row.low, row.high))
    line = {"color": style.colour if claim.open else OUTLINE, "width": 2 if claim.open else 1}
    drawn.add_scatter(
        x=[scale * row.value],
        y=[y],
        mode="markers",
        showlegend=False,
        marker={"color": style.colour, "symbol": _symbol(style, claim), "size": 11, "line": line},
        error_x=whiskers(*ends) | {"color": style.colour},
        name=plotly_text(row.group),
        hovertemplate=f"<b>{plotly_text(row.group)}</b><br>{claim.title} "
        f"{with_interval(row.value, row.low, row.high, row.n, form=form)}<extra></extra>",
    )


def _in_legend(drawn: go.Figure, claim: Claim) -> None:
    marker = {
        "color": GREY,
        "symbol": "circle-open" if claim.open else "circle",
        "size": 10,
        "line": {"width": 2},
    }
    drawn.add_scatter(x=[None], y=[None], mode="markers", marker=marker, name=claim.title, hoverinfo="skip")
