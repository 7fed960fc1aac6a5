"""Do predictions mean what they say? Foretold against what happened, with the diagonal of a perfect forecast."""

from collections.abc import Callable

import pandas as pd
import plotly.graph_objects as go

from core.figures.groups import GREY, OUTLINE, PALETTE, Style
from core.figures.layout import LINE, figure, whiskers
from core.figures.numbers import share, with_interval
from core.figures.text import plotly_text


def reliability_figure(bins: pd.DataFrame, *, model: str, rule: str, rule_title: str) -> go.Figure:
    """One dot per bin of forecasts, of the model and, fainter, of the rule beside it.

    Args:
        bins: `model` (who foretells), `predicted`, `observed`, `low`, `high` (shares) and `n` answers; of one question.
        model, rule: the two names in `bins`.
    """
    drawn = figure(height=330, x_title="forecast", y_title="happened", legend=True)
    _diagonal(drawn, 0, 100, "as forecast")
    _dots(drawn, bins[bins["model"] == rule], plotly_text(rule_title, limit=60), open_=True)
    _dots(drawn, bins[bins["model"] == model], "this model", open_=False)
    for update in (drawn.update_xaxes, drawn.update_yaxes):
        update(ticksuffix=" %", range=[-3, 103], nticks=6)
    return drawn


def calibration_figure(
    bins: pd.DataFrame,
    styles: dict[str, Style],
    *,
    x_title: str,
    y_title: str,
    form: Callable[[float | None], str],
) -> go.Figure:
    """Outcomes against predictions: one dot per group and bin of predictions, joined within a group.

    Args:
        bins: `group`, `predicted`, `observed`, `low`, `high` (of observed), `n` users; by group, then by prediction.
        form: how a number is written.
    """
    drawn = figure(height=420, x_title=x_title, y_title=y_title, legend=True)
    ends = bins[["predicted", "observed"]].to_numpy()
    _diagonal(drawn, float(ends.min()), float(ends.max()), "as predicted")
    for group, own in bins.groupby("group", sort=False):
        style = styles[group]
        texts = [
            f"predicted {form(r.predicted)}, observed {with_interval(r.observed, r.low, r.high, r.n, form=form)}"
            for r in own.itertuples()
        ]
        name = plotly_text(group, limit=30)
        drawn.add_scatter(
            x=own["predicted"],
            y=own["observed"],
            mode="lines+markers",
            name=name,
            line={"color": style.colour, "width": 1},
            marker={
                "color": style.colour,
                "symbol": style.symbol,
                "size": 9,
                "line": {"color": OUTLINE, "width": 1},
            },
            error_y=whiskers(own["observed"], own["low"], own["high"]) | {"color": style.colour},
            customdata=[[text] for text in texts],
            hovertemplate=f"<b>{name}</b><br>%{{customdata[0]}}<extra></extra>",
        )
    return drawn


def _diagonal(drawn: go.Figure, low: float, high: float, name: str) -> None:
    drawn.add_scatter(
        x=[low, high],
        y=[low, high],
        mode="lines",
        line={"color": LINE, "width": 1.5, "dash": "dash"},
        name=name,
        hoverinfo="skip",
    )


def _dots(drawn: go.Figure, rows: pd.DataFrame, name: str, *, open_: bool) -> None:
    colour = GREY if open_ else PALETTE[0]
    texts = [
        f"forecast {share(r.predicted)}, happened {with_interval(r.observed, r.low, r.high, r.n, form=share)}"
        for r in rows.itertuples()
    ]
    error = {} if open_ else whiskers(100 * rows["observed"], 100 * rows["low"], 100 * rows["high"])
    drawn.add_scatter(
        x=100 * rows["predicted"],
        y=100 * rows["observed"],
        mode="markers",
        name=name,
        marker={
            "color": colour,
            "symbol": "diamond-open" if open_ else "circle",
            "size": 8 if open_ else 10,
            "line": {"color": colour if open_ else OUTLINE, "width": 1},
        },
        error_y=error | {"color": colour} if error else None,
        customdata=[[text] for text in texts],
        hovertemplate=f"{name}<br>%{{customdata[0]}}<extra></extra>",
    )
