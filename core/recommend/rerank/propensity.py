"""Inverse propensity: items that had little chance of being seen count for more than their scores say."""

import numpy as np
from pydantic import Field

from core.errors import InputError
from core.metrics import NOTHING
from core.recommend.rerank.batch import Candidates, by_relevance
from core.schema.settings import Settings

POWER = 0.5  # of popularity, as Saito et al. take it


class PropensitySettings(Settings):
    """Scores corrected for how often items had a chance to be seen.

    Moves rarely seen items up in every list. Promises no group of items or provider a share, and where propensities are
    wrong it lifts the wrong items: with popularity in their place it says that items would be liked alike if seen alike.
    """

    strength: float = Field(
        0.3,
        ge=0,
        le=1,
        description="Power of the correction: 0 keeps the order, 1 divides by the chance of being seen in full. Does not "
        "promise any provider a share",
    )
    clip: float = Field(
        0.01,
        gt=0,
        le=1,
        description="Chances of being seen below this count as this; lower ones let rare items jump further",
    )
    power: float = Field(
        POWER,
        ge=0,
        le=2,
        description="Where nothing was logged: how the chance of being seen rises with popularity (0: not at all)",
    )
    normalise: bool = Field(
        True,
        description="Each user's weights are 1 on average, so that corrected relevances stay on their scale; moves no place",
    )


def corrected(
    candidates: Candidates, propensity: np.ndarray, *, strength: float, clip: float, normalise: bool = True
) -> Candidates:
    """Candidates by corrected relevance r(u, i) w_i, w_i = 1 / max(p_i, clip)^strength; equal ones stay as they were.

    Normalised: w_i over the mean of w among the user's candidates (the self-normalised estimator, SNIPS), which moves no
    place within a list, only how users compare in what comes next. At strength 0 nothing changes.
    Example: relevances 0.6 and 0.4, propensities 0.5 and 0.25, strength 1: 1.2 and 1.6, so the second comes first;
    normalised 0.4 and 0.533.
    Source: Schnabel et al., Recommendations as treatments, ICML 2016; Swaminathan & Joachims, The self-normalized
    estimator for counterfactual learning, NeurIPS 2015.

    Args:
        propensity: (I,) chance that an item is seen, 0 to 1: see `popularity_propensity`, `shown_propensity`.
        strength: power of the correction. clip: least propensity that counts, above 0.

    Raises:
        InputError: a propensity is none, or a relevance is below 0, which division would move the wrong way.
    """
    if not ((propensity >= 0) & (propensity <= 1)).all():
        raise InputError("The chance that an item is seen must be a number from 0 to 1, of every item.")
    if strength == 0:
        return candidates
    weight = np.append(np.maximum(propensity, clip) ** -strength, 0).astype(
        np.float32
    )  # NOTHING is at the end

    def relevance(some: slice) -> np.ndarray:
        there = candidates.items[some] != NOTHING
        weights = weight.take(candidates.items[some])
        if normalise:
            total = weights.sum(axis=1, keepdims=True)
            weights *= np.divide(there.sum(axis=1, keepdims=True), total, where=total > 0, out=total)
        value = np.where(there, candidates.relevance[some], 0)
        if value.min(initial=0) < 0:
            raise InputError("Relevance below 0 cannot be corrected; correct before anything else is done.")
        value *= weights
        return value

    return by_relevance(candidates, relevance)


def popularity_propensity(taken: np.ndarray, *, power: float = POWER) -> np.ndarray:
    """Chance that an item is seen, where nobody logged it: (taken_i / max_j taken_j)^power, (I,).

    Source: Saito et al., Unbiased recommender learning from missing-not-at-random implicit feedback, WSDM 2020.

    Args:
        taken: (I,) how often each item was taken, in training. Where none was, all are 1.
    """
    most = taken.max(initial=0)
    return (taken / most) ** power if most else np.ones(len(taken))


def shown_propensity(users: np.ndarray, items: np.ndarray, *, n_users: int, n_items: int) -> np.ndarray:
    """Chance that an item is seen, from logged impressions: the share of users to whom it was shown, (I,).

    Args:
        users, items: (N,) codes of the impressions; the same pair may come again. n_users: of those with impressions.
    """
    pairs = np.unique(users.astype(np.int64) * n_items + items)
    return np.bincount(pairs % n_items, minlength=n_items) / n_users
