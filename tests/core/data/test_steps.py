"""Shopping as steps: what a basket is mostly about, and what each step serves for."""

import numpy as np
import pandas as pd
import pytest

from core.data.splits import TEST, TRAIN, VALIDATION
from core.data.steps import MOST_NAMES, shopping_steps
from core.schema.tables import OTHERS
from tests.core.data.made_visits import START, made_items, made_visits


def events_of(rows) -> pd.DataFrame:
    """From rows (user, item, basket, minute, price), in order."""
    table = pd.DataFrame(rows, columns=["user", "item", "basket", "minute", "paid_price"])
    times = START + pd.to_timedelta(table.pop("minute"), unit="min")
    return table.assign(timestamp=times.astype("datetime64[us]"), event="purchase", split=np.int8(0))


def names_of(steps) -> list[str]:
    return [steps.names[step] for step in steps.main]


def test_the_main_category_has_most_lines_and_of_equals_most_money():
    bread, milk, wine = 0, 3, 6
    most_lines = [(0, bread, 0, 0, 1.0), (0, bread + 1, 0, 0, 1.0), (0, wine, 0, 0, 50.0)]
    most_money = [(0, bread, 1, 9, 1.0), (0, milk, 1, 9, 3.0)]
    steps = shopping_steps(events_of(most_lines + most_money), made_items(), n_users=1, hold_out=None)
    assert names_of(steps) == ["bread", "milk"]
    first = slice(*steps.content_offsets[:2])
    shares = dict(zip((steps.names[code] for code in steps.content[first]), steps.shares[first], strict=True))
    assert shares == pytest.approx({"bread": 2 / 3, "wine": 1 / 3})
    assert not steps.single
    assert steps.by_main().single


def test_shares_of_every_step_add_up_to_one_and_the_main_one_is_largest():
    events, items = made_visits()
    steps = shopping_steps(events, items, n_users=40, hold_out=None)
    place = np.repeat(np.arange(len(steps.main)), np.diff(steps.content_offsets))
    np.testing.assert_allclose(np.bincount(place, steps.shares), 1, rtol=1e-5)
    largest = np.maximum.reduceat(steps.shares, steps.content_offsets[:-1])
    of_main = steps.shares[steps.content == steps.main[place]]
    np.testing.assert_array_equal(of_main, largest)


def test_steps_are_in_time_order_and_their_splits_ascend():
    events, items = made_visits()
    steps = shopping_steps(events, items, n_users=40, hold_out=None)
    same = steps.users[1:] == steps.users[:-1]
    assert (np.diff(steps.times)[same] >= 0).all()
    assert (np.diff(steps.split.astype(int))[same] >= 0).all()
    for split in (TRAIN, VALIDATION, TEST):
        counts = np.bincount(steps.users[steps.split <= split], minlength=40)
        np.testing.assert_array_equal(steps.ends(split) - steps.offsets[:-1], counts)


def test_a_number_holds_out_the_last_steps_of_each_user_who_has_enough():
    rows = [(0, 0, basket, basket, 1.0) for basket in range(7)]
    rows += [(1, 3, 10 + basket, basket, 1.0) for basket in range(6)]
    steps = shopping_steps(events_of(rows), made_items(), n_users=2, hold_out=3)
    assert steps.split[:7].tolist() == [0, 1, 1, 1, 2, 2, 2]
    assert steps.split[7:].tolist() == [0] * 6


def test_names_come_from_training_alone():
    rows = [(0, 0, 0, 0, 1.0), (0, 3, 1, 1, 1.0), (0, 6, 2, 2, 1.0)]
    events = events_of(rows).assign(split=np.array([0, 0, 2], np.int8))
    steps = shopping_steps(events, made_items(), n_users=1, hold_out=None)
    assert set(steps.names) == {"bread", "milk", OTHERS}
    assert names_of(steps) == ["bread", "milk", OTHERS]
    exchanged = events.assign(item=[0, 3, 9])
    assert shopping_steps(exchanged, made_items(), n_users=1, hold_out=None).names == steps.names


def test_without_categories_popular_products_are_steps_and_like_titles_are_told_apart():
    events, items = made_visits(most=1)
    items = items.assign(category=pd.Categorical(["Unknown"] * len(items)), title="thing")
    steps = shopping_steps(events, items, n_users=40, hold_out=None)
    assert steps.single
    assert len(set(steps.names)) == len(steps.names) == 18


def test_there_are_no_steps_where_most_purchases_are_of_rare_products():
    n = 3 * MOST_NAMES
    items = pd.DataFrame(
        {"item_id": [f"i{code}" for code in range(n)], "title": [f"t{code}" for code in range(n)]}
    )
    events = events_of([(0, item, item, item, 1.0) for item in range(n)])
    assert shopping_steps(events, items, n_users=1, hold_out=None) is None


def test_the_moment_asked_from_is_after_the_step_before_and_not_after_the_step_itself():
    events, items = made_visits()
    steps = shopping_steps(events, items, n_users=40, hold_out=None)
    places = np.arange(len(steps.main))
    moments = steps.asked_at(steps.users, places)
    assert (moments <= steps.starts).all()
    again = places > steps.offsets[steps.users]
    np.testing.assert_array_equal(moments[again], steps.times[places[again] - 1] + 1)
    last = steps.asked_at(np.arange(40), steps.offsets[1:])
    np.testing.assert_array_equal(last, steps.times[steps.offsets[1:] - 1] + 1)
