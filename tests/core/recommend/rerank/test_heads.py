"""Which candidates can matter, against the plain definition and against the best lists under any prices."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from core.recommend.rerank.heads import heads

USERS, WIDTH, KINDS = 5, 9, 4
ROWS = arrays(np.int32, (USERS, WIDTH), elements=st.integers(0, KINDS))
AMOUNTS = arrays(float, (1, KINDS), elements=st.sampled_from([0.0, 0.25, 0.5, 1.0]))


def with_empty_last(kind):
    """Kind `KINDS` is an empty place; these come last."""
    return np.stack([np.concatenate([row[row < KINDS], row[row == KINDS]]) for row in kind])


def fewer_before(kind, passes, k):
    """By loops: items of whom fewer than k better ones are of a kind that passes theirs."""
    found = np.zeros(kind.shape, bool)
    for user, row in enumerate(kind):
        for place, mine in enumerate(row):
            if mine < KINDS:
                found[user, place] = sum(passes(other, mine) for other in row[:place]) < k
    return found


def test_by_hand():
    """The example of `heads`."""
    kind, features = np.int32([[2, 1, 3, 2]]), np.array([[0.0, 1.0, 2.0, 3.0]])
    np.testing.assert_array_equal(heads(kind, features, 1), [[True, True, True, False]])
    np.testing.assert_array_equal(heads(kind, np.eye(4), 1), [[True, True, True, False]])
    np.testing.assert_array_equal(heads(np.int32([[2, 1, 1, 1]]), features, 1), [[True, True, False, False]])
    np.testing.assert_array_equal(heads(np.int32([[1, 2, 3, 0]]), features, 2), [[True, True, True, True]])
    np.testing.assert_array_equal(heads(np.int32([[1, 4, 4, 4]]), features, 2), [[True, False, False, False]])


@given(ROWS, st.integers(1, WIDTH))
def test_of_kinds_with_prices_of_their_own_the_first_matter(kind, k):
    kind = with_empty_last(kind)
    np.testing.assert_array_equal(
        heads(kind, np.eye(KINDS), k), fewer_before(kind, lambda other, mine: other == mine, k)
    )


@given(ROWS, AMOUNTS, st.integers(1, WIDTH))
def test_with_one_amount_those_matter_that_few_have_more_or_less_of(kind, amounts, k):
    kind, amount = with_empty_last(kind), amounts[0]
    more = fewer_before(kind, lambda other, mine: amount[other] >= amount[mine], k)
    less = fewer_before(kind, lambda other, mine: amount[other] <= amount[mine], k)
    np.testing.assert_array_equal(heads(kind, amounts, k), more | less)


@pytest.mark.parametrize("amounts", [1, 3])
def test_no_price_brings_another_candidate_into_a_list(amounts):
    rng = np.random.default_rng(amounts)
    features, kind = rng.integers(0, 6, (amounts, 30)) / 5, rng.integers(0, 30, (200, 60)).astype(np.int32)
    relevance = -np.sort(-rng.integers(0, 20, kind.shape) / 20, axis=1)  # many are equal
    found = heads(kind, features, 5)
    if amounts == 1:
        assert found.mean() < 0.6
    for price in rng.normal(size=(40, amounts)):
        order = np.argsort(-(relevance + (price @ features)[kind]), axis=1, kind="stable")[:, :5]
        assert np.take_along_axis(found, order, axis=1).all()


def test_more_kinds_than_a_byte_holds():
    kind = np.arange(300, dtype=np.int32)[None].repeat(2, axis=0)
    rising = heads(kind, np.arange(300.0)[None], 1)
    assert rising.all()  # each has more than all before
    same = heads(kind, np.ones((1, 300)), 1)
    np.testing.assert_array_equal(same.sum(axis=1), 1)


def test_nobody_and_nothing():
    for shape in ((0, 3), (2, 0)):
        for features in (np.eye(2), np.ones((1, 2))):
            assert heads(np.zeros(shape, np.int32), features, 2).shape == shape
