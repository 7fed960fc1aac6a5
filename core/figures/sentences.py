"""Answers in words, from audit rows: what is unequal, how sure, and what the data cannot tell."""

from collections.abc import Sequence

import pandas as pd

from core.figures.groups import CROSS
from core.figures.numbers import (
    count,
    points,
    with_interval,
)
from core.figures.text import markdown_text, spoken
from core.schema.documents import Dataset, Run
from core.schema.settings import REST
from core.schema.tables import UNKNOWN

NO_NUMBER = 1_000_000  # an audit's way of saying that no number of further users would decide
METRIC_WORDS = {"ndcg": "NDCG", "recall": "Recall", "mrr": "MRR", "coverage": "Coverage"}


def metric_name(metric: str) -> str:
    """`ndcg@10_gap` -> `NDCG@10`."""
    base = metric.removesuffix("_gap").removesuffix("_ratio").removesuffix("_max_min")
    word, at, k = base.partition("@")
    return METRIC_WORDS.get(word, spoken(word)) + at + k


def by_words(by: Sequence[str]) -> str:
    """`("age", "income")` -> `age and income`."""
    return " and ".join(markdown_text(spoken(name).lower()) for name in by)


def plural(number: int, one: str, many: str = "") -> str:
    """`1 group`, `2,000 groups`; `many` where an s does not do."""
    return f"{count(number)} {one if number == 1 else many or one + 's'}"


def listed(names: Sequence[str]) -> str:
    """`a, b and c`."""
    return " and ".join(part for part in (", ".join(names[:-1]), names[-1]) if part)


def verdict_sentence(gaps: pd.DataFrame, *, by: Sequence[str], metric: str) -> str:
    """The page's answer from the gap rows of one metric: worst case first, always with interval and n.

    Markdown; names that came with the data are escaped.
    """
    judged = gaps[~gaps["suppressed"].astype(bool)]
    if judged.empty:
        return f"No group by {by_words(by)} has enough users to say anything about {metric}."
    unequal = judged[judged["verdict"] == "unequal"]
    if len(unequal):
        return _unequal(unequal, len(judged), by=by, metric=metric)
    unsure = judged[judged["verdict"] == "not_enough_data"]
    if len(unsure):
        return _unsure(judged, unsure, by=by, metric=metric)
    worst = judged.loc[judged["value"].abs().idxmax()]
    return (
        f"**{metric} is equal within tolerance for all {len(judged)} groups by {by_words(by)}.** "
        f"The largest gap is {_gap(worst)} ({markdown_text(worst['group'])})."
    )


def _unequal(unequal: pd.DataFrame, n_groups: int, *, by: Sequence[str], metric: str) -> str:
    worst = unequal.loc[unequal["value"].abs().idxmax()]
    direction = "worse" if worst["value"] < 0 else "better"
    others = len(unequal) - 1
    more = (
        f" {plural(others, 'more group')} of {n_groups} {'is' if others == 1 else 'are'} unequal too."
        if others
        else ""
    )
    return (
        f"**{metric} is unequal by {by_words(by)}.** {_users_of(worst['group'], by)} are served {direction} than "
        f"{against(worst['reference'])}: {_gap(worst)}.{more}"
    )


def _users_of(group: str, by: Sequence[str]) -> str:
    unknown = set(group.split(CROSS)) == {UNKNOWN}
    return f"Users of unknown {by_words(by)}" if unknown else f"Users in {markdown_text(group)}"


def against(reference: str | None) -> str:
    """With whom groups are compared, in words."""
    return "everyone else" if reference in (None, REST) else markdown_text(reference)


def _unsure(judged: pd.DataFrame, unsure: pd.DataFrame, *, by: Sequence[str], metric: str) -> str:
    widest = unsure.loc[unsure["value"].abs().idxmax()]
    return (
        f"**There is not enough data to call {metric} equal or unequal for {len(unsure)} of {len(judged)} groups by "
        f"{by_words(by)}.** No group is shown to be unequal; the largest open gap is {_gap(widest)} "
        f"({markdown_text(widest['group'])}){_more_users(widest)}."
    )


def _more_users(row: pd.Series) -> str:
    more = row.get("more_users")
    return (
        ""
        if more is None or pd.isna(more) or more <= 0
        else f"; about {count(more)} more users would decide it"
    )


def _gap(row: pd.Series) -> str:
    return markdown_text(
        with_interval(row["value"], row["low"], row["high"], row["n"], form=points), limit=120
    )


def basis(dataset: Dataset, run: Run) -> str:
    """On which data, model and split an audit stands."""
    start, end = dataset.period.get("test_start"), dataset.period.get("end")
    when = f", {start} to {end}" if start and end else ""
    return f"{markdown_text(dataset.name)}, run {markdown_text(run.name)}, **test split**{when}."


def accuracy_sentence(rows: pd.DataFrame, *, metric: str) -> str:
    """How the model stands beside the best simple rule, judged on the same users.

    Args:
        rows: the run, and each rule with the run's lead over it: `behind`, `behind_low`, `behind_high`.
    """
    own = rows[rows["is_model"]].iloc[0]
    rules = rows[~rows["is_model"]]
    value = markdown_text(with_interval(own["value"], own["low"], own["high"], own["n"]), limit=120)
    best = rules.loc[rules["value"].idxmax()]
    if best["behind_low"] > 0:
        stands = "ahead of"
    elif best["behind_high"] < 0:
        stands = "behind"
    else:
        stands = "not shown to differ from"
    lead = markdown_text(
        with_interval(best["behind"], best["behind_low"], best["behind_high"], form=points), limit=120
    )
    return (
        f"{metric} of this run is {value}: {stands} the best simple rule ({markdown_text(best['name'])}), "
        f"{lead} on the same users."
    )


def hidden_sentence(hidden: int) -> str:
    """Why groups are hidden; empty if none is."""
    if not hidden:
        return ""
    verb = "is" if hidden == 1 else "are"
    return f"{plural(hidden, 'group')} {verb} hidden: fewer than 10 users, or needed to keep such a group hidden."


def left_out_sentence(rows: pd.DataFrame, *, drawn: int) -> str:
    """Which groups a figure does not draw: hidden ones, and those beyond its number of rows."""
    hidden = int(rows["suppressed"].sum())
    beyond = max(len(rows) - hidden - drawn, 0)
    more = f"{plural(beyond, 'more group')} with smaller gaps {'is' if beyond == 1 else 'are'} in the table. "
    return (more if beyond else "") + hidden_sentence(hidden)
