"""From scores to the chance that a user takes an item."""

import numpy as np
import pytest

from core.errors import InputError
from core.recommend.rerank.relevance import MOST_POINTS, SLOPE, calibrate

RNG = np.random.default_rng(0)


def test_pooled_hits_by_hand():
    """Scores 1 and 2 have 1 hit in 2 out of order, so they share it at 1.5; 3 is always taken, and from 1.5 to 3 the chance
    rises in a straight line; user 1 took nothing."""
    scores = np.array([[3.0, 2.0, 1.0], [9.0, 8.0, np.nan]])
    hits = np.array([[True, False, True], [False, False, False]])
    found = calibrate(scores, hits, rng=RNG)
    at = np.array([1.0, 1.5, 2.0, 3.0, 5.0])
    np.testing.assert_allclose(found(at), [0.5, 0.5, 2 / 3, 1, 1], atol=3 * SLOPE)
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
    top, rest = scores[0, :20].mean(), scores[0, 20:].mean()
    np.testing.assert_allclose(found(np.array([top, rest])), [1, 0], atol=1e-3)


def test_no_two_scores_are_worth_the_same():
    """Isotonic regression alone has wide steps; a price would move all candidates of one at once."""
    scores = RNG.random((500, 40))
    found = calibrate(scores, RNG.random(scores.shape) < 0.1 + 0.3 * scores, rng=RNG)
    inside = np.linspace(found.scores[0], found.scores[-1], 200)
    assert (np.diff(np.interp(inside, found.scores, found.chances)) > 0).all()


def test_equal_scores_have_one_chance():
    found = calibrate(np.ones((4, 5)), np.eye(4, 5, dtype=bool), rng=RNG)
    assert found(np.array([1.0, 7.0])) == pytest.approx([0.2, 0.2], abs=SLOPE)


def test_without_a_hit_nothing_can_be_weighed():
    with pytest.raises(InputError, match="Nobody"):
        calibrate(np.ones((2, 2)), np.zeros((2, 2), bool), rng=RNG)
