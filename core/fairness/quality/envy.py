"""Envy: would users be better off with the lists of others, by a utility that did not make the lists?"""

from collections.abc import Callable

import numpy as np

from core.metrics import NOTHING

Utility = Callable[[np.ndarray, np.ndarray], np.ndarray]  # users (P,), items (P, K) -> (P, K) finite
FREE_UP_TO = 0.05


def purchases_as_utility(places: np.ndarray, items: np.ndarray, n_items: int) -> Utility:
    """1 for an item that the user bought, else 0; bought after the lists were made, so that no ranker knew it.

    Args:
        places: (E,) row of the user of each purchase. items: (E,) item codes, under n_items.
    """
    keys = np.unique(places.astype(np.int64) * n_items + items)
    keys = np.append(keys, np.iinfo(np.int64).max)  # lest a search end beyond the last

    def utility(users: np.ndarray, listed: np.ndarray) -> np.ndarray:
        wanted = users.astype(np.int64)[:, None] * n_items + listed
        return (keys[np.searchsorted(keys, wanted)] == wanted).astype(float)

    return utility


def list_utilities(users: np.ndarray, lists: np.ndarray, utility: Utility, weights: np.ndarray) -> np.ndarray:
    """What lists are worth to users, (P,): sum_k w_k utility(u, item_k) / sum_k w_k; missing items are worth 0.

    Args:
        users: (P,) who judges. lists: (P, K) item codes, best first; NOTHING where short. weights: (K,) attention.
    """
    there = lists != NOTHING
    worth = np.where(there, utility(users, np.where(there, lists, 0)), 0.0)
    return worth @ weights / weights.sum()


def sampled_envy(
    lists: np.ndarray,
    utility: Utility,
    *,
    weights: np.ndarray,
    others: int,
    rng: np.random.Generator,
    among: np.ndarray | None = None,
) -> np.ndarray:
    """Each user's envy of some others drawn at random, (U, others) >= 0; lower is better.

        envy(u, w) = max(0, Phi_u(R_w) - Phi_u(R_u)),  Phi_u(R) = sum_k w_k utility(u, R_k) / sum_k w_k

    `utility` must not be the score that the ranker sorted by: by that score every list is its user's best one, and
    envy is zero whatever the lists are worth. Give held-out purchases, or the scores of a model trained apart on
    other data. The mean over the sample estimates the user's mean envy without bias; the largest grows with the
    size of the sample, so it compares users only at the same size. Same lists or same tastes for all: 0.
    Sources: Patro et al., WWW 2020 (mean envy); Do et al., AAAI 2022 (envy-free with a tolerance).

    Args:
        lists: (U, K) the list of each user, who is row u for `utility`. among: rows whose lists may be drawn, at
            least two; None: all.
    """
    users = np.arange(len(lists))
    pool = users if among is None else np.asarray(among)
    own = list_utilities(users, lists, utility, weights)
    places = np.full(len(lists), -1)
    places[pool] = np.arange(len(pool))
    inside = places >= 0
    found = np.empty((len(lists), others))
    for draw in range(others):
        drawn = rng.integers(0, len(pool) - inside)  # nobody draws themselves
        drawn = drawn + (inside & (drawn >= places))
        found[:, draw] = np.maximum(list_utilities(users, lists[pool[drawn]], utility, weights) - own, 0)
    return found


def envy_metrics(envies: np.ndarray, *, tolerance: float = FREE_UP_TO) -> np.ndarray:
    """Mean envy of each user, and whether no sampled list is better by more than the tolerance, (U, 2).

    Args:
        envies: (U, S) of `sampled_envy`. tolerance: in the unit of the utility.
    """
    return np.column_stack([envies.mean(axis=1), (envies.max(axis=1) <= tolerance).astype(float)])


def envy_towards(
    lists: np.ndarray,
    strata: np.ndarray,
    utility: Utility,
    *,
    n_groups: int,
    weights: np.ndarray,
    others: int,
    rng: np.random.Generator,
) -> np.ndarray:
    """Mean envy of each user towards lists of each group, (U, G): its group means are who envies whom.

    Args:
        strata: (U,) group of each user. n_groups: the groups 0.. that lists are drawn from, of two users or more.
    """
    options = {"weights": weights, "others": others, "rng": rng}
    columns = [
        sampled_envy(lists, utility, among=np.flatnonzero(strata == group), **options).mean(axis=1)
        for group in range(n_groups)
    ]
    return np.column_stack(columns)
