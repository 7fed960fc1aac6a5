"""Rarefied coverage against brute-force subsampling."""

from itertools import combinations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from core.fairness.coverage import common_size, rarefied_coverage

LISTS = st.lists(st.lists(st.integers(0, 7), max_size=4), min_size=3, max_size=7)


def flat(lists):
    return (
        np.array([user for user, items in enumerate(lists) for _ in items], dtype=int),
        np.array([item for items in lists for item in items], dtype=int),
    )


def by_subsets(lists, m, n_items):
    """Mean share of the catalogue over all subsets of m users."""
    return np.mean([len(set().union(*map(set, some))) / n_items for some in combinations(lists, m)])


@given(LISTS, st.integers(1, 6))
def test_the_mean_over_users_is_the_mean_over_all_subsets(lists, m):
    m = min(m, len(lists) - 1)
    values = rarefied_coverage(*flat(lists), np.zeros(len(lists), int), n_groups=1, n_items=8, m=m)
    assert values.mean() == pytest.approx(by_subsets(lists, m, 8), abs=1e-12)


@given(LISTS, st.integers(1, 6))
def test_each_value_is_the_jackknife_pseudo_value(lists, m):
    n, m = len(lists), min(m, len(lists) - 1)
    values = rarefied_coverage(*flat(lists), np.zeros(n, int), n_groups=1, n_items=8, m=m)
    whole = by_subsets(lists, m, 8)
    for user in range(n):
        without = by_subsets(lists[:user] + lists[user + 1 :], m, 8)
        assert values[user] == pytest.approx(n * whole - (n - 1) * without, abs=1e-10)


def test_groups_are_computed_apart_and_in_any_order_of_users():
    lists = [[0, 1], [1, 2], [5], [2, 3], [5, 6], [5]]
    groups = np.array([0, 0, 1, 0, 1, 1])
    values = rarefied_coverage(*flat(lists), groups, n_groups=2, n_items=8, m=2)
    for group in (0, 1):
        members = [items for items, of in zip(lists, groups, strict=True) if of == group]
        assert values[groups == group].mean() == pytest.approx(by_subsets(members, 2, 8))


def test_a_larger_group_with_the_same_taste_does_not_cover_more():
    rng = np.random.default_rng(0)
    lists = (200 * rng.random((2200, 10)) ** 2).astype(int)
    users = np.repeat(np.arange(2200), 10)
    groups = np.repeat([0, 1], [200, 2000])
    values = rarefied_coverage(users, lists.ravel(), groups, n_groups=2, n_items=200, m=10)
    small, large = values[groups == 0], values[groups == 1]
    error = np.hypot(small.std() / np.sqrt(200), large.std() / np.sqrt(2000))
    assert abs(small.mean() - large.mean()) < 3 * error
    plain = [len(np.unique(lists[groups == group])) for group in (0, 1)]
    assert plain[1] > plain[0]  # what the plain share of the catalogue would have claimed


def test_one_user_sees_the_length_of_a_list():
    values = rarefied_coverage(
        *flat([[0, 1], [1, 1, 2, 3], []]), np.zeros(3, int), n_groups=1, n_items=10, m=1
    )
    assert values == pytest.approx([0.2, 0.3, 0.0])


def test_the_common_size_is_half_the_smallest_group():
    assert common_size(np.array([300, 41, 90])) == 20
