"""Sentences and tables about one number of several groups: how far apart they are, and where a model is off."""

from collections.abc import Callable

import pandas as pd

from core.figures.numbers import with_interval
from core.figures.text import markdown_text, plain

Form = Callable[[float | None], str]


def spread_sentence(rows: pd.DataFrame, name: str, *, words: str, form: Form) -> str:
    """The highest and the lowest group of one number: rows `group`, `name`, `value`, `low`, `high`, `n`."""
    own = rows[rows["name"] == name]
    high, low = own.loc[own["value"].idxmax()], own.loc[own["value"].idxmin()]
    if high["group"] == low["group"]:
        return f"{words}: {_of_group(high, form)}."
    return f"{words}: highest for {_of_group(high, form)}, lowest for {_of_group(low, form)}."


def off_sentence(rows: pd.DataFrame, name: str, *, words: str, form: Form) -> str:
    """For which groups a forecast and what happened differ: rows of their difference.

    Each interval stands alone, so with many groups some leave out zero by chance; the sentence says how many to expect.

    Args:
        words: what differs, as the beginning of the sentence.
    """
    own = rows[rows["name"] == name]
    off = own[(own["low"] > 0) | (own["high"] < 0)]
    if off.empty:
        whom = "not for the one group" if len(own) == 1 else f"for none of the {len(own)} groups"
        return f"{words} beyond chance {whom}."
    worst = own.loc[off["value"].abs().idxmax()]
    return (
        f"{words} beyond chance for {len(off)} of {len(own)} groups, most for {_of_group(worst, form)}. "
        "By chance alone one group in 20 would."
    )


def _of_group(row: pd.Series, form: Form) -> str:
    text = with_interval(row["value"], row["low"], row["high"], row["n"], form=form)
    return f"**{markdown_text(row['group'])}**, {markdown_text(text, limit=120)}"


def wide_table(rows: pd.DataFrame, columns: dict[str, tuple[str, Form]]) -> pd.DataFrame:
    """One line per group for the screen, a column per number with its interval, and n.

    Args:
        columns: by name of the rows, the column's title and how its numbers are written.
    """
    lines = []
    for group, own in rows.groupby("group", sort=False):
        named = {row.name_: row for row in own.rename(columns={"name": "name_"}).itertuples(index=False)}
        told = {
            title: with_interval(named[name].value, named[name].low, named[name].high, form=form)
            for name, (title, form) in columns.items()
        }
        lines.append({"Group": plain(group), "Users": int(own["n"].iloc[0])} | told)
    return pd.DataFrame(lines)
