"""Shown, clicked, purchased: what comes of what users are shown, by group."""

import numpy as np
import pandas as pd

from core.fairness.pricing.funnel import Funnel
from core.schema.tables import CLICKED, PURCHASED, USER

ITEM_KIND, DEAL_KIND = "item", "deal"  # all that was shown, and what of it was on offer
DEAL_IMPRESSIONS = "deal_impressions"
WHO = {CLICKED: "clickers", PURCHASED: "purchasers"}
PURCHASED_OF_CLICKED = "purchased_of_clicked"


def shown_funnel(impressions: pd.DataFrame, users: np.ndarray, *, deal: np.ndarray | None = None) -> Funnel:
    """Stages from what is shown to what is purchased of it, each as sums of users.

    Of all impressions (`item_`) and of those of items on offer (`deal_`): `shown` (share of users with one), `clicked` and
    `purchased` (shares of impressions), `purchased_of_clicked` (share of the clicked ones), `clickers` and `purchasers`
    (shares of the users with one who did so at least once). `deal_impressions`: share of impressions that show an item on
    offer. A flag that is missing counts nowhere, nor does an impression of which it is not known whether it was on offer
    among deals.

    Args:
        impressions: `user`; `clicked`, `purchased`, where the log has them. Those of other users do not count.
        users: (U,) codes. deal: (N,) 1 where the item was on offer, 0 where not, NaN where not known; None: of none.
    """
    stages = _stages(ITEM_KIND, impressions, users)
    if deal is not None and np.isfinite(deal).any():
        of_deals = [_per_user(impressions, users, each) for each in (np.nan_to_num(deal), np.isfinite(deal))]
        stages[DEAL_IMPRESSIONS] = np.column_stack(of_deals)
        stages |= _stages(DEAL_KIND, impressions[deal == 1], users)
    return Funnel(stages)


def _stages(kind: str, impressions: pd.DataFrame, users: np.ndarray) -> dict[str, np.ndarray]:
    flags = {name: impressions[name].to_numpy(float, na_value=np.nan) for name in WHO if name in impressions}

    def added(values: np.ndarray) -> np.ndarray:
        return _per_user(impressions, users, values)

    stages = {"shown": (added(np.ones(len(impressions))) > 0, np.ones(len(users)))}
    for name, flag in flags.items():
        taken, asked = added(np.nan_to_num(flag)), added(np.isfinite(flag))
        stages |= {name: (taken, asked), WHO[name]: (taken > 0, asked > 0)}
    if len(flags) == len(WHO):
        clicked, purchased = np.nan_to_num(flags[CLICKED]), flags[PURCHASED]
        asked = added(clicked * np.isfinite(purchased))
        stages[PURCHASED_OF_CLICKED] = (added(clicked * np.nan_to_num(purchased)), asked)
    return {f"{kind}_{name}": np.column_stack(two).astype(float) for name, two in stages.items()}


def _per_user(impressions: pd.DataFrame, users: np.ndarray, values: np.ndarray) -> np.ndarray:
    """(U,) sums of values of impressions, (N,)."""
    place = pd.Index(users).get_indexer(impressions[USER])
    known = place >= 0
    return np.bincount(place[known], values[known], minlength=len(users))
