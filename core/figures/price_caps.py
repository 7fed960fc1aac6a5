"""Caps on personalised prices in words and tables: who pays more and who less by them."""

from collections.abc import Mapping, Sequence

import numpy as np
import pandas as pd

from core.figures.numbers import MISSING, score, share
from core.figures.text import markdown_text, plain
from core.figures.verdicts import group_words

NOT_A_CHANGE = 5e-5  # less than 0.01 %
BEFORE, AFTER = "without caps", "within the caps"


def percent_change(after: float, before: float) -> str:
    """`−0.42 %`; a missing one where there was nothing."""
    if not np.isfinite(after) or not before > 0:
        return MISSING
    part = after / before - 1
    return "0.00 %" if abs(part) < NOT_A_CHANGE else f"{100 * part:+.2f} %".replace("-", "−")


def caps_sentence(groups: pd.DataFrame, *, by: Sequence[str]) -> str:
    """What caps do to the group that is charged most without them, to the others, and to the shop.

    Args:
        groups: of `core.fairness.pricing.caps.Capped`.
    """
    if groups["price_after"].isna().any():
        return "**No prices earn anything here: a piece costs more than buyers would pay.**"
    moved = (groups["price_after"] - groups["price_before"]).abs() > NOT_A_CHANGE
    if not moved.any():
        return "**These caps change nothing: the most profitable prices lie within them.**"
    ends = [groups.loc[groups["price_before"].idxmax()], groups.loc[groups["price_before"].idxmin()]]
    first, second = (_moves(row, by) for row in ends)
    profit, surplus = (
        markdown_text(percent_change(groups[f"{name}_after"].sum(), groups[f"{name}_before"].sum()))
        for name in ("profit", "surplus")
    )
    return (
        f"**{first}; {second[:1].lower()}{second[1:]}.** The shop's profit changes by {profit}, what all buyers gain by "
        f"{surplus}; {int((groups['surplus_after'] > groups['surplus_before']).sum())} of {len(groups)} groups gain."
    )


def _moves(row: pd.Series, by: Sequence[str]) -> str:
    old, new = (markdown_text(share(row[f"price_{side}"])) for side in ("before", "after"))
    return f"{group_words(row['group'], by)} pay {new} of the usual price instead of {old}"


def notions_sentence(notions: pd.DataFrame, words: Mapping[str, str], *, alpha: float) -> str:
    """Which notions hold within the caps, and where these widen the gap.

    Args:
        notions: of `core.fairness.pricing.caps.Capped`. words: notion -> what it is called.
    """
    held = [words[row.notion] for row in notions.itertuples() if row.holds]
    wider = [words[row.notion] for row in notions.itertuples() if row.closed < -NOT_A_CHANGE]
    told = ", ".join(held) if held else "none"
    more = f" The caps widen the gap in: {', '.join(wider)}." if wider else ""
    return (
        f"Of the four notions of fairness, these are at least {markdown_text(share(alpha))} closer to equal than without "
        f"caps: **{told}**.{more}"
    )


def prices_of_rules(groups: pd.DataFrame) -> pd.DataFrame:
    """`rule`, `group`, `price` for `core.figures.what_if.prices_figure`."""
    return pd.concat(
        [
            groups[["group", f"price_{side}"]].rename(columns={f"price_{side}": "price"}).assign(rule=rule)
            for side, rule in (("before", BEFORE), ("after", AFTER))
        ],
        ignore_index=True,
    )


def change_table(groups: pd.DataFrame) -> pd.DataFrame:
    """One line per group: prices before and after, and by how much the rest changes."""
    return pd.DataFrame(
        [
            {
                "Group": plain(row["group"]),
                "Price without caps": share(row["price_before"]),
                "Price within caps": share(row["price_after"]),
                "Buys": percent_change(row["units_after"], row["units_before"]),
                "Gains of buyers": percent_change(row["surplus_after"], row["surplus_before"]),
                "Profit on them": percent_change(row["profit_after"], row["profit_before"]),
            }
            for _, row in groups.iterrows()
        ]
    )


def notions_table(notions: pd.DataFrame, words: Mapping[str, str]) -> pd.DataFrame:
    """One line per notion: the gap between groups before and after, and how much of it is closed."""
    return pd.DataFrame(
        [
            {
                "Notion": words[row.notion],
                "Gap without caps": score(row.gap_before),
                "Gap within caps": score(row.gap_after),
                "Closed": share(row.closed),
                "Holds": "yes" if row.holds else "no",
            }
            for row in notions.itertuples()
        ]
    )
