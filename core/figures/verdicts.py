"""Verdicts on gaps in one sentence: the group that matters most, its interval, the tolerance, and the others."""

from collections.abc import Callable, Sequence

import pandas as pd

from core.figures.gaps import VERDICT_WORDS
from core.figures.groups import CROSS
from core.figures.numbers import count
from core.figures.sentences import against, by_words, listed, plural
from core.figures.text import markdown_text
from core.schema.tables import UNKNOWN

Form = Callable[[float], str]
OPEN = "not_enough_data"
CLAIM_ORDER = ("unequal", OPEN, "equal_within_tolerance")
MOST_NAMED = 3  # groups in one sentence


def deciding_row(judged: pd.DataFrame) -> pd.Series | None:
    """The gap to speak of: the widest of the unequal ones, else of the open ones, else of all."""
    for verdict in CLAIM_ORDER:
        found = judged[judged["verdict"] == verdict]
        if len(found):
            return found.loc[found["value"].abs().idxmax()]
    return None


def judged_gaps(gaps: pd.DataFrame) -> pd.DataFrame:
    """Rows with a verdict, hidden groups left out."""
    return gaps[~gaps["suppressed"].astype(bool) & gaps["verdict"].notna()]


def gap_answer(
    gaps: pd.DataFrame, *, by: Sequence[str], says: Callable[[str, pd.Series], str], form: Form
) -> str:
    """The sentence that a page opens with; Markdown, names that came with the data escaped.

    Args:
        gaps: gap rows of one metric. says: of a group's words and its row the claim, such as "Users ... paid 0.4 %
            more than everyone else". form: how a gap is written.
    """
    judged = judged_gaps(gaps)
    row = deciding_row(judged)
    if row is None:
        return f"No two groups by {by_words(by)} have enough users to be compared."
    said = says(group_words(row["group"], by), row)
    return f"**{said}**{interval_words(row, form)}. {others_words(judged)}"


def interval_words(row: pd.Series, form: Form) -> str:
    """`; 95 % interval −0.2 to 1.0 %; tolerance 1.0 %: equal within tolerance (n=61)`."""
    ends = f"{markdown_text(form(row['low']))} to {markdown_text(form(row['high']))}"
    tolerance = markdown_text(form(row["tolerance"]).lstrip("+"))
    return (
        f"; 95 % interval {ends}; tolerance {tolerance}: *{VERDICT_WORDS[row['verdict']]}* "
        f"({count(row['n'])} users)"
    )


def others_words(judged: pd.DataFrame) -> str:
    """How the other groups stand."""
    seen = judged["verdict"].value_counts()
    parts = [
        f"{seen[verdict]} {words}"
        for verdict, words in (
            ("unequal", "unequal"),
            ("equal_within_tolerance", "equal within tolerance"),
            ("not_enough_data", "without enough data to tell"),
        )
        if verdict in seen
    ]
    return f"Of {plural(len(judged), 'group')}: {', '.join(parts)}."


def group_words(group: str, by: Sequence[str]) -> str:
    """`Users with income Under 15K`, `Users of unknown age`."""
    if set(group.split(CROSS)) == {UNKNOWN}:
        return f"Users of unknown {by_words(by)}"
    return f"Users with {by_words(by)} {markdown_text(group)}"


def than(row: pd.Series) -> str:
    """`than everyone else`."""
    return f"than {against(row['reference'])}"


def size_unknown_sentence(gaps: pd.DataFrame, *, level: float = 0.05) -> str:
    """For which groups without enough data it is only the size of a difference that is not known; empty if for none.

    A difference is there if its interval leaves out 0 and the p-value, corrected for all tests, is at most the level;
    of many groups some leave out 0 by chance.
    """
    judged = judged_gaps(gaps)
    there = ((judged["low"] > 0) | (judged["high"] < 0)) & (judged["p_adjusted"] <= level)
    found = judged[there & (judged["verdict"] == OPEN)]
    if found.empty:
        return ""
    found = found.loc[found["value"].abs().sort_values(ascending=False, kind="stable").index]
    names = [markdown_text(group) for group in found["group"]]
    more = len(names) - MOST_NAMED
    names = names[:MOST_NAMED] + ([plural(more, "more group")] if more > 0 else [])
    return (
        f"For {listed(names)} a difference is there, but whether it is beyond the tolerance, and so matters, is not yet "
        "known."
    )
