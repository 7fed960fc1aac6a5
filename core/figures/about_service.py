"""Service quality of groups, in words: who waits longer, observed beside predicted, and whom predictions serve."""

from collections.abc import Mapping, Sequence

import pandas as pd

from core.figures.numbers import change, decimal, share, with_interval
from core.figures.scorecard import select
from core.figures.sentences import plural
from core.figures.service_measures import Measure, form_of
from core.figures.text import markdown_text
from core.figures.verdicts import deciding_row, gap_answer, judged_gaps, size_unknown_sentence, than
from core.schema.settings import ALL

COLUMNS = ["group", "name", "value", "low", "high", "n"]


def difference_form(unit: str):
    """How differences of a unit are written."""
    return change(form_of(unit))


def gap_sentence(
    rows: pd.DataFrame, metric: str, measure: Measure, *, by: Sequence[str], given: str = ""
) -> str:
    """The verdict on one metric: the group that matters most, with its interval, and how the others stand.

    Args:
        rows: of a section. given: what is held equal, after whom the group is compared with.
    """
    gaps = select(rows, metric, "gap")

    def says(group: str, row: pd.Series) -> str:
        claim = measure.more if row["value"] > 0 else measure.less
        return claim.format(
            who=group,
            whom=group[:1].lower() + group[1:],
            amount=markdown_text(measure.unit.amount(row["value"])),
            than=than(row) + given,
        )

    said = gap_answer(gaps, by=by, says=says, form=measure.unit.form)
    return f"{said} {size_unknown_sentence(gaps)}".strip()


def beside_sentence(rows: pd.DataFrame, metric: str, other: str, measure: Measure, *, words: str) -> str:
    """What the gap of the group that matters most in one metric is in another; empty where there is none.

    Args:
        metric, other: e.g. given the circumstances, and as it is. words: of the other, as the beginning.
    """
    row = deciding_row(judged_gaps(select(rows, metric, "gap")))
    if row is None:
        return ""
    gaps = select(rows, other, "gap")
    same = gaps[(gaps["group"] == row["group"]) & gaps["value"].notna()]
    if same.empty:
        return ""
    own = same.iloc[0]
    text = with_interval(own["value"], own["low"], own["high"], form=measure.unit.form)
    return f"{words} it is {markdown_text(text, limit=120)} for that group."


def named_means(rows: pd.DataFrame, prefix: str, names: Sequence[str]) -> pd.DataFrame:
    """Mean rows of some metrics of shown groups: `group`, `name` (without the prefix), `value`, `low`, `high`, `n`."""
    found = rows[(rows["statistic"] == "mean") & ~rows["suppressed"].astype(bool) & rows["value"].notna()]
    found = found.assign(name=found["metric"].str.removeprefix(prefix))
    found = found[
        found["metric"].str.startswith(prefix) & found["name"].isin(names) & (found["group"] != ALL)
    ]
    return found.sort_values("name", key=lambda name: name.map(list(names).index), kind="stable")[
        COLUMNS
    ].reset_index(drop=True)


def overall(rows: pd.DataFrame, prefix: str) -> dict:
    """The row of all users of each metric, by its name without the prefix."""
    found = rows[(rows["statistic"] == "mean") & (rows["group"] == ALL) & rows["value"].notna()]
    return {row.metric.removeprefix(prefix): row for row in found.itertuples(index=False)}


def overall_sentence(told: Mapping, *, rows: int, title: str, unit: str) -> str:
    """Observed, predicted, error and coverage of everyone together.

    Args:
        told: by name (`observed`, `predicted`, `mae`, `coverage`) the row with value, low, high, n.
    """
    form = form_of(unit)
    said = {name: _with(told[name], form) for name in ("observed", "predicted", "mae")}
    n = f"{plural(int(told['observed'].n), 'user')}, {plural(rows, 'test row')}"
    inside = (
        f", and its 90 % interval holds {_with(told['coverage'], share)} of what came"
        if "coverage" in told
        else ""
    )
    return (
        f"Mean {markdown_text(title)} of all users ({n}): observed **{said['observed']}**, predicted "
        f"**{said['predicted']}**. A prediction is off by {said['mae']} on average{inside}."
    )


def answers_sentence(rows: pd.DataFrame) -> str:
    """How many answer, and what weighting for it changes, of all users together."""
    told = overall(rows, "satisfaction_")
    if "response_rate" not in told:
        return ""
    said = f"**{_with(told['response_rate'], share)}** of the orders were rated."
    if "naive_mean" in told and "weighted_mean" in told:
        said += (
            f" The mean of the answers is {_with(told['naive_mean'], decimal)}; weighted for who does not answer, "
            f"{_with(told['weighted_mean'], decimal)}."
        )
    return said


def calibration_sentence(off_line: Mapping[str, float], *, level: float = 0.05) -> str:
    """For which groups predictions are shown not to mean what they say.

    Args:
        off_line: corrected p-value of each group.
    """
    if not off_line:
        return "Predictions do not vary within any group that can be shown, so calibration cannot be tested."
    off = [group for group, p in off_line.items() if p <= level]
    if not off:
        return (
            f"Of {plural(len(off_line), 'group')}, predictions are not shown to be off calibration for any."
        )
    whom = ", ".join(markdown_text(group) for group in off)
    return (
        f"**Predictions are off calibration for {len(off)} of {plural(len(off_line), 'group')}**: {whom} (intercept 0 and slope 1 "
        "rejected, corrected for all groups)."
    )


def _with(row, form) -> str:
    return markdown_text(with_interval(row.value, row.low, row.high, form=form), limit=120)
