"""Lists by place and the attention of item groups, by hand and by property."""

import numpy as np
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st

from core.errors import SettingsError
from core.fairness.exposure.attention import (
    NOTHING,
    Attention,
    exposure,
    exposure_shares,
    place_items,
    place_shares,
    placed_groups,
    position_weights,
)


def lists_of(rows):
    return pd.DataFrame(rows, columns=["user", "item", "rank"])


def test_weights_fall_with_the_place_and_sum_to_one():
    logarithmic = position_weights(2)
    np.testing.assert_allclose(logarithmic, np.array([1, 1 / np.log2(3)]) / (1 + 1 / np.log2(3)))
    np.testing.assert_allclose(logarithmic, [0.6131, 0.3869], atol=1e-4)
    np.testing.assert_allclose(position_weights(3, Attention("geometric", 0.5)), np.array([4, 2, 1]) / 7)


@pytest.mark.parametrize("gamma", [0.0, 1.0, -0.5, np.nan])
def test_gamma_outside_of_its_range_is_refused(gamma):
    with pytest.raises(SettingsError, match="between 0 and 1"):
        position_weights(5, Attention("geometric", gamma))


def test_exposure_of_two_lists_by_hand():
    codes = np.array([0, 1, 1])
    groups = placed_groups(np.array([[0, 2], [1, NOTHING]]), codes)
    weights = np.array([0.6, 0.4])
    np.testing.assert_allclose(exposure(groups, weights, 2), [[0.6, 0.4], [0, 0.6]])
    np.testing.assert_allclose(exposure_shares(groups, weights, 2), [[0.6, 0.4], [0, 1]])
    np.testing.assert_allclose(place_shares(np.array([[1, NOTHING]]), weights), [[1, 0]])


def test_every_row_that_cannot_be_placed_is_counted_once_for_its_reason():
    rows = [
        (1, 0, 1),
        (1, 1, 2),
        (1, 1, 3),  # again
        (1, 2, 2),  # the place is taken
        (1, 3, 9),  # beyond k
        (1, 99, 4),  # not in the catalogue
        (1, 4, 0),  # no rank
        (1, 4, 1.5),
        (1, 4, np.nan),
        (7, 0, 1),  # nobody asked
        (2, 5, 4),  # a gap above
        (3, -1, 1),
    ]
    found = place_items(lists_of(rows), np.array([3, 2, 1]), k=4, n_catalogue=10)
    np.testing.assert_array_equal(found.users, [2, 1])
    np.testing.assert_array_equal(found.items, [[-1, -1, -1, 5], [0, 1, -1, -1]])
    counts = found.counts
    assert (counts.other_users, counts.bad_ranks, counts.beyond_k) == (1, 3, 1)
    assert (counts.outside_catalogue, counts.repeated_items, counts.shared_places) == (2, 1, 1)
    assert (counts.users_without_list, counts.short_lists) == (1, 2)
    left_out = 1 + 3 + 1 + 2 + 1 + 1
    assert (found.items != NOTHING).sum() == len(rows) - left_out


def test_an_item_listed_twice_keeps_its_better_place_whatever_the_order_of_rows():
    rows = lists_of([(0, 5, 3), (0, 5, 1), (0, 6, 2)])
    for order in ([0, 1, 2], [2, 1, 0], [1, 0, 2]):
        found = place_items(rows.iloc[order], np.array([0]), k=3, n_catalogue=10)
        np.testing.assert_array_equal(found.items, [[5, 6, -1]])


@given(seed=st.integers(0, 2**31), k=st.integers(1, 12))
def test_shares_sum_to_one_and_follow_the_names_of_groups(seed, k):
    rng = np.random.default_rng(seed)
    items = rng.integers(0, 20, (8, k))
    items[rng.random((8, k)) < 0.3] = NOTHING
    items[:, 0] = 3
    codes, renamed = rng.integers(0, 4, 20), rng.permutation(4)
    weights = position_weights(k)
    shares = exposure_shares(placed_groups(items, codes), weights, 4)
    np.testing.assert_allclose(shares.sum(axis=1), 1)
    assert (shares >= 0).all()
    again = exposure_shares(placed_groups(items, renamed[codes]), weights, 4)
    np.testing.assert_allclose(again[:, renamed], shares)
