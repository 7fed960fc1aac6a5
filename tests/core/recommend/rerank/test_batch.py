"""Everyone's candidates as one batch."""

import numpy as np
import pandas as pd
import pytest

from core.errors import InputError
from core.metrics import NOTHING
from core.recommend.rerank.batch import EMPTY, KEPT, Candidates, as_batch, by_relevance, in_new_order
from tests.core.recommend.rerank.greedy_reference import drawn


@pytest.fixture
def table():
    """User 0 has three items, user 1 none, user 2 two of equal score."""
    return pd.DataFrame(
        {
            "user": [0, 0, 0, 2, 2],
            "item": [5, 3, 9, 1, 0],
            "rank": [1, 2, 3, 1, 2],
            "score": [4.0, 1.0, 0.0, 7.0, 7.0],
        }
    )


def test_scores_are_scaled_within_a_user(table):
    batch = as_batch(table, n_users=3, width=4)
    np.testing.assert_array_equal(batch.items, [[5, 3, 9, NOTHING], [NOTHING] * 4, [1, 0, NOTHING, NOTHING]])
    np.testing.assert_array_equal(
        batch.relevance, np.float32([[1, 0.25, 0, EMPTY], [EMPTY] * 4, [1, 1, EMPTY, EMPTY]])
    )
    np.testing.assert_array_equal(batch.lists(2), [[5, 3], [NOTHING, NOTHING], [1, 0]])
    assert batch.lists(6).shape == (3, 6)
    assert batch.n_users == 3


def test_a_narrower_batch_scales_what_it_keeps(table):
    batch = as_batch(table[table["user"] == 0], n_users=1, width=2)
    np.testing.assert_array_equal(batch.relevance, [[1, 0]])


def test_relevance_may_be_any_rising_function_of_the_score(table):
    batch = as_batch(table, n_users=3, width=4, relevance=lambda scores: scores / 10)
    np.testing.assert_array_equal(batch.relevance[0], np.float32([0.4, 0.1, 0, EMPTY]))


@pytest.mark.parametrize("scores", [[4.0, np.nan, 0.0], [1.0, 4.0, 0.0]])
def test_lists_without_falling_scores_cannot_be_reranked(table, scores):
    table = table[table["user"] == 0].assign(score=scores)
    with pytest.raises(InputError, match="score"):
        as_batch(table, n_users=1, width=3)


def test_other_relevances_keep_equal_items_in_their_order(table):
    batch = as_batch(table, n_users=3, width=3)
    other = np.float32([[0, 0.5, 0.5], [1, 2, 3], [1, 1, 9]])
    found = by_relevance(batch, lambda some: other[some].copy())
    np.testing.assert_array_equal(found.items, [[3, 9, 5], [NOTHING] * 3, [1, 0, NOTHING]])
    np.testing.assert_array_equal(found.relevance[0], [0.5, 0.5, 0])
    same = by_relevance(batch, lambda some: batch.relevance[some].copy())
    np.testing.assert_array_equal(same.items, batch.items)


def test_a_new_order_keeps_the_scale_of_the_user(table):
    batch = as_batch(table, n_users=3, width=3)
    found = in_new_order(batch, np.array([[2, 0, 1], [0, 1, 2], [1, 0, 2]]))
    np.testing.assert_array_equal(found.items, [[9, 5, 3], [NOTHING] * 3, [0, 1, NOTHING]])
    np.testing.assert_array_equal(found.relevance, batch.relevance)


def test_other_relevances_of_many_users_at_once_are_those_of_each():
    rng = np.random.default_rng(2)
    batch = drawn(rng, users=9000, width=30)
    other = rng.integers(0, 5, batch.items.shape).astype(np.float32)
    found = by_relevance(batch, lambda some: other[some].copy())
    order = np.argsort(-np.where(batch.filled, other, EMPTY), axis=1, kind="stable")
    np.testing.assert_array_equal(found.items, np.take_along_axis(batch.items, order, axis=1))
    expected = np.take_along_axis(np.where(batch.filled, other, EMPTY), order, axis=1)
    np.testing.assert_array_equal(found.relevance, expected)


def test_what_is_made_of_the_same_content_is_made_once(table):
    batch, codes, calls = as_batch(table, n_users=3, width=4), np.arange(5), []

    def made(*of, what="heads"):
        return batch.keep(what, of, lambda: calls.append(of) or len(calls))

    assert (made(codes), made(codes.copy())) == (1, 1)
    assert (made(codes + 1), made(codes, what="tails"), made(codes, codes)) == (2, 3, 4)
    assert made(codes) == 1
    assert [made(codes + n) for n in range(2, 2 + KEPT)] == [5, 6, 7, 8]
    assert made(codes) == 9  # it was forgotten, so that memory stays bounded
    assert len(batch.made) == KEPT
    assert Candidates(batch.items, batch.relevance).keep("heads", (codes,), lambda: "its own") == "its own"
