"""Gaps between groups: dots with whiskers, the parity line, the null band and the tolerance band."""

import numpy as np
import pandas as pd
import plotly.graph_objects as go

from core.figures.groups import Style, marker
from core.figures.layout import BAND, NULL, figure, note, parity_line, rows_height, whiskers
from core.figures.numbers import sample, with_interval
from core.figures.text import plotly_text
from core.figures.units import POINTS, Unit

DETECTABLE = "Gap that would be found"
FADED = 0.45  # groups of fewer than 30 users
MAXIMUM_ROWS = 24
ALIKE = 0.01  # tolerances that differ by less, relative to the largest, are one
VERDICT_WORDS = {
    "unequal": "unequal",
    "equal_within_tolerance": "equal within tolerance",
    "not_enough_data": "not enough data",
}


def shown_rows(rows: pd.DataFrame, *, limit: int = MAXIMUM_ROWS) -> tuple[pd.DataFrame, int]:
    """The rows a figure draws, and how many more there are: hidden groups go first when there are too many."""
    if len(rows) <= limit:
        return rows, 0
    open_rows = rows[~rows["suppressed"].astype(bool)]
    kept = open_rows.loc[open_rows["value"].abs().sort_values(ascending=False).index[:limit]].sort_index()
    return kept, len(rows) - len(kept)


def tick(group: str, n: object) -> str:
    """A row's label: the group and how many users stand behind its number."""
    return f"{plotly_text(group, limit=34)}  <span style='font-size:0.85em'>{plotly_text(sample(n))}</span>"


def detectable(row, unit: Unit) -> str:
    """The smallest true gap that the test of this row would find, in words; empty where there is none."""
    return "" if pd.isna(row.detectable) else unit.amount(row.detectable)


def gap_figure(
    rows: pd.DataFrame,
    styles: dict[str, Style],
    *,
    metric: str,
    unit: Unit = POINTS,
    ends: tuple[str, str] = ("worse", "better"),
) -> go.Figure:
    """One dot per group: how far it lies from the rest.

    Args:
        rows: audit rows of statistic `gap` of one metric and one attribute, in the order to draw (top first).
        styles: the look of each group.
        metric: how the metric is called on the axis, e.g. `NDCG@10`.
        unit: of the gaps. ends: what a gap below and above zero means, in a word or two.
    """
    rows, _ = shown_rows(rows)
    drawn = figure(height=rows_height(len(rows)), x_title=f"← {ends[0]}   {metric}   {ends[1]} →")
    places = np.arange(len(rows))[::-1]
    visible = ~rows["suppressed"].astype(bool).to_numpy()
    seen = rows[visible]
    if len(seen):
        _tolerance_bands(drawn, seen["tolerance"].to_numpy(float), places[visible], unit)
        _null_band(drawn, seen, places[visible], unit)
        _dots(drawn, seen, places[visible], styles, metric, unit)
    for place in places[~visible]:
        note(drawn, "hidden to protect small groups", x=0, y=place, anchor="center")
    parity_line(drawn)
    drawn.update_xaxes(ticksuffix=unit.suffix, nticks=7)
    labels = [tick(group, n) for group, n in zip(rows["group"], rows["n"], strict=True)]
    drawn.update_yaxes(tickvals=places, ticktext=labels, range=[-0.7, len(rows) - 0.3], showgrid=False)
    return drawn


def _tolerance_bands(drawn: go.Figure, tolerances: np.ndarray, places: np.ndarray, unit: Unit) -> None:
    """One band where all rows have the same tolerance, else one per row; none where nothing is judged."""
    known = np.isfinite(tolerances)
    if not known.any():
        return
    alike = np.ptp(tolerances[known]) < ALIKE * tolerances[known].max()
    band = {"fillcolor": BAND, "line_width": 0, "layer": "below"}
    for tolerance, place in zip(tolerances[known], places[known], strict=True):
        end = unit.scale * tolerance
        if alike:
            drawn.add_vrect(-end, end, **band)
            break
        drawn.add_shape(type="rect", x0=-end, x1=end, y0=place - 0.5, y1=place + 0.5, **band)
    words = f"tolerance ±{unit.amount(tolerances[known].max())}" if alike else "tolerance of each row"
    drawn.add_annotation(
        x=0, y=1, yref="paper", yanchor="bottom", text=words, showarrow=False, font={"size": 12}
    )
    drawn.update_layout(margin={"t": 26})


def _null_band(drawn: go.Figure, rows: pd.DataFrame, places: np.ndarray, unit: Unit) -> None:
    """A thick grey stroke per row: where 95 % of gaps would fall if the groups did not differ."""
    x, y = [], []
    for low, high, place in zip(rows["null_low"], rows["null_high"], places, strict=True):
        x += [unit.scale * low, unit.scale * high, None]
        y += [place, place, None]
    line = {"color": NULL, "width": 9}
    drawn.add_scatter(
        x=x, y=y, mode="lines", line=line, opacity=0.5, hoverinfo="skip", name="if groups did not differ"
    )


def _dots(
    drawn: go.Figure,
    rows: pd.DataFrame,
    places: np.ndarray,
    styles: dict[str, Style],
    metric: str,
    unit: Unit,
) -> None:
    for place, row in zip(places, rows.itertuples(), strict=True):
        style = styles[row.group]
        value, low, high = (unit.scale * number for number in (row.value, row.low, row.high))
        drawn.add_scatter(
            x=[value],
            y=[place],
            mode="markers",
            opacity=FADED if row.small else 1.0,
            marker=marker(style),
            error_x=whiskers([value], [low], [high]) | {"color": style.colour},
            name=plotly_text(row.group),
            hovertemplate=_hover(row, metric, unit),
        )


def _hover(row, metric: str, unit: Unit) -> str:
    lines = [
        f"<b>{plotly_text(row.group)}</b>",
        f"{metric} gap {with_interval(row.value, row.low, row.high, row.n, form=unit.form)}",
        VERDICT_WORDS.get(row.verdict, "not judged"),
    ]
    if found := detectable(row, unit):
        lines.append(f"a true gap of {found} would be found four times in five")
    if row.small:
        lines.append("fewer than 30 users: read with care")
    return "<br>".join(lines) + "<extra></extra>"
