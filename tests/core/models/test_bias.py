"""The bias model: what it learns, how it shrinks, what it says of the unknown."""

import numpy as np
import pytest

from core.models.bias import Outcomes, choose_strengths, fit_bias

RANDOM = np.random.default_rng(0)


def outcomes(users, items, observed) -> Outcomes:
    return Outcomes(np.asarray(users), np.asarray(items), np.asarray(observed, float), np.ones(len(observed)))


def planted(n: int = 6000, *, noise: float = 0.3) -> Outcomes:
    users, items = RANDOM.integers(0, 100, n), RANDOM.integers(0, 50, n)
    return outcomes(users, items, 3 + users / 100 - items / 50 + noise * RANDOM.normal(size=n))


def test_planted_offsets_are_found():
    rows = planted()
    fitted = fit_bias(rows, item_strength=1.0, user_strength=1.0, by="mean")
    assert np.abs(fitted.predict(rows) - rows.observed).mean() < 0.3
    assert fitted.users.corr(fitted.users.index.to_series() / 100) > 0.95


def test_without_offsets_it_is_the_mean_or_the_median():
    rows = outcomes([0, 1, 2], [0, 1, 2], [1, 1, 7])
    constant = {"item_strength": np.inf, "user_strength": np.inf}
    assert fit_bias(rows, **constant, by="mean").predict(rows).tolist() == [3.0] * 3
    assert fit_bias(rows, **constant, by="median").predict(rows).tolist() == [1.0] * 3


def test_unknown_users_and_items_add_nothing():
    fitted = fit_bias(planted(), item_strength=3.0, user_strength=3.0, by="mean")
    asked = outcomes([10_000], [-1], [0.0])
    assert fitted.predict(asked) == pytest.approx([fitted.centre])


def test_an_offset_shrinks_with_the_strength():
    rows = outcomes([0, 0, 1, 1], [-1] * 4, [1, 1, 3, 3])
    sizes = [
        fit_bias(rows, item_strength=np.inf, user_strength=strength, by="mean").users[1]
        for strength in (0.001, 2.0, 100.0)
    ]
    assert sizes[0] == pytest.approx(1.0, abs=0.01)
    assert sizes[1] == pytest.approx(0.5)
    assert sizes[2] < 0.05


def test_no_offsets_are_chosen_where_there_is_nothing_to_tell():
    noise = outcomes(np.arange(4000) % 1000, np.arange(4000) % 900, RANDOM.normal(size=4000))
    tuning = outcomes(np.arange(4000) % 1000, np.arange(4000) % 900, RANDOM.normal(size=4000))
    assert min(choose_strengths(noise, tuning, by="mean")) >= 100
    strong = planted()
    assert max(choose_strengths(strong, planted(), by="mean")) <= 10
