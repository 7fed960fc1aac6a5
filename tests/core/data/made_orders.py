"""A made shop whose orders take as long as the customer's region and the seller say, and are rated by lateness."""

from dataclasses import dataclass

import numpy as np
import pandas as pd

from core.data.feedback.joining import FED

DAY = pd.Timedelta(days=1)
START = pd.Timestamp("2024-01-01T12:00:00")
REGIONS = {"north": 2.0, "south": 6.0, "far": 12.0}  # days that delivery takes


@dataclass(frozen=True)
class Orders:
    """Tables of a prepared dataset; windows begin on days 200 (validation) and 250 (test) of 300."""

    events: pd.DataFrame
    users: pd.DataFrame
    items: pd.DataFrame
    service: pd.DataFrame

    @property
    def tables(self) -> dict[str, pd.DataFrame]:
        """What `rows_of` reads."""
        return {"service": self.service}


def made_orders(n: int = 3000, *, seed: int = 1, noise: float = 1.0) -> Orders:
    """`n` orders of as many users. `noise`: standard deviation of the days, and of satisfaction."""
    random = np.random.default_rng(seed)
    region = random.choice(list(REGIONS), n, p=[0.6, 0.3, 0.1])
    item = random.integers(0, 30, n).astype(np.int32)
    day = np.sort(random.uniform(0, 300, n))
    ordered = START + pd.to_timedelta(day, unit="D").floor("s")
    slow_seller = item % 3 == 0
    days = np.vectorize(REGIONS.get)(region) + 4 * slow_seller + np.abs(noise * random.normal(size=n))
    delivered = (ordered + pd.to_timedelta(days, unit="D")).floor("s")
    late = days > 9
    stars = np.clip(np.round(4.6 - 2.5 * late + noise * 0.5 * random.normal(size=n)), 1, 5)
    users = np.arange(n, dtype=np.int32)
    split = np.searchsorted([200, 250], day, side="right").astype(np.int8)
    events = pd.DataFrame({"user": users, "item": item, "timestamp": ordered, "split": split})
    return Orders(
        events=events.assign(quantity=1.0, paid_price=10.0 + item),
        users=pd.DataFrame(
            {"user_id": [f"u{code}" for code in users], "region": pd.Categorical(region, ordered=False)}
        ),
        items=pd.DataFrame(
            {
                "item_id": [f"i{code}" for code in range(30)],
                "title": [f"thing {code}" for code in range(30)],
                "category": pd.Categorical([f"kind {code % 4}" for code in range(30)]),
                "provider_id": pd.Categorical([f"seller {code % 3}" for code in range(30)]),
                "weight": np.arange(30.0),
                "in_catalogue": np.arange(30) < 25,
            }
        ),
        service=pd.DataFrame(
            {
                "user": users,
                "item": item,
                "timestamp": ordered,
                "order_id": [f"o{code}" for code in users],
                "satisfaction": stars,
                "promised_at": ordered + 9 * DAY,
                "delivered_at": delivered,
                "reviewed_at": delivered + DAY,
                "freight": 5.0 + 0.1 * item,
            }
        ),
    )


def fed_with(service: pd.DataFrame, n: int = 200, **more) -> pd.DataFrame:
    """Orders, and `n` angry ratings that their customers volunteered in feedback, of no order, over the whole time.

    Args:
        more: columns of the feedback besides.
    """
    chosen = np.linspace(0, len(service) - 1, n).astype(int)
    told = service[["user", "item", "timestamp"]].iloc[chosen]
    told = told.assign(timestamp=told["timestamp"] + pd.Timedelta(hours=5), satisfaction=1.0, **more)
    return pd.concat([service.assign(**{FED: False}), told.assign(**{FED: True})], ignore_index=True)
