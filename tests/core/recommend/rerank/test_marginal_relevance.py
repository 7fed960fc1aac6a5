"""Marginal relevance against the slow way, and what its strength moves."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from core.errors import SettingsError
from core.recommend.rerank.marginal_relevance import MarginalRelevanceSettings, marginal_relevance
from core.schema.settings import settings_from
from tests.core.recommend.rerank.greedy_reference import (
    ITEMS,
    assert_greedy,
    assert_reordered,
    batch_of,
    batches,
    best_first,
    drawn,
    rows,
)

STRENGTHS = (0.0, 0.25, 0.5, 0.75, 1.0)


def directions(rng, items, width=8):
    """Rows of length 1 around a few centres, so that some items are much alike."""
    found = rng.standard_normal((5, width))[rng.integers(0, 5, items)] + 0.3 * rng.standard_normal(
        (items, width)
    )
    return (found / np.linalg.norm(found, axis=1, keepdims=True)).astype(np.float32)


def gain_of(relevance, vectors, strength):
    """(1 - l) s - l times the largest similarity so far, in float64."""
    vectors = vectors.astype(float)

    def gain(built, item):
        nearest = max((float(vectors[item] @ vectors[other]) for other in built), default=0.0)
        return (1 - strength) * relevance[item] - strength * nearest

    return gain


def alike(lists, vectors):
    """Mean similarity of pairs within a list, (U,)."""
    found = vectors[lists].astype(float)
    pairs = found @ found.transpose(0, 2, 1)
    k = lists.shape[1]
    return (pairs.sum(axis=(1, 2)) - np.trace(pairs, axis1=1, axis2=2)) / (k * (k - 1))


def test_the_second_item_is_unlike_the_first():
    """s = (1, 0.9, 0): a twin of the first is worth 0.45 - 0.5, the unlike third 0."""
    vectors = np.float32([[1, 0], [1, 0], [0, 1]])
    batch = batch_of(np.array([[1, 0.9, 0.0]]), np.array([3]), np.array([[0, 1, 2]]))
    found = marginal_relevance(batch, vectors, k=2, strength=0.5)
    np.testing.assert_array_equal(found.items, [[0, 2, 1]])
    found = marginal_relevance(batch, vectors, k=2, strength=0.4)
    np.testing.assert_array_equal(found.items, [[0, 1, 2]])


def test_items_pointing_apart_are_better_than_those_at_a_right_angle():
    vectors = np.float32([[1, 0], [0, 1], [-1, 0]])
    batch = batch_of(np.ones((1, 3)), np.array([3]), np.array([[0, 1, 2]]))
    np.testing.assert_array_equal(marginal_relevance(batch, vectors, k=3, strength=0.5).items, [[0, 2, 1]])


@pytest.mark.parametrize("strength", STRENGTHS)
def test_lists_are_those_of_the_slow_way(strength):
    rng = np.random.default_rng(5)
    batch, vectors = drawn(rng), directions(rng, 100)
    found = marginal_relevance(batch, vectors, k=8, strength=strength)
    assert_reordered(found, batch, 8)
    for u, (items, relevance) in enumerate(rows(batch)):
        gain = gain_of(dict(zip(items, relevance, strict=True)), vectors, strength)
        assert found.items[u, : min(8, len(items))].tolist() == best_first(items, 8, gain)


@given(batches(), st.sampled_from(STRENGTHS), st.integers(1, 8), st.integers(0, 99))
def test_every_place_holds_the_best_item_left(batch, strength, k, seed):
    vectors = directions(np.random.default_rng(seed), ITEMS)
    found = marginal_relevance(batch, vectors, k=k, strength=strength)
    assert_reordered(found, batch, k)
    for u, (items, relevance) in enumerate(rows(batch)):
        gain = gain_of(dict(zip(items, relevance, strict=True)), vectors, strength)
        assert_greedy(found.items[u, : min(k, len(items))].tolist(), items, gain)


@given(batches(), st.integers(1, 8))
def test_without_strength_nothing_moves(batch, k):
    vectors = directions(np.random.default_rng(1), ITEMS)
    found = marginal_relevance(batch, vectors, k=k, strength=0)
    np.testing.assert_array_equal(found.items, batch.items)


def test_more_strength_makes_lists_less_alike():
    rng = np.random.default_rng(3)
    batch, vectors = drawn(rng, users=300, short=False), directions(rng, 100)
    means = [
        alike(marginal_relevance(batch, vectors, k=6, strength=s).lists(6), vectors).mean() for s in STRENGTHS
    ]
    assert (np.diff(means) < 0).all()


def test_the_scale_of_relevance_does_not_matter():
    rng = np.random.default_rng(4)
    batch, vectors = drawn(rng), directions(rng, 100)
    small = type(batch)(batch.items, batch.relevance / 64 - 3)
    one, other = (marginal_relevance(b, vectors, k=8, strength=0.4).items for b in (batch, small))
    np.testing.assert_array_equal(one, other)


def test_users_do_not_depend_on_each_other():
    rng = np.random.default_rng(6)
    batch, vectors = drawn(rng, users=70), directions(rng, 100)
    found = marginal_relevance(batch, vectors, k=8, strength=0.4)
    alone = marginal_relevance(
        type(batch)(batch.items[50:51], batch.relevance[50:51]), vectors, k=8, strength=0.4
    )
    np.testing.assert_array_equal(alone.items, found.items[50:51])


def test_nobody_gets_nothing():
    batch = drawn(np.random.default_rng(1), users=0)
    assert (
        marginal_relevance(batch, directions(np.random.default_rng(1), 100), k=5, strength=0.5).n_users == 0
    )


def test_strength_is_a_share():
    with pytest.raises(SettingsError, match="strength"):
        settings_from(MarginalRelevanceSettings, {"strength": 1.1})
