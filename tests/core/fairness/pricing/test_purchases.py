"""Which lines have a unit price, and what is like what."""

import numpy as np
import pandas as pd
import pytest

from core.errors import InputError
from core.fairness.pricing.purchases import codes, priced_lines, sold_by_weight


def events(**columns) -> pd.DataFrame:
    n = len(next(iter(columns.values())))
    base = {
        "user": np.arange(n, dtype=np.int32),
        "item": np.zeros(n, np.int32),
        "timestamp": pd.Series(pd.Timestamp("2024-01-01 12:00"), range(n)).astype("datetime64[us]"),
        "event": pd.Categorical(["purchase"] * n, ["purchase", "view"]),
    }
    return pd.DataFrame(base | columns)


def test_lines_without_a_unit_price_go_and_are_counted_once_by_reason():
    table = events(
        quantity=[1.0, 0, 51, 2, np.nan, 1, 1, 0],
        list_price=[3.0, 3, 3, 0, 3, 3, 3, np.nan],
        paid_price=[2.0, 2, 2, 0, 2, np.nan, 0, np.nan],
    )
    found = priced_lines(table, zone="UTC")
    assert found.dropped == {
        "price missing": 2,
        "quantity missing": 1,
        "quantity 0": 1,
        "sold by volume": 1,
        "price 0": 1,
        "free": 1,
    }
    assert len(found.lines) == found.read - sum(found.dropped.values()) == 1
    assert found.users.tolist() == [0]
    free = priced_lines(table, zone="UTC", free=True)
    assert free.dropped["free"] == 0
    assert free.users.tolist() == [0, 6]


def test_paid_is_list_less_all_discounts_where_it_is_not_given():
    table = events(
        list_price=[5.0], loyalty_discount=[1.0], coupon_discount=[0.5], coupon_match_discount=[0.25]
    )
    found = priced_lines(table, zone="UTC").lines
    assert found["paid_price"].tolist() == [3.25]
    assert found["quantity"].tolist() == [1]


def test_only_purchases_have_a_price():
    table = events(paid_price=[1.0, 2.0])
    table["event"] = pd.Categorical(["purchase", "view"])
    assert priced_lines(table, zone="UTC").users.tolist() == [0]


def test_without_prices_it_says_so():
    with pytest.raises(InputError, match="hold no prices"):
        priced_lines(events(quantity=[1.0]), zone="UTC")
    with pytest.raises(InputError, match="No purchase has a unit price"):
        priced_lines(events(paid_price=[np.nan]), zone="UTC")


def test_weeks_are_those_of_the_shops_calendar():
    table = events(paid_price=[1.0, 1.0, 1.0])
    table["timestamp"] = pd.to_datetime(["2024-01-08 03:00", "2024-01-08 12:00", "2024-01-14 12:00"])
    week = priced_lines(table, zone="America/New_York").lines["week"].to_numpy()
    assert (week - week[0]).tolist() == [0, 1, 1]  # 3 in the night of Monday in UTC is still Sunday there
    week = priced_lines(table, zone="UTC").lines["week"].to_numpy()
    assert (week - week[0]).tolist() == [0, 0, 0]


def test_strata_are_those_that_the_data_can_tell():
    table = events(paid_price=[1.0, 1.0, 2.0])
    assert priced_lines(table, zone=None).strata == ["product"]
    assert priced_lines(table, zone="UTC").strata == ["product", "product_time"]
    table["channel"] = pd.Categorical(["north", "south", "north"])
    found = priced_lines(table, zone="UTC")
    assert found.strata == ["product", "product_time", "product_time_store"]
    assert found.stratum("product_time").tolist() == [0, 0, 0]
    assert found.stratum(found.finest).tolist() == [0, 1, 0]


def test_categories_come_from_the_items():
    items = pd.DataFrame({"item_id": ["x", "y"], "category": pd.Categorical(["tea", "rice"])})
    table = events(paid_price=[1.0, 1.0])
    table["item"] = np.array([1, 0], np.int32)
    found = priced_lines(table, items, zone="UTC").lines["category"]
    assert items["category"].cat.categories[found].tolist() == ["rice", "tea"]


def test_codes_tell_combinations_apart_whatever_numbers_they_are():
    one, other = np.array([5, 5, -1, -1, 5]), np.array([10, 11, 10, 11, 10])
    assert codes([one, other]).tolist() == [0, 1, 2, 3, 0]


def weighed_shop():
    """Packs of a, of one category with b, differ in price also for one user; c differs between users only."""
    rows = [(u, 0, 2.0 + 0.3 * u + repeat) for u in range(6) for repeat in range(2)]
    rows += [(u, 2, 3.0 + 0.5 * u) for u in range(6) for _ in range(2)]
    rows += [(0, 1, 4.0)]
    table = events(paid_price=[price for *_, price in rows], quantity=[1.0] * len(rows))
    table["user"], table["item"] = ([row[n] for row in rows] for n in (0, 1))
    table["list_price"] = table["paid_price"]
    items = pd.DataFrame({"item_id": list("abc"), "category": pd.Categorical(["fruit", "fruit", "tins"])})
    return table, items


def test_what_is_sold_by_weight_shows_and_prices_that_differ_between_persons_do_not():
    table, items = weighed_shop()
    found = priced_lines(table, items, zone="UTC")
    weighed = sold_by_weight(found)
    assert sorted(found.lines["item"][weighed].unique()) == [0, 1]  # b goes with its category
    assert found.lines["item"][~weighed].unique().tolist() == [2]


def test_without_categories_each_product_speaks_for_itself():
    found = priced_lines(weighed_shop()[0], zone="UTC")
    assert sorted(found.lines["item"][~sold_by_weight(found)].unique()) == [1, 2]


@pytest.mark.parametrize("spread", [0.0, 0.02, 0.05])
def test_prices_that_move_a_little_within_a_week_are_no_weights(spread):
    table, items = weighed_shop()
    rng = np.random.default_rng(0)
    table["list_price"] = (2.0 + table["item"]) * rng.uniform(1 - spread, 1 + spread, len(table))
    assert not sold_by_weight(priced_lines(table, items, zone="UTC")).any()


def test_paid_prices_tell_no_weights():
    table, items = weighed_shop()
    assert not sold_by_weight(priced_lines(table.drop(columns="list_price"), items, zone="UTC")).any()
