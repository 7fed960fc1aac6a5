"""What is known of users before a moment, and whether they buy in the days after it."""

import numpy as np
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st

from core.data.behaviour import (
    Calendar,
    behaviour_features,
    bought_within,
    intent_moments,
    intent_rows,
    occasions,
)
from core.data.inputs import SECONDS_PER_DAY
from core.data.splits import TEST, TRAIN, VALIDATION
from tests.core.data.made_visits import DAYS, START, made_visits

WEEK = 7 * SECONDS_PER_DAY
ZERO = int(START.timestamp())


def asked(n_users: int, days) -> tuple[np.ndarray, np.ndarray]:
    """Every user on each of `days` at midnight."""
    times = ZERO + np.asarray(days, np.int64) * SECONDS_PER_DAY
    return np.tile(np.arange(n_users), len(times)), np.repeat(times, n_users)


def features_of(
    events: pd.DataFrame, users: np.ndarray, times: np.ndarray, n_users: int = 40
) -> pd.DataFrame:
    return behaviour_features(occasions(events, n_users=n_users), users, times, seconds=WEEK)


def test_features_say_what_counting_by_hand_says():
    events, _ = made_visits()
    users, times = asked(40, [60, 111])
    found = features_of(events, users, times)
    baskets = events.groupby(["user", "basket"])["timestamp"].max().reset_index()
    for row in (0, 7, 45, 79):
        moment = pd.Timestamp(times[row], unit="s")
        past = baskets[(baskets["user"] == users[row]) & (baskets["timestamp"] < moment)]["timestamp"]
        days = ((moment - past) / pd.Timedelta(days=1)).sort_values()
        assert np.expm1(found["purchases"][row]) == pytest.approx(len(past), rel=1e-4)
        assert np.expm1(found["purchases in 28 days"][row]) == pytest.approx((days <= 28).sum(), abs=1e-3)
        decayed = np.exp2(-days / 28).sum()
        assert np.expm1(found["purchases, half-life 28 days"][row]) == pytest.approx(decayed, rel=1e-3)
        assert np.expm1(found["days since purchase"][row]) == pytest.approx(days.min(), rel=1e-3)
        assert np.expm1(found["days known"][row]) == pytest.approx(days.max(), rel=1e-3)
        gaps = np.diff(np.sort(days))
        assert np.expm1(found["usual days between"][row]) == pytest.approx(gaps.mean(), rel=1e-3)
        weeks = [((days > 7 * back) & (days <= 7 * back + 7)).any() for back in range(4)]
        assert found["active in the last 4 horizons"][row] == pytest.approx(np.mean(weeks))


def test_whatever_happens_from_the_moment_on_changes_no_feature():
    events, _ = made_visits(views=True)
    users, times = asked(40, [100])
    expected = features_of(events, users, times)
    later = events["timestamp"] >= pd.Timestamp(times[0], unit="s")
    assert 200 < later.sum() < len(events)
    exchanged = events.copy()
    exchanged.loc[later, "paid_price"] = 99.0
    exchanged.loc[later, "event"] = "purchase"
    for changed in (events[~later], exchanged):
        pd.testing.assert_frame_equal(features_of(changed, users, times), expected, check_exact=True)


def test_a_purchase_at_the_moment_itself_is_still_to_come():
    event = {"user": [0], "item": [0], "basket": [0], "timestamp": [START], "event": ["purchase"]}
    past = occasions(pd.DataFrame(event), n_users=1)
    for second, known in ((0, 0), (1, 1)):
        users, times = np.array([0]), np.array([ZERO + second])
        found = behaviour_features(past, users, times, seconds=WEEK)
        assert np.expm1(found["purchases"][0]) == pytest.approx(known)
        assert bought_within(past, users, times, seconds=WEEK)[0] == (not known)


def test_a_basket_across_the_moment_is_not_known_and_still_to_come():
    times = [START, START + pd.Timedelta(seconds=10)]
    event = {"user": [0, 0], "item": [0, 1], "basket": [0, 0], "timestamp": times, "event": "purchase"}
    past = occasions(pd.DataFrame(event), n_users=1)
    users, moment = np.array([0]), np.array([ZERO + 5])
    assert behaviour_features(past, users, moment, seconds=WEEK)["purchases"][0] == 0
    assert bought_within(past, users, moment, seconds=60)[0]


def test_views_are_visits_and_no_answer():
    events, _ = made_visits(views=True)
    past = occasions(events, n_users=40)
    users, times = asked(40, [100])
    found = features_of(events, users, times)
    assert (found["visits"] > found["purchases"]).any()
    views = events[(events["event"] == "view") & (events["user"] == 3)]
    only = occasions(pd.concat([views, events[events["user"] == 4]]), n_users=40)
    assert not bought_within(only, np.array([3]), np.array([ZERO]), seconds=DAYS * SECONDS_PER_DAY)[0]
    assert past.of_purchase().purchased.all()


@given(st.lists(st.tuples(st.integers(0, 3), st.integers(0, 40)), max_size=25), st.integers(0, 45))
def test_features_are_finite_and_answers_right_whatever_the_history(visits, day):
    table = pd.DataFrame(visits, columns=["user", "day"]).sort_values(["user", "day"], ignore_index=True)
    events = pd.DataFrame(
        {
            "user": table["user"].astype(np.int32),
            "basket": np.arange(len(table), dtype=np.int32),
            "timestamp": (START + pd.to_timedelta(table["day"], unit="D")).astype("datetime64[us]"),
            "event": "purchase",
        }
    )
    past = occasions(events, n_users=5)
    users, times = asked(5, [day])
    found = behaviour_features(past, users, times, seconds=WEEK)
    assert np.isfinite(found.to_numpy()).all()
    expected = [
        ((table["user"] == user) & (table["day"] >= day) & (table["day"] < day + 7)).any()
        for user in range(5)
    ]
    assert bought_within(past, users, times, seconds=WEEK).tolist() == expected


@pytest.mark.parametrize("days", [1, 3, 7, 28])
def test_every_horizon_ends_within_the_window_of_its_moment(days):
    calendar = Calendar(0, 300 * SECONDS_PER_DAY, 328 * SECONDS_PER_DAY, 356 * SECONDS_PER_DAY)
    seconds = days * SECONDS_PER_DAY
    found = intent_moments(calendar, seconds=seconds)
    assert all(len(moments) for moments in found.values())
    assert found[TRAIN].max() + seconds <= calendar.validation
    assert found[TRAIN].min() >= 28 * SECONDS_PER_DAY
    assert found[VALIDATION].min() == calendar.validation
    assert found[VALIDATION].max() + seconds <= calendar.test
    assert found[TEST].min() == calendar.test
    assert found[TEST].max() + seconds <= calendar.end


def test_a_horizon_longer_than_the_windows_has_no_moments_there():
    calendar = Calendar(0, 300 * SECONDS_PER_DAY, 328 * SECONDS_PER_DAY, 356 * SECONDS_PER_DAY)
    found = intent_moments(calendar, seconds=29 * SECONDS_PER_DAY)
    assert not len(found[TEST])
    assert not len(found[VALIDATION])


def test_only_users_who_bought_before_are_asked_and_at_most_so_many():
    events, _ = made_visits()
    past = occasions(events, n_users=40)
    moments = ZERO + np.array([2, 50, 99]) * SECONDS_PER_DAY
    rows = intent_rows(past, moments, seconds=WEEK, most=10_000, rng=np.random.default_rng(0))
    first = events.groupby("user")["timestamp"].min()
    expected = sum((first < pd.Timestamp(moment, unit="s")).sum() for moment in moments)
    assert len(rows.users) == len(rows.features) == expected < 3 * 40
    fewer = intent_rows(past, moments, seconds=WEEK, most=30, rng=np.random.default_rng(0))
    assert len(fewer.users) == 30
