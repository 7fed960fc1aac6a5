"""What buyers are willing to pay, by group: two families of valuations and what follows from a price.

A demand curve is a share of buyers whose valuation V is at least the price, P(V >= p). A straight line means
valuations spread evenly from nothing to a highest one, an exponential curve means exponential valuations.
Letters in shapes: G groups. Prices are (..., G), shares of the product's usual price.
"""

from dataclasses import dataclass
from typing import Protocol

import numpy as np
from scipy.special import lambertw

NEAR_FREE = 1e-3  # of the mean valuation; below, Lambert's function has few digits, and a series all


class Valuations(Protocol):
    """Valuations V of each group, and what a price p makes of them.

    The inverses give the price at which a quantity has a value: infinity where only a price beyond all valuations does,
    negative where no price does.
    """

    @property
    def mean(self) -> np.ndarray:
        """E[V], (G,)."""

    def demand(self, price: np.ndarray) -> np.ndarray:
        """P(V >= p)."""

    def surplus(self, price: np.ndarray) -> np.ndarray:
        """E[(V - p)+]."""

    def no_purchase(self, price: np.ndarray) -> np.ndarray:
        """E[V | V < p]; at a price of 0 its limit, 0."""

    def price_of_demand(self, demand: np.ndarray) -> np.ndarray: ...

    def price_of_surplus(self, surplus: np.ndarray) -> np.ndarray: ...

    def price_of_no_purchase(self, valuation: np.ndarray) -> np.ndarray: ...

    def best_price(self, cost: float) -> np.ndarray:
        """The price of most profit, argmax (p - cost) P(V >= p), (G,)."""


@dataclass(frozen=True)
class UniformValuations:
    """Linear demand, 1 - p / highest.

    Attributes:
        highest: (G,) price from which on nobody buys.
    """

    highest: np.ndarray

    @property
    def mean(self) -> np.ndarray:
        return self.highest / 2

    def demand(self, price: np.ndarray) -> np.ndarray:
        return np.clip(1 - price / self.highest, 0, 1)

    def surplus(self, price: np.ndarray) -> np.ndarray:
        return np.maximum(self.highest - price, 0) ** 2 / (2 * self.highest)

    def no_purchase(self, price: np.ndarray) -> np.ndarray:
        return np.minimum(price, self.highest) / 2

    def price_of_demand(self, demand: np.ndarray) -> np.ndarray:
        return np.where(demand > 0, self.highest * (1 - demand), np.inf)

    def price_of_surplus(self, surplus: np.ndarray) -> np.ndarray:
        return np.where(
            surplus > 0, self.highest - np.sqrt(2 * self.highest * np.maximum(surplus, 0)), np.inf
        )

    def price_of_no_purchase(self, valuation: np.ndarray) -> np.ndarray:
        return np.where(valuation < self.highest / 2, 2 * valuation, np.inf)

    def best_price(self, cost: float) -> np.ndarray:
        return (self.highest + cost) / 2


@dataclass(frozen=True)
class ExponentialValuations:
    """Exponential demand, exp(-rate p).

    Attributes:
        rate: (G,) above 0; the elasticity at a price of 1, without its sign.
    """

    rate: np.ndarray

    @property
    def mean(self) -> np.ndarray:
        return 1 / self.rate

    def demand(self, price: np.ndarray) -> np.ndarray:
        return np.exp(-self.rate * price)

    def surplus(self, price: np.ndarray) -> np.ndarray:
        return np.exp(-self.rate * price) / self.rate

    def no_purchase(self, price: np.ndarray) -> np.ndarray:
        x = np.maximum(self.rate * price, 1e-12)
        return (1 - x * np.exp(-x) / -np.expm1(-x)) / self.rate

    def price_of_demand(self, demand: np.ndarray) -> np.ndarray:
        return -_log(demand) / self.rate

    def price_of_surplus(self, surplus: np.ndarray) -> np.ndarray:
        return -_log(surplus * self.rate) / self.rate

    def price_of_no_purchase(self, valuation: np.ndarray) -> np.ndarray:
        share = self.rate * valuation
        left = np.clip(1 - share, 1e-300, 1 - NEAR_FREE)  # x / (exp(x) - 1) at x = rate * price
        x = -left - lambertw(-left * np.exp(-left), k=-1).real
        small = np.clip(share, 0, NEAR_FREE)
        x = np.where(share > NEAR_FREE, x, small * (2 + small * (2 / 3 + small * 4 / 9)))
        return np.where(share < 1, x / self.rate, np.inf)

    def best_price(self, cost: float) -> np.ndarray:
        return cost + 1 / self.rate


def _log(values: np.ndarray) -> np.ndarray:
    return np.log(values, out=np.full(np.shape(values), -np.inf), where=values > 0)
