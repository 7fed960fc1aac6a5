"""Units of gaps: how a gap is written, and how it is drawn on an axis."""

from collections.abc import Callable
from dataclasses import dataclass, replace

from core.figures.numbers import change, days, decimal, points, share


@dataclass(frozen=True)
class Unit:
    """Attributes: form: how a gap is written, with its sign. scale, suffix: of the numbers on an axis."""

    form: Callable[[float | None], str]
    scale: float = 1.0
    suffix: str = ""

    def amount(self, value: float) -> str:
        """How large a gap is, without its sign: `4.1 days`."""
        return self.form(abs(value)).lstrip("+")

    @property
    def unsigned(self) -> "Unit":
        """The same for distances, which are never below zero."""
        return replace(self, form=self.amount)


POINTS = Unit(points, 100, " pp")  # differences of shares
PERCENT = Unit(change(share), 100, " %")  # relative gaps, such as of prices
DAYS = Unit(change(days), suffix=" d")
PLAIN = Unit(change(decimal))  # ratings and other plain numbers
