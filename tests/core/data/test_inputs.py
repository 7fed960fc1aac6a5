"""Histories, positives, attributes, recency and frequency, each recomputed the slow way."""

import numpy as np
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st

from core.data.inputs import model_inputs, positives, without_users
from core.schema.tables import UNKNOWN

N_USERS = 6
START = pd.Timestamp("2024-03-01")
KINDS = ["purchase", "view"]


def shop(rows: list[tuple[int, int, int, int, str, int]]) -> pd.DataFrame:
    """Prepared events from (user, item, basket, hours, event, split)."""
    events = pd.DataFrame(rows, columns=["user", "item", "basket", "hours", "event", "split"])
    events["timestamp"] = (START + pd.to_timedelta(events.pop("hours"), unit="h")).astype("datetime64[us]")
    events["event"] = pd.Categorical(events["event"], categories=KINDS)
    codes = {"user": "int32", "item": "int32", "basket": "int32", "split": "int8"}
    return events.astype(codes).sort_values(["user", "timestamp", "basket"], ignore_index=True)


def item_table(n_catalogue: int = 4, n_items: int = 6) -> pd.DataFrame:
    bands = pd.Categorical(["low", "high"] * 3, categories=["low", "high"], ordered=True)
    return pd.DataFrame(
        {
            "item_id": [f"i{code}" for code in range(n_items)],
            "title": ["x"] * n_items,
            "category": pd.Categorical(["b", UNKNOWN, "a", "b", "only outside", None][:n_items]),
            "price_band": bands[:n_items],
            "popularity_band": pd.Categorical(["head"] * n_items),
            "list_price": np.arange(n_items, dtype=float),
            "in_catalogue": np.arange(n_items) < n_catalogue,
        }
    )


ROWS = st.lists(
    st.tuples(
        st.integers(0, N_USERS - 1),
        st.integers(0, 5),
        st.integers(0, 3),
        st.integers(0, 99),
        st.sampled_from(KINDS),
    ),
    max_size=60,
)


def with_time_split(rows) -> pd.DataFrame:
    return shop([(*row, 0 if row[3] < 50 else 1 if row[3] < 75 else 2) for row in rows])


@pytest.mark.parametrize("until", ["train", "validation"])
@given(rows=ROWS)
def test_history_is_each_users_catalogue_events_of_the_window_in_time_order(rows, until):
    events = with_time_split(rows)
    inputs = model_inputs(events, item_table(), n_users=N_USERS, until=until)
    history = inputs.history
    assert history.offsets[0] == 0
    assert history.offsets[-1] == len(history.items)
    for user in range(N_USERS):
        window = slice(history.offsets[user], history.offsets[user + 1])
        limit = {"train": 0, "validation": 1}[until]
        expected = events[(events["user"] == user) & (events["split"] <= limit) & (events["item"] < 4)]
        assert history.items[window].tolist() == expected["item"].tolist()
        assert history.baskets[window].tolist() == expected["basket"].tolist()
        assert history.times[window].tolist() == [int(t.timestamp()) for t in expected["timestamp"]]
        assert history.events[window].tolist() == [KINDS.index(kind) for kind in expected["event"]]
    assert np.all(history.times < inputs.at)


@given(rows=ROWS)
def test_the_future_changes_nothing_but_the_moment(rows):
    events = with_time_split(rows)
    later = events.assign(item=np.where(events["split"] > 0, 0, events["item"]).astype("int32"))
    one = model_inputs(events, item_table(), n_users=N_USERS, until="train")
    other = model_inputs(later, item_table(), n_users=N_USERS, until="train")
    assert one.at == other.at
    for field in ("offsets", "items", "times", "baskets", "events"):
        np.testing.assert_array_equal(getattr(one.history, field), getattr(other.history, field))


@given(rows=ROWS, split=st.sampled_from(["validation", "test"]))
def test_positives_are_the_distinct_purchased_catalogue_items(rows, split):
    events = with_time_split(rows)
    answers = positives(events, 4, N_USERS, split)
    chosen = events[(events["split"] == {"validation": 1, "test": 2}[split]) & (events["item"] < 4)]
    if (events["event"] == "purchase").any():
        chosen = chosen[chosen["event"] == "purchase"]
    for user in range(N_USERS):
        mine = answers.items[answers.offsets[user] : answers.offsets[user + 1]]
        assert mine.tolist() == sorted(set(chosen.loc[chosen["user"] == user, "item"]))
    assert answers.offsets[-1] == len(answers.items)


def test_the_moment_is_the_first_later_event_or_just_after_overlapping_histories():
    temporal = [(0, 1, 0, 0, "purchase", 0), (0, 1, 1, 9, "purchase", 1), (1, 1, 2, 8, "purchase", 1)]
    overlapping = [(0, 1, 0, 20, "purchase", 0), (1, 1, 1, 9, "purchase", 1)]
    seconds = int(START.timestamp())
    assert model_inputs(shop(temporal), item_table(), n_users=2, until="train").at == seconds + 8 * 3600
    assert (
        model_inputs(shop(overlapping), item_table(), n_users=2, until="train").at == seconds + 20 * 3600 + 1
    )


def test_unknown_attributes_are_zero_and_codes_are_dense_over_the_catalogue():
    inputs = model_inputs(shop([]), item_table(), n_users=1, until="train")
    assert set(inputs.content.attributes) == {"category", "price_band"}
    assert inputs.content.attributes["category"].tolist() == [2, 0, 1, 2]
    assert inputs.content.attributes["price_band"].tolist() == [1, 2, 1, 2]
    assert np.argsort(inputs.content.prices[:, 0]).tolist() == [0, 1, 2, 3]
    assert inputs.n_items == 4


def test_a_shop_without_prices_has_none():
    items = item_table().drop(columns="list_price")
    assert model_inputs(shop([]), items, n_users=1, until="train").content.prices is None


def test_data_with_views_alone_take_every_event_as_an_answer():
    answers = positives(shop([(0, 1, 0, 0, "view", 2), (0, 5, 0, 0, "view", 2)]), 4, 2, "test")
    assert answers.offsets.tolist() == [0, 1, 1]
    assert answers.items.tolist() == [1]


def rated(*rows) -> pd.DataFrame:
    """Ratings (user, item, hour, rating)."""
    table = pd.DataFrame(rows, columns=["user", "item", "timestamp", "rating"])
    return table.assign(timestamp=START + pd.to_timedelta(table["timestamp"], unit="h"))


def test_ratings_are_those_of_the_catalogue_given_before_the_split_and_before_the_users_own_held_out_events():
    events = shop([(0, 1, 0, 0, "purchase", 0), (0, 1, 1, 9, "purchase", 1), (1, 1, 2, 5, "purchase", 1)])
    given_ = rated(
        (0, 1, 2, 5.0), (0, 2, 5, 4.0), (1, 0, 4, 3.0), (1, 0, 5, 2.0), (0, 5, 1, 1.0), (0, 0, 1, np.nan)
    )
    inputs = model_inputs(events, item_table(), n_users=2, until="train", ratings=given_)
    assert inputs.ratings.values.tolist() == [5.0, 3.0]
    assert inputs.ratings.users.tolist() == [0, 1]
    assert inputs.ratings.items.tolist() == [1, 0]


def judged(*rows) -> pd.DataFrame:
    """Judgements (user, item, rating, dismissed)."""
    return pd.DataFrame(rows, columns=["user", "item", "rating", "dismissed"])


EVENTS = shop([(0, 1, 0, 0, "purchase", 0), (0, 1, 1, 9, "purchase", 1), (1, 1, 2, 5, "purchase", 1)])
JUDGED = judged((1, 2, 1.0, True), (0, 3, np.nan, True), (0, 0, 4.0, False), (1, 5, 2.0, False))


@pytest.mark.parametrize("until", ["train", "validation", "test"])
def test_what_analysts_rated_holds_at_any_moment_as_if_given_just_before_it(until):
    inputs = model_inputs(
        EVENTS,
        item_table(),
        n_users=2,
        until=until,
        ratings=rated((0, 1, 2, 5.0)),
        judgements=JUDGED,
    )
    found = inputs.ratings
    assert list(zip(found.users, found.items, found.values, strict=True)) == [
        (0, 1, 5.0),
        (1, 2, 1.0),
        (0, 0, 4.0),
    ]  # nothing of what is outside of the catalogue, or says no rating
    assert found.times[1:].tolist() == [inputs.at - 1] * 2
    alone = model_inputs(EVENTS, item_table(), n_users=2, until=until, judgements=JUDGED)
    assert alone.ratings.values.tolist() == [1.0, 4.0]


def test_data_without_ratings_and_judgements_have_none():
    assert model_inputs(EVENTS, item_table(), n_users=2, until="train").ratings is None


def test_users_without_answers_leave_those_of_the_others_as_they_are():
    rows = [(user, item, 0, 80, "purchase", 2) for user in range(4) for item in range(user + 1)]
    answers = without_users(positives(shop(rows), 4, 5, "test"), np.array([1, 3, 4]))
    assert answers.offsets.tolist() == [0, 1, 1, 4, 4, 4]
    assert answers.items.tolist() == [0, 0, 1, 2]


def test_what_the_model_may_know_of_users_are_the_categories_it_is_given():
    users = pd.DataFrame(
        {"user_id": ["a", "b"], "plan": pd.Categorical(["gold", UNKNOWN], ["gold", UNKNOWN])}
    )
    inputs = model_inputs(shop([]), item_table(), n_users=2, until="train", users=users)
    assert {name: codes.tolist() for name, codes in inputs.user_attributes.items()} == {"plan": [1, 0]}


def test_events_out_of_user_order_are_refused():
    events = shop([(0, 1, 0, 0, "purchase", 0), (1, 1, 0, 0, "purchase", 0)]).iloc[::-1]
    with pytest.raises(ValueError, match="sorted by user"):
        model_inputs(events, item_table(), n_users=2, until="train")
