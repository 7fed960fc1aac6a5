"""What groups are shown: shares of the list by category, price band, brand and popularity, with intervals."""

import pandas as pd
import plotly.graph_objects as go

from core.figures.groups import OUTLINE, Style
from core.figures.layout import figure, pattern, rows_height, whiskers
from core.figures.numbers import sample, share, with_interval
from core.figures.text import plotly_text


def share_figure(rows: pd.DataFrame, styles: dict[str, Style], *, of: str) -> go.Figure:
    """Horizontal bars, one colour and pattern per group, a whisker on every bar.

    Args:
        rows: columns `group`, `value_name` (category, price band, ...), `value`, `low`, `high` (fractions), `n`;
            in the order to draw, top first.
        styles: the look of each group.
        of: what the shares are shares of, for the axis, e.g. `top 10 list`.
    """
    groups = list(dict.fromkeys(rows["group"]))
    names = [plotly_text(name, limit=30) for name in dict.fromkeys(rows["value_name"])]
    height = rows_height(len(names) * max(len(groups), 1), extra=110)
    drawn = figure(height=min(height, 760), x_title=f"share of the {of}", legend=True)
    for group in reversed(groups):  # Plotly stacks grouped bars from below
        _bars(drawn, rows[rows["group"] == group], styles[group], plotly_text(group, limit=34))
    drawn.update_layout(barmode="group", bargap=0.3, bargroupgap=0.08, legend={"traceorder": "reversed"})
    drawn.update_yaxes(categoryorder="array", categoryarray=names[::-1], showgrid=False)
    drawn.update_xaxes(ticksuffix=" %", rangemode="tozero", nticks=6)
    return drawn


def _bars(drawn: go.Figure, rows: pd.DataFrame, style: Style, name: str) -> None:
    n = rows["n"].iloc[0]
    drawn.add_bar(
        x=100 * rows["value"],
        y=[plotly_text(value, limit=30) for value in rows["value_name"]],
        orientation="h",
        name=f"{name} ({plotly_text(sample(n))})",
        marker={
            "color": style.colour,
            "line": {"color": OUTLINE, "width": 1},
            "pattern": pattern(style.pattern),
        },
        error_x=whiskers(100 * rows["value"], 100 * rows["low"], 100 * rows["high"]),
        customdata=[[with_interval(r.value, r.low, r.high, r.n, form=share)] for r in rows.itertuples()],
        hovertemplate=f"<b>{name}</b><br>%{{y}}: %{{customdata[0]}}<extra></extra>",
    )
