"""Each cleaning rule counts what it did; nothing is dropped in silence."""

from dataclasses import replace
from itertools import pairwise

import numpy as np
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st

from core.data.cleaning import clean
from core.schema.settings import DatasetSettings
from core.schema.tables import Tables

SETTINGS = DatasetSettings(maximum_quantity=50)
LINE = {
    "user_id": "u1",
    "item_id": "i1",
    "timestamp": pd.Timestamp("2024-03-01 10:00"),
    "quantity": 1.0,
    "list_price": 2.0,
    "paid_price": 2.0,
    "coupon_discount": 0.0,
    "basket_id": "b1",
}
USERS = pd.DataFrame({"user_id": ["u1", "u2"], "age": ["20", None]})
ITEMS = pd.DataFrame({"item_id": ["i1", "i2"], "brand": ["A", "B"]})


def lines(*changes: dict) -> pd.DataFrame:
    return pd.DataFrame([LINE | change for change in changes]).astype({"user_id": "str", "item_id": "str"})


def cleaned(events: pd.DataFrame, users=USERS, items=ITEMS):
    tables, counts = clean(Tables(events, users=users, items=items), SETTINGS)
    return tables, {count.rule: count for count in counts}


@pytest.mark.parametrize(
    ("rule", "bad"),
    [
        ("Duplicate lines", {}),
        ("Zero quantity", {"quantity": 0.0}),
        ("Sold by volume", {"quantity": 50.5}),
        ("Shelf price of zero", {"list_price": 0.0, "paid_price": 0.0}),
        ("Paid above shelf price", {"paid_price": 2.02}),
    ],
)
def test_lines_that_cannot_be_used_are_dropped_and_counted(rule, bad):
    tables, counts = cleaned(lines({}, bad, {"item_id": "i2"}))
    assert tables.events["item_id"].tolist() == ["i1", "i2"]
    assert (counts[rule].action, counts[rule].affected) == ("dropped", 1)
    dropped = [count for count in counts.values() if count.action == "dropped" and count.affected]
    assert [count.rule for count in dropped if count.table == "events"] == [rule]


@pytest.mark.parametrize(
    "kept",
    [
        {"basket_id": "b2"},
        {"timestamp": pd.Timestamp("2024-03-01 10:01")},
        {"quantity": 50.0},
        {"paid_price": 2.01},
        {"paid_price": 0.0},
    ],
)
def test_unusual_lines_that_can_be_true_are_kept(kept):
    tables, _ = cleaned(lines({}, kept))
    assert len(tables.events) == 2


def test_views_without_price_or_quantity_are_kept():
    view = {"quantity": np.nan, "list_price": np.nan, "paid_price": np.nan}
    tables, _ = cleaned(lines({}, view))
    assert len(tables.events) == 2


def test_a_coupon_above_the_price_makes_the_product_free():
    tables, counts = cleaned(lines({"paid_price": -0.5, "coupon_discount": 2.5}, {"basket_id": "b2"}))
    assert tables.events["paid_price"].tolist() == [0.0, 2.0]
    assert tables.events["coupon_discount"].tolist() == [2.0, 0.0]
    assert counts["Coupon above price"].affected == 1


def test_lines_are_put_in_time_order_and_late_ones_counted():
    times = [pd.Timestamp(f"2024-03-0{day}") for day in (2, 1, 3, 3)]
    users = ["u1", "u1", "u1", "u2"]
    events = lines(*({"timestamp": time, "user_id": user} for time, user in zip(times, users, strict=True)))
    tables, counts = cleaned(events)
    assert tables.events["timestamp"].is_monotonic_increasing
    assert counts["Out of time order"].affected == 1


def test_unknown_items_and_users_get_a_row_without_attributes():
    events = lines({}, {"item_id": "i9"}, {"user_id": "u9"}, {"user_id": "u9", "item_id": "i9"})
    tables, counts = cleaned(events)
    assert len(tables.events) == 4
    assert tables.items["item_id"].tolist() == ["i1", "i2", "i9"]
    assert pd.isna(tables.items["brand"].iloc[2])
    assert (counts["Unknown items"].action, counts["Unknown items"].affected) == ("repaired", 2)
    assert (counts["Users without a row"].read, counts["Users without a row"].affected) == (2, 1)


def test_users_without_a_usable_event_are_dropped_and_counted():
    tables, counts = cleaned(lines({}, {"user_id": "u9", "quantity": 0.0}))
    assert tables.users["user_id"].tolist() == ["u1"]
    assert (counts["Users without events"].read, counts["Users without events"].affected) == (3, 2)


def test_a_shop_with_events_alone_gets_its_users_and_items_from_them():
    tables, _ = clean(Tables(lines({}, {"item_id": "i0"}, {"user_id": "u0"})), SETTINGS)
    assert tables.users["user_id"].tolist() == ["u0", "u1"]
    assert tables.items["item_id"].tolist() == ["i0", "i1"]


ROUGH = st.fixed_dictionaries(
    {
        "user_id": st.sampled_from(["u1", "u2", "u3"]),
        "item_id": st.sampled_from(["i1", "i2", "i3"]),
        "timestamp": st.integers(0, 5).map(
            lambda hour: pd.Timestamp("2024-03-01") + pd.Timedelta(hours=hour)
        ),
        "quantity": st.sampled_from([0.0, 1.0, 2.0, 60.0]),
        "list_price": st.sampled_from([0.0, 1.0, 2.0]),
        "paid_price": st.sampled_from([-1.0, 0.0, 1.0, 2.0]),
        "basket_id": st.sampled_from(["b1", None]),
    }
)


@pytest.mark.parametrize("as_category", [False, True])
@given(rows=st.lists(ROUGH, min_size=1, max_size=25))
def test_accepted_and_rejected_lines_are_the_lines_read(rows, as_category):
    events = pd.DataFrame(rows).astype({"user_id": "str", "item_id": "str"})
    if as_category:
        events = events.astype({"user_id": "category", "item_id": "category"})
    tables, counts = clean(Tables(events, users=USERS, items=ITEMS), SETTINGS)
    dropped = [count for count in counts if count.table == "events" and count.action == "dropped"]
    assert dropped[0].read == len(events)
    assert len(tables.events) + sum(count.affected for count in dropped) == len(events)
    for before, after in pairwise(dropped):
        assert after.read == before.read - before.affected
    assert set(tables.events["user_id"].astype(str)) == set(tables.users["user_id"])
    assert set(tables.events["item_id"].astype(str)) <= set(tables.items["item_id"])
    again, counts = clean(replace(tables), SETTINGS)
    pd.testing.assert_frame_equal(again.events, tables.events)
    assert not any(count.affected for count in counts)
