"""Reactions and dismissals: which are known at a moment, what they say, and when a dismissal is over."""

import numpy as np
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st

from core.data.inputs import model_inputs, without_items
from tests.core.data.test_inputs import START, item_table, shop

N_USERS, N_ITEMS = 4, 6
YES_NO = st.sampled_from([True, False, None])


def shown(rows: list[tuple], flags: tuple[str, ...] = ("clicked", "purchased", "dismissed")) -> pd.DataFrame:
    """Impressions (user, item, rank, hour, flags ...)."""
    table = pd.DataFrame(rows, columns=["user", "item", "rank", "timestamp", *flags])
    hours = table["timestamp"].astype(float)
    table["timestamp"] = (START + pd.to_timedelta(hours, unit="h")).astype("datetime64[us]")
    return table.astype(dict.fromkeys(flags, "boolean"))


def inputs_with(events, until="train", **tables):
    return model_inputs(events, item_table(), n_users=N_USERS, until=until, **tables)


def pairs(found) -> list[tuple[int, int]]:
    return [] if found is None else list(zip(found.users.tolist(), found.items.tolist(), strict=True))


EVENTS = st.lists(
    st.tuples(
        st.integers(0, N_USERS - 1),
        st.integers(0, N_ITEMS - 1),
        st.just(0),
        st.integers(0, 99),
        st.sampled_from(["purchase", "view"]),
    ),
    max_size=30,
)
SHOWN = st.lists(
    st.tuples(
        st.integers(0, N_USERS - 1),
        st.integers(0, N_ITEMS - 1),
        st.integers(1, 9),
        st.integers(0, 99),
        YES_NO,
        YES_NO,
        YES_NO,
    ),
    max_size=30,
)


@given(rows=EVENTS, impressions=SHOWN)
def test_reactions_and_dismissals_are_those_known_at_the_moment(rows, impressions):
    events = shop([(*row, 0 if row[3] < 50 else 1) for row in rows])
    found = inputs_with(events, impressions=shown(impressions))
    at = (found.at - int(START.timestamp())) / 3600  # in hours
    first_later = {
        user: min((r[3] for r in rows if r[0] == user and r[3] >= 50), default=99) for user in range(4)
    }
    expected, gone = [], {}
    for user, item, rank, hour, clicked, purchased, dismissed in impressions:
        in_time = hour < at and hour < first_later[user]
        if item < 4 and in_time and (clicked, purchased, dismissed) != (None, None, None):
            expected.append((user, item, rank, float(bool(clicked) or bool(purchased))))
        if item < 4 and in_time and dismissed:
            gone[user, item] = max(gone.get((user, item), -1), hour)
    bought = any(row[4] == "purchase" for row in rows)
    for user, item, _, hour, kind in rows:
        counts = kind == "purchase" or not bought
        if hour < 50 and counts and hour > gone.get((user, item), 100):
            del gone[user, item]
    told = found.reactions
    values = () if told is None else (told.users, told.items, told.ranks, told.values)
    assert list(zip(*values, strict=True)) == expected
    assert pairs(found.dismissed) == sorted(gone)


def test_impressions_that_say_nothing_of_reactions_give_none():
    events = shop([(0, 1, 0, 1, "purchase", 0), (0, 1, 0, 60, "purchase", 1)])
    silent = shown([(0, 1, 1, 2), (1, 2, 3, 4)], flags=())
    assert inputs_with(events, impressions=silent).reactions is None
    assert inputs_with(events, impressions=shown([(0, 1, 1, 2, None, None, None)])).reactions is None
    assert inputs_with(events).reactions is None
    assert inputs_with(events).dismissed is None


@pytest.mark.parametrize(("until", "expected"), [("train", [(0, 2)]), ("validation", [])])
def test_a_dismissal_is_over_once_the_user_bought_the_item_before_the_moment(until, expected):
    events = shop([(0, 1, 0, 1, "purchase", 0), (0, 2, 1, 60, "purchase", 1), (1, 1, 2, 90, "purchase", 2)])
    dismissed = shown([(0, 2, 1, 5, False, False, True)])
    assert pairs(inputs_with(events, until, impressions=dismissed).dismissed) == expected


def test_what_analysts_dismissed_stays_whatever_is_bought():
    events = shop([(0, 2, 0, 1, "purchase", 0), (0, 2, 1, 2, "purchase", 0), (0, 1, 2, 60, "purchase", 1)])
    judgements = pd.DataFrame(
        {"user": [0, 3, 0, 1], "item": [2, 0, 5, 1], "rating": 1.0, "dismissed": [True, True, True, False]}
    )
    found = inputs_with(events, judgements=judgements).dismissed
    assert pairs(found) == [(0, 2), (3, 0)]  # item 5 is outside of the catalogue
    customers = shown([(1, 3, 1, 3, False, False, True), (0, 2, 1, 0, False, False, True)])
    both = inputs_with(events, impressions=customers, judgements=judgements).dismissed
    assert pairs(both) == [(0, 2), (1, 3), (3, 0)]


def test_items_that_nobody_ever_met_have_no_reactions():
    events = shop([(0, 1, 0, 1, "purchase", 0), (0, 1, 1, 60, "purchase", 1)])
    rows = [(0, item, 1, 5, True, False, False) for item in range(4)]
    inputs = inputs_with(events, impressions=shown(rows))
    held = np.array([True, False, False, True])
    assert without_items(inputs, held).reactions.items.tolist() == [1, 2]
