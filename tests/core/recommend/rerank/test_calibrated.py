"""Calibrated lists against the slow way and against the best list of all, and what their strength moves."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from core.errors import InputError, SettingsError
from core.fairness.exposure.attention import exposure_shares, placed_groups, position_weights
from core.fairness.quality.taste import taste_divergence
from core.recommend.rerank.batch import Candidates
from core.recommend.rerank.calibrated import SMOOTHING, CalibratedSettings, calibrated
from core.schema.settings import settings_from
from tests.core.recommend.rerank.greedy_reference import (
    CODES,
    ITEMS,
    ROUNDING,
    assert_greedy,
    assert_reordered,
    batch_of,
    batches,
    best_first,
    best_value,
    drawn,
    rows,
    shares,
    tastes,
)

STRENGTHS = (0.0, 0.1, 0.3, 0.6, 1.0)


def value_of(relevance, codes, wanted, weights, strength):
    """(1 - l) sum_r v_r s_r - l KL(p || q~) of a list whose other places are empty, in plain Python."""
    wanted, weights = np.nan_to_num(wanted), weights / weights.sum()

    def value(built):
        shown = [0.0] * len(wanted)
        worth = 0.0
        for item, weight in zip(built, weights, strict=False):
            shown[codes[item]] += weight
            worth += weight * relevance[item]
        distance = sum(
            p * np.log(p / ((1 - SMOOTHING) * q + SMOOTHING * p))
            for p, q in zip(wanted, shown, strict=True)
            if p
        )
        return (1 - strength) * worth - strength * distance

    return value


def gain_of(value):
    return lambda built, item: value([*built, item])


def distances(candidates, codes, wanted, weights):
    """The audit's distance from taste of everyone's list, (U,)."""
    lists = candidates.lists(len(weights))
    shown = exposure_shares(placed_groups(lists, codes), weights, wanted.shape[1])
    return taste_divergence(wanted, shown)


def test_seven_romances_and_three_action_films():
    """Steck's introduction: who watches 70 romances and 30 action films gets 7 and 3 of 10."""
    batch = batch_of(np.linspace(1, 0, 20)[None], np.array([20]), np.arange(20)[None])
    codes = np.repeat([0, 1], 10)  # all romances are more relevant than any action film
    found = calibrated(batch, codes, np.array([[0.7, 0.3]]), weights=np.ones(10), strength=1)
    assert (codes[found.lists(10)] == 0).sum() == 7
    np.testing.assert_array_equal(np.sort(found.lists(10)[0]), [0, 1, 2, 3, 4, 5, 6, 10, 11, 12])
    np.testing.assert_allclose(distances(found, codes, np.array([[0.7, 0.3]]), np.ones(10)), 0, atol=1e-12)


@pytest.mark.parametrize("strength", STRENGTHS)
@pytest.mark.parametrize("groups", [7, 60])
def test_lists_are_those_of_the_slow_way(strength, groups):
    rng = np.random.default_rng(5)
    batch, wanted, weights = drawn(rng), shares(rng, 60, groups), position_weights(8)
    codes = rng.integers(0, groups, 100)
    found = calibrated(batch, codes, wanted, weights=weights, strength=strength)
    assert_reordered(found, batch, 8)
    for u, (items, relevance) in enumerate(rows(batch)):
        relevance = dict(zip(items, relevance, strict=True))
        gain = gain_of(value_of(relevance, codes, wanted[u], weights, strength))
        built = found.items[u, : min(8, len(items))].tolist()
        assert_greedy(built, items, gain)
        if strength < 1:  # where relevance counts nothing, groups that nobody wants tie
            assert built == best_first(items, 8, gain)


@given(batches(), tastes(), st.sampled_from(STRENGTHS), st.integers(1, 8))
def test_every_place_holds_the_best_item_left(batch, wanted, strength, k):
    weights = position_weights(k)
    found = calibrated(batch, CODES, wanted, weights=weights, strength=strength)
    assert_reordered(found, batch, k)
    for u, (items, relevance) in enumerate(rows(batch)):
        relevance = dict(zip(items, relevance, strict=True))
        gain = gain_of(value_of(relevance, CODES, wanted[u], weights, strength))
        assert_greedy(found.items[u, : min(k, len(items))].tolist(), items, gain)


@given(batches(), tastes(), st.sampled_from(STRENGTHS))
def test_lists_reach_what_is_guaranteed_where_places_weigh_the_same(batch, wanted, strength):
    weights = np.ones(3)
    found = calibrated(batch, CODES, wanted, weights=weights, strength=strength)
    for u, (items, relevance) in enumerate(rows(batch)):
        relevance = dict(zip(items, relevance, strict=True))
        value = value_of(relevance, CODES, wanted[u], weights, strength)
        reached = value(found.items[u, : min(3, len(items))].tolist()) - value([])
        assert reached >= (1 - 1 / np.e) * (best_value(items, 3, value) - value([])) - ROUNDING


@given(batches(), tastes(), st.integers(1, 8))
def test_without_strength_nothing_moves(batch, wanted, k):
    found = calibrated(batch, CODES, wanted, weights=position_weights(k), strength=0)
    np.testing.assert_array_equal(found.items, batch.items)


def test_more_strength_brings_lists_nearer_to_taste():
    rng = np.random.default_rng(3)
    batch, wanted, codes = drawn(rng, users=300, short=False), shares(rng, 300, 6), rng.integers(0, 6, 100)
    weights = position_weights(8)
    found = [calibrated(batch, codes, wanted, weights=weights, strength=s) for s in STRENGTHS]
    means = [distances(c, codes, wanted, weights).mean() for c in found]
    assert (np.diff(means) < 0).all()


@given(batches(), tastes(), st.permutations(range(3)))
def test_names_of_groups_do_not_matter(batch, wanted, names):
    names = np.array(names)
    weights, renamed = position_weights(4), np.empty_like(wanted)
    renamed[:, names] = wanted
    one = calibrated(batch, CODES, wanted, weights=weights, strength=0.4)
    other = calibrated(batch, names[CODES], renamed, weights=weights, strength=0.4)
    np.testing.assert_array_equal(one.items, other.items)


def test_users_of_unknown_taste_keep_their_order():
    rng = np.random.default_rng(8)
    batch, wanted = drawn(rng, short=False), shares(rng, 60, 4)
    wanted[::2] = np.nan
    found = calibrated(batch, rng.integers(0, 4, 100), wanted, weights=position_weights(8), strength=1)
    np.testing.assert_array_equal(found.items[::2], batch.items[::2])
    assert (found.items[1::2] != batch.items[1::2]).any()


def test_users_do_not_depend_on_each_other():
    rng = np.random.default_rng(6)
    batch, wanted, codes = drawn(rng, users=3000), shares(rng, 3000, 40), rng.integers(0, 40, 100)
    some, weights = slice(2990, 3000), position_weights(8)
    alone = Candidates(batch.items[some], batch.relevance[some])
    found = calibrated(batch, codes, wanted, weights=weights, strength=0.4)
    again = calibrated(alone, codes, wanted[some], weights=weights, strength=0.4)
    np.testing.assert_array_equal(again.items, found.items[some])


def test_groups_without_shares_and_users_without_a_row_are_refused():
    batch = batch_of(np.ones((2, 3)), np.array([3, 3]), np.tile(np.arange(ITEMS), (2, 1)))
    for codes, users in ((CODES, 1), (CODES + 1, 2), (CODES - 1, 2)):
        with pytest.raises(InputError):
            calibrated(batch, codes, np.full((users, 3), 1 / 3), weights=np.ones(2), strength=0.5)


def test_nobody_and_no_candidates_are_no_error():
    rng = np.random.default_rng(1)
    for users, width in ((0, 5), (3, 0)):
        batch = drawn(rng, users=users, width=width)
        found = calibrated(batch, np.zeros(100, int), np.ones((users, 1)), weights=np.ones(4), strength=0.5)
        assert found.items.shape == (users, width)


@pytest.mark.parametrize("bad", [{"strength": 2}, {"attribute": "colour"}])
def test_settings_have_bounds(bad):
    with pytest.raises(SettingsError, match=next(iter(bad))):
        settings_from(CalibratedSettings, bad)
