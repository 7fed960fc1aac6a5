"""A shop with coupon campaigns in which it is known who redeems: keen users do, whatever their group."""

from dataclasses import replace

import numpy as np
import pandas as pd

from core.workflow.audits.shop import Shop
from tests.core.workflow.made_shops import dataset_with

FIRST = pd.Timestamp("2024-01-01")
DAYS, VALIDATION, TEST = 240, 180, 210
CAMPAIGNS = (20, 50, 80, 110, 140, 185)  # days of the year on which they begin; each lasts 20
LASTS, N_ITEMS, COUPON = 20, 10, 2.0


def made_offers(n_users: int = 200, *, seed: int = 1, keen: float = 0.6, others: float = 0.05) -> Shop:
    """Everybody is offered every campaign and shops every week; of campaign c the coupons are good for item c.

    Keen users redeem with chance `keen`, the others with chance `others`; a coupon saves 2. Three quarters of group a
    are keen, and one quarter of group b.
    """
    rng = np.random.default_rng(seed)
    user = np.arange(n_users)
    group = user % 2
    is_keen = user % 8 < np.where(group == 0, 6, 2)
    visits = [(u, day, N_ITEMS - 1, 0.0) for u in user for day in range(u % 7, DAYS, 7)]
    offers = []
    for number, begins in enumerate(CAMPAIGNS):
        redeems = rng.random(n_users) < np.where(is_keen, keen, others)
        on = begins + 1 + rng.integers(0, LASTS - 2, n_users)
        visits += [(u, on[u], number, COUPON) for u in user[redeems]]
        offers += [
            (u, f"c{number}", begins, begins + LASTS, on[u] if redeems[u] else None, int(redeems[u]))
            for u in user
        ]
    events = pd.DataFrame(visits, columns=["user", "day", "item", "coupon_discount"])
    events = events.sort_values(["user", "day"], ignore_index=True)
    events["timestamp"] = at(events["day"])
    events = events.assign(paid_price=5.0 - events["coupon_discount"], list_price=5.0, quantity=1.0)
    events["event"] = pd.Categorical.from_codes(np.zeros(len(events), int), ["purchase"])
    events["split"] = np.searchsorted([VALIDATION, TEST], events["day"], side="right").astype(np.int8)
    given = pd.DataFrame(
        offers, columns=["user", "campaign_id", "start", "end", "redeemed_at", "redemptions"]
    )
    for name in ("start", "end", "redeemed_at"):
        given[name] = at(given[name])
    bought = events[["user", "item", "split"]].assign(day=events["day"] + day_of(FIRST))
    users = pd.DataFrame({"user_id": [f"u{u}" for u in user], "side": np.array(["a", "b"])[group]})
    period = {"start": 0, "validation_start": VALIDATION, "test_start": TEST, "end": DAYS - 1}
    days = {name: f"{FIRST + pd.Timedelta(days=day):%Y-%m-%d}" for name, day in period.items()}
    dataset = dataset_with(["side"]).model_copy(
        update={"period": days, "protected": ["side"], "settings": {"currency": "USD", "split": "temporal"}}
    )
    items = pd.DataFrame({"in_catalogue": np.ones(N_ITEMS, bool)})
    return Shop(dataset, users, items, given, events.drop(columns="day"), bought, "UTC")


def coupons() -> pd.DataFrame:
    """Those of campaign c are good for item c."""
    return pd.DataFrame(
        {"campaign_id": [f"c{n}" for n in range(len(CAMPAIGNS))], "item": range(len(CAMPAIGNS))}
    )


def at(days: pd.Series) -> pd.Series:
    return (FIRST + pd.to_timedelta(days, unit="D")).astype("datetime64[us]")


def day_of(moment: pd.Timestamp) -> int:
    return int(moment.to_datetime64().astype("datetime64[D]").astype(int))


def later_shuffled(shop: Shop, seed: int = 3) -> Shop:
    """The same up to the validation window; from there on users trade what they did."""
    order = np.random.default_rng(seed).permutation(len(shop.users))
    late = (shop.bought["split"] >= 1).to_numpy()
    bought, events = shop.bought.copy(), shop.events.copy()
    bought.loc[late, "user"] = order[bought.loc[late, "user"]]
    events.loc[late, "user"] = order[events.loc[late, "user"]]
    offers = shop.offers.copy()
    late = offers["end"] > FIRST + pd.Timedelta(days=VALIDATION)
    offers.loc[late, "user"] = order[offers.loc[late, "user"]]
    return replace(shop, bought=bought, events=events, offers=offers)
