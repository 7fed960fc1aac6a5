"""Envy by a utility that did not make the lists."""

import numpy as np
import pytest

from core.fairness.exposure.attention import position_weights
from core.fairness.quality.envy import (
    envy_metrics,
    envy_towards,
    list_utilities,
    purchases_as_utility,
    sampled_envy,
)

TASTES = np.array([[1.0, 0.0, 0.5], [0.0, 1.0, 0.5]])


def by_taste(users, items):
    return TASTES[users % 2][np.arange(len(users))[:, None], items]


def options(**more):
    return {"weights": np.ones(1), "others": 6, "rng": np.random.default_rng(1), **more}


def test_utility_of_a_list_by_hand():
    found = list_utilities(np.array([0]), np.array([[0, 2, -1]]), by_taste, position_weights(3))
    w = position_weights(3)
    assert found[0] == pytest.approx((w[0] + 0.5 * w[1]) / w.sum())


def test_what_users_bought_later_is_worth_one_to_them():
    utility = purchases_as_utility(np.array([0, 0, 1]), np.array([4, 2, 9]), n_items=10)
    worth = utility(np.array([0, 1]), np.array([[2, 3, 4], [9, 2, 0]]))
    np.testing.assert_array_equal(worth, [[1, 0, 1], [1, 0, 0]])
    nobody = purchases_as_utility(np.zeros(0, int), np.zeros(0, int), n_items=10)
    assert not nobody(np.array([0]), np.array([[0, 9]])).any()


def test_two_users_with_each_others_lists_envy_each_other():
    envies = sampled_envy(np.array([[1], [0]]), by_taste, **options())
    np.testing.assert_allclose(envies, 1.0)
    np.testing.assert_allclose(envy_metrics(envies), [[1, 0], [1, 0]])


def test_nobody_envies_with_the_best_list_or_with_the_same_lists():
    assert not sampled_envy(np.array([[0], [1]]), by_taste, **options()).any()
    same = sampled_envy(np.full((8, 1), 2), by_taste, **options())
    assert not same.any()
    np.testing.assert_allclose(envy_metrics(same)[:, 1], 1)


def test_a_rankers_own_scores_see_no_envy_where_another_utility_does():
    rng = np.random.default_rng(2)
    scores, truth = rng.random((2, 30, 50))
    lists = np.argsort(-scores, axis=1)[:, :5]

    def of(table):
        return lambda users, items: table[users[:, None], items]

    weights = position_weights(5)
    assert not sampled_envy(lists, of(scores), **options(weights=weights)).any()
    assert sampled_envy(lists, of(truth), **options(weights=weights)).mean() > 0.02


def test_nobody_draws_themselves_and_everybody_else_may_be_drawn():
    lists = np.arange(4)[:, None]

    def owner(users, items):
        assert np.ndim(items) == 2
        return np.where(items == users[:, None], 0.0, 1.0 + items)

    envies = sampled_envy(lists, owner, **options(others=200))
    for user in range(4):
        assert set(envies[user]) == {1.0 + other for other in range(4) if other != user}


def test_envy_towards_groups_is_who_would_rather_have_whose_lists():
    lists = np.array([[2], [2], [0], [0], [1], [1]])  # group 0 has item 2, group 1 item 0, group 2 item 1
    strata = np.array([0, 0, 1, 1, 2, 2])
    found = envy_towards(lists, strata, by_taste, n_groups=3, **options())
    np.testing.assert_allclose(found[0], [0, 0.5, 0])  # likes item 0 best
    np.testing.assert_allclose(found[1], [0, 0, 0.5])  # likes item 1 best
