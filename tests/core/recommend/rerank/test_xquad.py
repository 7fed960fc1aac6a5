"""xQuAD against the slow way and against the best list of all, and what its strength moves."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from core.errors import InputError, SettingsError
from core.recommend.rerank.batch import Candidates
from core.recommend.rerank.xquad import XquadSettings, xquad
from core.schema.settings import settings_from
from tests.core.recommend.rerank.greedy_reference import (
    CODES,
    GROUPS,
    ITEMS,
    ROUNDING,
    assert_greedy,
    assert_reordered,
    batch_of,
    batches,
    best_first,
    best_value,
    drawn,
    rows,
    shares,
    tastes,
)

STRENGTHS = (0.0, 0.3, 0.7, 0.9, 1.0)
ONE_TOPIC = np.eye(GROUPS)[CODES]
SEVERAL = np.random.default_rng(2).random((ITEMS, GROUPS)).round(2)


def gain_of(relevance, topics, wanted, strength):
    """(1 - l) s + l sum_c p(c|u) p(i|c) times what the list leaves uncovered, in plain Python."""

    def gain(built, item):
        total = 0.0
        for topic, share in enumerate(np.nan_to_num(wanted)):
            uncovered = float(np.prod([1 - topics[other][topic] for other in built]))
            total += share * topics[item][topic] * uncovered
        return (1 - strength) * relevance[item] + strength * total

    return gain


def value_of(gain):
    """Value of a whole list: its items' gains, one after the other."""
    return lambda built: sum(gain(built[:place], item) for place, item in enumerate(built))


def test_the_second_item_covers_what_is_left():
    """p = (0.6, 0.4), s = (1, 0.9, 0.6, 0); the first item covers topic 0, the third one topic 1."""
    batch = batch_of(np.array([[1, 0.9, 0.6, 0.0]]), np.array([4]), np.array([[0, 1, 2, 3]]))
    codes, wanted = np.array([0, 0, 1, 1]), np.array([[0.6, 0.4]])
    found = xquad(batch, codes, wanted, k=2, strength=0.5)
    np.testing.assert_array_equal(found.items, [[0, 2, 1, 3]])  # 0.3 + 0.2 against 0.45
    found = xquad(batch, codes, wanted, k=2, strength=0.4)
    np.testing.assert_array_equal(found.items, [[0, 1, 2, 3]])  # 0.36 + 0.16 against 0.54


@pytest.mark.parametrize("strength", STRENGTHS)
@pytest.mark.parametrize("several", [False, True])
def test_lists_are_those_of_the_slow_way(strength, several):
    rng = np.random.default_rng(5)
    batch, wanted = drawn(rng), shares(rng, 60, 7)
    codes = rng.integers(0, 7, 100)
    topics = rng.random((100, 7)) if several else np.eye(7)[codes]
    found = xquad(batch, topics if several else codes, wanted, k=8, strength=strength)
    assert_reordered(found, batch, 8)
    for u, (items, relevance) in enumerate(rows(batch)):
        gain = gain_of(dict(zip(items, relevance, strict=True)), topics, wanted[u], strength)
        assert found.items[u, : min(8, len(items))].tolist() == best_first(items, 8, gain)


@given(batches(), tastes(), st.sampled_from(STRENGTHS), st.integers(1, 8), st.booleans())
def test_every_place_holds_the_best_item_left(batch, wanted, strength, k, several):
    topics = SEVERAL if several else ONE_TOPIC
    found = xquad(batch, SEVERAL if several else CODES, wanted, k=k, strength=strength)
    assert_reordered(found, batch, k)
    for u, (items, relevance) in enumerate(rows(batch)):
        gain = gain_of(dict(zip(items, relevance, strict=True)), topics, wanted[u], strength)
        assert_greedy(found.items[u, : min(k, len(items))].tolist(), items, gain)


@given(batches(), tastes(), st.sampled_from(STRENGTHS), st.booleans())
def test_lists_reach_what_is_guaranteed(batch, wanted, strength, several):
    topics = SEVERAL if several else ONE_TOPIC
    found = xquad(batch, SEVERAL if several else CODES, wanted, k=3, strength=strength)
    for u, (items, relevance) in enumerate(rows(batch)):
        value = value_of(gain_of(dict(zip(items, relevance, strict=True)), topics, wanted[u], strength))
        reached = value(found.items[u, : min(3, len(items))].tolist())
        assert reached >= (1 - 1 / np.e) * best_value(items, 3, value) - ROUNDING


@given(batches(), tastes(), st.integers(1, 8), st.booleans())
def test_without_strength_nothing_moves(batch, wanted, k, several):
    found = xquad(batch, SEVERAL if several else CODES, wanted, k=k, strength=0)
    np.testing.assert_array_equal(found.items, batch.items)


def test_one_topic_an_item_is_the_same_written_either_way():
    rng = np.random.default_rng(7)
    batch, wanted, codes = drawn(rng, users=200), shares(rng, 200, 7), rng.integers(0, 7, 100)
    one = xquad(batch, codes, wanted, k=8, strength=0.6)
    other = xquad(batch, np.eye(7)[codes], wanted, k=8, strength=0.6)
    np.testing.assert_array_equal(one.items, other.items)


def test_more_strength_covers_more_of_what_is_wanted():
    rng = np.random.default_rng(3)
    batch, wanted, codes = drawn(rng, users=300, short=False), shares(rng, 300, 9), rng.integers(0, 9, 100)
    covered = []
    for strength in STRENGTHS:
        lists = xquad(batch, codes, wanted, k=5, strength=strength).lists(5)
        there = np.zeros(wanted.shape, bool)
        np.put_along_axis(there, codes[lists], True, axis=1)
        covered.append((wanted * there).sum(axis=1).mean())
    assert (np.diff(covered) > 0).all()


def test_users_of_unknown_taste_keep_their_order():
    rng = np.random.default_rng(8)
    batch, wanted = drawn(rng, short=False), shares(rng, 60, 4)
    wanted[::2] = np.nan
    found = xquad(batch, rng.integers(0, 4, 100), wanted, k=8, strength=1)
    np.testing.assert_array_equal(found.items[::2], batch.items[::2])
    assert (found.items[1::2] != batch.items[1::2]).any()


def test_users_do_not_depend_on_each_other():
    rng = np.random.default_rng(6)
    batch, wanted, topics = drawn(rng, users=3000), shares(rng, 3000, 4), rng.random((100, 4))
    some = slice(2990, 3000)
    alone = Candidates(batch.items[some], batch.relevance[some])
    for kind in (topics, topics.argmax(axis=1)):
        found = xquad(batch, kind, wanted, k=8, strength=0.4)
        np.testing.assert_array_equal(
            xquad(alone, kind, wanted[some], k=8, strength=0.4).items, found.items[some]
        )


@pytest.mark.parametrize("topics", [np.arange(ITEMS), np.ones((ITEMS, 2))])
def test_topics_that_nobody_has_shares_of_are_refused(topics):
    batch = batch_of(np.ones((2, 3)), np.array([3, 3]), np.tile(np.arange(ITEMS), (2, 1)))
    with pytest.raises(InputError):
        xquad(batch, topics, np.full((2, 3), 1 / 3), k=2, strength=0.5)
    with pytest.raises(InputError, match="users"):
        xquad(batch, CODES, np.full((1, 3), 1 / 3), k=2, strength=0.5)


def test_strength_is_a_share():
    with pytest.raises(SettingsError, match="strength"):
        settings_from(XquadSettings, {"strength": -0.1})
