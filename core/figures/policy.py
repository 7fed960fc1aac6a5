"""A policy before and after: gaps that close or open, who gains and loses, and whose share of attention moves."""

import numpy as np
import pandas as pd
import plotly.graph_objects as go

from core.figures.gaps import gap_figure, shown_rows, tick
from core.figures.groups import GREY, OUTLINE, Style, group_styles, marker
from core.figures.layout import LINE, figure, parity_line, pattern, rows_height, whiskers
from core.figures.numbers import change, count, share, with_interval
from core.figures.text import plotly_text
from core.figures.units import Unit
from core.schema.settings import ALL

GAIN, LOSE = "#0072B2", "#D55E00"
BINS = 20  # of the histogram of changes on either side of zero: none holds both losses and gains
BEFORE = {"symbol": "diamond-open", "size": 9}  # no group's own mark: groups without a name are open circles
EVERYBODY = "everybody"


def before_and_after_figure(
    before: pd.DataFrame,
    after: pd.DataFrame,
    styles: dict[str, Style],
    *,
    metric: str,
    unit: Unit,
    ends: tuple[str, str],
) -> go.Figure:
    """Gaps after as dots with whiskers, and where each was before as a small open diamond, joined by a line.

    Args:
        before, after: audit rows of statistic `gap` of one metric and grouping, with the same groups.
    """
    drawn = gap_figure(after, styles, metric=metric, unit=unit, ends=ends)
    kept, _ = shown_rows(after)
    places = dict(zip(kept["group"], np.arange(len(kept))[::-1], strict=True))
    was = before.set_index("group")["value"]
    joined: dict[str, list] = {"x": [], "y": [], "customdata": []}
    sizes, colours = [], []
    for row in kept[~kept["suppressed"].astype(bool)].itertuples():
        old, place = was.get(row.group, np.nan), places[row.group]
        joined["x"] += [unit.scale * old, unit.scale * row.value, None]
        joined["y"] += [place, place, None]
        joined["customdata"] += [f"<b>{plotly_text(row.group)}</b><br>before {unit.form(old)}", "", ""]
        sizes += [BEFORE["size"], 0, 0]
        colours += 3 * [styles[row.group].colour]
    return drawn.add_scatter(  # one trace: a chart takes longer to draw with each
        **joined,
        name="before",
        mode="lines+markers",
        line={"color": LINE, "width": 1.5, "dash": "dot"},
        marker=BEFORE | {"size": sizes, "color": colours, "line": {"width": 2}},
        hovertemplate="%{customdata}<extra></extra>",
    )


def changes_figure(rows: pd.DataFrame, *, metric: str, unit: Unit) -> go.Figure:
    """The paired change of everybody and of each group, with intervals.

    Args:
        rows: of `compare_runs`, one metric; everybody first.
    """
    shown = rows[~rows["suppressed"].astype(bool)]
    styles = group_styles([group for group in rows["group"] if group != ALL]) | {
        ALL: Style(GREY, "circle", "")
    }
    drawn = figure(height=rows_height(len(shown)), x_title=f"← less   change of {metric}   more →")
    places = np.arange(len(shown))[::-1]
    for place, row in zip(places, shown.itertuples(), strict=True):
        value, low, high = (unit.scale * number for number in (row.difference, row.low, row.high))
        style = styles[row.group]
        written = with_interval(row.difference, row.low, row.high, row.n, form=unit.form)
        drawn.add_scatter(
            x=[value],
            y=[place],
            mode="markers",
            marker=marker(style),
            error_x=whiskers([value], [low], [high]) | {"color": style.colour},
            hovertemplate=f"<b>{plotly_text(_named(row.group))}</b><br>{written}<br>{row.verdict}<extra></extra>",
        )
    parity_line(drawn)
    labels = [tick(_named(group), n) for group, n in zip(shown["group"], shown["n"], strict=True)]
    drawn.update_xaxes(ticksuffix=unit.suffix, nticks=7)
    drawn.update_yaxes(tickvals=places, ticktext=labels, range=[-0.7, len(shown) - 0.3], showgrid=False)
    return drawn


def _named(group: str) -> str:
    return EVERYBODY if group == ALL else group


def gains_figure(counts: pd.DataFrame) -> go.Figure:
    """Share of users who are served better (to the right) and worse (to the left), of everybody and each group.

    Args:
        counts: `group, n, gain, lose, same`.
    """
    drawn = figure(
        height=rows_height(len(counts), extra=120),
        x_title="← served worse   share of users   served better →",
        legend=True,
    )
    places = np.arange(len(counts))[::-1]
    for name, sign, colour, mark in (("lose", -1, LOSE, "/"), ("gain", 1, GAIN, "")):
        shares = 100 * counts[name] / counts["n"]
        drawn.add_bar(
            x=sign * shares,
            y=places,
            orientation="h",
            name={"lose": "served worse", "gain": "served better"}[name],
            marker={"color": colour, "pattern": pattern(mark), "line": {"color": OUTLINE, "width": 0.5}},
            text=[f"{value:.1f} %" for value in shares],
            textposition="outside",
            cliponaxis=False,
            customdata=counts[[name, "n"]].to_numpy(),
            hovertemplate="%{customdata[0]:,} of %{customdata[1]:,} users<extra></extra>",
        )
    most = 100 * float((counts[["gain", "lose"]].max(axis=1) / counts["n"]).max())
    reach = max(1.3 * most, 1.0)
    labels = [tick(_named(group), int(n)) for group, n in zip(counts["group"], counts["n"], strict=True)]
    drawn.update_layout(barmode="overlay")
    drawn.update_xaxes(range=[-reach, reach], ticksuffix=" %", nticks=7)
    drawn.update_yaxes(tickvals=places, ticktext=labels, range=[-0.7, len(counts) - 0.3], showgrid=False)
    parity_line(drawn)
    return drawn


def distribution_figure(changes: np.ndarray, *, metric: str) -> go.Figure:
    """How much users gain or lose: users by the size of their change, those without one left out.

    Args:
        changes: (U,) of each user.
    """
    drawn = figure(height=240, x_title=f"← loses   change of one user's {metric}   gains →", y_title="users")
    moved = changes[changes != 0]
    reach = max(float(np.abs(moved).max(initial=0)), 1e-6)
    half = np.linspace(0, reach, BINS + 1)
    n, edges = np.histogram(moved, np.concatenate([-half[:0:-1], half]))
    middle = (edges[:-1] + edges[1:]) / 2
    drawn.add_bar(
        x=middle,
        y=n,
        width=np.diff(edges),
        marker={"color": np.where(middle > 0, GAIN, LOSE), "line": {"color": OUTLINE, "width": 0.5}},
        hovertemplate="about %{x:+.3f}: %{y:,} users<extra></extra>",
    )
    parity_line(drawn)
    return drawn


def attention_figure(rows: pd.DataFrame, *, target: bool) -> go.Figure:
    """Share of attention of each group of items before (open diamond) and after (dot), and its target where there is one.

    Args:
        rows: `group, before, after, target, change, low, high, n`, in the order to draw (top first).
    """
    drawn = figure(height=rows_height(len(rows), extra=120), x_title="share of attention", legend=True)
    places = np.arange(len(rows))[::-1]
    joins = {"x": [], "y": []}
    for place, row in zip(places, rows.itertuples(), strict=True):
        joins["x"] += [100 * row.before, 100 * row.after, None]
        joins["y"] += [place, place, None]
    drawn.add_scatter(
        **joins, mode="lines", line={"color": LINE, "width": 1.5}, hoverinfo="skip", showlegend=False
    )
    for name, mark in (("before", BEFORE), ("after", {"symbol": "circle", "size": 11})):
        drawn.add_scatter(
            x=100 * rows[name],
            y=places,
            mode="markers",
            name=name,
            marker=mark | {"color": GAIN, "line": {"width": 2 if name == "before" else 1}},
            cliponaxis=False,
            customdata=[_attention_words(row) for row in rows.itertuples()],
            hovertemplate="%{customdata}<extra></extra>",
        )
    if target:
        drawn.add_scatter(
            x=100 * rows["target"],
            y=places,
            mode="markers",
            name="target",
            marker={"symbol": "line-ns-open", "size": 18, "color": LOSE, "line": {"width": 3}},
            hovertemplate="target %{x:.1f} %<extra></extra>",
        )
    labels = [plotly_text(group, limit=34) for group in rows["group"]]
    drawn.update_xaxes(ticksuffix=" %", nticks=7, rangemode="tozero")
    drawn.update_yaxes(tickvals=places, ticktext=labels, range=[-0.7, len(rows) - 0.3], showgrid=False)
    return drawn


def _attention_words(row) -> str:
    moved = with_interval(row.change, row.low, row.high, form=change(share))
    return (
        f"<b>{plotly_text(row.group)}</b><br>{share(row.before)} before, {share(row.after)} after"
        f"<br>{moved}, {count(row.n)} lists"
    )
