"""Identifiers become dense codes without losing or mixing anything."""

import numpy as np
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st

from core.data.coding import code_events, code_further, code_items, code_promotions, codes_of

USERS, ITEMS = pd.Index(["u1", "u2"]), pd.Index(["i1", "i2", "i3"])


@pytest.mark.parametrize("dtype", ["str", "category"])
def test_unknown_and_missing_ids_are_minus_one(dtype):
    assert codes_of(pd.Series(["i2", "i9", None, "i1"], dtype=dtype), ITEMS).tolist() == [1, -1, -1, 0]


def events_of(rows: list[tuple]) -> pd.DataFrame:
    events = pd.DataFrame(rows, columns=["user_id", "item_id", "hours", "basket_id"])
    events["timestamp"] = pd.Timestamp("2024-03-01") + pd.to_timedelta(events.pop("hours"), unit="h")
    return events


def test_a_basket_is_an_id_of_one_user_or_else_one_instant_of_one_user():
    events = events_of(
        [
            ("u1", "i1", 0, "b"),
            ("u1", "i2", 5, "b"),
            ("u2", "i1", 0, "b"),
            ("u2", "i1", 1, None),
            ("u2", "i2", 1, None),
        ]
    )
    baskets = code_events(events, USERS, ITEMS)["basket"].tolist()
    assert baskets[0] == baskets[1]
    assert baskets[3] == baskets[4]
    assert len({baskets[0], baskets[2], baskets[3]}) == 3
    assert set(baskets) == {0, 1, 2}


ROWS = st.lists(
    st.tuples(
        st.sampled_from(["u1", "u2"]),
        st.sampled_from(["i1", "i2", "i3"]),
        st.integers(0, 4),
        st.none() | st.sampled_from(["a", "b"]),
    ),
    min_size=1,
    max_size=30,
)


@given(rows=ROWS, seed=st.integers(0, 1000))
def test_coded_events_are_sorted_decode_to_the_same_and_do_not_depend_on_row_order(rows, seed):
    events = events_of(rows)
    coded = code_events(events, USERS, ITEMS)
    assert coded[["user", "timestamp", "basket", "item"]].apply(tuple, axis=1).is_monotonic_increasing
    decoded = zip(USERS[coded["user"]], ITEMS[coded["item"]], coded["timestamp"], strict=True)
    assert sorted(decoded) == sorted(
        zip(events["user_id"], events["item_id"], events["timestamp"], strict=True)
    )
    shuffled = events.sample(frac=1, random_state=seed).reset_index(drop=True)
    pd.testing.assert_frame_equal(code_events(shuffled, USERS, ITEMS), coded)


def test_purchase_is_kind_zero_and_missing_kinds_are_purchases():
    events = events_of([("u1", "i1", hour, None) for hour in range(3)]).assign(
        event=["Add to cart", None, "view"]
    )
    kinds = code_events(events, USERS, ITEMS)["event"]
    assert kinds.cat.categories.tolist() == ["purchase", "add to cart", "view"]
    assert kinds.tolist() == ["add to cart", "purchase", "view"]
    assert code_events(events.drop(columns="event"), USERS, ITEMS)["event"].tolist() == ["purchase"] * 3


def test_every_item_has_a_title_and_unknown_stands_for_missing_attributes():
    items = code_items(
        pd.DataFrame(
            {"item_id": ["i1", "i2"], "title": ["One", None], "brand": ["B", None], "image": ["a.png", None]}
        )
    )
    assert items["title"].tolist() == ["One", "i2"]
    assert items["brand"].tolist() == ["B", "Unknown"]
    assert items["brand"].dtype == "category"
    assert items["image"].dtype == "str"


def test_rows_of_unknown_users_and_items_go_counted_and_rows_without_item_stay():
    offers = pd.DataFrame(
        {"user_id": ["u1", "u9", "u2", "u2"], "item_id": ["i1", "i1", None, "i9"], "discount": [1, 2, 3, 4]}
    )
    coded, counts = code_further("offers", offers, USERS, ITEMS)
    assert coded[["user", "item", "discount"]].to_numpy().tolist() == [[0, 0, 1], [1, -1, 3]]
    assert [(count.rule, count.affected) for count in counts] == [("Unknown users", 1), ("Unknown items", 1)]


PROMOTIONS = st.lists(
    st.tuples(
        st.sampled_from(["i1", "i2", "i3", "i9"]),
        st.sampled_from(["s1", "s2", None]),
        st.sampled_from([pd.Timestamp("2024-03-04"), pd.Timestamp("2024-03-11")]),
        st.sampled_from(["front", "rear"]),
    ),
    min_size=1,
    max_size=30,
)


@given(rows=PROMOTIONS)
def test_promotions_keep_the_first_line_of_each_bought_item_channel_and_week(rows):
    promotions = pd.DataFrame(rows, columns=["item_id", "channel", "week", "display"])
    coded, counts = code_promotions(promotions, ITEMS, bought=np.array([True, True, False]))
    expected = promotions[promotions["item_id"].isin(["i1", "i2"])]
    unique = expected.drop_duplicates(["item_id", "channel", "week"])
    columns = ["item_id", "channel", "week", "display"]
    decoded = coded.assign(item_id=ITEMS[coded["item"]])
    frames = (frame[columns].astype({"week": "datetime64[us]"}) for frame in (decoded, unique))
    one, other = (frame.astype("str").fillna("-").to_numpy().tolist() for frame in frames)
    assert sorted(one) == sorted(other)
    assert [count.affected for count in counts] == [
        len(promotions) - len(expected),
        len(expected) - len(unique),
    ]
