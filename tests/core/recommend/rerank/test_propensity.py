"""Inverse propensity by hand, against a plain loop, and what it must not change."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from core.errors import InputError, SettingsError
from core.metrics import NOTHING
from core.recommend.rerank.batch import EMPTY, Candidates
from core.recommend.rerank.propensity import (
    PropensitySettings,
    corrected,
    popularity_propensity,
    shown_propensity,
)
from core.schema.settings import settings_from
from tests.core.recommend.rerank.greedy_reference import ITEMS, batch_of, batches, drawn

PROPENSITIES = arrays(float, ITEMS, elements=st.sampled_from([0.0, 0.01, 0.25, 0.5, 1.0]))


def test_by_hand():
    batch = batch_of(np.array([[0.6, 0.4, 0.0]]), np.array([2]), np.array([[0, 1, 2]]))
    found = corrected(batch, np.array([0.5, 0.25, 1]), strength=1, clip=0.1, normalise=False)
    assert found.items.tolist() == [[1, 0, NOTHING]]
    np.testing.assert_allclose(found.relevance, [[1.6, 1.2, EMPTY]], rtol=1e-6)
    found = corrected(batch, np.array([0.5, 0.25, 1]), strength=1, clip=0.1)
    np.testing.assert_allclose(found.relevance, [[1.6 / 3, 1.2 / 3, EMPTY]], rtol=1e-6)
    found = corrected(batch, np.array([0.5, 0.25, 1]), strength=1, clip=0.5)  # both count as 0.5
    assert found.items.tolist() == [[0, 1, NOTHING]]


@given(batches(), PROPENSITIES, st.sampled_from([0.3, 1.0]), st.sampled_from([0.01, 0.3]), st.booleans())
def test_all_at_once_is_one_by_one(batch, propensity, strength, clip, normalise):
    found = corrected(batch, propensity, strength=strength, clip=clip, normalise=normalise)
    for u in range(batch.n_users):
        items = batch.items[u][batch.items[u] != NOTHING]
        weight = (np.maximum(propensity, clip) ** -strength).astype(np.float32)[items]
        values = batch.relevance[u, : len(items)] * (
            weight / weight.mean() if normalise and len(weight) else weight
        )
        np.testing.assert_array_equal(np.sort(found.items[u, : len(items)]), np.sort(items))
        assert (found.items[u, len(items) :] == NOTHING).all()
        assert (found.relevance[u, len(items) :] == EMPTY).all()
        np.testing.assert_allclose(found.relevance[u, : len(items)], -np.sort(-values), rtol=1e-5)
        by_item = dict(zip(items.tolist(), values, strict=True))
        np.testing.assert_allclose(
            found.relevance[u, : len(items)],
            [by_item[item] for item in found.items[u, : len(items)]],
            rtol=1e-5,
        )


@given(batches(), PROPENSITIES)
def test_without_strength_or_difference_nothing_moves(batch, propensity):
    found = corrected(batch, propensity, strength=0, clip=0.01)
    np.testing.assert_array_equal(found.items, batch.items)
    np.testing.assert_array_equal(found.relevance, batch.relevance)
    found = corrected(batch, np.full(ITEMS, 0.2), strength=1, clip=0.01)
    np.testing.assert_array_equal(found.items, batch.items)
    np.testing.assert_allclose(found.relevance, batch.relevance, rtol=1e-6)


def test_normalising_moves_no_place():
    rng = np.random.default_rng(1)
    batch, propensity = drawn(rng, users=500), rng.random(100)
    one, other = (
        corrected(batch, propensity, strength=0.5, clip=0.01, normalise=normalise)
        for normalise in (True, False)
    )
    np.testing.assert_array_equal(one.items, other.items)


def test_more_strength_shows_rarer_items():
    rng = np.random.default_rng(2)
    batch, propensity = drawn(rng, users=500, short=False), rng.random(100)
    seen = [
        propensity[corrected(batch, propensity, strength=strength, clip=0.01).lists(5)].mean()
        for strength in (0, 0.2, 0.4, 0.7, 1)
    ]
    assert (np.diff(seen) < 0).all()


def test_more_users_than_at_once():
    rng = np.random.default_rng(3)
    batch, propensity = drawn(rng, users=9000, width=6), rng.random(100)
    found = corrected(batch, propensity, strength=0.5, clip=0.01)
    last = Candidates(batch.items[-9:], batch.relevance[-9:])
    np.testing.assert_array_equal(
        corrected(last, propensity, strength=0.5, clip=0.01).items, found.items[-9:]
    )


def test_propensities():
    np.testing.assert_allclose(popularity_propensity(np.array([4, 1, 0])), [1, 0.5, 0])
    np.testing.assert_allclose(popularity_propensity(np.array([4, 1, 0]), power=1), [1, 0.25, 0])
    np.testing.assert_array_equal(popularity_propensity(np.zeros(2)), [1, 1])
    users, items = np.array([0, 0, 1, 2]), np.array([1, 1, 1, 0])
    np.testing.assert_allclose(shown_propensity(users, items, n_users=4, n_items=3), [0.25, 0.5, 0])


def test_bad_input():
    batch = batch_of(np.array([[0.6, 0.4]]), np.array([2]), np.array([[0, 1]]))
    for wrong in (np.array([0.5, np.nan]), np.array([0.5, 1.5]), np.array([-0.1, 0.5])):
        with pytest.raises(InputError, match="seen"):
            corrected(batch, wrong, strength=0.5, clip=0.1)
    below = Candidates(batch.items, batch.relevance - 1)
    with pytest.raises(InputError, match="below 0"):
        corrected(below, np.ones(2), strength=0.5, clip=0.1)
    with pytest.raises(SettingsError, match="clip"):
        settings_from(PropensitySettings, {"clip": 0})
