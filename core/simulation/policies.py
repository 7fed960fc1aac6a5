"""How lists are made of what was learnt: one function each, with the same arguments."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass

import numpy as np

from core.recommend.rerank.batch import Candidates
from core.recommend.rerank.dual import keep_limits
from core.recommend.rerank.exposure_limits import exposure_limits
from core.recommend.rerank.market import Kinds, open_market
from core.schema.simulation import SimulationSettings
from core.simulation.learning import Factors, Log
from core.simulation.world import best_lists, random_lists

LEAST = 1e-6  # that a group is taken to merit, so that nothing is divided by zero


@dataclass
class Shopkeeper:
    """What a policy knows: never the truth.

    Attributes:
        attention: (H,) that the products of each group got in all rounds before, mean over products; 1 for each round is an
            average product's.
    """

    settings: SimulationSettings
    item_group: np.ndarray
    weights: np.ndarray  # (k,) of places, sum 1
    log: Log
    factors: Factors
    attention: np.ndarray
    rng: np.random.Generator

    @property
    def sizes(self) -> np.ndarray:
        return np.bincount(self.item_group)


def at_random(keeper: Shopkeeper) -> np.ndarray:
    """Nothing is learnt: what lists cost where no policy does anything."""
    settings = keeper.settings
    return random_lists(settings.users, settings.items, settings.k, keeper.rng)


def popularity(keeper: Shopkeeper) -> np.ndarray:
    """The same list for everybody: the most clicks so far."""
    scores = np.broadcast_to(keeper.log.clicked.sum(axis=0), keeper.log.clicked.shape)
    return best_lists(scores, keeper.settings.k, keeper.rng)


def by_clicks(keeper: Shopkeeper) -> np.ndarray:
    """Learnt from clicks as they are, so that a high place is taken for a good product."""
    return best_lists(keeper.factors.learn(keeper.log, corrected=False), keeper.settings.k, keeper.rng)


def by_corrected_clicks(keeper: Shopkeeper) -> np.ndarray:
    """Learnt from clicks corrected for their place."""
    return best_lists(keeper.factors.learn(keeper.log, corrected=True), keeper.settings.k, keeper.rng)


def fairco(keeper: Shopkeeper) -> np.ndarray:
    """Corrected clicks, and a push that grows with what a group is owed.

    FairCo (Morik, Singh, Hong & Joachims, SIGIR 2020, eq. 12 and 13): score = relevance + lambda * err, err of a group being the
    number of rounds so far times how much more attention per merit the best-off group got on average.
    """
    relevance = keeper.factors.learn(keeper.log, corrected=True)
    merit = _merit(relevance, keeper)
    share = merit / max(relevance.mean(), LEAST)
    per_merit = keeper.attention / share  # of all rounds together: rounds times their mean
    owed = per_merit.max() - per_merit
    scores = relevance + keeper.settings.control * owed[keeper.item_group]
    return best_lists(scores, keeper.settings.k, keeper.rng)


def floor(keeper: Shopkeeper) -> np.ndarray:
    """Corrected clicks, and a floor on each group's attention: the dual exposure engine, as on the Tune page."""
    relevance = keeper.factors.learn(keeper.log, corrected=True)
    target = _merit(relevance, keeper) * keeper.sizes
    order = np.argsort(-relevance, axis=1, kind="stable").astype(np.int32)
    candidates = Candidates(order, np.take_along_axis(relevance, order, axis=1).astype(np.float32))
    kinds = Kinds(keeper.item_group, np.eye(len(target)))
    market = open_market(candidates, kinds, keeper.weights)
    limits = exposure_limits(target / target.sum(), floor=keeper.settings.floor, ceiling=None)
    prices = keep_limits(market, limits, rng=keeper.rng).prices[0]
    return best_lists(relevance + prices[keeper.item_group], keeper.settings.k, keeper.rng)


def _merit(relevance: np.ndarray, keeper: Shopkeeper) -> np.ndarray:
    """Estimated taste for the products of each group, mean over products and customers, (H,)."""
    of_items = relevance.mean(axis=0)
    return np.maximum(np.bincount(keeper.item_group, of_items) / keeper.sizes, LEAST)


MAKERS: Mapping[str, Callable[[Shopkeeper], np.ndarray]] = {
    "random": at_random,
    "popularity": popularity,
    "clicks": by_clicks,
    "corrected": by_corrected_clicks,
    "fairco": fairco,
    "floor": floor,
}
