"""Accuracy against a disparity: every setting a point, the best to the right and down."""

from collections.abc import Mapping
from typing import Any

import pandas as pd
import plotly.graph_objects as go

from core.figures.about_frontier import MODEL_LISTS, Measure, measure_of, point_words
from core.figures.about_policy import STEP_WORDS
from core.figures.groups import OUTLINE, UNNAMED, Style, group_styles
from core.figures.layout import BAND, LINE, NULL, figure, whiskers
from core.figures.numbers import fine, interval, score
from core.figures.text import plotly_text

HEIGHT = 680
FAINT = {"size": 9, "line": {"color": NULL, "width": 1}}  # its outline is seen on light and on dark pages
FAINT_FILL = 0.4  # opacity
STYLES = group_styles(tuple(STEP_WORDS))  # a re-ranker looks the same whichever others can be used
HELD_AGAINST, CURRENT = "circle-cross", "circle-x"  # marks that no re-ranker has


def frontier_figure(
    rows: pd.DataFrame,
    *,
    measure: str,
    k: int,
    against: str = MODEL_LISTS,
    current: tuple[float, float] | None = None,
) -> go.Figure:
    """Each point's `customdata` begins with its number.

    Args:
        rows: of `core.workflow.policies.standing.standing`. against: what the first of them is, in words. current: change of
            NDCG and disparity of the current policy where it is not the first point.
    """
    told = measure_of(measure)
    drawn = figure(
        height=HEIGHT,
        x_title=f"NDCG@{k}, change on the same users   better →",
        y_title=f"← fairer   {plotly_text(told.name)}",
        legend=True,
    )
    drawn.update_layout(
        legend={"y": -0.14, "yanchor": "top"}, margin={"l": 8, "r": 16, "t": 8, "b": 8}, hovermode="closest"
    )
    known = rows[rows["disparity"].notna()]
    across, up = window(known)
    drawn.update_xaxes(range=across, tickformat="+.3~f")
    drawn.update_yaxes(range=[told.scale * end for end in up], ticksuffix=told.suffix)
    _not_told_apart(drawn, known[known["same"].astype(bool)], told, against)
    _edge(drawn, known[~known["dominated"].astype(bool)], told)
    for step in dict.fromkeys(known["step"].iloc[1:]):
        _setting(drawn, step, known[(known["step"] == step) & (known["point"] > 0)], told, k)
    _chance(drawn, rows.iloc[0], told)
    _places(drawn, rows.iloc[0], told, against, current, k)
    return drawn


def window(rows: pd.DataFrame) -> tuple[tuple[float, float], tuple[float, float]]:
    """What the picture spans: all points that no other beats with their intervals, and the first one; a little below zero, so
    that a mark there is whole.

    Settings that cost far more for nothing would press all others into a corner.
    """
    shown = rows[~rows["dominated"].astype(bool) | (rows["point"] == 0)]
    across = min(shown["ndcg_change_low"].min(), 0.0), max(shown["ndcg_change_high"].max(), 0.0)
    level = max(_ends(shown)[1].max(), shown["disparity_null"].iloc[:1].fillna(0.0).max())
    up = _wider((0.0, level))
    return _wider(across), (up[0] / 3, up[1])


def _ends(rows: pd.DataFrame) -> tuple[pd.Series, pd.Series]:
    """Of each point where its disparity may lie, from the interval of its change; no disparity is below zero."""
    off = rows["disparity"] - rows["disparity_change"]
    low, high = (off + rows[f"disparity_change_{end}"] for end in ("low", "high"))
    return low.clip(lower=0), high


def _wider(ends: tuple[float, float]) -> tuple[float, float]:
    margin = 0.06 * (ends[1] - ends[0]) or 0.001
    return ends[0] - margin, ends[1] + margin


def outside(rows: pd.DataFrame) -> int:
    """How many points lie beyond the picture."""
    known = rows[rows["disparity"].notna()]
    (left, right), (low, high) = window(known)
    inside = known["ndcg_change"].between(left, right) & known["disparity"].between(low, high)
    return int((~inside).sum())


def _not_told_apart(drawn: go.Figure, rows: pd.DataFrame, told: Measure, against: str) -> None:
    """A shade behind the points."""
    who = f"{against[:1].lower()}{against[1:]}"
    drawn.add_scatter(
        x=rows["ndcg_change"],
        y=told.scale * rows["disparity"],
        mode="markers",
        name=f"shaded: not told apart from {plotly_text(who)}",
        marker={"size": 26, "color": BAND, "line": {"width": 0}},
        hoverinfo="skip",
    )


def _edge(drawn: go.Figure, rows: pd.DataFrame, told: Measure) -> None:
    """The line through the points that no other beats."""
    ordered = rows.sort_values(["ndcg_change", "disparity"])
    drawn.add_scatter(
        x=ordered["ndcg_change"],
        y=told.scale * ordered["disparity"],
        mode="lines",
        name="line: beaten by no other setting",
        line={"color": LINE, "width": 1.5, "dash": "dot"},
        hoverinfo="skip",
    )


def _setting(drawn: go.Figure, step: str, rows: pd.DataFrame, told: Measure, k: int) -> None:
    """The points of one re-ranker: those that another beats are faint and have no whiskers."""
    style, named = STYLES.get(step, UNNAMED), False
    for beaten in (False, True):
        some = rows[rows["dominated"].astype(bool) == beaten]
        if some.empty:
            continue
        trace = _points(some, told, style, k) | {
            "name": plotly_text(STEP_WORDS.get(step, MODEL_LISTS)),
            "legendgroup": step,
            "showlegend": not named,
        }
        if beaten:
            trace["marker"] |= FAINT | {"color": _fainter(style.colour)}
        else:
            trace |= _whiskers(some, told, style)
        drawn.add_scatter(**trace)
        named = True


def _points(rows: pd.DataFrame, told: Measure, style: Style, k: int) -> dict[str, Any]:
    marker = {
        "symbol": style.symbol,
        "size": 11,
        "color": style.colour,
        "line": {"color": OUTLINE, "width": 1},
    }
    return {
        "x": rows["ndcg_change"],
        "y": told.scale * rows["disparity"],
        "mode": "markers",
        "marker": marker,
        "unselected": {"marker": {"opacity": 1}},
        "customdata": [[row["point"], _hover(row, told, k)] for row in rows.to_dict("records")],
        "hovertemplate": "%{customdata[1]}<extra></extra>",
    }


def _fainter(colour: str) -> str:
    """`#rrggbb` with what lies behind it shining through."""
    red, green, blue = (int(colour[at : at + 2], 16) for at in (1, 3, 5))
    return f"rgba({red}, {green}, {blue}, {FAINT_FILL})"


def _whiskers(rows: pd.DataFrame, told: Measure, style: Style) -> dict[str, Any]:
    """Intervals of the changes on both axes, around the point."""
    up_and_down = [told.scale * end for end in _ends(rows)]
    return {
        "error_x": whiskers(rows["ndcg_change"], rows["ndcg_change_low"], rows["ndcg_change_high"])
        | {"color": style.colour},
        "error_y": whiskers(told.scale * rows["disparity"], *up_and_down) | {"color": style.colour},
    }


def _hover(row: Mapping[str, Any], told: Measure, k: int) -> str:
    ends = [
        interval(row[f"{name}_change_low"], row[f"{name}_change_high"], form=form)
        for name, form in (("ndcg", fine), ("disparity", told.changed))
    ]
    return "<br>".join(
        (
            f"<b>{plotly_text(point_words(row))}</b>",
            f"NDCG@{k} {score(row['ndcg'])}, {fine(row['ndcg_change'])} {ends[0]}",
            f"{plotly_text(told.name)} {told.form(row['disparity'])}, {told.changed(row['disparity_change'])} {ends[1]}",
            "click to load",
        )
    )


def _chance(drawn: go.Figure, row: pd.Series, told: Measure) -> None:
    """Below this line lies what equal groups of these sizes show."""
    if pd.notna(row["disparity_null"]):
        drawn.add_hline(
            y=told.scale * row["disparity_null"],
            line={"color": NULL, "width": 1.5, "dash": "dash"},
            annotation={"text": "equal groups stay below this, 95 times in 100", "font": {"size": 12}},
            annotation_position="top left",
        )


def _places(
    drawn: go.Figure,
    first: pd.Series,
    told: Measure,
    against: str,
    current: tuple[float, float] | None,
    k: int,
) -> None:
    """The policy that all are held against, and the current one where it is another."""
    places = [(0.0, first["disparity"], against, HELD_AGAINST)]
    if current is not None:
        places.append((*current, "current policy", CURRENT))
    for x, y, name, symbol in places:
        if pd.isna(y):
            continue
        drawn.add_scatter(
            x=[x],
            y=[told.scale * y],
            mode="markers",
            name=plotly_text(name[:1].lower() + name[1:]),
            marker={"symbol": symbol, "size": 22, "color": "#F0E442", "line": {"color": OUTLINE, "width": 2}},
            hovertemplate=f"<b>{plotly_text(name)}</b><br>NDCG@{k} {fine(x)}<br>{told.form(y)}<extra></extra>",
        )
