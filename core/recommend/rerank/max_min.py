"""Max-min fair exposure: relevance weighed against the item group that is worst off. A setting of the dual engine."""

import numpy as np
from pydantic import Field
from scipy.optimize import LinearConstraint, minimize

from core.recommend.rerank.item_target import ItemTargetSettings
from core.recommend.rerank.market import Market, Response, respond


class MaxMinSettings(ItemTargetSettings):
    """The item group furthest below its target gains, as long as that is worth what it costs in relevance.

    Moves the exposure of item groups over all users. Promises no floor, and does not move which items of a group are
    shown, nor how lists differ between user groups.
    """

    strength: float = Field(
        0.1,
        ge=0,
        le=2,
        description="What relevance is given for the worst-off item group to go from nothing to its target; 0: lists "
        "stay as they are",
    )


def max_min(
    market: Market, target: np.ndarray, strength: float, *, faint: float = 1.0
) -> tuple[np.ndarray, Response, float]:
    """Lists that weigh relevance against the worst-off item group:

        max  mean_u sum_k v_k r(u, R_uk) + strength * min_h exposure_h / target_h

    The minimum is the lowest of all weighted means, so its price is a point of the simplex: strength * w_h / target_h on
    group h. Source: Xu et al., P-MMF: provider max-min fairness re-ranking, WWW 2023, equations 1 to 3, here with all
    users at once.

    Args:
        market: one user group; amounts are memberships in item groups. target: (H,) shares; those of 0 do not count.
        faint: what relevance is multiplied with.

    Returns:
        prices (1, H), the response with its lists, and the bound that no lists can exceed.
    """
    counted = target > 0
    emphasis = np.array([faint])

    def prices(weights: np.ndarray) -> np.ndarray:
        found = np.zeros((1, len(target)))
        found[0, counted] = strength * weights / target[counted]
        return found

    def dual(weights: np.ndarray) -> tuple[float, np.ndarray]:
        response = respond(market, prices(weights), emphasis=emphasis)
        return response.value, strength * response.exposure[0, counted] / target[counted]

    n = int(counted.sum())
    found = minimize(
        dual,
        np.full(n, 1 / n),
        jac=True,
        method="SLSQP",
        bounds=[(0.0, 1.0)] * n,
        constraints=LinearConstraint(np.ones(n), 1, 1),
        options={"maxiter": 100, "ftol": 1e-9},
    )
    best = prices(found.x.clip(0, 1) / found.x.clip(0, 1).sum())
    response = respond(market, best, emphasis=emphasis, lists=True)
    return best, response, response.value
