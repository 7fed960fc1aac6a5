"""Gaps of one metric as people read them: one line per group, with verdict, in any unit."""

from collections.abc import Callable

import pandas as pd

from core.figures.gaps import DETECTABLE, VERDICT_WORDS, detectable
from core.figures.numbers import count, p_value, with_interval
from core.figures.scorecard import MARKS, MOST_LINES, select
from core.figures.sentences import NO_NUMBER
from core.figures.text import plain
from core.figures.units import Unit
from core.schema.settings import ALL

HIDDEN = "hidden"


def verdict_table(
    rows: pd.DataFrame, metric: str, *, title: str, form: Callable[[float | None], str], unit: Unit
) -> pd.DataFrame:
    """One line per group for the screen; hidden groups last, and not at all where there are many.

    Args:
        rows: of an audit of one grouping. form: how a group's own value is written. unit: of gaps.
    """
    means, gaps = (
        {row.group: row for row in select(rows, metric, statistic).itertuples() if row.group != ALL}
        for statistic in ("mean", "gap")
    )
    groups = list(dict.fromkeys([*means, *gaps]))
    told = {group: means.get(group, gaps.get(group)) for group in groups}
    shown = [group for group in groups if not told[group].suppressed]
    lines = [
        {"Group": plain(group), "Users": count(told[group].n)}
        | _value(means.get(group), title, form)
        | _gap(gaps.get(group), unit, alone=not gaps)
        for group in shown
    ]
    hidden = [group for group in groups if group not in shown]
    if len(groups) <= MOST_LINES:
        own = {title: HIDDEN} if means else {}
        lines += [{"Group": plain(group), "Users": HIDDEN} | own | _blank(HIDDEN) for group in hidden]
    return pd.DataFrame(lines)


def _value(row, title: str, form: Callable[[float | None], str]) -> dict[str, str]:
    return {} if row is None else {title: with_interval(row.value, row.low, row.high, form=form)}


def _blank(gap: str) -> dict[str, str]:
    return {"Gap": gap, "p, corrected": "", "Verdict": "", "Users to decide it": "", DETECTABLE: ""}


def _gap(row, unit: Unit, *, alone: bool) -> dict[str, str]:
    if row is None:
        return _blank("" if alone else "compared with")
    if pd.isna(row.verdict):
        return _blank(with_interval(row.value, row.low, row.high, form=unit.form))
    more = row.more_users
    if pd.isna(more) or more <= 0:
        needed = ""
    else:
        needed = "no number would" if more >= NO_NUMBER else f"about {count(more)} more"
    return {
        "Gap": with_interval(row.value, row.low, row.high, form=unit.form),
        "p, corrected": p_value(row.p_adjusted),
        "Verdict": f"{MARKS[row.verdict]} {VERDICT_WORDS[row.verdict]}",
        "Users to decide it": needed,
        DETECTABLE: detectable(row, unit),
    }
