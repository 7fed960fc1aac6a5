"""The funnel of offers: of a hundred users, how many are offered a campaign, and how many redeem one."""

from collections.abc import Mapping, Sequence

import pandas as pd
import plotly.graph_objects as go

from core.figures.groups import Style
from core.figures.layout import figure, pattern, rows_height, whiskers
from core.figures.numbers import share, with_interval
from core.figures.text import plotly_text
from core.schema.settings import ALL

STEPS = {
    "everybody": "all users",
    "offered": "were offered a campaign",
    "redeemers": "redeemed a coupon of it",
}


def funnel_steps(rows: pd.DataFrame, group: str) -> dict[str, tuple[float, float, float, object]]:
    """Value, low, high (of a hundred users) and n of each step of one group, all of the group's users being 100.

    Those who redeem are a share of those offered; their interval here takes the share that is offered as it is.
    """
    means = rows[(rows["statistic"] == "mean") & (rows["group"] == group) & rows["value"].notna()]
    own = {row.metric: row for row in means.itertuples()}
    steps = {}
    if "offered" in own:
        offered = own["offered"]
        steps["everybody"] = (100.0, 100.0, 100.0, offered.n)
        steps["offered"] = (100 * offered.value, 100 * offered.low, 100 * offered.high, offered.n)
        if "redeemers" in own:
            part = own["redeemers"]
            scale = 100 * offered.value
            steps["redeemers"] = (scale * part.value, scale * part.low, scale * part.high, part.n)
    return steps


def funnel_figure(rows: pd.DataFrame, groups: Sequence[str], styles: Mapping[str, Style]) -> go.Figure:
    """A bar per step and group, wide to narrow."""
    drawn = figure(height=rows_height(len(STEPS) * len(groups), extra=110), legend=len(groups) > 1)
    for group in groups:
        steps = funnel_steps(rows, group)
        value, low, high, n = (list(part) for part in zip(*steps.values(), strict=True))
        drawn.add_bar(
            x=value,
            y=[STEPS[name] for name in steps],
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
    drawn.update_yaxes(autorange="reversed", showgrid=False)
    return drawn
