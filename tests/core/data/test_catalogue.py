"""The catalogue and the bands of its items, recomputed the slow way."""

from itertools import pairwise

import numpy as np
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st

from core.data.catalogue import choose, k_core, popularity_bands, price_bands, training_purchases
from core.errors import SettingsError
from core.schema.settings import DatasetSettings

PURCHASES = st.lists(st.tuples(st.integers(0, 7), st.integers(0, 7)), min_size=1, max_size=80)


def slow_core(pairs: set, events: list, minimum_users: int, minimum_events: int):
    users, items = {user for user, _ in pairs}, {item for _, item in pairs}
    while True:
        few = {item for item in items if sum((user, item) in pairs for user in users) < minimum_users}
        items -= few
        light = {user for user in users if sum(u == user and i in items for u, i in events) < minimum_events}
        users -= light
        if not few and not light:
            return users, items


@given(events=PURCHASES, minimum_users=st.integers(1, 4), minimum_events=st.integers(1, 5))
def test_the_core_is_the_largest_set_in_which_both_conditions_hold(events, minimum_users, minimum_events):
    settings = DatasetSettings(minimum_item_users=minimum_users, minimum_user_events=minimum_events)
    frame = pd.DataFrame(events, columns=["user", "item"]).astype("int32")
    users, items = slow_core(set(events), events, minimum_users, minimum_events)
    if not items or not users:
        with pytest.raises(SettingsError, match="Nothing can be recommended"):
            k_core(frame, settings, n_users=8, n_items=8)
        return
    core = k_core(frame, settings, n_users=8, n_items=8)
    assert set(np.flatnonzero(core.items)) == items
    assert set(np.flatnonzero(core.users)) == users


def events_of(kinds: list[str], splits: list[int]) -> pd.DataFrame:
    columns = {
        "user": range(len(kinds)),
        "item": range(len(kinds)),
        "event": pd.Categorical(kinds),
        "split": splits,
    }
    return pd.DataFrame(columns)


def test_only_purchases_of_the_training_window_count_unless_there_is_none():
    assert training_purchases(events_of(["purchase", "view", "purchase"], [0, 0, 1]))["user"].tolist() == [0]
    assert training_purchases(events_of(["view", "view"], [0, 1]))["user"].tolist() == [0]


def test_price_bands_are_fifths_within_each_category():
    prices = pd.Series([*range(10), 1000, np.nan], dtype=float)
    category = pd.Series(["a"] * 10 + ["b"] * 2)
    bands = price_bands(prices, category)
    names = list(bands.categories)
    assert [names.index(band) for band in bands] == [0, 0, 1, 1, 2, 2, 3, 3, 4, 4, 2, 5]
    assert names[-1] == "Unknown"


def test_popularity_bands_hold_a_fifth_three_fifths_and_a_fifth_of_the_purchases():
    counts = np.array([20, 10, 50, 10, 10, 99])
    in_catalogue = np.array([True] * 5 + [False])
    assert popularity_bands(counts, in_catalogue).tolist() == [
        "middle",
        "middle",
        "head",
        "middle",
        "middle",
        "Unknown",
    ]
    even = popularity_bands(np.full(100, 3), np.ones(100, bool))
    assert set(even) == {"head"}
    spread = popularity_bands(np.arange(1, 101), np.ones(100, bool))
    share = pd.Series(np.arange(1, 101)).groupby(np.asarray(spread)).sum() / 5050
    assert share["head"] == pytest.approx(0.2, abs=0.02)
    assert share["tail"] == pytest.approx(0.2, abs=0.02)


@given(st.lists(st.integers(0, 30), min_size=1, max_size=40))
def test_more_popular_items_are_never_in_a_lower_band_and_equals_share_one(counts):
    bands = popularity_bands(np.array(counts), np.ones(len(counts), bool)).codes
    by_count = sorted(zip(counts, bands, strict=True))
    for (count, band), (next_count, next_band) in pairwise(by_count):
        assert next_band <= band if next_count > count else next_band == band


def test_a_minimum_of_zero_keeps_every_item_bought_in_any_window_and_no_other():
    events = events_of(["purchase", "purchase", "purchase", "view"], [0, 1, 2, 0])
    every = DatasetSettings(minimum_item_users=0, minimum_user_events=1)
    assert choose(events, every, n_users=4, n_items=6).items.tolist() == [True] * 3 + [False] * 3
    trained = DatasetSettings(minimum_item_users=1, minimum_user_events=1)
    assert choose(events, trained, n_users=4, n_items=6).items.tolist() == [True] + [False] * 5
