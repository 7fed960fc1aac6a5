"""What a dataset holds: its calendar, its groups and their crossings."""

import numpy as np
import pandas as pd
import plotly.graph_objects as go

from core.figures.gaps import tick
from core.figures.groups import GREY, OUTLINE, PALETTE, Style
from core.figures.layout import figure, pattern, rows_height
from core.figures.numbers import count
from core.figures.text import plotly_text

SPLIT_STYLES = {"train": (GREY, ""), "validation": (PALETTE[5], "/"), "test": (PALETTE[0], "x")}
CELLS = ((0, "#3a76a8"), (1, "#0b3c66"))  # white numbers are legible on all of it, and it on both themes


def calendar_figure(weeks: pd.DataFrame) -> go.Figure:
    """Events per week, coloured by split: columns `week` (datetime), `split`, `events`."""
    drawn = figure(height=260, y_title="events per week", legend=True)
    for split, (colour, shape) in SPLIT_STYLES.items():
        rows = weeks[weeks["split"] == split]
        drawn.add_bar(
            x=rows["week"],
            y=rows["events"],
            name=split,
            marker={"color": colour, "pattern": pattern(shape)},
            hovertemplate=f"{split}<br>week of %{{x|%d %b %Y}}<br>%{{y:,}} events<extra></extra>",
        )
    drawn.update_layout(barmode="stack", bargap=0.15)
    drawn.update_yaxes(rangemode="tozero", nticks=5)
    return drawn


def group_size_figure(rows: pd.DataFrame, styles: dict[str, Style]) -> go.Figure:
    """Users per group (pale), and how many of them can be judged (full).

    Args:
        rows: columns `group`, `users`, `test_users`, `suppressed`; hidden groups have no number.
        styles: the look of each group.
    """
    drawn = figure(height=rows_height(len(rows), extra=70), x_title="users")
    colours = [styles[group].colour for group in rows["group"]]
    sizes = [
        "hidden" if hidden else f"{count(judged)} of {count(users)}"
        for users, judged, hidden in zip(rows["users"], rows["test_users"], rows["suppressed"], strict=True)
    ]
    names = [tick(group, size) for group, size in zip(rows["group"], sizes, strict=True)]
    shared = {"y": names, "orientation": "h", "hovertemplate": "%{y}<extra></extra>"}
    everyone, judged = (rows[name].astype(float).fillna(0) for name in ("users", "test_users"))
    pale, outline = {"color": colours, "opacity": 0.3}, {"color": OUTLINE, "width": 1}
    drawn.add_bar(x=everyone, name="all", width=0.72, marker=pale, **shared)
    full = {"color": colours, "line": outline}
    drawn.add_bar(x=judged, name="with test purchases", width=0.4, marker=full, **shared)
    drawn.update_layout(barmode="overlay")
    drawn.update_yaxes(categoryorder="array", categoryarray=names[::-1], showgrid=False, type="category")
    drawn.update_xaxes(rangemode="tozero", nticks=6)
    return drawn


def crossing_figure(cells: pd.DataFrame, *, titles: tuple[str, str]) -> go.Figure:
    """Users in each crossing of two attributes: the first as rows, the second as columns, missing where hidden."""
    rows, columns = (plotly_text(title) for title in titles)
    drawn = figure(height=rows_height(len(cells), extra=150), x_title=columns, y_title=rows)
    values = cells.to_numpy(dtype=float)
    texts = [["·" if np.isnan(value) else count(value) for value in line] for line in values]
    known = np.sort(values[~np.isnan(values)])
    top = known[int(0.9 * (len(known) - 1))] if len(known) else 1  # one huge cell must not bleach all others
    drawn.add_heatmap(
        z=values,
        zmin=0,
        zmax=top,
        x=[plotly_text(name, limit=24) for name in cells.columns],
        y=[plotly_text(name, limit=24) for name in cells.index],
        text=texts,
        texttemplate="%{text}",
        textfont={"color": "white"},
        colorscale=CELLS,
        showscale=False,
        xgap=2,
        ygap=2,
        customdata=[["hidden" if text == "·" else f"{text} users" for text in line] for line in texts],
        hovertemplate="%{y} × %{x}<br>%{customdata}<extra></extra>",
    )
    hidden = np.argwhere(
        np.isnan(values)
    )  # no cell is drawn there: the dot stands on the page, light or dark
    drawn.add_scatter(
        x=[plotly_text(cells.columns[column], limit=24) for column in hidden[:, 1]],
        y=[plotly_text(cells.index[row], limit=24) for row in hidden[:, 0]],
        mode="text",
        text="·",
        textfont={"color": GREY, "size": 16},
        hoverinfo="skip",
    )
    drawn.update_yaxes(autorange="reversed", showgrid=False, type="category")
    drawn.update_xaxes(showgrid=False, tickangle=-35, type="category")
    return drawn
