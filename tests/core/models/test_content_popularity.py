"""The popularity that attributes let expect: planted effects are found, and rare or even data stay in bounds."""

import numpy as np
import pytest

from core.models.content_popularity import popularity_of_codes

SIZES = (4, 30)  # a category that matters, and a supplier that does not
EFFECTS = np.log([1.0, 3.0, 10.0, 40.0])


def shop(*, seed=0, items=3_000):
    """Codes (2, I), expected and drawn purchases (I,); most of a category is taken hardly ever, a few all the time."""
    rng = np.random.default_rng(seed)
    codes = np.stack([rng.integers(size, size=items) for size in SIZES])
    expected = 2.0 * np.exp(EFFECTS[codes[0]])
    drawn = rng.poisson(expected * rng.gamma(0.3, 1 / 0.3, items))  # far more spread than Poisson's
    return codes + np.array([[0], [SIZES[0]]]), expected, drawn.astype(float)


def predicted(codes, counts, of=None):
    constant, added = popularity_of_codes(codes, sum(SIZES), counts)
    return constant + added[codes if of is None else of].sum(axis=0)


@pytest.mark.parametrize("seed", range(3))
def test_planted_effects_are_found_in_the_mean_and_not_in_the_mean_of_logarithms(seed):
    codes, expected, counts = shop(seed=seed)
    found = predicted(codes, counts)
    assert np.abs(found - np.log(expected)).mean() < 0.25
    of_logarithms = np.log1p(counts)[codes[0] == 3].mean()
    assert found[codes[0] == 3].mean() - of_logarithms > 1.0


def test_the_total_is_nearly_matched_and_the_scale_of_the_counts_does_not_matter():
    codes, _, counts = shop()
    found = predicted(codes, counts)
    assert np.exp(found).sum() == pytest.approx(counts.sum(), rel=0.05)
    np.testing.assert_allclose(predicted(codes, 100 * counts), found + np.log(100), atol=1e-3)


def test_what_few_products_show_is_believed_little():
    codes, _, counts = shop()
    rare = np.append(codes, [[0], [SIZES[0] + SIZES[1]]], axis=1)  # one product of a supplier of its own
    _, added = popularity_of_codes(rare, sum(SIZES) + 1, np.append(counts, 200.0))
    assert 0.0 < added[-1] < np.log(200.0) / 3


@pytest.mark.parametrize("counts", [[5.0, 5.0, 5.0], [0.0, 0.0, 7.0], [3.0]])
def test_few_or_even_counts_give_finite_numbers(counts):
    codes = np.array([[0, 1, 0], [4, 4, 5]])[:, : len(counts)]
    found = predicted(codes, np.array(counts))
    assert np.isfinite(found).all()
    if len(set(counts)) == 1:
        np.testing.assert_allclose(found, np.log(counts[0]), atol=1e-3)
