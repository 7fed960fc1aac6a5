"""What lists show against what users had: shares, taste, parity between groups, differential fairness."""

import numpy as np
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays
from scipy import stats
from scipy.spatial.distance import jensenshannon

from core.fairness.distances import distance_rows
from core.fairness.exposure.attention import position_weights
from core.fairness.quality.parity import (
    PARITY_METRICS,
    differential_fairness,
    parity_distances,
    with_counts,
)
from core.fairness.quality.shown import largest, shares_had, shares_shown, with_others
from core.fairness.quality.taste import taste_divergence
from tests.core.fairness.parts import FAST, part_of

COUNTS = arrays(float, (2, 5), elements=st.floats(0, 100)).filter(lambda c: (c.sum(axis=1) > 0.1).all())


def frame(user, item, rank):
    return pd.DataFrame({"user": user, "item": item, "rank": rank})


def test_shares_weigh_ranks_and_users_without_a_list_have_none():
    lists = frame([7, 7, 9, 7], [0, 1, 0, 1], [1, 2, 1, 9])
    shares = shares_shown(lists, np.array([7, 8]), np.array([0, 1]), n_labels=2, weights=position_weights(2))
    second = 1 / np.log2(3)
    np.testing.assert_allclose(shares[0], [1 / (1 + second), second / (1 + second)])
    assert np.isnan(shares[1]).all()


def test_every_line_of_a_history_counts_once():
    history = pd.DataFrame({"user": [0, 0, 0], "item": [0, 0, 1]})
    np.testing.assert_allclose(
        shares_had(history, np.array([0]), np.array([1, 0]), n_labels=2), [[1 / 3, 2 / 3]]
    )


def test_small_categories_are_taken_together():
    shares = np.array([[0.1, 0.6, 0.1, 0.2], [0.2, 0.5, 0.0, 0.3], [np.nan] * 4])
    kept = largest(shares, 3)
    assert kept.tolist() == [1, 3]
    np.testing.assert_allclose(with_others(shares, kept)[:2], [[0.6, 0.2, 0.2], [0.5, 0.3, 0.2]])
    assert np.isnan(with_others(shares, kept)[2]).all()
    np.testing.assert_array_equal(with_others(shares, largest(shares, 4)), shares)


def test_taste_by_hand():
    found = taste_divergence(np.array([[0.5, 0.5]]), np.array([[1.0, 0.0]]))
    assert found[0] == pytest.approx(0.5 * np.log(0.5 / 0.995) + 0.5 * np.log(0.5 / 0.005))


@given(COUNTS)
def test_taste_lies_within_its_bounds_and_is_zero_for_a_mirror(counts):
    p, q = counts / counts.sum(axis=1, keepdims=True)
    found = taste_divergence(np.stack([p, p]), np.stack([q, p]))
    assert found[0] == pytest.approx(stats.entropy(p, 0.99 * q + 0.01 * p), abs=1e-9)
    assert 0 <= found[0] <= np.log(100) + 1e-9
    assert found[1] == pytest.approx(0, abs=1e-12)
    order = [3, 1, 4, 0, 2]
    assert taste_divergence(p[None, order], q[None, order])[0] == pytest.approx(found[0])


def test_taste_is_unknown_without_a_history():
    assert np.isnan(taste_divergence(np.full((1, 2), np.nan), np.array([[0.5, 0.5]])))[0]


@given(COUNTS)
def test_divergence_agrees_with_scipys(counts):
    js, tv = parity_distances(*counts)
    p, q = counts / counts.sum(axis=1, keepdims=True)
    assert js == pytest.approx(jensenshannon(p, q, base=2) ** 2, abs=1e-9)
    assert 0 <= js <= tv + 1e-9 <= 1 + 2e-9


def test_parity_by_hand_and_at_its_ends():
    js, tv = parity_distances(np.array([2.0, 0]), np.array([1.0, 1]))
    assert (js, tv) == (pytest.approx(0.31127812, abs=1e-8), pytest.approx(0.5))
    np.testing.assert_allclose(parity_distances(np.array([1.0, 2]), np.array([2.0, 4])), 0, atol=1e-15)
    np.testing.assert_allclose(parity_distances(np.array([1.0, 0]), np.array([0.0, 3])), 1)


def test_differential_fairness_by_hand():
    shown = np.array([[1.0], [1], [1], [0]])
    rare = np.array([[1.0], [0], [0], [0]])
    totals = with_counts(shown).sum(axis=0), with_counts(rare).sum(axis=0)
    assert differential_fairness(prior=1.0)(*totals)[0] == pytest.approx(np.log(2))
    assert differential_fairness()(totals[0], totals[0])[0] == 0


@given(arrays(float, (2, 3), elements=st.floats(0, 10)))
def test_differential_fairness_is_the_same_for_not_shown_and_either_order(counts):
    totals = np.column_stack([np.full(2, 10.0), counts])
    turned = np.column_stack([np.full(2, 10.0), 10 - counts])
    found = differential_fairness()(*totals)
    np.testing.assert_allclose(differential_fairness()(*totals[::-1]), found)
    np.testing.assert_allclose(differential_fairness()(*turned), found, atol=1e-12)


def test_groups_that_see_other_categories_are_told_apart():
    rng = np.random.default_rng(1)
    shares = np.concatenate([rng.dirichlet([6, 1, 1], 60), rng.dirichlet([1, 1, 6], 90)])
    rows = distance_rows(
        shares, parity_distances, PARITY_METRICS, part_of(np.repeat([0, 1], [60, 90])), FAST, section="users"
    )
    assert [row.metric for row in rows] == ["parity_js_gap"] * 2 + ["parity_tv_gap"] * 2
    for row in rows:
        assert row.low > row.null_high
        assert row.p_value == pytest.approx(1 / 301)


def test_shares_where_nobody_has_a_history():
    nothing = pd.DataFrame({"user": np.array([], int), "item": np.array([], int)})
    found = shares_had(nothing, np.arange(3), np.array([0, 1]), n_labels=2)
    assert found.shape == (3, 2)
    assert np.isnan(found).all()
