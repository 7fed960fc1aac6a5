"""Expected exposure (Diaz et al., CIKM 2020)."""

from dataclasses import dataclass

import numpy as np

from core.fairness.exposure.attention import NOTHING


@dataclass(frozen=True)
class ExpectedExposure:
    """EE-L = EE-D - 2 EE-R + |target|^2; note the factor 2: EE-R itself has none.

    Attributes:
        loss: EE-L, squared distance to the target; 0 is equal exposure of equally relevant items.
        disparity: EE-D, squared length of the exposure. relevance: EE-R, product of exposure and target.
    """

    loss: np.ndarray
    disparity: np.ndarray
    relevance: np.ndarray


def target_exposure(weights: np.ndarray, relevant: np.ndarray, n_items: int) -> tuple[np.ndarray, np.ndarray]:
    """What each relevant and each other item of a user should get, (U,) each: relevant ones share the first m places.

    Relevant: mean weight of places 1..m; others: mean weight of places m + 1..n. With weights gamma^(k - 1) of all n
    places these are (1 - gamma^m) / (m (1 - gamma)) and (gamma^m - gamma^n) / ((n - m)(1 - gamma)) (Diaz et al.,
    CIKM 2020, eqs. 5 and 6). Places after the last weight are not seen.

    Args:
        weights: (k,). relevant: (U,) relevant items m of each user; without any, all items share all places.
    """
    all_places = np.pad(weights, (0, max(n_items - len(weights), 0)))[:n_items]
    upto = np.concatenate([[0.0], np.cumsum(all_places)])  # weight of the first m places
    others = n_items - relevant
    first = np.divide(upto[relevant], relevant, out=np.zeros(len(relevant)), where=relevant > 0)
    after = np.divide(upto[-1] - upto[relevant], others, out=np.zeros(len(relevant)), where=others > 0)
    return first, after


def expected_exposure(
    items: np.ndarray, hits: np.ndarray, weights: np.ndarray, relevant: np.ndarray, n_items: int
) -> ExpectedExposure:
    """EE-L, EE-D and EE-R of each user's list over single items, (U,) each; their means over users are the metrics.

    One fixed list, not a policy that is drawn anew: EE-D is then the same for all full lists, and EE-L above 0 even
    for the best list. Example: three items, gamma 0.5, list (a, b, c), a and b relevant: targets 0.75, 0.75, 0.25,
    EE-D = 1.3125, EE-R = 1.1875, EE-L = 0.125.

    Args:
        items: (U, k). hits: bool (U, k), which places hold a relevant item. relevant: (U,) relevant items.
    """
    first, after = target_exposure(weights, relevant, n_items)
    filled = np.where(items == NOTHING, 0.0, weights)
    disparity = (filled**2).sum(axis=1)
    relevance = (filled * np.where(hits, first[:, None], after[:, None])).sum(axis=1)
    length = relevant * first**2 + (n_items - relevant) * after**2
    return ExpectedExposure(disparity - 2 * relevance + length, disparity, relevance)


def group_target_exposure(
    weights: np.ndarray, relevant_by_group: np.ndarray, sizes: np.ndarray
) -> np.ndarray:
    """Targets summed over the items of each group, (U, H).

    Args:
        relevant_by_group: (U, H) relevant items. sizes: (H,) items of the group.
    """
    first, after = target_exposure(weights, relevant_by_group.sum(axis=1), int(sizes.sum()))
    return relevant_by_group * first[:, None] + (sizes - relevant_by_group) * after[:, None]


def group_expected_exposure(exposure: np.ndarray, target: np.ndarray) -> ExpectedExposure:
    """EE-L, EE-D and EE-R of exposure summed over item groups, (..., H) -> (...).

    Of each user's exposure and target: per user, then averaged (the paper's group form). Of their means over users:
    pooled, where lists may balance each other. Example: exposure (1, 0.5), target (0.75, 0.75): 0.125, 1.25, 1.125.
    """
    return ExpectedExposure(
        ((exposure - target) ** 2).sum(axis=-1),
        (exposure**2).sum(axis=-1),
        (exposure * target).sum(axis=-1),
    )
