"""IAA and what it is by chance."""

from itertools import product

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy.sparse import csr_array

from core.fairness.exposure.inequity import amortised_inequity, inequity_by_chance, inequity_values


def shares(rng, n, popularity, k, amounts):
    """Each user's k items drawn by popularity, without repeats, with these amounts in random order, (U, I)."""
    noise = -np.log(-np.log(rng.random((n, len(popularity)))))
    picked = rng.permuted(np.argsort(-(np.log(popularity) + noise), axis=1)[:, :k], axis=1)
    found = np.zeros((n, len(popularity)))
    found[np.arange(n)[:, None], picked] = amounts
    return found


def made(seed, n, *, wanted=None, items=120):
    """Differences of lists and purchases that follow the same popularity; or purchases that follow another."""
    rng = np.random.default_rng(seed)
    shown = 1 / np.arange(1, items + 1)
    attention = shares(rng, n, shown, 5, np.array([0.4, 0.25, 0.15, 0.1, 0.1]))
    relevance = shares(rng, n, shown if wanted is None else wanted, 5, np.full(5, 0.2))
    return csr_array(attention - relevance)


def by_chance(differences, draws=200, seed=0):
    return inequity_by_chance(differences, draws=draws, rng=np.random.default_rng(seed))


def test_values_have_iaa_for_a_mean_and_the_influence_of_users_for_spread():
    differences = made(1, 60)
    mean = np.round(differences.toarray().mean(axis=0), 12)
    values = inequity_values(differences)
    assert values.mean() == pytest.approx(np.abs(mean).sum())
    assert values.mean() == pytest.approx(amortised_inequity(np.maximum(mean, 0), np.maximum(-mean, 0)))
    settled = np.flatnonzero(
        (differences.toarray()[:, mean == 0] == 0).all(axis=1)
    )  # none of theirs is at the kink
    influence = (differences.toarray() @ np.sign(mean))[settled]
    assert len(settled) > 30
    np.testing.assert_allclose(np.diff(values[settled]), np.diff(influence), atol=1e-9)


def test_by_chance_is_the_mean_over_all_sides_users_could_be_on():
    differences = np.array([[0.5, -0.5, 0], [0, 0.7, -0.7], [0.2, 0, -0.2], [0, 0, 0]])
    centred = differences - differences.mean(axis=0)
    every = [np.abs(np.array(sides) @ centred).sum() for sides in product([-1, 1], repeat=4)]
    found = by_chance(csr_array(differences), draws=4000)
    assert found.mean() == pytest.approx(np.mean(every) / np.sqrt(4 * 3), rel=0.03)
    assert np.ptp(found) <= np.ptp(every) / np.sqrt(4 * 3) + 1e-6


def test_attention_that_follows_purchases_lies_in_the_band_and_other_attention_above_it():
    inside = 0
    for seed in range(80):
        differences = made(seed, 100)
        low, high = np.quantile(by_chance(differences), [0.025, 0.975])
        inside += low <= inequity_values(differences).mean() <= high
    assert inside >= 66
    other = made(1, 100, wanted=np.arange(1, 121) / 120)
    assert inequity_values(other).mean() > 1.2 * by_chance(other).max()


def test_chance_shrinks_with_users():
    few, many = (by_chance(made(3, n)).mean() for n in (100, 1600))
    assert many == pytest.approx(few / 4, rel=0.25)


@given(seed=st.integers(0, 2**31))
def test_chance_is_bounded_and_blind_to_the_order_of_items(seed):
    differences = made(seed, 12, items=20)
    found = by_chance(differences, draws=50)
    assert ((found > 0) & (found <= 2 * 12 / 11)).all()
    np.testing.assert_allclose(by_chance(differences[:, ::-1].tocsr(), draws=50), found, rtol=1e-5)


def test_where_all_users_are_the_same_chance_does_nothing():
    same = csr_array(np.tile([0.6, 0.4, -0.5, -0.5], (30, 1)))
    np.testing.assert_allclose(by_chance(same), 0, atol=1e-5)
    assert inequity_values(same).mean() == pytest.approx(2)
