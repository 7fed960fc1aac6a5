"""Made shoppers for tests of behaviour: events of a prepared dataset and its items."""

import numpy as np
import pandas as pd

DAYS, CATEGORIES = 168, ("bread", "milk", "wine", "soap", "toys", "tea")
START = pd.Timestamp("2024-01-01")


def made_visits(
    *, n_users: int = 40, seed: int = 0, views: bool = False, most: int = 3, held_out: int = 28
) -> tuple[pd.DataFrame, pd.DataFrame]:
    """Users of differing eagerness whose baskets hold up to `most` products; the last windows are held out.

    A basket is mostly of the category after the one of the basket before it.
    """
    rng = np.random.default_rng(seed)
    rows, basket = [], 0
    for user in range(n_users):
        place = int(rng.integers(len(CATEGORIES)))
        for day in np.flatnonzero(rng.random(DAYS) < rng.uniform(0.02, 0.4)):
            place = (
                (place + 1) % len(CATEGORIES) if rng.random() < 0.9 else int(rng.integers(len(CATEGORIES)))
            )
            bought = not views or rng.random() < 0.6
            for line in range(int(rng.integers(1, most + 1))):
                category = place if line < 2 else int(rng.integers(len(CATEGORIES)))
                item = category * 3 + int(rng.integers(3))
                seconds = int(day) * 86_400 + 36_000 + 60 * line
                rows.append((user, item, basket, seconds, "purchase" if bought else "view", 2.0))
            basket += 1
    events = pd.DataFrame(rows, columns=["user", "item", "basket", "seconds", "event", "paid_price"])
    events["timestamp"] = (START + pd.to_timedelta(events.pop("seconds"), unit="s")).astype("datetime64[us]")
    events["event"] = pd.Categorical(events["event"], ["purchase", "view"])
    day = (events["timestamp"] - START).dt.days
    events["split"] = np.select([day < DAYS - 2 * held_out, day < DAYS - held_out], [0, 1], 2).astype(np.int8)
    events = events.astype({"user": np.int32, "item": np.int32, "basket": np.int32})
    return events.sort_values(["user", "timestamp", "basket"], ignore_index=True), made_items()


def made_items() -> pd.DataFrame:
    """Three products of each category."""
    names = np.repeat(CATEGORIES, 3)
    return pd.DataFrame(
        {
            "item_id": [f"i{code}" for code in range(len(names))],
            "title": [f"{name} {number % 3}" for number, name in enumerate(names)],
            "category": pd.Categorical(names),
        }
    )
