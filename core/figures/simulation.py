"""What becomes of a made shop, round after round: a line for each policy with its 95 % band."""

from collections.abc import Sequence

import pandas as pd
import plotly.graph_objects as go

from core.figures.groups import Style, group_styles
from core.figures.layout import figure, parity_line
from core.figures.numbers import fine, interval, score
from core.figures.sentences import plural
from core.schema.simulation import POLICIES

TITLES = {
    "random": "At random",
    "popularity": "Most clicks first, for all alike",
    "clicks": "Learnt from clicks as they are",
    "corrected": "Learnt from clicks corrected for place",
    "fairco": "Corrected, pushing what is owed (FairCo)",
    "floor": "Corrected, with a floor on attention",
}
AXES = {  # measure -> what its axis says, and the value at which nothing is amiss
    "attention_of_newcomers": ("attention of newcomers, 1 = by merit", 1.0),
    "gini": ("inequality of attention (Gini)", None),
    "accuracy": ("accuracy by true taste (NDCG)", None),
    "accuracy_gap": ("accuracy of the minority less the majority's", 0.0),
    "error": ("error of what products are worth by the log", 0.0),
}
BAND_OPACITY = 0.15
DASHES = ("solid", "dash", "dot", "dashdot", "longdash", "longdashdot")
STYLES = group_styles(POLICIES)  # a policy looks the same whichever others are asked for


def simulation_figure(rows: pd.DataFrame, *, measure: str) -> go.Figure:
    """Args: rows: of `core.simulation.loop.simulate`."""
    title, even = AXES[measure]
    drawn = figure(height=440, x_title="round of learning", y_title=title, legend=True)
    drawn.update_layout(legend={"y": -0.2, "yanchor": "top"}, margin={"t": 8})
    if even is not None:
        parity_line(drawn, even, axis="y")
    told = rows[rows["measure"] == measure]
    for policy in dict.fromkeys(told["policy"]):
        _line(drawn, told[told["policy"] == policy], policy, STYLES[policy])
    drawn.update_xaxes(nticks=8, showgrid=False)
    return drawn


def _line(drawn: go.Figure, rows: pd.DataFrame, policy: str, style: Style) -> None:
    name = TITLES[policy]
    drawn.add_scatter(
        x=[*rows["round"], *rows["round"][::-1]],
        y=[*rows["high"], *rows["low"][::-1]],
        fill="toself",
        fillcolor=style.colour,
        opacity=BAND_OPACITY,
        line={"width": 0},
        mode="lines",
        hoverinfo="skip",
        showlegend=False,
        legendgroup=policy,
    )
    drawn.add_scatter(
        x=rows["round"],
        y=rows["value"],
        mode="lines",
        name=name,
        legendgroup=policy,
        line={"color": style.colour, "width": 2.5, "dash": DASHES[POLICIES.index(policy)]},
        customdata=[
            f"{score(row.value)} {interval(row.low, row.high)}, {plural(row.n, 'shop')}"
            for row in rows.itertuples()
        ],
        hovertemplate=f"{name}<br>round %{{x}}: %{{customdata}}<extra></extra>",
    )


def simulation_table(rows: pd.DataFrame, *, measure: str) -> pd.DataFrame:
    """Each policy after the first and after the last round, and against clicks as they are in the same shops."""
    told = rows[rows["measure"] == measure]
    last = told["round"].max()
    lines = []
    for policy in dict.fromkeys(told["policy"]):
        of_it = told[told["policy"] == policy].set_index("round")
        first, end = of_it.loc[1], of_it.loc[last]
        against = "" if policy == "clicks" or pd.isna(end["change"]) else _with(end, "change", fine)
        lines.append(
            {
                "Policy": TITLES[policy],
                "After round 1": _with(first, "value", score),
                f"After round {last}": _with(end, "value", score),
                "Less “clicks as they are”": against,
            }
        )
    return pd.DataFrame(lines)


def _with(row: pd.Series, name: str, form) -> str:
    ends = ("low", "high") if name == "value" else (f"{name}_low", f"{name}_high")
    return f"{form(row[name])} {interval(*(row[end] for end in ends), form=form)}"


def simulation_sentence(rows: pd.DataFrame, *, policies: Sequence[str]) -> str:
    """Who becomes what under each policy, in the order of how near newcomers come to their merit."""
    last = rows["round"].max()
    end = rows[rows["round"] == last].set_index(["measure", "policy"])
    shares = end.loc["attention_of_newcomers"]
    worst, best = (
        shares["value"].sub(1).abs().idxmax(),
        shares.drop(index="random", errors="ignore")["value"].sub(1).abs().idxmin(),
    )
    accuracy = end.loc["accuracy"]
    text = (
        f"**After {plural(int(last), 'round')} newcomers get {_with(shares.loc[worst], 'value', score)} of what their "
        f"products merit under “{TITLES[worst]}”**"
    )
    if best == worst or len(policies) == 1:
        return f"{text}."
    return (
        f"{text}, and {_with(shares.loc[best], 'value', score)} under “{TITLES[best]}”; accuracy "
        f"{_with(accuracy.loc[worst], 'value', score)} and {_with(accuracy.loc[best], 'value', score)} "
        f"({plural(int(shares.loc[best, 'n']), 'made shop')})."
    )
