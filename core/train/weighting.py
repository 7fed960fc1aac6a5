"""Weights of users and of target items: what an example counts for in every loss."""

from dataclasses import replace

import numpy as np
import torch

from core.data.fair_groups import FairGroups
from core.models.history import History
from core.schema.settings import TrainSettings
from core.train.softmax import Targets

POPULARITY_POWER = 0.5  # of an item's count, as its propensity (Saito et al., WSDM 2020)
LEAST_PROPENSITY = 0.1  # of the most popular item's; rarer items weigh no more
POPULARITY_BANDS = 3


def user_weights(settings: TrainSettings, groups: FairGroups | None, history: History) -> np.ndarray | None:
    """What each user's examples count for, float32 (n_users,), 1 on average; None where everybody counts the same.

    Users in no group weigh 1. With `reweighing` the label of a user is whether there are at least as many baskets
    as the median user has: then being active says nothing of the group any more, as training counts users.
    """
    if settings.user_weights == "none":
        return None
    codes = np.where(history.tokens > 0, groups.users, 0)
    if settings.user_weights == "group_balanced":
        return group_balanced(codes)
    known = codes > 0
    return reweighing(codes, history.tokens >= np.median(history.tokens[known]))


def reweighing(groups: np.ndarray, labels: np.ndarray) -> np.ndarray:
    """w(g, y) = P(g) P(y) / P(g, y) (Kamiran & Calders, Knowledge and Information Systems 33, 2012), float32 (U,).

    Args:
        groups: (U,) from 1; users of 0 weigh 1 and are not counted. labels: bool (U,).
    """
    weights, known = np.ones(len(groups)), groups > 0
    for group in np.unique(groups[known]):
        for label in (False, True):
            here = known & (groups == group) & (labels == label)
            if here.any():
                both = (groups[known] == group).mean() * (labels[known] == label).mean()
                weights[here] = both / (here.sum() / known.sum())
    return weights.astype(np.float32)


def group_balanced(groups: np.ndarray) -> np.ndarray:
    """Weights by which every group weighs the same, float32 (U,); users of group 0 weigh 1."""
    sizes = np.bincount(groups)
    sizes[0] = 0
    there = np.count_nonzero(sizes)
    weights = np.ones(len(groups))
    known = groups > 0
    weights[known] = sizes.sum() / (there * sizes[groups[known]])
    return weights.astype(np.float32)


def item_weights(settings: TrainSettings, history: History) -> np.ndarray | None:
    """What each item counts for as a target, float32 (n_items,), 1 on average over what was taken; None for the same."""
    if settings.item_weights == "none":
        return None
    counts = np.bincount(history.items, minlength=history.n_items).astype(float)
    make = popularity_balanced if settings.item_weights == "popularity_balanced" else inverse_propensity
    return make(counts)


def inverse_propensity(counts: np.ndarray) -> np.ndarray:
    """One over the propensity (count / highest count) ^ POPULARITY_POWER, clipped, float32 (I,), mean 1 over counts."""
    propensity = np.clip((counts / max(counts.max(initial=0), 1)) ** POPULARITY_POWER, LEAST_PROPENSITY, 1)
    return _scaled(1 / propensity, counts)


def popularity_balanced(counts: np.ndarray) -> np.ndarray:
    """Weights by which each third of the items ever taken, by popularity, weighs the same, float32 (I,)."""
    taken = np.flatnonzero(counts)
    weights = np.ones(len(counts))
    for band in np.array_split(taken[np.argsort(counts[taken], kind="stable")], POPULARITY_BANDS):
        if len(band):
            weights[band] = 1 / counts[band].sum()
    return _scaled(weights, counts)


def _scaled(weights: np.ndarray, counts: np.ndarray) -> np.ndarray:
    return (weights * counts.sum() / max((weights * counts).sum(), 1e-12)).astype(np.float32)


def weighted(targets: Targets, of_moments: np.ndarray | None, of_items: np.ndarray | None) -> Targets:
    """The same targets with other weights; their sum stays 1, unless all are 0.

    Args:
        of_moments: float32 (N,). of_items: float32 (n_items,).
    """
    if of_moments is None and of_items is None:
        return targets
    each = targets.weights
    if of_moments is not None:
        each = each * torch.from_numpy(of_moments)[targets.moments]
    if of_items is not None:
        each = each * torch.from_numpy(of_items)[targets.items]
    each = each / each.sum().clamp(min=torch.finfo(each.dtype).tiny)
    summed = torch.zeros_like(targets.moment_weights).index_add(0, targets.moments, each)
    return replace(targets, weights=each, moment_weights=summed)
