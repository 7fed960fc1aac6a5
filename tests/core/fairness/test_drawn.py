"""Random numbers that were drawn before come back as they were, and the generator goes on as if they had been drawn."""

import numpy as np
import pytest

from core.fairness.drawn import Drawn
from core.fairness.stats import bootstrap, permuted_means


def test_what_was_drawn_comes_back_and_the_generator_goes_on_alike():
    drawn, made = Drawn(), []

    def draw(rng):
        made.append(1)
        return rng.random(5)

    found = []
    for _ in range(2):
        rng = np.random.default_rng(3)
        found.append((drawn.once("uniform", draw, rng), rng.random(2)))
    assert len(made) == 1
    np.testing.assert_array_equal(found[0][0], found[1][0])
    np.testing.assert_array_equal(found[0][1], found[1][1])
    with pytest.raises(ValueError, match="read-only"):
        found[0][0][0] = 1


def test_another_question_or_another_state_is_drawn_anew():
    drawn, rng = Drawn(), np.random.default_rng(3)
    first, second = (drawn.once("uniform", lambda rng: rng.random(5), rng) for _ in range(2))
    assert (first != second).all()
    other = drawn.once("normal", lambda rng: rng.normal(size=5), np.random.default_rng(3))
    assert (other != first).all()


def test_the_oldest_gives_way():
    drawn, made = Drawn(most_bytes=100), []

    def draw(rng):
        made.append(1)
        return rng.random(5)  # 40 bytes

    for seed in (0, 1, 2, 0):
        drawn.once("uniform", draw, np.random.default_rng(seed))
    assert len(made) == 4
    drawn.once("uniform", draw, np.random.default_rng(2))
    assert len(made) == 4


def test_statistics_do_not_depend_on_what_was_asked_before():
    """Two metrics of the same users share their draws; each gets what it would get alone."""
    rng = np.random.default_rng(0)
    groups = rng.integers(0, 3, 120)
    one, other = rng.random((120, 2)), rng.random((120, 2))

    def asked(values):
        options = {"n_groups": 3, "rng": np.random.default_rng(5)}
        moments = bootstrap(values, groups, draws=50, **options)
        return moments.mean_draws, permuted_means(values, groups, permutations=50, **options)

    alone = asked(one)
    asked(other)
    for before, after in zip(alone, asked(one), strict=True):
        np.testing.assert_array_equal(before, after)
    assert (asked(other)[0] != alone[0]).any()
