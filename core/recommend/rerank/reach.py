"""What lists made of the candidates can reach at all: a setting beyond it is explained, not silently missed."""

import numpy as np

from core.recommend.rerank.dual import HIGHEST, Limits
from core.recommend.rerank.market import Market, respond
from core.recommend.rerank.max_min import max_min

FAINT = 1e-3  # of relevance, where it only has to break ties


def attainable(market: Market) -> Limits:
    """The lowest and the highest exposure that each user group can have of each amount alone, (G, Q) each.

    All of them together may still be out of reach: see `largest_common_share`.
    """
    n_groups, n_amounts = len(market.sizes), len(market.features)
    low, high = np.empty((n_groups, n_amounts)), np.empty((n_groups, n_amounts))
    for amount in range(n_amounts):
        prices = np.zeros((n_groups, n_amounts))
        for found, price in ((high, HIGHEST / FAINT), (low, -HIGHEST / FAINT)):
            prices[:, amount] = price
            found[:, amount] = respond(market, prices).exposure[:, amount]
    return Limits(low, high)


def largest_common_share(market: Market, target: np.ndarray) -> tuple[float, float]:
    """The largest share of their targets that all item groups can have at once: reached by some lists, and a bound.

    Where the two differ, what lies between is not known to be possible.
    """
    _, response, bound = max_min(market, target, 1.0, faint=FAINT)
    counted = target > 0
    reached = float((response.exposure[0, counted] / target[counted]).min())
    return min(reached, 1.0), min(bound, 1.0)
