"""Prices if each group had its own: one line per rule, one dot per group."""

from collections.abc import Mapping

import numpy as np
import pandas as pd
import plotly.graph_objects as go

from core.figures.groups import OUTLINE, Style
from core.figures.layout import BAND, figure, parity_line, rows_height
from core.figures.numbers import share
from core.figures.text import plotly_text


def prices_figure(
    prices: pd.DataFrame, styles: Mapping[str, Style], *, observed: tuple[float, float]
) -> go.Figure:
    """Prices as shares of the usual price; the band is where prices were seen, beyond it nothing is known.

    Args:
        prices: `rule`, `group`, `price` (NaN where the rule leaves no price that earns anything), rules top first.
    """
    rules = list(dict.fromkeys(prices["rule"]))
    places = dict(zip(rules, np.arange(len(rules))[::-1], strict=True))
    drawn = figure(
        height=rows_height(len(rules), extra=130), x_title="price, share of the usual one", legend=True
    )
    low, high = (100 * end for end in observed)
    drawn.add_vrect(low, high, fillcolor=BAND, line_width=0, layer="below")
    parity_line(drawn, 100)
    for group in dict.fromkeys(prices["group"]):
        own = prices[(prices["group"] == group) & prices["price"].notna()]
        drawn.add_scatter(
            x=100 * own["price"],
            y=own["rule"].map(places),
            mode="markers",
            name=plotly_text(group, limit=24),
            marker={
                "color": styles[group].colour,
                "symbol": styles[group].symbol,
                "size": 11,
                "line": {"color": OUTLINE, "width": 1},
            },
            customdata=[share(price) for price in own["price"]],
            hovertemplate=f"<b>{plotly_text(group)}</b><br>%{{customdata}} of the usual price<extra></extra>",
        )
    drawn.update_xaxes(ticksuffix=" %", nticks=8)
    drawn.update_yaxes(
        tickvals=list(places.values()), ticktext=list(places), range=[-0.6, len(rules) - 0.4], showgrid=False
    )
    return drawn
