"""Lists built from heads against the same arithmetic over all candidates, and heads that are kept."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from core.recommend.rerank.batch import Candidates
from core.recommend.rerank.calibrated import SMOOTHING, calibrated
from core.recommend.rerank.group_heads import AT_ONCE
from core.recommend.rerank.item_by_item import TAKEN, worth
from core.recommend.rerank.xquad import xquad
from tests.core.recommend.rerank.greedy_reference import (
    CODES,
    assert_reordered,
    batches,
    drawn,
    shares,
    tastes,
)

STRENGTHS = st.sampled_from([0.0, 0.3, 0.5, 1.0])


def all_at_every_place(candidates, codes, wanted, gains, after, attention, strength):
    """Every candidate tried at every place, the first of equals taken, in the same precision as the lists.

    Args:
        gains: from what is known of each group to what an item of it adds. after: what is known once one was taken.
    """
    left = worth(candidates, 1 - strength)
    codes = np.where(candidates.filled, codes[candidates.items], wanted.shape[1])
    known = np.pad(np.nan_to_num(wanted).astype(np.float32), ((0, 0), (0, 1)))
    users, found = np.arange(len(codes)), []
    state = None
    for weight in attention[: candidates.items.shape[1]]:
        state, gain = gains(known, state, np.float32(weight))
        total = left * np.float32(weight) + np.take_along_axis(gain, codes, axis=1)
        best = total.argmax(axis=1)
        found.append(best)
        left[users, best] = TAKEN
        state = after(state, users, codes[users, best], np.float32(weight))
    return np.stack(found, axis=1)


def coverage(candidates, codes, wanted, k, strength):
    def gains(known, state, _):
        state = np.float32(strength) * known if state is None else state
        return state, state

    def after(state, users, groups, _):
        state[users, groups] = 0
        return state

    return all_at_every_place(candidates, codes, wanted, gains, after, np.ones(k), strength)


def closeness(candidates, codes, wanted, weights, strength):
    def gains(known, state, weight):
        state = np.where(known > 0, SMOOTHING * known, 1).astype(np.float32) if state is None else state
        seen = np.float32(1 - SMOOTHING) * weight
        return state, np.log(seen / state + 1) * (np.float32(strength) * known)

    def after(state, users, groups, weight):
        state[users, groups] += np.float32(1 - SMOOTHING) * weight
        return state

    attention = (weights / weights.sum()).astype(np.float32)
    return all_at_every_place(candidates, codes, wanted, gains, after, attention, strength)


def assert_chosen(found, candidates, places):
    np.testing.assert_array_equal(
        found.items[:, : places.shape[1]], np.take_along_axis(candidates.items, places, axis=1)
    )
    assert_reordered(found, candidates, places.shape[1])


@given(batches(), tastes(), STRENGTHS, st.integers(1, 8))
def test_with_ties_and_empty_places(candidates, wanted, strength, k):
    found = xquad(candidates, CODES, wanted, k=k, strength=strength)
    assert_chosen(found, candidates, coverage(candidates, CODES, wanted, k, strength))
    weights = 1 / np.arange(1.0, k + 1)
    found = calibrated(candidates, CODES, wanted, weights=weights, strength=strength)
    assert_chosen(found, candidates, closeness(candidates, CODES, wanted, weights, strength))


@pytest.mark.parametrize("groups", [1, 7, 60])
def test_more_users_than_at_once_and_groups_that_nobody_has(groups):
    rng = np.random.default_rng(groups)
    candidates = drawn(rng, users=2 * AT_ONCE + 5)
    codes, wanted = rng.integers(0, groups, 100), shares(rng, candidates.n_users, groups + 3)
    wanted[::5] = np.nan
    found = xquad(candidates, codes, wanted, k=6, strength=0.5)
    assert_chosen(found, candidates, coverage(candidates, codes, wanted, 6, 0.5))
    weights = 1 / np.arange(1.0, 7)
    found = calibrated(candidates, codes, wanted, weights=weights, strength=0.5)
    assert_chosen(found, candidates, closeness(candidates, codes, wanted, weights, 0.5))


def test_kept_heads_serve_other_strengths_and_other_ways_but_no_other_groups_and_lengths():
    rng = np.random.default_rng(9)
    candidates, wanted, codes = drawn(rng, users=300), shares(rng, 300, 5), rng.integers(0, 5, 100)

    def lists(of, strength, codes=codes, k=6):
        weights = 1 / np.arange(1.0, k + 1)
        return (
            calibrated(of, codes, wanted, weights=weights, strength=strength).items,
            xquad(of, codes, wanted, k=k, strength=strength).items,
        )

    lists(candidates, 0.2)
    (heads,) = candidates.made.values()
    for strength in (0.4, 1.0, 0.2):
        again = lists(Candidates(candidates.items, candidates.relevance), strength)
        np.testing.assert_array_equal(lists(candidates, strength), again)
    (still,) = candidates.made.values()
    assert still is heads
    for other in ({"codes": (codes + 1) % 5}, {"k": 9}):
        again = lists(Candidates(candidates.items, candidates.relevance), 0.4, **other)
        np.testing.assert_array_equal(lists(candidates, 0.4, **other), again)
    assert len(candidates.made) == 3
