"""Figures of exposure: who sees what as a heat map, and how evenly attention is spread as a Lorenz curve."""

import numpy as np
import pandas as pd
import plotly.graph_objects as go

from core.figures.gaps import tick
from core.figures.layout import INK_ON_DARK, INK_ON_LIGHT, LINE, figure, rows_height
from core.figures.numbers import points, share, with_interval
from core.figures.scorecard import MARKS
from core.figures.text import plotly_text

LINE_COLOUR = "#0072B2"
LIGHT = (
    "#8CC4E8",
    "#FFFFFF",
    "#F3B68C",
)  # from less to more; pale enough for dark letters, and the other way round
DARK = ("#12557F", "#1B222C", "#8A4415")
FARTHEST = 0.05  # a difference of shares from which the colour is full, at least
LORENZ_POINTS = 400


def heat_map(cells: pd.DataFrame, *, dark: bool) -> go.Figure:
    """User groups in rows, item groups in columns; a cell is a share of the group's attention.

    The colour says how far the cell lies from that of the users it is compared with; ◆ marks cells found unequal.

    Args:
        cells: `user_group`, `item_group`, `value`, `low`, `high`, `n`, and of its gap `gap`, `gap_low`, `gap_high`,
            `verdict` (None where it has none).
    """
    users, items = (list(dict.fromkeys(cells[name])) for name in ("user_group", "item_group"))

    def table(column: str) -> np.ndarray:
        wide = cells.pivot(index="user_group", columns="item_group", values=column)
        return wide.reindex(index=users, columns=items).to_numpy()

    value, gap, verdict = table("value").astype(float), table("gap").astype(float), table("verdict")
    edge = max(FARTHEST, float(np.nanmax(np.abs(gap), initial=0.0)))
    marks = np.vectorize(lambda word: f" {MARKS['unequal']}" if word == "unequal" else "", otypes=[str])(
        verdict
    )
    text = np.char.add(np.vectorize(share, otypes=[str])(value), marks)
    drawn = figure(height=rows_height(len(users), extra=150))
    drawn.add_heatmap(
        z=100 * gap,
        x=np.arange(len(items)),
        y=np.arange(len(users)),
        text=text,
        texttemplate="%{text}",
        zmin=-100 * edge,
        zmax=100 * edge,
        colorscale=[[place / 2, colour] for place, colour in enumerate(DARK if dark else LIGHT)],
        textfont={"color": INK_ON_DARK if dark else INK_ON_LIGHT},
        xgap=2,
        ygap=2,
        colorbar={"title": {"text": "pp"}, "thickness": 10, "len": 0.9},
        customdata=_hovers(cells, users, items),
        hovertemplate="%{customdata}<extra></extra>",
    )
    sizes = cells.drop_duplicates("user_group").set_index("user_group")["n"]
    drawn.update_xaxes(
        tickvals=np.arange(len(items)),
        ticktext=[plotly_text(name, limit=18) for name in items],
        side="top",
        tickangle=-30 if len(items) > 5 else 0,
        showgrid=False,
    )
    drawn.update_yaxes(
        tickvals=np.arange(len(users)),
        ticktext=[tick(name, sizes[name]) for name in users],
        autorange="reversed",
        showgrid=False,
    )
    return drawn


def _hovers(cells: pd.DataFrame, users: list[str], items: list[str]) -> np.ndarray:
    words = np.full((len(users), len(items)), "", dtype=object)
    for row in cells.itertuples():
        lines = [
            f"<b>{plotly_text(row.user_group)}</b>, {plotly_text(row.item_group)}",
            f"share {with_interval(row.value, row.low, row.high, row.n, form=share)}",
        ]
        if np.isfinite(row.gap):
            lines.append(f"gap {with_interval(row.gap, row.gap_low, row.gap_high, form=points)}")
        words[users.index(row.user_group), items.index(row.item_group)] = "<br>".join(lines)
    return words


def lorenz_figure(attention: np.ndarray) -> go.Figure:
    """What share of attention the least seen share of the items gets; the diagonal is the same for every item.

    Args:
        attention: (I,) of each item.
    """
    items, given = lorenz_curve(attention)
    drawn = figure(height=340, x_title="items, least seen first", y_title="share of attention")
    drawn.add_scatter(
        x=[0, 100],
        y=[0, 100],
        mode="lines",
        line={"color": LINE, "dash": "dot", "width": 1.5},
        hoverinfo="skip",
    )
    drawn.add_scatter(
        x=100 * items,
        y=100 * given,
        mode="lines",
        line={"color": LINE_COLOUR, "width": 2.5},
        fill="tonexty",
        fillcolor="rgba(0, 114, 178, 0.12)",
        hovertemplate="the least seen %{x:.1f} % of the items<br>get %{y:.1f} % of the attention<extra></extra>",
    )
    drawn.update_xaxes(ticksuffix=" %", range=[0, 100])
    drawn.update_yaxes(ticksuffix=" %", range=[0, 100])
    return drawn


def lorenz_curve(attention: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Cumulative shares of items and of attention, from (0, 0) to (1, 1), at most LORENZ_POINTS points."""
    ordered = np.append(0.0, np.cumsum(np.sort(attention)))
    places = np.unique(np.linspace(0, len(attention), LORENZ_POINTS).round().astype(int))
    return places / len(attention), ordered[places] / ordered[-1]


def items_with_half(attention: np.ndarray) -> int:
    """How many of the most seen items share half of all attention."""
    most = np.cumsum(np.sort(attention)[::-1])
    return int((most < most[-1] / 2).sum()) + 1
