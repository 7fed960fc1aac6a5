"""A made shop whose customers write in planted words, and the real clothing reviews."""

import numpy as np
import pandas as pd

from core.data.labels import labels
from core.opinions.evaluate import Shop
from core.opinions.reading import Opinions

GOOD, BAD = ("lovely", "splendid", "superb"), ("dreadful", "horrid", "shabby")
NOUNS = ("fit", "fabric", "colour", "price")
N_ITEMS = 5
PLANTED = {"fit": 0.9, "fabric": 0.1, "colour": 0.5, "price": 0.9}  # chance of praise


def made_reviews(n: int = 1500, *, seed: int = 3) -> pd.DataFrame:
    """Reviews by n customers; the more they praise, the better they rate."""
    rng = np.random.default_rng(seed)
    rows = []
    for user in range(n):
        praised = {noun: rng.random() < PLANTED[noun] for noun in rng.choice(NOUNS, 3, replace=False)}
        parts = [f"the {noun} is {rng.choice(GOOD if good else BAD)}" for noun, good in praised.items()]
        text = f"{parts[0]}. {parts[1]} but {parts[2]}!"
        title = str(rng.choice(GOOD if sum(praised.values()) >= 2 else BAD)) if rng.random() < 0.5 else None
        rating = float(np.clip(1 + sum(praised.values()) + rng.integers(0, 2), 1, 5))
        rows.append((user, int(rng.integers(N_ITEMS)), rating, title, text))
    reviews = pd.DataFrame(rows, columns=["user", "item", "rating", "title", "text"])
    return reviews.assign(timestamp=pd.Timestamp("2024-05-01"))


def made_users(n: int = 1500) -> pd.DataFrame:
    """Three age groups, and one of four customers."""
    ages = np.array(["18-29", "30-44", "45+"], dtype=object)[np.arange(n) % 3]
    ages[:4] = "90+"
    return pd.DataFrame({"user_id": [f"u{code}" for code in range(n)], "age": labels(pd.Series(ages))})


def made_items() -> pd.DataFrame:
    return pd.DataFrame(
        {
            "item_id": [f"i{code}" for code in range(N_ITEMS)],
            "category": pd.Categorical(["Tops"] * N_ITEMS),
            "brand": pd.Categorical(["Own", "Own", "Other", "Other", "Unknown"]),
            "list_price": [10.0, 20.0, 30.0, 40.0, np.nan],
        }
    )


def shop_of(reviews: pd.DataFrame, items: pd.DataFrame, opinions: Opinions) -> Shop:
    """A shop whose reviews were read."""
    bought = reviews[["user", "item", "timestamp"]]
    n_users = int(reviews["user"].max()) + 1
    return Shop(n_users, items, bought, reviews, opinions.remarks, opinions.reader, currency="EUR")
