"""The fast order against NumPy's stable one."""

import numpy as np
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import array_shapes, arrays

from core.recommend.rerank.order import NUMBERS, best_first, by_code

VALUES = st.sampled_from([0.0, -0.0, 1.0, -1.0, 0.5, 1e-30, -1e30, float("inf"), float("-inf")])


def stable(relevance: np.ndarray) -> np.ndarray:
    return np.argsort(-relevance, axis=1, kind="stable")


@given(arrays(np.float32, array_shapes(min_dims=2, max_dims=2, max_side=9), elements=VALUES))
def test_equal_ones_stay_as_they_were(relevance):
    np.testing.assert_array_equal(best_first(relevance), stable(relevance))


def test_more_users_than_at_once():
    relevance = np.random.default_rng(0).normal(size=(NUMBERS // 200 + 3, 200)).astype(np.float32).round(1)
    np.testing.assert_array_equal(best_first(relevance), stable(relevance))


@given(arrays(np.int16, array_shapes(min_dims=2, max_dims=2, max_side=9), elements=st.integers(0, 4)))
def test_equal_codes_stay_as_they_were(codes):
    found, places = by_code(codes)
    np.testing.assert_array_equal(places, np.argsort(codes, axis=1, kind="stable"))
    np.testing.assert_array_equal(found, np.sort(codes, axis=1))


def test_codes_may_be_large():
    found, places = by_code(np.array([[2**21, 3, 2**21, 0]]))
    assert (found.tolist(), places.tolist()) == ([[0, 3, 2**21, 2**21]], [[3, 1, 0, 2]])


def test_nobody_and_nothing():
    assert best_first(np.empty((0, 5), np.float32)).shape == (0, 5)
    assert best_first(np.empty((3, 0), np.float32)).shape == (3, 0)
