"""Means by group: right, bounded, and silent about small groups."""

import numpy as np
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st

from core.fairness.groups import Groups
from core.workflow.showing_groups import group_means

SIZES = (40, 25, 12)


def groups(*sizes: int) -> Groups:
    codes = np.repeat(np.arange(len(sizes)), sizes).astype(np.int32)
    return Groups("age", tuple(f"g{place}" for place in range(len(sizes))), codes, (len(sizes),))


def values(n: int, seed: int = 1) -> pd.DataFrame:
    rng = np.random.default_rng(seed)
    return pd.DataFrame({"a": rng.random(n), "b": rng.normal(size=n)})


def test_each_group_has_the_mean_of_its_users_inside_its_interval_and_their_number():
    per_user = values(sum(SIZES))
    rows = group_means(per_user, groups(*SIZES)).rows
    by_hand = per_user.groupby(np.repeat(np.arange(3), SIZES)).mean()
    for row in rows.itertuples(index=False):
        place = int(row.group[1:])
        assert row.value == pytest.approx(by_hand.loc[place, row.name])
        assert row.low < row.value < row.high
        assert row.n == SIZES[place]
    assert list(rows["name"]) == ["a", "b"] * 3


def test_users_without_a_value_do_not_count():
    per_user = values(sum(SIZES)).iloc[::2]
    found = group_means(per_user, groups(*SIZES))
    assert found.rows["n"].tolist() == [20, 20]
    assert found.hidden == ("g1", "g2")  # six users are left of the last; 13 more hide them


def test_ends_of_intervals_stay_within_what_is_possible():
    per_user = pd.DataFrame({"a": [1.0] * 14 + [0.0]})
    (row,) = group_means(per_user, groups(15), within=(0, 1)).rows.itertuples()
    assert 0 <= row.low < row.value < row.high <= 1


@given(st.lists(st.integers(0, 40), min_size=1, max_size=5).filter(lambda sizes: sum(sizes) > 1))
def test_no_shown_group_is_small_and_hidden_ones_are_at_least_ten_together_or_all(sizes):
    found = group_means(values(sum(sizes)), groups(*sizes))
    named = dict(zip(found.groups, sizes, strict=True))
    assert all(named[name] >= 10 for name in found.shown)
    assert not set(found.shown) & set(found.hidden)
    hidden = sum(named[name] for name in found.hidden)
    assert hidden == 0 or hidden >= 10 or not found.shown


def test_where_every_group_is_small_there_is_no_row_but_the_columns_stay():
    found = group_means(values(9), groups(5, 4))
    assert found.rows.empty
    assert list(found.rows) == ["group", "name", "value", "low", "high", "n"]
    assert found.hidden == ("g0", "g1")
