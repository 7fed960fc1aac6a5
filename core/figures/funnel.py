"""Funnels: of a hundred users, how many are offered or shown something, and how many take it."""

from collections.abc import Mapping, Sequence

import pandas as pd
import plotly.graph_objects as go

from core.figures.groups import Style
from core.figures.layout import figure, pattern, rows_height, whiskers
from core.figures.numbers import share, with_interval
from core.figures.text import plotly_text
from core.schema.settings import ALL

EVERYBODY = "all users"
# What each step is called; the first is a share of all users, the others are of those in the first.
CAMPAIGNS = {"offered": "were offered a campaign", "redeemers": "redeemed a coupon of it"}
SHOWN = {
    "item_shown": "were shown something",
    "item_clickers": "clicked on it",
    "item_purchasers": "bought it",
}
DEALS = {
    "deal_shown": "were shown a deal",
    "deal_clickers": "clicked on one",
    "deal_purchasers": "bought one",
}


def funnel_steps(
    rows: pd.DataFrame, group: str, words: Mapping[str, str]
) -> dict[str, tuple[float, float, float, object]]:
    """Value, low, high (of a hundred users) and n of each step of one group, by its words, all of its users being 100.

    The later steps are shares of those in the first; their interval here takes the share in the first as it is.

    Args:
        words: such as `CAMPAIGNS`.
    """
    means = rows[(rows["statistic"] == "mean") & (rows["group"] == group) & rows["value"].notna()]
    own = {row.metric: row for row in means.itertuples()}
    first, *later = words
    if first not in own:
        return {}
    whole = own[first]
    steps = {EVERYBODY: (100.0, 100.0, 100.0, whole.n)}
    steps[words[first]] = (100 * whole.value, 100 * whole.low, 100 * whole.high, whole.n)
    scale = 100 * whole.value
    for name in later:
        if name in own:
            part = own[name]
            steps[words[name]] = (scale * part.value, scale * part.low, scale * part.high, part.n)
    return steps


def funnel_figure(
    rows: pd.DataFrame, groups: Sequence[str], styles: Mapping[str, Style], words: Mapping[str, str]
) -> go.Figure:
    """A bar per step and group, wide to narrow.

    Args:
        groups: those of whom the first step is told. words: such as `CAMPAIGNS`.
    """
    told = {group: funnel_steps(rows, group, words) for group in groups}
    height = rows_height(max(map(len, told.values()), default=1) * len(groups), extra=110)
    drawn = figure(height=height, legend=len(groups) > 1)
    for group, steps in told.items():
        value, low, high, n = (list(part) for part in zip(*steps.values(), strict=True))
        drawn.add_bar(
            x=value,
            y=list(steps),
            orientation="h",
            name=plotly_text(group, limit=40) if group != ALL else "all users",
            marker={"color": styles[group].colour, "pattern": pattern(styles[group].pattern)},
            error_x=whiskers(value, low, high),
            customdata=[
                with_interval(v / 100, lo / 100, hi / 100, size, form=share)
                for v, lo, hi, size in zip(value, low, high, n, strict=True)
            ],
            hovertemplate=f"<b>{plotly_text(group)}</b><br>%{{y}}: %{{customdata}}<extra></extra>",
        )
    drawn.update_layout(barmode="group")
    drawn.update_xaxes(title={"text": "of 100 users"}, range=[0, 104])
    drawn.update_yaxes(categoryarray=[EVERYBODY, *words.values()], autorange="reversed", showgrid=False)
    return drawn
