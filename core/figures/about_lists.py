"""What is shown to groups and to one user, in sentences, cards and tables for the screen."""

import pandas as pd

from core.figures.numbers import money, share, with_interval
from core.figures.scorecard import Card, beside
from core.figures.text import markdown_text, plain
from core.schema.tables import OTHERS


def mix_sentence(rows: pd.DataFrame, *, of: str, who: str = "The lists") -> str:
    """The largest difference between two groups' lists, or what one group sees most.

    Args:
        rows: as in `share_figure`. who: what differs, as the beginning of the sentence.
    """
    groups = list(dict.fromkeys(rows["group"]))
    if len(groups) == 2:
        wide = rows.pivot(index="value_name", columns="group", values="value")[groups]
        named = wide.drop(index=OTHERS, errors="ignore") if len(wide) > 1 else wide
        name = (named[groups[1]] - named[groups[0]]).abs().idxmax()
        parts = [_of_group(row) for row in rows[rows["value_name"] == name].itertuples()]
        return f"{who} differ most in **{markdown_text(name)}**: {' and '.join(parts)}."
    named = rows[rows["value_name"] != OTHERS] if rows["value_name"].nunique() > 1 else rows
    top = named.loc[named["value"].idxmax()]
    return f"**{markdown_text(top['value_name'])}** is the largest named part of the {of}: {_of_group(top)}."


def repeat_sentence(rows: pd.DataFrame, *, k: int) -> str:
    """How much of the lists the users had bought before: one row per group."""
    parts = [_of_group(row) for row in rows.itertuples()]
    return f"Of the {k} products shown, users had bought before: {' and '.join(parts)}."


def _of_group(row) -> str:
    """A share with its interval and n, and whose it is."""
    text = with_interval(row.value, row.low, row.high, row.n, form=share)
    return f"{markdown_text(text, limit=120)} for {markdown_text(row.group)}"


def repeat_cards(rows: pd.DataFrame) -> list[Card]:
    """Share of the list that a group's users bought before."""
    return [
        Card(f"Bought before · {plain(r.group, limit=40)}", share(r.value), beside(r, share))
        for r in rows.itertuples()
    ]


def hits_sentence(hits: int | None, shown: int) -> str:
    """How the list did in the test window."""
    if hits is None:
        return "This user bought nothing in the test window, so the list cannot be judged."
    return f"**{hits} of {shown}** recommended products were bought in the test window."


def list_table(shown: pd.DataFrame, *, currency: str) -> pd.DataFrame:
    """One user's list for the screen; prices are the usual shelf price in the training window."""
    return pd.DataFrame(
        {
            "#": shown["rank"],
            "Product": titles(shown),
            **_category(shown),
            **_price(shown, currency),
            "Before": shown["times_before"].map(lambda times: f"{times} ×" if times else "new"),
            "Next": shown["bought_next"].map({True: "✓", False: ""}),
        }
    )


def past_table(history: pd.DataFrame, *, timed: bool) -> pd.DataFrame:
    """One user's history for the screen, most often first; without dates where times are only an order."""
    return pd.DataFrame(
        {
            "Product": titles(history),
            **_category(history),
            "Times": history["times"],
            **({"Last": history["last"].dt.strftime("%-d %b %Y")} if timed else {}),
        }
    )


def _price(items: pd.DataFrame, currency: str) -> dict[str, pd.Series]:
    if "list_price" not in items or items["list_price"].isna().all():
        return {}
    return {"Price": items["list_price"].map(lambda price: "" if pd.isna(price) else money(price, currency))}


def titles(items: pd.DataFrame) -> pd.Series:
    ids = items["item_id"].astype(str)
    return (
        ids
        if "title" not in items
        else items["title"].astype(object).where(items["title"].notna(), ids).map(plain)
    )


def _category(items: pd.DataFrame) -> dict[str, pd.Series]:
    return {"Category": items["category"].astype(object).map(plain)} if "category" in items else {}
