"""Two-sided penalties: relevance less what two item groups and two user groups are apart. A setting of the dual engine."""

import numpy as np
from pydantic import Field
from scipy.optimize import minimize

from core.recommend.rerank.market import Market, Response, respond
from core.recommend.rerank.user_grouping import UserGroupingSettings

LEAST = 0.05  # of a user group's relevance that always counts


class TwoSidedPenaltySettings(UserGroupingSettings):
    """Lists that bring two groups of items and two groups of users nearer together.

    Moves the difference in exposure per item between two item groups, and decides for whom the relevance that this costs
    counts more. Alone, the weight of users moves nothing: without a price on items every list is the best already.
    """

    items_by: str = Field("popularity_band", description="Attribute of items with the group to lift")
    item_group: str = Field("tail", description="The group of items that is held against all others")
    user_group: str = Field(description="The group of users that is held against all others")
    items: float = Field(
        0.01, ge=0, le=5, description="Cost, in relevance, of the difference in exposure of the item groups"
    )
    users: float = Field(
        0.0, ge=0, le=0.9, description="Cost of the difference in relevance of the two user groups' lists"
    )


def two_sided_penalty(
    market: Market, sizes: np.ndarray, *, items: float, users: float
) -> tuple[np.ndarray, Response, float]:
    """Lists of the highest relevance less both differences:

        max  mean_u r_u - users |mean_a r_u - mean_b r_u| - items |E_0 / s_0 - E_1 / s_1|,  r_u = sum_k v_k r(u, R_uk)

    Each |x| is the highest c x with |c| <= 1, so its price lies between its ends: users' relevance is weighed by
    1 -+ c users U / U_g, items of the two groups get -+ c items / s_h. Relevance as predicted stands for purchases, which
    are not known when lists are made. Source: Naghiaei, Rahmani & Deldjoo, CPFair, SIGIR 2022, equation 1, whose integer
    programme is solved here by its dual.

    Args:
        market: two user groups and two amounts, the memberships of items. sizes: (2,) of what exposure is a share:
            the groups' shares of the catalogue, so that 1 is exposure in proportion.

    Returns:
        prices (2, 2), the response with its lists, and the bound that no lists exceed.
    """
    share = market.shares
    most = min(users, (1 - LEAST) * float(share.min())) if users else 0.0
    of_items = np.array([1.0, -1.0]) / sizes
    of_users = np.array([1.0, -1.0])

    def asked(at: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        return np.tile(-at[0] * of_items, (2, 1)), 1 - at[1] * of_users / share

    def dual(at: np.ndarray) -> tuple[float, np.ndarray]:
        prices, emphasis = asked(at)
        response = respond(market, prices, emphasis=emphasis)
        seen = share @ response.exposure
        return response.value, -np.array([of_items @ seen, of_users @ response.of_groups])

    found = minimize(dual, np.zeros(2), jac=True, method="L-BFGS-B", bounds=[(-items, items), (-most, most)])
    prices, emphasis = asked(found.x)
    response = respond(market, prices, emphasis=emphasis, lists=True)
    return prices, response, response.value
