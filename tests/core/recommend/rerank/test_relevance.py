"""From scores to the chance that a user takes an item."""

import numpy as np
import pytest

from core.errors import InputError
from core.recommend.rerank.relevance import MOST_POINTS, SLOPE, calibrate

RNG = np.random.default_rng(0)


def test_pooled_hits_by_hand():
    """Scores 1 and 2 have 1 hit in 2 out of order, so they share it; 3 is always taken; user 1 took nothing."""
    scores = np.array([[3.0, 2.0, 1.0], [9.0, 8.0, np.nan]])
    hits = np.array([[True, False, True], [False, False, False]])
    found = calibrate(scores, hits, rng=RNG)
    np.testing.assert_allclose(found(np.array([1.0, 2.0, 3.0, 5.0])), [0.5, 0.5, 1, 1], atol=3 * SLOPE)
    assert np.isnan(found(np.array([np.nan]))).all()
    assert (found(np.array([-9.0, -8.0])) > 0).all()  # below all that was seen


def test_planted_chances_are_found_and_the_order_stays():
    scores = -np.sort(-RNG.normal(size=(4000, 50)), axis=1)
    chance = 1 / (1 + np.exp(2 - scores))
    found = calibrate(scores, RNG.random(scores.shape) < chance, rng=RNG)
    near = np.abs(scores) < 2
    np.testing.assert_allclose(found(scores)[near], chance[near], atol=0.03)
    assert (np.diff(found(scores).astype(float), axis=1) <= 0).all()
    apart = np.linspace(-3, 3, 500)
    assert (np.diff(found(apart)) > 0).all()


def test_many_candidates_are_sampled():
    scores = np.tile(np.linspace(1, 0, 200), (MOST_POINTS // 200 + 100, 1))
    hits = np.tile(np.arange(200) < 20, (len(scores), 1))
    found = calibrate(scores, hits, rng=RNG)
    np.testing.assert_allclose(found(np.array([0.95, 0.5])), [1, 0], atol=2 * SLOPE)


def test_equal_scores_have_one_chance():
    found = calibrate(np.ones((4, 5)), np.eye(4, 5, dtype=bool), rng=RNG)
    assert found(np.array([1.0, 7.0])) == pytest.approx([0.2, 0.2], abs=SLOPE)


def test_without_a_hit_nothing_can_be_weighed():
    with pytest.raises(InputError, match="Nobody"):
        calibrate(np.ones((2, 2)), np.zeros((2, 2), bool), rng=RNG)
