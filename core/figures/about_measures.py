"""Further measures of how groups are served: one line a measure, and how many are unequal."""

import math
from collections.abc import Callable

import pandas as pd

from core.figures.gaps import VERDICT_WORDS
from core.figures.numbers import MISSING, count, interval, p_value
from core.figures.scorecard import MARKS
from core.figures.sentences import plural
from core.figures.text import markdown_text, plain
from core.figures.verdicts import deciding_row, judged_gaps
from core.schema.settings import ALL, REST

GAP = "_gap"
MOST_NAMED = 3
DIGITS = 3, 5  # after the point, of numbers from a tenth upwards and of the smallest


def measures_sentence(rows: pd.DataFrame, called: Callable[[str], str]) -> str:
    """How many of the further comparisons are unequal, and by which measures most; Markdown, names escaped.

    Args:
        rows: of the section. called: what the measure of a row is called.
    """
    judged = judged_gaps(rows)
    if judged.empty:
        return "No two groups have enough users to be compared by these measures."
    of = judged["verdict"].value_counts()
    rest = (
        f"{of.get('equal_within_tolerance', 0)} equal within tolerance, "
        f"{of.get('not_enough_data', 0)} without enough data to tell."
    )
    unequal = judged[judged["verdict"] == "unequal"]
    if unequal.empty:
        return f"**None of the {plural(len(judged), 'further comparison')} is shown to be unequal**: {rest}"
    return (
        f"**{count(len(unequal))} of {plural(len(judged), 'further comparison')} {'is' if len(unequal) == 1 else 'are'} "
        f"unequal**: {_named(unequal, called)}. Of the others {rest}"
    )


def _named(unequal: pd.DataFrame, called: Callable[[str], str]) -> str:
    groups = unequal.groupby("metric", sort=False)["group"]
    parts = [
        f"{markdown_text(called(metric))} ({', '.join(markdown_text(group) for group in own.head(MOST_NAMED))}"
        f"{', …' if len(own) > MOST_NAMED else ''})"
        for metric, own in groups
    ]
    more = len(parts) - MOST_NAMED
    return "; ".join(parts[:MOST_NAMED]) + (f"; and {plural(more, 'more measure')}" if more > 0 else "")


def measures_table(rows: pd.DataFrame, called: Callable[[str], str]) -> pd.DataFrame:
    """One line a measure: its value over all users or groups, the group that is furthest off, and what chance allows."""
    seen = rows[~rows["suppressed"].astype(bool)]
    measures = dict.fromkeys(
        metric.removesuffix(GAP) for metric in seen["metric"] if not metric.endswith("_ratio")
    )
    lines = [_line(seen, metric, called) for metric in measures]
    return pd.DataFrame([line for line in lines if line])


def _line(rows: pd.DataFrame, metric: str, called: Callable[[str], str]) -> dict[str, str] | None:
    overall = rows[(rows["metric"] == metric) & (rows["group"] == ALL)]
    gaps = rows[(rows["metric"] == metric + GAP) & (rows["statistic"] == "gap")]
    whole = overall.iloc[0] if len(overall) else None
    row = _furthest(gaps)
    told = row if row is not None else whole
    if told is None:
        return None
    return {
        "Measure": plain(called(metric)),
        "All users": "" if whole is None else _with_interval(whole),
        "Group furthest off": _group(row, whole),
        "Its gap": "" if row is None else _with_interval(row, sign=True),
        "Without disparity": _band(told),
        "Verdict": _verdict(told),
    }


def _furthest(gaps: pd.DataFrame) -> pd.Series | None:
    if gaps.empty:
        return None
    judged = deciding_row(judged_gaps(gaps))
    return gaps.loc[gaps["value"].abs().idxmax()] if judged is None else judged


def _group(row: pd.Series | None, whole: pd.Series | None) -> str:
    if row is not None:
        other = "everyone else" if row["reference"] in (None, REST) else plain(row["reference"])
        return f"{plain(row['group'])} (n={count(row['n'])}) beside {other}"
    named = whole["reference"]
    return "" if named is None or pd.isna(named) else plain(named)


def _band(row: pd.Series) -> str:
    """Where the value would lie if groups did not differ."""
    low, high = row["null_low"], row["null_high"]
    if pd.isna(low) and pd.isna(high):
        return MISSING
    digits = _digits(low, high)
    if pd.isna(high):
        return f"{_number(low, digits)} or more"
    if low == 0:
        return f"up to {_number(high, digits)}"
    return f"{_number(low, digits)} to {_number(high, digits)}"


def _verdict(row: pd.Series) -> str:
    if isinstance(row["verdict"], str):
        return f"{MARKS[row['verdict']]} {VERDICT_WORDS[row['verdict']]}"
    return "not judged" if pd.isna(row["p_value"]) else f"not judged (p {p_value(row['p_value'])})"


def _with_interval(row: pd.Series, *, sign: bool = False) -> str:
    digits = _digits(row["value"], row["low"], row["high"])

    def form(value: float) -> str:
        return _number(value, digits, sign=sign)

    return f"{form(row['value'])} {interval(row['low'], row['high'], form=form)}".strip()


def _digits(*numbers: float) -> int:
    """Enough for three figures of the largest number."""
    largest = max((abs(number) for number in numbers if not pd.isna(number)), default=0.0)
    fewest, most = DIGITS
    return fewest if largest == 0 else min(max(fewest, 2 - math.floor(math.log10(largest))), most)


def _number(value: float, digits: int, *, sign: bool = False) -> str:
    return f"{value:{'+' if sign else ''}.{digits}f}".replace("-", "−")
