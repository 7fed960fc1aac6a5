"""Audit rows as people read them: the cards of an audit, numbers written out with what stands beside them."""

from dataclasses import dataclass

import pandas as pd

from core.figures.numbers import interval, points, ratio, sample, score
from core.figures.sentences import metric_name
from core.figures.text import plain
from core.schema.settings import ALL, REST

MARKS = {"unequal": "◆", "equal_within_tolerance": "●", "not_enough_data": "○"}
MOST_LINES = 12  # groups, up to which hidden ones are listed as well
SUFFIXES = {"mean": "", "gap": "_gap", "ratio": "_ratio", "max_min": "_max_min"}


@dataclass(frozen=True)
class Card:
    """One number of the scorecard with what stands beside it."""

    label: str
    value: str
    note: str


def select(rows: pd.DataFrame, metric: str, statistic: str) -> pd.DataFrame:
    """Rows of one statistic of one metric."""
    wanted = (rows["statistic"] == statistic) & (rows["metric"] == metric + SUFFIXES[statistic])
    return rows[wanted].reset_index(drop=True)


def all_groups(rows: pd.DataFrame) -> list[str]:
    """Every group of an audit of one grouping, hidden ones too, in their order."""
    groups = rows.loc[rows["statistic"] == "mean", "group"]
    return [group for group in dict.fromkeys(groups) if group != ALL]


def shown_groups(rows: pd.DataFrame) -> list[str]:
    """The groups that are large enough to be shown, in their order."""
    return all_groups(rows[~rows["suppressed"].astype(bool)])


def scorecard(rows: pd.DataFrame, metric: str) -> list[Card]:
    """Overall, worst group, range and ratio, verdicts: each number with its interval and n."""
    means, gaps = select(rows, metric, "mean"), select(rows, metric, "gap")
    groups = means[means["group"] != ALL]
    return [
        *_overall(means, metric),
        *_worst(groups, metric),
        *_range(select(rows, metric, "max_min")),
        *_ratio(select(rows, metric, "ratio")),
        _verdicts(gaps),
    ]


def _seen(rows: pd.DataFrame) -> pd.DataFrame:
    return rows[~rows["suppressed"].astype(bool) & rows["value"].notna()]


def _overall(means: pd.DataFrame, metric: str) -> list[Card]:
    rows = _seen(means[means["group"] == ALL])
    return [
        Card(f"{metric_name(metric)}, all users", score(r.value), beside(r, score)) for r in rows.itertuples()
    ]


def _worst(groups: pd.DataFrame, metric: str) -> list[Card]:
    seen = _seen(groups)
    if seen.empty:
        return []
    row = seen.loc[seen["value"].astype(float).idxmin()]
    return [
        Card(
            "Worst-served group",
            score(row["value"]),
            f"{plain(row['group'], limit=40)} · {beside(row, score)}",
        )
    ]


def _range(rows: pd.DataFrame) -> list[Card]:
    seen = _seen(rows)
    if seen.empty:
        return []
    row = seen.iloc[0]
    null = (
        "" if pd.isna(row["null_high"]) else f" · chance alone: up to {points(row['null_high']).lstrip('+')}"
    )
    return [
        Card("Best minus worst group", points(row["value"]).lstrip("+"), beside(row, points, n=False) + null)
    ]


def _ratio(rows: pd.DataFrame) -> list[Card]:
    seen = _seen(rows)
    if seen.empty:
        return []
    row = seen.loc[seen["value"].astype(float).idxmin()]
    return [
        Card(
            f"Lowest ratio to {'the rest' if row['reference'] in (None, REST) else plain(row['reference'], limit=20)}",
            ratio(row["value"]),
            f"{plain(row['group'], limit=40)} · {beside(row, ratio)}",
        )
    ]


def _verdicts(gaps: pd.DataFrame) -> Card:
    judged = gaps[~gaps["suppressed"].astype(bool)]
    of = judged["verdict"].value_counts()
    note = f"{of.get('equal_within_tolerance', 0)} equal within tolerance · {of.get('not_enough_data', 0)} not enough data"
    return Card("Groups found unequal", f"{of.get('unequal', 0)} of {len(judged)}", note)


def beside(row, form, *, n: bool = True) -> str:
    """`[0.381, 0.443] · n=1,204`, from an audit row as Series or tuple."""
    low, high, size = row[["low", "high", "n"]] if isinstance(row, pd.Series) else (row.low, row.high, row.n)
    parts = (interval(low, high, form=form), sample(size) if n else "")
    return " · ".join(part for part in parts if part)
