"""The knobs of personalised prices, which two pages have: what a piece costs, how fair prices are to be, how far apart."""

from collections.abc import Sequence

from core.fairness.pricing.whatif import DEMAND, NO_PURCHASE, PRICE, SURPLUS, Market, market
from core.workflow.audits.what_if import Demanded
from pages.ui import blocks, choices

NOTIONS = {
    PRICE: "equal prices",
    DEMAND: "equal shares who buy",
    SURPLUS: "equal gains of buyers",
    NO_PURCHASE: "equal worth to those who do not buy",
}
NO_CAP = "none"
_SHAPES = {"linear": "straight line", "exponential": "as fitted (exponential)"}
_COSTS = tuple(share / 20 for share in range(20))
_ALPHAS = tuple(share / 10 for share in range(11))


def cost(name: str) -> float:
    """A share of the usual price."""
    return choices.slide(name, "Cost of a piece, share of its usual price", _COSTS, default=0.6)


def fairness(name: str) -> float:
    """From 0, no rule, to 1, equal."""
    return choices.slide(name, "How fair: 0 no rule, 1 equal", _ALPHAS, default=0.5)


def shape(name: str) -> str:
    """How demand goes on beyond the prices that were seen."""
    return choices.choose(
        name, "Demand beyond what was seen", tuple(_SHAPES), default="linear", words=_SHAPES.get
    )


def largest_difference(name: str, options: Sequence[str], *, default: str) -> float | None:
    """How far apart the groups' prices may be; None: no cap."""
    return _cap(name, "Prices differ at most by", options, default)


def largest_ratio(name: str, options: Sequence[str]) -> float | None:
    """How many times the lowest price the highest may be; None: no cap."""
    return _cap(name, "Highest over lowest at most", options, NO_CAP)


def _cap(name: str, label: str, options: Sequence[str], default: str) -> float | None:
    chosen = choices.choose(name, label, options, default=default, words=_cap_words)
    return None if chosen == NO_CAP else float(chosen)


def _cap_words(value: str) -> str:
    return "no cap" if value == NO_CAP else value


def market_of(found: Demanded, shape: str) -> Market | None:
    """The groups as buyers; None where there are none to tell of, the reason being shown in its place."""
    return blocks.asked(market, found.demand, found.part, shape)
