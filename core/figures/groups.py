"""How a user group looks: the same colour, marker and pattern on every page, in a fixed order."""

from collections.abc import Sequence
from dataclasses import dataclass

from core.schema.tables import UNKNOWN

# Okabe and Ito's colours, told apart with every common kind of colour vision. Their order is part of the
# product: a group's place among the groups of its attribute decides its colour.
PALETTE = ("#0072B2", "#D55E00", "#009E73", "#CC79A7", "#56B4E9", "#E69F00")
GREY = "#7A8594"
SYMBOLS = ("circle", "diamond", "square", "triangle-up", "star", "pentagon", "hexagon", "cross")
PATTERNS = ("", "/", "x", ".", "\\", "-", "+", "|")
OUTLINE = "#3D4753"  # keeps the two light colours visible on white
CROSS = " × "


@dataclass(frozen=True)
class Style:
    """Colour plus a second channel (marker for points, pattern for bars) of one group."""

    colour: str
    symbol: str
    pattern: str


def marker(style: Style) -> dict:
    """The dot of a group, outlined so that light colours stay visible on white."""
    line = {"color": OUTLINE, "width": 1}
    return {"color": style.colour, "symbol": style.symbol, "size": 12, "line": line}


UNNAMED = Style(GREY, "circle-open", "")


def group_styles(groups: Sequence[str], *, reference: str | None = None) -> dict[str, Style]:
    """The style of each group of one grouping.

    Args:
        groups: all groups of the grouping in their order, also those that are not drawn.
        reference: the group that others are compared with; grey, like Unknown and crossings with Unknown.

    Beyond six groups the colours return with another marker and pattern.
    """
    named = [group for group in groups if group != reference and UNKNOWN not in group.split(CROSS)]
    return dict.fromkeys(groups, UNNAMED) | {group: _style(place) for place, group in enumerate(named)}


def _style(place: int) -> Style:
    turn, colour = divmod(place, len(PALETTE))
    shape = (colour + turn) % len(SYMBOLS)  # neighbours differ in both channels
    return Style(PALETTE[colour], SYMBOLS[shape], PATTERNS[shape])
