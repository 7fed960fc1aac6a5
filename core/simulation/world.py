"""Customers whose true tastes are known, and how they click."""

from dataclasses import dataclass

import numpy as np

from core.schema.simulation import SimulationSettings

DIMENSIONS = 6  # of taste
MAJORITY, MINORITY = 0, 1
KNOWN, NEWCOMERS = 0, 1
USER_GROUPS, ITEM_GROUPS = ("majority", "minority"), ("known sellers", "newcomers")


@dataclass(frozen=True)
class World:
    """A shop.

    Attributes:
        taste: (U, I) chance that a customer who looks at a product clicks on it. examined: (k,) chance that a place is looked at.
        user_group: (U,), item_group: (I,) codes of `USER_GROUPS` and `ITEM_GROUPS`.
    """

    taste: np.ndarray
    examined: np.ndarray
    user_group: np.ndarray
    item_group: np.ndarray


def made_world(settings: SimulationSettings, rng: np.random.Generator) -> World:
    """Draw a shop.

    Tastes are a logistic function of inner products: customers of a group lie around its own direction, products anywhere. Which
    sellers are newcomers does not depend on the products, so in expectation both have the same merit.
    """
    user_group = (np.arange(settings.users) < round(settings.minority * settings.users)).astype(np.int8)
    item_group = (rng.permutation(settings.items) < round(settings.newcomers * settings.items)).astype(
        np.int8
    )
    directions = np.zeros((2, DIMENSIONS))
    directions[[MAJORITY, MINORITY], [0, 1]] = 1.0
    users = directions[user_group] + 0.6 * rng.standard_normal((settings.users, DIMENSIONS))
    items = rng.standard_normal((settings.items, DIMENSIONS))
    taste = 1 / (1 + np.exp(1.5 - 1.2 * users @ items.T))
    examined = 1 / np.arange(1, settings.k + 1) ** settings.position_bias
    return World(taste, examined, user_group, item_group)


def clicks(world: World, lists: np.ndarray, rng: np.random.Generator) -> np.ndarray:
    """Who clicks where, bool (U, k): a place that is looked at, of a product that pleases.

    The position-based model of Richardson, Dominowska & Ragno (WWW 2007).

    Args:
        lists: (U, k) item codes, best first.
    """
    chance = np.take_along_axis(world.taste, lists, axis=1) * world.examined
    return rng.random(lists.shape) < chance


def best_lists(scores: np.ndarray, k: int, rng: np.random.Generator) -> np.ndarray:
    """The k products of the highest score of each customer, (U, k); equal scores in random order."""
    noise = rng.random(scores.shape)
    return np.lexsort((noise, -scores), axis=1)[:, :k]


def random_lists(n_users: int, n_items: int, k: int, rng: np.random.Generator) -> np.ndarray:
    """k different products for each customer, all alike, (U, k)."""
    return rng.random((n_users, n_items)).argsort(axis=1)[:, :k]
