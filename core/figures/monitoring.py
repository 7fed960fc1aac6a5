"""Groups over time: gaps with confidence sequences, gaps of runs side by side, and what has changed in the data."""

from collections.abc import Mapping, Sequence
from datetime import date

import numpy as np
import pandas as pd
import plotly.graph_objects as go

from core.figures.gaps import FADED
from core.figures.groups import Style, marker
from core.figures.layout import figure, parity_line, whiskers
from core.figures.numbers import count, moment, p_value, points, sample, share, with_interval
from core.figures.sentences import by_words, listed, plural
from core.figures.text import markdown_text, plain, plotly_text
from core.schema.alerts import Acknowledgement, Alert
from core.schema.settings import ALL

MOST_LINES = 6  # groups that are drawn: those with the largest gaps
MOST_TICKS = 7
APART = 0.09  # of a window, between groups
MEASURES = {"psi": "PSI", "ks": "KS distance", "total_variation": "total variation"}
CHANGED, SAME = "◆ changed", "○ no change shown"
DIGITS = 3
EVERYONE = "everyone"  # as the screen calls the group of all users


def gaps_over_time(
    rows: pd.DataFrame, styles: Mapping[str, Style], starts: Sequence[str], *, metric: str
) -> go.Figure:
    """A line for each of the groups with the largest gaps; whiskers hold at every look at once.

    Args:
        rows: of statistic gap of one metric, of `Watched.table`. starts: first days of windows.
    """
    drawn = figure(
        height=420, x_title="window that begins", y_title=f"{metric}, gap to everyone else", legend=True
    )
    parity_line(drawn, axis="y")
    last = rows.sort_values("window").groupby("group").tail(1).set_index("group")["value"].abs()
    groups = [group for group in styles if group in set(last.nlargest(MOST_LINES).index)]
    for place, group in enumerate(groups):
        own = rows[rows["group"] == group].sort_values("window")
        _line(drawn, own, styles[group], x=own["window"] + _aside(place, groups))
    windows = sorted(rows["window"].astype(int).unique())
    shown = windows[:: -(-len(windows) // MOST_TICKS)]
    drawn.update_xaxes(tickvals=shown, ticktext=[_day(starts[n]) for n in shown], showgrid=False)
    drawn.update_yaxes(ticksuffix=" pp")
    return drawn


def forecasts_over_time(
    rows: pd.DataFrame, styles: Mapping[str, Style], starts: Sequence[str], *, days: int
) -> go.Figure:
    """As `gaps_over_time`, of what came beyond the forecast.

    Args:
        rows: of `core.workflow.forecasts`, those that may be told.
    """
    named = {_spoken_group(group): style for group, style in styles.items()}
    drawn = gaps_over_time(rows.assign(group=rows["group"].map(_spoken_group)), named, starts, metric="")
    drawn.update_xaxes(title_text=f"the {days} days from")
    drawn.update_yaxes(title_text="share who bought minus forecast chance")
    return drawn


def forecast_sentence(rows: pd.DataFrame, *, days: int) -> str:
    """For whom purchases are shown not to come as they were forecast; that for nobody is not the same as right."""
    told = rows[~rows["suppressed"].astype(bool)].sort_values("window")
    last = told.groupby("group", sort=False).tail(1)
    first = _first_shown(told)
    off = last[last["group"].isin(first.index)]
    overall = last[last["group"] == ALL].iloc[0]
    if off.empty:
        return (
            f"**Purchases within {days} days are not shown to differ from their forecast**, for everyone "
            f"({markdown_text(_gap(overall), limit=120)} beyond it) or any group. That is not the same as right."
        )
    named = [f"{_spoken_group(row.group)} ({_gap(row)})" for row in off.itertuples()]
    return (
        f"**Purchases within {days} days do not come as they were forecast** for "
        f"{listed([markdown_text(name, limit=160) for name in named])}: that is what came beyond the forecast."
    )


def forecast_table(rows: pd.DataFrame, starts: Sequence[str]) -> pd.DataFrame:
    """The last look at each group's forecasts, and since when they are shown to be off."""
    return watch_table(rows.assign(group=rows["group"].map(_spoken_group)), starts).rename(
        columns={"Gap": "Beyond the forecast", "Shown since": "Off since"}
    )


def _spoken_group(group: str) -> str:
    return EVERYONE if group == ALL else group


def _day(iso: str) -> str:
    """`8 Jan 2025`."""
    return f"{date.fromisoformat(iso):%-d %b %Y}"


def _aside(place: int, groups: Sequence[str]) -> float:
    """How far a group's dots lie from the middle, so that whiskers do not hide each other."""
    return APART * (place - (len(groups) - 1) / 2)


def _line(
    drawn: go.Figure, own: pd.DataFrame, style: Style, *, x: Sequence[float], opacity: float = 1.0
) -> None:
    """A group's gaps in percentage points, with whiskers."""
    name = plotly_text(own["group"].iloc[0])
    value, low, high = (100 * own[column].to_numpy(float) for column in ("value", "low", "high"))
    drawn.add_scatter(
        x=x,
        y=value,
        mode="lines+markers",
        name=name,
        opacity=opacity,
        marker=marker(style) | {"size": 9},
        line={"color": style.colour, "width": 1.5},
        error_y=whiskers(value, low, high) | {"color": style.colour},
        customdata=[_gap(row) for row in own.itertuples()],
        hovertemplate=f"<b>{name}</b><br>%{{customdata}}<extra></extra>",
    )


def _gap(row) -> str:
    return with_interval(row.value, row.low, row.high, row.n, form=points)


def watch_sentence(rows: pd.DataFrame, starts: Sequence[str], *, by: Sequence[str], metric: str) -> str:
    """Who is shown to be served otherwise than everyone else, and since which window that is known."""
    told = rows[~rows["suppressed"].astype(bool)].sort_values("window")
    if told.empty:
        return f"**No two groups by {by_words(by)} are large enough to be watched.**"
    looks = told["window"].nunique()
    last = told.groupby("group").tail(1)
    first = _first_shown(told)  # once shown, it is: the level holds for all looks together
    apart = last[last["group"].isin(first.index)]
    if apart.empty:
        return (
            f"**After {plural(looks, 'look')} no group by {by_words(by)} is shown to be served otherwise than everyone else** "
            f"({metric}). That holds however often one looks; it is not the same as equal."
        )
    worst = apart.loc[apart["value"].abs().idxmax()]
    since = int(first[worst["group"]])
    others = len(apart) - 1
    more = (
        f" {plural(others, 'more group')} of {len(last)} {'is' if others == 1 else 'are'} as well."
        if others
        else ""
    )
    return (
        f"**{markdown_text(worst['group'])} ({by_words(by)}) is shown to be served "
        f"{'worse' if worst['value'] < 0 else 'better'} than everyone else, since the window of "
        f"{_day(starts[since])}**: {metric} {markdown_text(_gap(worst), limit=120)} after "
        f"{plural(looks, 'look')}.{more} That holds however often one looks."
    )


def _first_shown(rows: pd.DataFrame) -> pd.Series:
    """The first window after which a group's sequence leaves out zero, by group; none where it never does."""
    apart = rows[(rows["low"] > 0) | (rows["high"] < 0)]
    return apart.groupby("group")["window"].min()


def watch_table(rows: pd.DataFrame, starts: Sequence[str]) -> pd.DataFrame:
    """The last look: each group's gap, and since when it is shown."""
    first = _first_shown(rows[~rows["suppressed"].astype(bool)])
    lines = []
    for group, own in rows.sort_values("window").groupby("group", sort=False):
        last = own.iloc[-1]
        if last["suppressed"]:
            lines.append({"Group": plain(group), "Users": "hidden", "Gap": "hidden", "Shown since": ""})
            continue
        lines.append(
            {
                "Group": plain(group),
                "Users": count(last["n"]),
                "Gap": with_interval(last["value"], last["low"], last["high"], form=points),
                "Shown since": _day(starts[int(first[group])]) if group in first.index else "not shown",
            }
        )
    return pd.DataFrame(lines)


def drift_sentence(rows: pd.DataFrame, titles: Mapping[str, str], *, rate: float) -> str:
    """What has changed by more than chance, for everybody and for groups.

    Args:
        rows: of `core.workflow.monitoring.drift`. rate: false discoveries among what is called changed, at most.
    """
    tested = rows[rows["p_adjusted"].notna()]
    if tested.empty:
        return "**There is nothing in these data to hold two windows against each other.**"
    changed = tested[tested["p_adjusted"] <= rate]
    tests = f"({plural(len(tested), 'comparison')}, corrected for together)"
    if changed.empty:
        return f"**Nothing is shown to have changed** since the validation window {tests}."
    everybody = [titles[what].lower() for what in dict.fromkeys(changed.loc[changed["group"] == ALL, "what"])]
    groups = changed[changed["group"] != ALL]["group"].nunique()
    parts = [", ".join(everybody)] if everybody else []
    if groups:
        parts.append(f"something of {plural(groups, 'group')}")
    return f"**Changed since the validation window: {'; '.join(parts)}** {tests}."


def drift_lines(rows: pd.DataFrame, titles: Mapping[str, str], *, rate: float) -> pd.DataFrame:
    """Each distance beside what chance alone would make of it."""
    lines = []
    for row in rows.itertuples():
        known = np.isfinite(row.value)
        verdict = "" if not np.isfinite(row.p_adjusted) else CHANGED if row.p_adjusted <= rate else SAME
        lines.append(
            {
                "What": titles[row.what],
                "Users": plain("all users" if row.group == ALL else row.group),
                "Measure": MEASURES[row.measure],
                "Distance": with_interval(row.value, row.low, row.high) if known else "hidden",
                "By chance alone, up to": f"{row.null_high:.{DIGITS}f}" if known else "",
                "p, corrected": p_value(row.p_adjusted) if known else "",
                "Verdict": verdict,
                "n": sample(row.n).removeprefix("n="),
            }
        )
    return pd.DataFrame(lines)


def runs_figure(rows: pd.DataFrame, styles: Mapping[str, Style], *, metric: str) -> go.Figure:
    """The gaps of each group from run to run, oldest first, with the interval of each run by itself.

    Args:
        rows: of `core.workflow.monitoring.runs_over_time`.
    """
    runs = list(dict.fromkeys(rows["run"]))
    drawn = figure(height=400, y_title=f"{metric}, gap to everyone else", legend=True)
    parity_line(drawn, axis="y")
    seen = rows[~rows["suppressed"].astype(bool)]
    largest = seen.groupby("group")["value"].apply(lambda values: values.abs().max()).nlargest(MOST_LINES)
    groups = [group for group in styles if group in set(largest.index)]
    for place, group in enumerate(groups):
        own = seen[seen["group"] == group]
        x = np.array([runs.index(run) for run in own["run"]]) + _aside(place, groups)
        _line(drawn, own, styles[group], x=x, opacity=FADED if own["small"].all() else 1.0)
    names = rows.drop_duplicates("run").set_index("run")["name"]
    drawn.update_xaxes(
        tickvals=np.arange(len(runs)),
        ticktext=[plotly_text(names[run], limit=22) for run in runs],
        showgrid=False,
    )
    drawn.update_yaxes(ticksuffix=" pp")
    return drawn


def alert_table(alerts: Sequence[Alert], seen: Mapping[str, Sequence[Acknowledgement]]) -> pd.DataFrame:
    """Alerts, newest first, and who has seen them."""
    return pd.DataFrame(
        [
            {
                "When (UTC)": moment(alert.at),
                "Rule": plain(alert.rule),
                "Owner": plain(alert.owner),
                "About": plain(f"{alert.number}, {alert.limits}", limit=160),
                "Groups": plain(", ".join(found.group for found in alert.found), limit=160),
                "Seen": plain(
                    "; ".join(f"{one.author}: {one.comment}" for one in seen.get(alert.id, ()))
                    or "nobody yet",
                    limit=200,
                ),
            }
            for alert in alerts
        ]
    )


def coverage_sentence(users: int, rows: pd.DataFrame) -> str:
    """How many users could be watched, and the smallest group of them."""
    told = rows[(rows["statistic"] == "mean") & ~rows["suppressed"].astype(bool) & (rows["group"] != ALL)]
    if told.empty:
        return f"{plural(users, 'user')} came."
    last = told.sort_values("window").groupby("group").tail(1).drop_duplicates("group")
    small = last.loc[last["n"].astype(int).idxmin()]
    return (
        f"{plural(users, 'user')} came; the smallest group that is watched is {markdown_text(small['group'])} with "
        f"{count(small['n'])} of them ({share(int(small['n']) / users)})."
    )
