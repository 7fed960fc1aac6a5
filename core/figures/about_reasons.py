"""Why an item of one user's list stands where it stands, in sums that are right as printed."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from decimal import Decimal
from typing import Any

import pandas as pd

from core.figures.about_policy import STEP_WORDS
from core.figures.numbers import money
from core.figures.text import plain

DECIMALS, MOST_DECIMALS = 4, 8  # of the result of a sum, and of its terms where it would not come out


def reason_words(relevance: float, moves: Sequence[Mapping[str, Any]]) -> str:
    """Why an item stands where it stands: `0.1320 + 0.0210 (Private) = 0.1530`, step by step.

    Every sum is right as it is printed, to the last decimal of its result: its terms get more decimals where they need them.
    A step that works by place gives the item the relevance of the place that it gets, so the next sum begins from there.

    Args:
        relevance: before the policy. moves: fields of `Move`, in the order of the steps.
    """
    said: list[str] = []
    sum_ = _Sum(relevance, relevance)
    for move in moves:
        if move["works_by"] == "place":
            if move["place_after"] != move["place_before"]:
                said += sum_.words(alone=not said)
                sum_ = _Sum(move["after"], move["after"])
                places = f"place {move['place_before']} → {move['place_after']}"
                said.append(f"{STEP_WORDS[move['step']]}{_kind_words(move)}: {places}")
            continue
        if move["before"] != sum_.end or (move["works_by"] == "factor" and sum_.prices):
            said += sum_.words(alone=not said)
            sum_ = _Sum(move["before"], move["before"])
        sum_ = sum_.then(move)
    return "; ".join([*said, *sum_.words(alone=not said)])


def _kind_words(move: Mapping[str, Any]) -> str:
    return "" if move["kind"] is None else f" ({plain(move['kind'], limit=40)})"


@dataclass(frozen=True)
class _Sum:
    """A number that factors, then prices, lead to another one. Each term is an amount with what it is for."""

    start: float
    end: float
    factors: tuple[float, ...] = ()
    prices: tuple[tuple[float, str], ...] = ()

    def then(self, move: Mapping[str, Any]) -> "_Sum":
        """With one step more."""
        before, after = move["before"], move["after"]
        if move["works_by"] == "price":
            return _Sum(self.start, after, self.factors, (*self.prices, (after - before, _kind_words(move))))
        if before == 0:  # nothing times anything is nothing
            return self
        return _Sum(self.start, after, (*self.factors, after / before), self.prices)

    def words(self, *, alone: bool) -> list[str]:
        """At most one part; of a number to which nothing was done none, unless it stands alone."""
        if not (self.factors or self.prices):
            return [_number(_rounded(self.start, DECIMALS))] if alone else []
        result = _rounded(self.end, DECIMALS)
        for decimals in range(DECIMALS, MOST_DECIMALS + 1):
            parts, found = self._printed(decimals)
            if _rounded(found, DECIMALS) == result:
                break
        return [f"{parts} = {_number(_rounded(found, DECIMALS))}"]

    def _printed(self, decimals: int) -> tuple[str, Decimal]:
        """The sum with so many decimals, and what it comes to."""
        found = _rounded(self.start, decimals)
        parts = [_number(found)]
        for factor in self.factors:
            found *= _rounded(factor, decimals)
            parts.append(f"× {_number(_rounded(factor, decimals))}")
        for price, kind in self.prices:
            amount = _rounded(price, decimals)
            found += amount
            parts.append(f"{'−' if amount < 0 else '+'} {_number(abs(amount))}{kind}")
        return " ".join(parts), found


def _rounded(value: float | Decimal, decimals: int) -> Decimal:
    return Decimal(value).quantize(Decimal(1).scaleb(-decimals)) + 0  # no minus before zero


def _number(value: Decimal) -> str:
    return f"{value:f}".replace("-", "−")  # never 0E-7


def reasons_table(rows: pd.DataFrame, *, currency: str, k: int) -> pd.DataFrame:
    """One user's list for the screen.

    Args:
        rows: `place_before`, `place_after`, `product`, `price`, `bought`, `reason`.
    """
    now = rows["place_after"].map(lambda place: str(place) if place <= k else "out")
    was = rows["place_before"].map(lambda place: str(place) if place <= k else f"({place})")
    shown = {"Now": now, "Before": was, "Product": rows["product"].map(lambda name: plain(name, limit=40))}
    shown |= {"Why": rows["reason"], "Bought": rows["bought"].map({True: "✓", False: ""})}
    if "price" in rows:
        shown["Price"] = rows["price"].map(lambda value: "" if pd.isna(value) else money(value, currency))
    return pd.DataFrame(shown)
