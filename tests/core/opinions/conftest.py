"""Shops that are read once for all tests; not to be written to."""

import numpy as np
import pandas as pd
import pytest

from core.data.labels import labels
from core.opinions.evaluate import Shop
from core.opinions.reading import Opinions, read_opinions
from tests.core.data.conftest import shared_data
from tests.core.opinions.made import made_items, made_reviews, shop_of


@pytest.fixture(scope="package")
def shop() -> Shop:
    """1,500 customers who wrote in planted words."""
    reviews = made_reviews()
    return shop_of(reviews, made_items(), read_opinions(reviews))


@pytest.fixture(scope="package")
def clothing() -> pd.DataFrame:
    """The real reviews, row r as published; with the age of each reviewer."""
    raw = pd.read_parquet(shared_data("womens_clothing_reviews") / "reviews.parquet")
    return pd.DataFrame(
        {
            "user": np.arange(len(raw), dtype=np.int32),
            "item": pd.factorize(raw["Clothing ID"], sort=True)[0].astype(np.int32),
            "timestamp": pd.Timestamp("2020-01-01"),
            "rating": raw["Rating"].astype(float),
            "title": raw["Title"],
            "text": raw["Review Text"],
            "age": labels(raw["Age"]),
        }
    )


@pytest.fixture(scope="package")
def clothing_opinions(clothing: pd.DataFrame) -> Opinions:
    """What was read in the real reviews."""
    return read_opinions(clothing)


@pytest.fixture(scope="package")
def clothing_shop(clothing: pd.DataFrame, clothing_opinions: Opinions) -> Shop:
    """The real reviews, read."""
    items = pd.DataFrame({"item_id": np.arange(clothing["item"].max() + 1).astype(str)})
    return shop_of(clothing.drop(columns="age"), items, clothing_opinions)
