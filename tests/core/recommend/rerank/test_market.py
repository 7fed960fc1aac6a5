"""A pass over the market against a plain one over all candidates, user by user."""

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from core.recommend.rerank.market import NUMBERS, Kinds, open_market, respond, sample
from tests.core.recommend.rerank.greedy_reference import CODES, ITEMS, USERS, batches, drawn
from tests.core.recommend.rerank.markets import weights

PRICES = (-1.0, -0.25, 0.0, 0.25, 0.5)
KINDS = (
    Kinds(CODES, np.eye(3)),
    Kinds(CODES, np.array([[0.0, 0.5, 1.0], [1.0, 0.0, 1.0]])),
    Kinds(np.arange(ITEMS), (np.arange(ITEMS) % 5 / 4)[None]),
    Kinds(np.zeros(ITEMS, int), np.ones((1, 1))),
)


def plain(candidates, kinds, v, group, prices, emphasis):
    """Places of everyone's list, value, relevance of each group and exposure, by loops, in double precision."""
    n_groups, k = len(prices), len(v)
    places, value, of_groups = [], 0.0, np.zeros(n_groups + 1)
    exposure = np.zeros((n_groups + 1, len(kinds.features)))
    for user, mine in enumerate(group):
        n = int(candidates.filled[user].sum())
        feature = kinds.features[:, kinds.codes[candidates.items[user, :n]]]
        relevance = candidates.relevance[user, :n].astype(float)
        price = prices[mine] @ feature if mine < n_groups else np.zeros(n)
        stress = emphasis[mine] if mine < n_groups else 1.0
        best = np.argsort(-(stress * relevance + price), kind="stable")[:k]
        seen = v[: len(best)]
        places.append(best)
        value += seen @ (stress * relevance + price)[best]
        of_groups[mine] += seen @ relevance[best]
        exposure[mine] += feature[:, best] @ seen
    sizes = np.maximum(np.bincount(group, minlength=n_groups + 1), 1)
    n = len(group)
    return places, value / n, of_groups.sum() / n, (of_groups / sizes)[:-1], (exposure / sizes[:, None])[:-1]


def assert_same(found, candidates, expected):
    places, value, relevance, of_groups, exposure = expected
    for user, best in enumerate(places):
        np.testing.assert_array_equal(found.places[user, : len(best)], best)
    assert found.value == pytest.approx(value, abs=1e-6)
    assert found.relevance == pytest.approx(relevance, abs=1e-6)
    np.testing.assert_allclose(found.of_groups, of_groups, atol=1e-6)
    np.testing.assert_allclose(found.exposure, exposure, atol=1e-6)


@given(batches(), st.sampled_from(KINDS), st.integers(1, 8), st.data())
def test_with_ties_empty_places_and_groups_without_users(candidates, kinds, k, data):
    """Quarters add up exactly, so that equal sums are equal here as well; two of three groups at most have users."""
    group = np.array(data.draw(st.lists(st.sampled_from([0, 2, 3]), min_size=USERS, max_size=USERS)))
    prices = np.array(data.draw(st.lists(st.sampled_from(PRICES), min_size=9, max_size=9)))
    prices = prices.reshape(3, 3)[:, : len(kinds.features)]
    emphasis = np.array([0.5, 1.0, 2.0])
    market = open_market(candidates, kinds, weights(k), user_groups=group, n_groups=3)
    expected = plain(candidates, kinds, weights(k), group, prices, emphasis)
    assert_same(respond(market, prices, emphasis=emphasis, lists=True), candidates, expected)
    expected = plain(candidates, kinds, weights(k), group, prices, np.ones(3))
    assert_same(respond(market, prices, lists=True), candidates, expected)


def test_more_users_than_at_once():
    rng = np.random.default_rng(3)
    width = 20
    candidates = drawn(rng, users=NUMBERS // width * 2 + 7, width=width)
    kinds = Kinds(rng.integers(0, 25, 100), rng.random((1, 25)))
    group = rng.integers(0, 4, candidates.n_users)
    prices = rng.normal(size=(3, 1)) / 5
    market = open_market(candidates, kinds, weights(10), user_groups=group, n_groups=3)
    found = respond(market, prices, lists=True)
    bonus = np.vstack([prices @ kinds.features, np.zeros((1, 25))]).astype(np.float32)
    worth = candidates.relevance + bonus[group[:, None], kinds.codes[candidates.items]]
    order = np.argsort(-worth, axis=1, kind="stable")[:, :10]
    there = np.take_along_axis(candidates.filled, order, axis=1)
    np.testing.assert_array_equal(found.places[there], order[there])


def test_a_sample_answers_for_its_users_alone():
    rng = np.random.default_rng(4)
    candidates, group = drawn(rng, users=300), rng.integers(0, 3, 300)
    kinds, prices = Kinds(np.arange(100) % 7, np.eye(7)), rng.normal(size=(2, 7)) / 5
    market = open_market(candidates, kinds, weights(5), user_groups=group, n_groups=2)
    some = sample(market, 40, np.random.default_rng(1))
    rows = np.sort(np.random.default_rng(1).choice(300, 40, replace=False))
    mine = candidates.items[rows], candidates.relevance[rows]
    again = open_market(type(candidates)(*mine), kinds, weights(5), user_groups=group[rows], n_groups=2)
    found, expected = respond(some, prices), respond(again, prices)
    np.testing.assert_allclose(found.exposure, expected.exposure, atol=1e-12)
    np.testing.assert_array_equal(some.sizes, again.sizes)
    assert found.value == pytest.approx(expected.value, abs=1e-9)


@pytest.mark.skipif(not torch.cuda.is_available(), reason="no GPU")
def test_a_gpu_gives_the_same():
    rng = np.random.default_rng(5)
    candidates = drawn(rng, users=2000)
    kinds, prices = Kinds(np.arange(100) % 7, np.eye(7)), rng.normal(size=(1, 7)) / 5
    here, there = (open_market(candidates, kinds, weights(5), device=device) for device in ("cpu", "cuda"))
    found, expected = respond(there, prices, lists=True), respond(here, prices, lists=True)
    np.testing.assert_allclose(found.exposure, expected.exposure, atol=1e-6)
    assert found.value == pytest.approx(expected.value, abs=1e-6)
