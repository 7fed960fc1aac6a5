"""What the numbers of personalised prices mean. No audit has rows of them: they are model estimates, told beside it."""

from functools import partial

from core.fairness.pricing.whatif import DEMAND, NO_PURCHASE, PRICE, SURPLUS
from core.schema.definitions import Definition

ELASTICITY, PRICE_OF_FAIRNESS, WELFARE = "elasticity", "price_of_fairness", "welfare"
_COHEN = (
    "Cohen, Elmachtoub & Lei, Price discrimination with fairness constraints, Management Science 68 (2022)"
)
_BERTSIMAS = "Bertsimas, Farias & Trichakis, The price of fairness, Operations Research 59 (2011)"
_APART = "At fairness 1 equal, at 0 as far apart as without a rule; higher gaps are less fair."
_metric = partial(Definition, section="pricing")

MODEL_DEFINITIONS: dict[str, Definition] = {
    ELASTICITY: _metric(
        name="Elasticity of demand",
        formula="−η from E[units of product j in week w] = active users · exp(αⱼ − η p), p in usual prices",
        meaning="By how many per cent demand changes when the usual price rises by one per cent; below −1 it falls by more.",
        unit="per cent per per cent",
        range="no fixed ends; below 0 where dearer sells less",
        ideal="",
        source="Poisson regression with product effects, errors by user: Wooldridge, Econometric analysis of cross section and panel data (2010), ch. 18",
        avoid="Where promotions came with the low prices: what they did is read as the price's effect.",
    ),
    PRICE: _metric(
        name="Equal prices",
        formula="|pₐ − p_b| ≤ (1 − α) |p*ₐ − p*_b|, p* the most profitable prices without a rule",
        meaning=f"How far apart the groups' prices may be. {_APART}",
        unit="share of the usual price",
        range="0 upwards",
        ideal="0",
        source=_COHEN,
        avoid="Where the same price keeps a group from buying at all: look at who buys beside it.",
    ),
    DEMAND: _metric(
        name="Equal shares who buy",
        formula="|Fₐ(pₐ) − F_b(p_b)| ≤ (1 − α) |Fₐ(p*ₐ) − F_b(p*_b)|, F(p) = P(V ≥ p)",
        meaning=f"How far apart the shares of buyers may be of whom a product is worth its price. {_APART}",
        unit="share of buyers",
        range="0 to 1",
        ideal="0",
        source=_COHEN,
        avoid="With straight demand as a help to all: it never raises welfare there.",
    ),
    SURPLUS: _metric(
        name="Equal gains of buyers",
        formula="|Sₐ(pₐ) − S_b(p_b)| ≤ (1 − α) |Sₐ(p*ₐ) − S_b(p*_b)|, S(p) = E[(V − p)⁺]",
        meaning=f"How far apart the groups' mean gains may be, worth less price of what is bought. {_APART}",
        unit="share of the usual price",
        range="0 upwards",
        ideal="0",
        source=_COHEN,
        avoid="As something that was observed: valuations are inferred from the demand curve, also beyond the prices seen.",
    ),
    NO_PURCHASE: _metric(
        name="Equal worth to those who do not buy",
        formula="|Nₐ(pₐ) − N_b(p_b)| ≤ (1 − α) |Nₐ(p*ₐ) − N_b(p*_b)|, N(p) = E[V | V < p]",
        meaning=f"How far apart the mean valuations may be of those whom the price keeps from buying. {_APART}",
        unit="share of the usual price",
        range="0 upwards",
        ideal="0",
        source=_COHEN,
        avoid="As something that was observed: nobody sees what a product is worth to those who do not buy it.",
    ),
    PRICE_OF_FAIRNESS: _metric(
        name="Price of fairness",
        formula="(profit* − profit) / profit*, profit* of the most profitable prices without a rule",
        meaning="What share of the profit a rule costs; higher costs the shop more.",
        unit="share of the profit",
        range="0 to 1",
        ideal="0",
        source=_BERTSIMAS,
        avoid="As the cost to society: buyers may gain what the shop loses (see welfare).",
    ),
    WELFARE: _metric(
        name="Welfare",
        formula="profit + Σ over groups of size · E[(V − p)⁺]",
        meaning="The shop's profit and the buyers' gains together, beside those without a rule; above 0 a rule brings more.",
        unit="change, as a share of what it is without a rule",
        range="−1 upwards",
        ideal="",
        source=_COHEN,
        avoid="As fair by itself: it does not ask which group gains.",
    ),
}
