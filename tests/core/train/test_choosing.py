"""A richer model takes the place of a simpler one only where that is not luck."""

import numpy as np

from core.train.choosing import clearly_better


def test_a_steady_gain_counts_and_a_loss_or_nothing_does_not():
    users = np.arange(50)
    assert clearly_better(np.full(50, 0.01), users)
    assert not clearly_better(np.full(50, -0.01), users)
    assert not clearly_better(np.zeros(50), users)
    assert not clearly_better(np.zeros(0), np.zeros(0, int))


def test_a_gain_of_one_user_is_luck_however_many_rows_it_has():
    gains, users = np.full(1000, -0.03), np.arange(1000)
    gains[:400] = 0.1
    assert clearly_better(gains, users)
    users[:400] = 0
    assert not clearly_better(gains, users)


def test_luck_is_taken_for_a_gain_about_as_often_as_one_standard_error_allows():
    rng = np.random.default_rng(0)
    found = [clearly_better(rng.normal(size=200), np.arange(200)) for _ in range(500)]
    assert 0.1 < np.mean(found) < 0.22
