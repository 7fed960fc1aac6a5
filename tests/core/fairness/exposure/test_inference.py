"""Means against a target, and per-user values of pooled metrics."""

import numpy as np
import pandas as pd
import pytest

from core.fairness.exposure.attention import exposure_shares, placed_groups, position_weights
from core.fairness.exposure.concentration import coverage, entropy, gini
from core.fairness.exposure.divergence import pooled_ndkl
from core.fairness.exposure.inference import compare_means, covering_values
from core.fairness.exposure.item_groups import ItemGroups
from core.fairness.exposure.measures import answered, pooled_columns, shown
from tests.core.fairness.exposure.made_lists import filled_at_random


def compared(values, target, *, draws=400, seed=0):
    columns = np.asarray(values, float)
    options = {"draws": draws, "confidence": 0.95, "rng": np.random.default_rng(seed)}
    return compare_means(
        columns, np.asarray(target, float), bounded=np.ones(columns.shape[1], bool), **options
    )


def test_p_values_are_honest_where_users_have_tastes_and_the_multinomial_would_cry_wolf():
    # 300 shops on target; 95 % of them must not be significant: the standard error of that share is 1.3 points.
    target, weights, n = np.array([0.2, 0.8]), position_weights(5), 80
    found, multinomial = [], []
    for seed in range(300):
        groups = filled_at_random(n, 5, target, np.random.default_rng(seed), loyalty=0.5)
        shares = exposure_shares(groups, weights, 2)
        found.append(compared(shares, target, draws=300, seed=seed).p_value[0])
        error = np.sqrt(0.2 * 0.8 * (weights**2).sum() / n)
        multinomial.append(abs(shares[:, 0].mean() - 0.2) > 1.96 * error)
    assert np.mean(np.array(found) <= 0.05) <= 0.05 + 3 * 0.013
    assert np.mean(multinomial) > 0.15


def test_p_value_interval_and_null_band_say_the_same():
    rng = np.random.default_rng(1)
    values = rng.beta(0.5, 2, (60, 1))
    for target in np.linspace(0.05, 0.4, 15):
        found = compared(values, [target], draws=999)
        inside = found.interval.low[0, 0] <= target <= found.interval.high[0, 0]
        gap = values.mean() - target
        assert inside == (found.null_low[0] <= gap <= found.null_high[0])
        if abs(found.p_value[0] - 0.05) > 0.01:
            assert inside == (found.p_value[0] > 0.05)


def test_a_group_that_nobody_of_thirty_is_shown_is_not_certain_to_be_shown_to_nobody():
    found = compared(np.zeros((30, 1)), [0.02])
    assert found.interval.value[0, 0] == found.interval.low[0, 0] == 0
    assert found.interval.high[0, 0] == pytest.approx(1 - 0.025 ** (1 / 30))
    assert found.p_value[0] == pytest.approx(min(2 * 0.98**30, 1))
    assert compared(np.zeros((3000, 1)), [0.02]).p_value[0] < 1e-20


def test_the_same_list_for_everybody_is_as_sure_as_its_users_are_many():
    found = compared(np.full((100, 1), 0.3), [0.3])
    b = 1 - 0.025**0.01
    np.testing.assert_allclose(
        [found.interval.low[0, 0], found.interval.high[0, 0]], [0.3 * (1 - b), 0.3 * (1 - b) + b]
    )
    assert found.p_value[0] == 1
    below, above = (compared(np.full((100, 1), 0.3), [target]).p_value[0] for target in (0.29, 0.31))
    assert below == pytest.approx(2 * (0.29 / 0.3) ** 100)
    assert above == pytest.approx(min(1, 2 * (0.69 / 0.7) ** 100))


def some_lists(n_users, seed=0):
    rng = np.random.default_rng(seed)
    items = np.array([np.unique((30 * rng.random(40) ** 2).astype(int))[:6] for _ in range(n_users)])
    items = rng.permuted(items, axis=1)
    items[rng.random(items.shape) < 0.1] = -1
    items[:, 0] = np.where(items[:, 0] < 0, 29, items[:, 0])
    groups = ItemGroups("brand", ("a", "b", "c"), np.arange(30) % 3)
    return items, groups, np.array([0.2, 0.3, 0.5])


def columns_of(items, groups, target):
    return pooled_columns(shown(np.arange(len(items)), items, position_weights(6), groups, target))


def test_pooled_metrics_are_the_means_of_their_columns():
    items, groups, target = some_lists(50)
    found = columns_of(items, groups, target)
    amount = np.where(items < 0, 0, position_weights(6))
    amount /= amount.sum(axis=1, keepdims=True)
    mean = np.array([(amount * (items == item)).sum() for item in range(30)]) / 50
    expected = {
        "gini_items": gini(mean),
        "entropy_items": entropy(mean),
        "coverage": coverage(mean),
        "ndkl_pooled": pooled_ndkl(placed_groups(items, groups.codes), target),
    }
    assert found.keys() == expected.keys()
    for name, value in expected.items():
        assert found[name].mean() == pytest.approx(value)


def test_columns_tell_what_leaving_a_user_out_does():
    n = 400
    items, groups, target = some_lists(n)
    found = columns_of(items, groups, target)
    for name in ("gini_items", "entropy_items", "ndkl_pooled"):
        left_out = [
            columns_of(np.delete(items, u, axis=0), groups, target)[name].mean() for u in range(0, n, 20)
        ]
        change = (n - 1) * (found[name].mean() - np.array(left_out))
        own = (found[name] - found[name].mean())[::20]
        assert np.corrcoef(change, own)[0, 1] > 0.99
        np.testing.assert_allclose(change, own, atol=0.25 * found[name].std())  # ranks jump


def test_coverage_columns_are_jackknife_values():
    items = np.array([[0, 1], [1, 2], [1, -1], [3, 0]])
    values = covering_values(items, 5)
    assert values.mean() == pytest.approx(4 / 5)
    without = [len(set(np.delete(items, u, axis=0).ravel()) - {-1}) / 5 for u in range(4)]
    jackknife_variance = 3 / 4 * ((np.array(without) - np.mean(without)) ** 2).sum()
    assert values.var(ddof=1) / 4 == pytest.approx(jackknife_variance)


def test_what_was_bought_afterwards_by_hand():
    items, groups = (
        np.array([[0, 1], [1, 3], [2, 3]]),
        ItemGroups("brand", ("a", "b"), np.array([0, 0, 1, 1])),
    )
    weights, target = np.array([0.75, 0.25]), np.array([0.5, 0.5])
    lists = shown(np.array([7, 8, 9]), items, weights, groups, target)
    after = pd.DataFrame({"user": [7, 7, 7, 9, 5, 9], "item": [1, 1, 2, 3, 0, 77]})
    found = answered(lists, after)
    np.testing.assert_array_equal(found.rows, [0, 2])
    np.testing.assert_array_equal(found.wanted, [[1, 1], [0, 1]])
    np.testing.assert_array_equal(found.hits, [[1, 0], [0, 1]])
    np.testing.assert_allclose(found.attended, [[0.25, 0], [0, 0.25]])
    attention, relevance = np.array([0.75, 0.25, 0.75, 0.25]) / 2, np.array([0, 0.5, 0.5, 1]) / 2
    assert found.columns["iaa"].mean() == pytest.approx(np.abs(attention - relevance).sum())
    # m = 2 wanted: both should get 0.5; user 7 gets 0.75 and 0.25 on items 0 and 1: 0.5625 + 0.0625 + 0.25
    assert found.columns["ee_l_items_user"][0] == pytest.approx(0.75**2 + 0.25**2 + 0.5**2)
    assert answered(lists, after[after["user"] == 7]) is None
