"""Do probabilities mean what they say? Foretold against what happened, with the diagonal of a perfect forecast."""

import pandas as pd
import plotly.graph_objects as go

from core.figures.groups import GREY, OUTLINE, PALETTE
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
    drawn.add_scatter(
        x=[0, 100],
        y=[0, 100],
        mode="lines",
        line={"color": LINE, "width": 1.5, "dash": "dash"},
        name="as forecast",
        hoverinfo="skip",
    )
    _dots(drawn, bins[bins["model"] == rule], plotly_text(rule_title, limit=60), open_=True)
    _dots(drawn, bins[bins["model"] == model], "this model", open_=False)
    for update in (drawn.update_xaxes, drawn.update_yaxes):
        update(ticksuffix=" %", range=[-3, 103], nticks=6)
    return drawn


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
