"""Splits never let the future into training, whatever the data."""

import numpy as np
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st

from core.data.build import sample_users
from core.data.splits import TEST, TRAIN, VALIDATION, assign_split, temporal_windows
from core.errors import SettingsError
from core.schema.settings import DatasetSettings
from core.schema.tables import Tables

DAY = 86_400
TEMPORAL = DatasetSettings(validation_days=3, test_days=2, timezone="America/New_York")
LEAVE_ONE_OUT = DatasetSettings(split="leave_one_out")


def events_of(rows: list[tuple[int, int, int]]) -> pd.DataFrame:
    """Events from (user, basket, seconds since 1 March 2024); the clocks change on 10 March in New York."""
    events = pd.DataFrame(rows, columns=["user", "basket", "seconds"])
    events["timestamp"] = pd.Timestamp("2024-03-01") + pd.to_timedelta(events.pop("seconds"), unit="s")
    events["timestamp"] = events["timestamp"].astype("datetime64[us]")
    return events


ENDS = [(0, 0, 0), (0, 90, 20 * DAY)]  # a calendar long enough for the windows
ROWS = st.lists(
    st.tuples(
        st.integers(0, 4),
        st.integers(0, 6),
        st.integers(0, 20 * 24).map(lambda hour: hour * 3600) | st.integers(0, 5),
    ),
    max_size=50,
)


@given(rows=ROWS)
def test_no_training_event_lies_after_a_validation_event_nor_that_after_a_test_event(rows):
    events = events_of(rows + ENDS)
    split = assign_split(events, TEMPORAL)
    times = events["timestamp"]
    assert set(np.unique(split)) <= {TRAIN, VALIDATION, TEST}
    for earlier, later in ((TRAIN, VALIDATION), (VALIDATION, TEST), (TRAIN, TEST)):
        if (split == earlier).any() and (split == later).any():
            assert times[split == earlier].max() < times[split == later].min()


@given(rows=ROWS)
def test_windows_are_whole_local_days(rows):
    events = events_of(rows + ENDS)
    split = assign_split(events, TEMPORAL)
    local = events["timestamp"].dt.tz_localize("UTC").dt.tz_convert("America/New_York").dt.date
    last = local.max()
    days_before_end = pd.Series([(last - day).days for day in local])
    expected = np.select([days_before_end < 2, days_before_end < 5], [TEST, VALIDATION], TRAIN)
    assert split.tolist() == expected.tolist()


@pytest.mark.parametrize("settings", [TEMPORAL, LEAVE_ONE_OUT])
@given(rows=ROWS, seed=st.integers(0, 2**32 - 1))
def test_permuting_rows_changes_nothing(rows, seed, settings):
    events = events_of([*rows, *ENDS, (9, 1, 0), (9, 2, 60), (9, 3, 120)])
    order = np.random.default_rng(seed).permutation(len(events))
    split = assign_split(events, settings)
    assert assign_split(events.iloc[order], settings).tolist() == split[order].tolist()


@given(rows=ROWS)
def test_leave_one_out_keeps_every_users_order_and_never_cuts_an_instant(rows):
    events = events_of([*rows, (9, 1, 0), (9, 2, 60), (9, 3, 120)])
    events["split"] = assign_split(events, LEAVE_ONE_OUT)
    for _, mine in events.groupby("user"):
        in_time = mine.sort_values("timestamp", kind="stable")
        latest_training = in_time.loc[in_time["split"] == TRAIN, "timestamp"].max()
        for later in (VALIDATION, TEST):
            assert not (in_time.loc[in_time["split"] == later, "timestamp"] <= latest_training).any()
        assert mine.groupby("timestamp")["split"].nunique().max() == 1
        assert mine.groupby("basket")["split"].nunique().max() == 1
        assert set(mine["split"]) in ({TRAIN}, {TRAIN, VALIDATION, TEST})


def test_leave_one_out_holds_out_the_last_basket_and_the_one_before():
    events = events_of([(0, 3, 300), (0, 1, 0), (0, 2, 200), (0, 3, 300), (1, 1, 0), (1, 2, 10)])
    assert assign_split(events, LEAVE_ONE_OUT).tolist() == [TEST, TRAIN, VALIDATION, TEST, TRAIN, TRAIN]


def test_baskets_that_overlap_in_time_are_held_out_together():
    rows = [(0, 1, 0), (0, 2, 100), (0, 3, 200), (0, 4, 300), (0, 5, 250), (0, 4, 240)]
    assert assign_split(events_of(rows), LEAVE_ONE_OUT).tolist() == [
        TRAIN,
        TRAIN,
        VALIDATION,
        TEST,
        TEST,
        TEST,
    ]


def test_leave_one_out_without_three_baskets_says_so():
    with pytest.raises(SettingsError, match="three baskets"):
        assign_split(events_of([(0, 1, 0), (0, 2, 1)]), LEAVE_ONE_OUT)


def test_a_calendar_shorter_than_three_times_the_windows_is_refused_with_the_numbers():
    events = events_of([(0, 0, 5 * 3600), (0, 1, 5 * 3600 + 13 * DAY)])
    with pytest.raises(SettingsError, match=r"cover 14 days .*3 \+ 2 days: at least 15"):
        assign_split(events, TEMPORAL)
    fifteen = events_of([(0, 0, 5 * 3600), (0, 1, 5 * 3600 + 14 * DAY)])
    assert assign_split(fifteen, TEMPORAL).tolist() == [TRAIN, TEST]


def test_midnight_follows_the_clock_change():
    times = events_of([(0, 0, 0), (0, 0, 14 * DAY)])["timestamp"]
    settings = DatasetSettings(validation_days=2, test_days=3, timezone="America/New_York")
    windows = temporal_windows(times, settings)
    # 14 March, 20:00 local, is the last day; the clocks go forward on 10 March.
    assert windows.end == pd.Timestamp("2024-03-15 04:00")
    assert windows.test == pd.Timestamp("2024-03-12 04:00")
    assert windows.validation == pd.Timestamp("2024-03-10 05:00")


BY_USER = DatasetSettings(split="by_user")
IDS = [f"user {number}" for number in range(2_000)]


@given(rows=ROWS, seed=st.integers(0, 2**32 - 1))
def test_by_user_holds_out_all_or_nothing_of_a_user_whoever_else_is_there(rows, seed):
    events = events_of([*rows, *ENDS])
    split = assign_split(events, BY_USER, user_ids=IDS)
    assert pd.Series(split).groupby(events["user"]).nunique().max() == 1
    order = np.random.default_rng(seed).permutation(len(IDS))
    renumbered = events.assign(user=np.argsort(order)[events["user"]])
    again = assign_split(renumbered, BY_USER, user_ids=[IDS[place] for place in order])
    assert again.tolist() == split.tolist()


def test_by_user_holds_out_a_tenth_each():
    events = events_of([(code, 0, 0) for code in range(len(IDS))])
    shares = np.bincount(assign_split(events, BY_USER, user_ids=IDS)) / len(IDS)
    np.testing.assert_allclose(shares, [0.8, 0.1, 0.1], atol=0.025)


def test_a_sample_of_users_is_not_all_of_one_split():
    settings = DatasetSettings(split="by_user", sample_users=200)
    many = Tables(events_with_ids(2_000))
    sampled, _ = sample_users(many, settings)
    ids = sampled.events["user_id"]
    split = assign_split(pd.DataFrame({"user": range(len(ids))}), settings, user_ids=ids)
    shares = np.bincount(split, minlength=3) / len(ids)
    np.testing.assert_allclose(shares, [0.8, 0.1, 0.1], atol=0.08)


def events_with_ids(count: int) -> pd.DataFrame:
    return pd.DataFrame({"user_id": IDS[:count], "item_id": "a", "timestamp": pd.Timestamp("2024-03-01")})
