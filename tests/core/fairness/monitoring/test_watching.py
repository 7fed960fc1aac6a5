"""A gap that is there is found, sequences cover, and what is told of small groups is nothing."""

import numpy as np
import pytest

from core.errors import InputError
from core.fairness.monitoring.confidence_sequences import betting_ends
from core.fairness.monitoring.new_users import gap_sequence, watch_new_users
from core.fairness.monitoring.observed import Observed, looks
from core.fairness.monitoring.returning_users import gap_sequence as returning_gap
from core.fairness.monitoring.returning_users import watch_users
from core.schema.settings import Statistics
from tests.core.fairness.monitoring.made_windows import (
    alarm_rate,
    grouped,
    others_each_time,
    rarely,
    same_each_time,
    two_groups,
)

SETTINGS = Statistics()
NAMES = ["ndcg@10", "recall@10"]


def shop(seed=1, *, windows=12, own=30, others=90, gap=0.0):
    """First-time users in every window, those of group a better off by the gap; two metrics."""
    rng = np.random.default_rng(seed)

    def draw(n):
        values = rarely(rng, n, 2) * 0.5
        mine = np.tile(np.arange(own + others) < own, windows)
        return values + gap * mine[:, None]

    return others_each_time(windows, own, others, draw)


@pytest.mark.parametrize("watch", [watch_new_users, watch_users])
def test_a_planted_gap_is_found_and_covered_and_only_for_the_group_that_has_it(watch):
    found = watch(*shop(gap=0.1), NAMES, SETTINGS)
    assert (found.gaps.low[-1, 0] > 0).all()
    assert (found.gaps.low[:, 0] <= 0.1).all()
    assert (found.gaps.high[:, 0] >= 0.1).all()
    assert found.gaps.value[-1, 0] == pytest.approx([0.1, 0.1], abs=0.03)
    quiet = watch(*shop(gap=0.0), NAMES, SETTINGS)
    assert (quiet.gaps.low <= 0).all()
    assert (quiet.gaps.high >= 0).all()


def test_a_gap_of_users_who_come_back_is_found_and_covered():
    rng = np.random.default_rng(3)
    observed, groups = same_each_time(rng, 60, 200, 400, histories=100, gap=0.6)
    ends = returning_gap(observed, groups.codes == 0, np.arange(60), 0.05)
    assert alarm_rate(ends, limit=0.0) > 0.95
    assert alarm_rate(ends, limit=0.6) <= 0.05


def test_a_gap_that_comes_later_is_found_later():
    rng = np.random.default_rng(4)
    observed, groups = others_each_time(80, 30, 60, lambda n: rng.random((n, 50)) * 0.6)
    late = (observed.window >= 20) & (groups.codes == 0)
    observed = Observed(observed.user, observed.window, observed.values + 0.2 * late[:, None])
    for _, low, _ in (
        gap_sequence(observed, groups.codes == 0, np.arange(80), 0.05, seed=7),
        returning_gap(observed, groups.codes == 0, np.arange(80), 0.05),
    ):
        assert (low[:20] > 0).any(axis=0).mean() <= 0.05
        assert (low[-1] > 0).all()


def test_intervals_get_narrow_and_cover_the_means():
    found = watch_new_users(*shop(windows=40), NAMES, SETTINGS)
    width = found.means.high - found.means.low
    assert (width[-1] < 0.35 * width[0]).all()
    assert (found.means.low <= 1 / 12).all()  # half of (1 - 0.5) / 3
    assert (found.means.high >= 1 / 12).all()
    assert (width[:, 0] < width[:, 1]).all()  # everybody is more than a group


def test_a_bet_on_the_mean_by_hand():
    """Three values, one look: the lower end is where half of the capital of two bettors has grown 2 / alpha times."""
    values = np.array([[1.0], [1.0], [1.0]] * 8)
    ((low,),), ((high,),) = betting_ends(values, np.array([24]), alpha=0.05)
    assert high == 1.0
    t = np.arange(1, 25)
    mean = (0.5 + t) / (t + 1)
    variance = (0.25 + np.cumsum((1 - mean) ** 2)) / (t + 1)
    bets = np.sqrt(2 * np.log(40) / (np.append(0.25, variance[:-1]) * t * np.log1p(t)))
    at = np.linspace(0.3, 0.99, 691)
    capital = np.log1p(np.minimum(bets, 0.75 / at[:, None]) * (1 - at[:, None])).sum(axis=1)
    assert low == pytest.approx(at[capital < np.log(40)][0], abs=0.02)


def test_a_later_window_changes_no_earlier_number():
    observed, groups = shop(windows=12)
    first = observed.window < 8
    before = Observed(observed.user[first], observed.window[first], observed.values[first])
    for watch in (watch_new_users, watch_users):
        whole, part = (watch(one, groups, NAMES, SETTINGS) for one in (observed, before))
        for name in ("value", "low", "high", "n"):
            assert getattr(whole.gaps, name)[:8] == pytest.approx(getattr(part.gaps, name))


def test_a_user_counts_once_among_first_time_users():
    observed, groups = shop(windows=3)
    again = Observed(
        np.concatenate([observed.user, observed.user]),
        np.concatenate([observed.window, observed.window + 3]),
        np.concatenate([observed.values, np.ones_like(observed.values)]),
    )
    once, twice = (watch_new_users(one, groups, NAMES, SETTINGS) for one in (observed, again))
    assert list(twice.looks.windows) == [0, 1, 2]
    assert (twice.means.value == once.means.value).all()


def test_all_gaps_together_have_the_level_of_one():
    observed, _ = shop()
    few, many = (
        watch_users(observed, grouped(codes), NAMES, SETTINGS)
        for codes in (np.arange(len(observed.user)) % 2, np.arange(len(observed.user)) % 6)
    )
    alone = returning_gap(observed, np.arange(len(observed.user)) % 2 == 0, few.looks.windows, 0.05)
    width = few.gaps.high[:, 0] - few.gaps.low[:, 0]
    assert (width > alone[2] - alone[1]).all()
    assert many.gaps.value.shape == (12, 6, 2)


def test_a_group_without_spread_is_not_certain():
    rng = np.random.default_rng(8)
    observed, groups = others_each_time(4, 15, 60, lambda n: rng.random((n, 1)))
    values = np.where(groups.codes[:, None] == 0, 0.5, observed.values)
    found = watch_users(Observed(observed.user, observed.window, values), groups, ["m"], SETTINGS)
    everybody, own = (found.means.high - found.means.low)[-1, :2, 0]
    assert own > everybody > 0


def test_ends_stay_within_what_values_can_be():
    rng = np.random.default_rng(9)
    observed, groups = others_each_time(3, 12, 12, lambda n: (rng.random((n, 1)) < 0.03) * 1.0)
    found = watch_users(observed, groups, ["m"], SETTINGS, bounds=(0, 1))
    assert found.means.low.min() >= 0
    assert found.gaps.low.min() >= -1
    free = watch_users(observed, groups, ["m"], SETTINGS)
    assert free.means.low.min() < 0


def test_with_everybody_in_one_group_there_is_no_gap():
    rng = np.random.default_rng(10)
    observed, _ = others_each_time(3, 20, 20, lambda n: rng.random((n, 1)))
    for watch in (watch_new_users, watch_users):
        found = watch(observed, grouped([0] * 120), ["m"], SETTINGS)
        assert found.gaps is None
        assert set(found.table()["statistic"]) == {"mean"}


def test_sides_that_never_come_in_the_same_window_have_no_gap_yet():
    window = np.repeat([0, 1, 2], 40)
    codes = np.array([0] * 40 + [1] * 40 + [0, 1] * 20)
    observed = Observed(np.arange(120), window, np.random.default_rng(0).random((120, 1)))
    mine = grouped(codes).codes == 0
    for value, low, high in (
        gap_sequence(observed, mine, np.arange(3), 0.05, seed=7),
        returning_gap(observed, mine, np.arange(3), 0.05),
    ):
        assert np.isnan(value[:2]).all()
        assert not ((low[:2] > 0) | (high[:2] < 0)).any()
        assert np.isfinite([value[2], low[2], high[2]]).all()


def test_windows_are_read_together_until_ten_of_each_group_came():
    observed, groups = others_each_time(9, 4, 30, lambda n: np.zeros((n, 1)))
    found = looks(observed, groups, 10)
    assert list(found.windows) == [2, 5, 8]
    assert list(found.groups) == [0, 1]


def told_users(observed, groups, found):
    """Users of each shown group, and of all hidden ones, who came between one look and the next."""
    before = -1
    for window in found.windows:
        came = np.unique(observed.user[(observed.window > before) & (observed.window <= window)])
        counts = np.bincount(groups.codes[came], minlength=len(groups.names))
        yield counts[found.groups], counts.sum() - counts[found.groups].sum()
        before = window


@pytest.mark.parametrize("seed", range(8))
def test_no_two_looks_differ_by_fewer_than_ten_users_of_any_side(seed):
    rng = np.random.default_rng(seed)
    users, share = 300, rng.dirichlet(np.full(6, 0.4))
    groups = grouped([*rng.choice(6, users, p=share), 5])
    window, user = np.nonzero(rng.random((40, users + 1)) < rng.uniform(0.02, 0.6))
    observed = Observed(user, window, np.zeros((len(user), 1)))
    found = looks(observed, groups, 10)
    for shown, hidden in told_users(observed, groups, found):
        assert (shown >= 10).all()
        assert hidden == 0 or hidden >= 10
    assert len(found.windows) or not len(found.groups)


@pytest.mark.parametrize("order", [[0, 1, 2], [2, 0, 1], [1, 2, 0]])
def test_a_group_that_hardly_ever_comes_is_hidden_and_holds_up_nobody(order):
    rng = np.random.default_rng(11)
    rare = order.index(2)
    codes = np.argsort(order)[np.concatenate([np.arange(200) % 2, np.full(12, 2)])]
    window = np.concatenate([np.repeat(np.arange(30), 200), rng.integers(0, 30, 12)])
    user = np.concatenate([np.tile(np.arange(200), 30), np.arange(200, 212)])
    observed = Observed(user, window, rng.random((len(user), 1)))
    found = watch_users(observed, grouped(codes.tolist()), ["m"], SETTINGS)
    assert "abc"[rare] in found.hidden
    assert len(found.shown) == 1  # the second one would give the rare one away, as everybody less the two
    assert len(found.looks.windows) == 30
    hidden = found.table().query("suppressed")
    assert set(hidden["group"]) == set(found.hidden)
    assert hidden[["value", "low", "high"]].isna().all(axis=None)
    assert (hidden["n"] == "hidden").all()


def test_nothing_is_told_of_too_few():
    observed, groups = others_each_time(3, 1, 2, lambda n: np.zeros((n, 1)))
    for watch in (watch_new_users, watch_users):
        found = watch(observed, groups, ["m"], SETTINGS)
        assert not len(found.looks.windows)
        assert found.table()["suppressed"].all()


def test_the_table_tells_each_number_once():
    found = watch_users(*shop(windows=3), NAMES, SETTINGS)
    table = found.table()
    assert len(table) == 3 * (3 + 2) * 2
    assert not table.duplicated(["window", "group", "metric"]).any()
    row = table.query("window == 2 and group == 'b' and metric == 'recall@10_gap'").iloc[0]
    assert (row["value"], row["n"], row["reference"]) == (found.gaps.value[2, 1, 1], 270, "rest")
    assert table.query("group == 'all'")["n"].tolist() == [120, 120, 240, 240, 360, 360]


@pytest.mark.parametrize(
    ("user", "window", "values", "said"),
    [
        ([0, 0], [1, 1], [[0.1], [0.2]], "one value in a window"),
        ([0, 1], [0, 0], [[0.1], [np.nan]], "finite"),
    ],
)
def test_what_cannot_be_watched_is_refused(user, window, values, said):
    with pytest.raises(InputError, match=said):
        Observed(np.array(user), np.array(window), np.array(values))


def test_first_time_users_are_watched_on_bounded_metrics_alone():
    observed = Observed(np.arange(40), np.zeros(40, int), np.full((40, 1), 3.0))
    with pytest.raises(InputError, match="from 0 to 1"):
        watch_new_users(observed, two_groups(20, 20), ["price"], SETTINGS)
