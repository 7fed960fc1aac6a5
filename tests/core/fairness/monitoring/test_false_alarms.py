"""Looked at two hundred times, a sequence raises a false alarm in at most one history out of twenty."""

import numpy as np
import pytest
from scipy import stats

from core.fairness.monitoring import new_users, returning_users
from core.fairness.monitoring.confidence_sequences import betting_ends, tightest
from core.fairness.monitoring.observed import Observed
from tests.core.fairness.monitoring.made_windows import (
    alarm_rate,
    grouped,
    others_each_time,
    rarely,
    same_each_time,
)

LOOKS, HISTORIES = 200, 300
EVERY = np.arange(LOOKS)
ALLOWED = 0.05 + 2 * np.sqrt(0.05 * 0.95 / HISTORIES)  # two standard errors of the simulation above 5 %


def first_times(own, others, **options):
    rng = np.random.default_rng(1)
    return others_each_time(LOOKS, own, others, lambda n: rarely(rng, n, HISTORIES, **options))


@pytest.mark.parametrize(("own", "others", "zeros"), [(5, 5, 0.5), (3, 12, 0.75)])
def test_first_time_users_without_a_gap(own, others, zeros):
    observed, groups = first_times(own, others, zeros=zeros)
    mine = groups.codes == 0
    assert alarm_rate(new_users.gap_sequence(observed, mine, EVERY, 0.05, seed=7)) <= 0.05
    mean = (1 - zeros) / 3
    assert alarm_rate(new_users.mean_sequence(observed, mine, EVERY, 0.05, seed=7), mean) <= 0.05


def test_an_interval_for_a_fixed_number_of_users_looked_at_daily_does_not_hold():
    observed, groups = first_times(5, 5)
    sums = [observed.values[groups.codes == group].reshape(LOOKS, 5, -1) for group in (0, 1)]
    n = 5 * (EVERY + 1)[:, None]
    means = [part.sum(axis=1).cumsum(axis=0) / n for part in sums]
    squares = [(part**2).sum(axis=1).cumsum(axis=0) / n for part in sums]
    error = np.sqrt(sum((square - mean**2) / n for square, mean in zip(squares, means, strict=True)))
    margin = stats.t.isf(0.025, 2 * n - 2) * error
    gap = means[0] - means[1]
    assert alarm_rate((gap, gap - margin, gap + margin)) > 0.3


def test_users_who_come_back_without_a_gap():
    rng = np.random.default_rng(2)
    observed, groups = same_each_time(rng, LOOKS, 20, 40, histories=HISTORIES)
    mine = groups.codes == 0
    assert alarm_rate(returning_users.gap_sequence(observed, mine, EVERY, 0.05)) <= ALLOWED
    assert alarm_rate(returning_users.mean_sequence(observed, mine, EVERY, 0.05)) <= ALLOWED


def test_users_who_join_and_come_now_and_then_without_a_gap():
    rng = np.random.default_rng(3)
    users = 240
    joined = np.maximum(rng.integers(-60, LOOKS, users), 0)
    window, user = np.nonzero((EVERY[:, None] >= joined) & (rng.random((LOOKS, users)) < 0.4))
    of_user = rng.exponential(size=(users, HISTORIES))
    observed = Observed(user, window, of_user[user] + rng.exponential(size=(len(user), HISTORIES)))
    mine = np.arange(users) % 3 == 0
    assert alarm_rate(returning_users.gap_sequence(observed, mine, EVERY, 0.05)) <= ALLOWED


def test_counted_as_if_they_were_new_users_who_come_back_raise_false_alarms():
    rng = np.random.default_rng(2)
    observed, groups = same_each_time(rng, LOOKS, 20, 40, histories=HISTORIES)
    as_new = Observed(np.arange(len(observed.user)), observed.window, observed.values)
    mine = groups.codes[observed.user] == 0
    assert alarm_rate(returning_users.gap_sequence(as_new, mine, EVERY, 0.05)) > 0.6


def test_many_values_of_few_users_are_no_more_than_few_users():
    rng = np.random.default_rng(4)
    observed, groups = same_each_time(rng, LOOKS, 20, 40, histories=HISTORIES)
    value, low, high = returning_users.gap_sequence(observed, groups.codes == 0, EVERY, 0.05)
    spread = np.sqrt(1 / 20 + 1 / 40)  # of the users themselves, once their own noise is gone
    assert ((high - low)[-1] / 2 > 3 * spread).mean() > 0.4
    assert value[-1].std() == pytest.approx(spread, rel=0.15)


def test_first_time_users_are_watched_the_other_way_too():
    observed, groups = first_times(15, 15)
    assert alarm_rate(returning_users.gap_sequence(observed, groups.codes == 0, EVERY, 0.05)) <= ALLOWED


def test_seasons_and_windows_with_more_of_one_group_make_no_gap():
    rng = np.random.default_rng(5)
    level = np.where(EVERY % 2 == 0, 0.2, 0.8)
    window = np.concatenate(
        [np.repeat(EVERY, np.where(EVERY % 2, 2, 8)), np.repeat(EVERY, np.where(EVERY % 2, 8, 2))]
    )
    codes = np.repeat([0, 1], len(window) // 2)
    values = rng.random((len(window), HISTORIES)) < level[window][:, None]
    observed = Observed(np.arange(len(window)), window, values.astype(float))
    mine = grouped(codes).codes == 0
    assert alarm_rate(new_users.gap_sequence(observed, mine, EVERY, 0.05, seed=7)) <= 0.05
    assert alarm_rate(returning_users.gap_sequence(observed, mine, EVERY, 0.05)) <= ALLOWED
    assert values[mine].mean() < values[~mine].mean() - 0.2  # as a comparison of all values would have it


def test_a_level_that_moves_never_puts_the_ends_beyond_where_it_was():
    rng = np.random.default_rng(6)
    level = np.linspace(0.2, 0.6, 4000)[:, None]
    low, high = betting_ends((rng.random((4000, 100)) < level) * 1.0, np.arange(20, 4001, 20), alpha=0.05)
    assert (low.max(axis=0) > 0.6).mean() <= 0.05
    assert (high.min(axis=0) < 0.2).mean() <= 0.05


def test_the_boundary_is_tightest_where_it_says():
    times = np.linspace(0.5, 40, 4000)
    errors = (times + 1) / times * (np.log1p(times) - 2 * np.log(0.05))
    assert times[errors.argmin()] == pytest.approx(tightest(0.05), abs=0.02)
