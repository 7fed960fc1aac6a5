"""The dual exposure engine, held against a linear programme and against lists counted by hand."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from core.metrics import NOTHING
from core.recommend.rerank.batch import Candidates
from core.recommend.rerank.dual import EXACT, Limits, keep_limits
from core.recommend.rerank.market import Kinds, open_market, respond, sample
from core.recommend.rerank.max_min import max_min
from core.recommend.rerank.reach import attainable, largest_common_share
from tests.core.recommend.rerank.markets import best_possible, shop, weights

FREE = np.inf


def market_of(candidates, codes, k=4, **options):
    return open_market(candidates, Kinds(codes, np.eye(codes.max() + 1)), weights(k), **options)


def floors(low):
    low = np.atleast_2d(np.asarray(low, float))
    return Limits(low, np.full(low.shape, FREE))


def solve(market, limits, **options):
    return keep_limits(market, limits, rng=np.random.default_rng(0), **options)


def exposure_by_hand(candidates, codes, places, v):
    """Mean attention of each group, by loops over users and places."""
    seen = np.zeros(codes.max() + 1)
    for user, listed in enumerate(places):
        for place, at in enumerate(listed):
            item = candidates.items[user, at]
            if item != NOTHING:
                seen[codes[item]] += v[place]
    return seen / len(places)


def test_one_price_by_hand():
    """Two users with a private item (group 1) last; a floor of half the attention puts it first for one of them."""
    relevance = np.float32([[0.9, 0.8, 0.7], [0.9, 0.8, 0.2]])
    candidates = Candidates(np.int32([[0, 1, 2], [0, 1, 2]]), relevance)
    market = open_market(candidates, Kinds(np.array([0, 0, 1]), np.eye(2)), np.array([1.0]))
    plain = respond(market, np.zeros((1, 2)), lists=True)
    assert plain.value == pytest.approx(0.9)
    np.testing.assert_array_equal(plain.places, [[0], [0]])
    priced = respond(market, np.array([[0.0, 0.3]]), lists=True)
    np.testing.assert_array_equal(priced.places, [[2], [0]])
    np.testing.assert_allclose(priced.exposure, [[0.5, 0.5]])
    assert (priced.value, priced.relevance) == (pytest.approx(0.95), pytest.approx(0.8))
    found = solve(market, floors([0, 0.5]))
    assert found.kept
    assert found.response.relevance == pytest.approx(0.8)
    assert found.bound == pytest.approx(0.8, abs=1e-3)
    assert 0.2 - 1e-3 <= found.prices[0, 1] <= 0.7 + 1e-3


@pytest.mark.parametrize("seed", range(4))
def test_the_bound_is_the_optimum_and_the_lists_reach_it(seed):
    candidates, codes = shop(seed)
    market, v = market_of(candidates, codes), weights(4)
    low = np.array([[0.0, 0.3, 0.28]])
    best = best_possible(candidates, np.eye(3)[:, codes], low, np.full((1, 3), FREE), v)
    found = solve(market, floors(low))
    assert found.bound >= best - 1e-6
    assert found.bound == pytest.approx(best, rel=1e-3)
    assert found.missed.max() < 3 / 400  # lists are whole: a few users are on the edge
    assert found.response.relevance >= best * 0.995
    assert found.from_best < 0.005
    seen = exposure_by_hand(candidates, codes, found.response.places, v)
    np.testing.assert_allclose(found.response.exposure[0], seen, atol=1e-6)
    gained = np.take_along_axis(candidates.relevance, found.response.places, axis=1) @ v
    assert found.response.relevance == pytest.approx(gained.mean(), rel=1e-5)


def test_ceilings_floors_and_user_groups_at_once():
    candidates, codes = shop(7, users=600)
    group = np.arange(600) % 3  # 2: in no group, and so without a price
    market = market_of(candidates, codes, user_groups=group, n_groups=2)
    limits = Limits(np.array([[0, 0, 0.3], [0, 0.35, 0]]), np.array([[0.4, FREE, FREE], [FREE, FREE, 0.1]]))
    found = solve(market, limits)
    inside = group < 2
    some = Candidates(candidates.items[inside], candidates.relevance[inside])
    best = best_possible(
        some, np.eye(3)[:, codes], limits.low, limits.high, weights(4), user_groups=group[inside]
    )
    plain = np.take_along_axis(candidates.relevance, np.tile(np.arange(4), (600, 1)), axis=1) @ weights(4)
    whole = (best * inside.sum() + plain[~inside].sum()) / 600
    assert found.missed.max() < 4 / 200
    assert found.bound == pytest.approx(whole, rel=2e-3)
    np.testing.assert_array_equal(found.response.places[~inside], np.tile(np.arange(4), (200, 1)))


def test_an_amount_may_be_a_share_such_as_the_percentile_of_a_price():
    candidates, _ = shop(3)
    percentile = np.linspace(0, 1, 60)
    kinds = Kinds((percentile * 20).round().astype(int), (np.arange(21) / 20)[None])
    market = open_market(candidates, kinds, weights(4))
    before = respond(market, np.zeros((1, 1))).exposure[0, 0]
    limits = Limits(np.array([[-FREE]]), np.array([[before - 0.05]]))
    found = solve(market, limits)
    assert found.response.exposure[0, 0] == pytest.approx(before - 0.05, abs=5e-3)
    assert found.prices[0, 0] < 0
    best = best_possible(candidates, kinds.features[:, kinds.codes], limits.low, limits.high, weights(4))
    assert found.bound == pytest.approx(best, rel=1e-3)


def test_heads_lose_nothing():
    """With 5 places only the first 5 of each group matter: all candidates give the same lists."""
    candidates, codes = shop(5, width=40, items=200)
    prices = np.array([[0.0, 0.11, 0.23]])
    found = respond(market_of(candidates, codes, 5), prices, lists=True)
    order = np.argsort(-(candidates.relevance + prices[0][codes[candidates.items]]), axis=1, kind="stable")
    np.testing.assert_array_equal(found.places, order[:, :5])


@settings(max_examples=30, deadline=None)
@given(st.integers(0, 10_000), st.floats(0, 1), st.integers(1, 6))
def test_lists_are_of_the_candidates_each_once_and_zero_changes_nothing(seed, share, k):
    candidates, codes = shop(seed, users=40, short=0.5)
    market = market_of(candidates, codes, k)
    target = np.bincount(codes) / len(codes)
    found = solve(market, floors(share * target))
    filled = np.minimum(candidates.filled.sum(axis=1), k)
    for user, places in enumerate(found.response.places):
        kept = places[: filled[user]]
        assert len(set(kept)) == len(kept)
        assert candidates.filled[user, kept].all()
    still = solve(market, floors(0 * target))
    assert (still.prices == 0).all()
    for user, places in enumerate(still.response.places):
        np.testing.assert_array_equal(places[: filled[user]], np.arange(filled[user]))


def test_higher_floors_show_more_and_cost_more():
    candidates, codes = shop(11, users=2000)
    market = market_of(candidates, codes)
    start, seen, relevance = None, [], []
    for share in np.linspace(0, 1, 11):
        found = solve(market, floors(share * np.full((1, 3), 1 / 3)), start=start)
        start = found.prices
        assert found.kept
        seen.append(found.response.exposure[0].min())
        relevance.append(found.response.relevance)
    assert (np.diff(seen) > -EXACT).all()
    assert (np.diff(relevance) < 1e-6).all()
    assert seen[-1] > 1.8 * seen[0]


def test_names_of_groups_and_order_of_users_do_not_matter():
    candidates, codes = shop(13)
    mixed, other = np.random.default_rng(1).permutation(400), np.array([2, 0, 1])
    low = np.array([0.0, 0.3, 0.25])
    found = solve(market_of(candidates, codes), floors(low))
    again = solve(
        market_of(Candidates(candidates.items[mixed], candidates.relevance[mixed]), other[codes]),
        floors(low[np.argsort(other)]),
    )
    assert again.bound == pytest.approx(found.bound, rel=1e-4)
    np.testing.assert_allclose(again.prices[0][other], found.prices[0], atol=0.02)


def test_what_cannot_be_reached_is_told_and_not_called_kept():
    candidates, codes = shop(17)
    rare = np.where(np.arange(60) < 2, 3, codes)  # two items that few have among their candidates
    market = market_of(candidates, rare)
    reach = attainable(market)
    most = (np.isin(candidates.items, [0, 1]).sum(axis=1)[:, None] > np.arange(4)) @ weights(4)
    assert reach.high[0, 3] == pytest.approx(most.mean(), rel=1e-5)
    assert reach.low[0, 3] == 0
    found = solve(market, floors([0, 0, 0, reach.high[0, 3] + 0.1]))
    assert not found.kept
    assert found.missed[0, 3] == pytest.approx(0.1, abs=1e-3)


def test_the_largest_common_share_is_that_of_the_linear_programme():
    candidates, codes = shop(19, width=8)
    rare = np.where(np.arange(60) < 6, 3, codes)
    target = np.array([0.2, 0.2, 0.2, 0.4])
    reached, bound = largest_common_share(market_of(candidates, rare), target)
    low, high = 0.0, 1.0
    for _ in range(8):
        middle = (low + high) / 2
        limits = middle * target[None], np.full((1, 4), FREE)
        possible = best_possible(candidates, np.eye(4)[:, rare], *limits, weights(4)) is not None
        low, high = (middle, high) if possible else (low, middle)
    assert bound >= low - 1e-3
    assert bound == pytest.approx(low, abs=0.01)
    assert reached == pytest.approx(low, abs=0.02)
    assert largest_common_share(market_of(candidates, codes), np.full(3, 1 / 3))[1] == 1


def test_the_worst_off_group_gains_with_its_weight_and_the_bound_holds():
    candidates, codes = shop(23, users=1000)
    market, target, before = market_of(candidates, codes), np.full(3, 1 / 3), 0.0
    for strength in (0.0, 0.05, 0.2, 1.0):
        prices, response, bound = max_min(market, target, strength)
        worst = (response.exposure[0] / target).min()
        assert response.relevance + strength * worst <= bound + 1e-6
        assert response.relevance + strength * worst >= bound * 0.98
        assert worst >= before - 1e-3
        assert prices @ target == pytest.approx(strength)
        before = worst


def test_a_sample_has_the_groups_of_its_users():
    candidates, codes = shop(29, users=500)
    group = np.repeat([0, 1, 2], [100, 300, 100])
    market = market_of(candidates, codes, user_groups=group, n_groups=2)
    some = sample(market, 200, np.random.default_rng(0))
    assert some.n_users == 200
    assert some.sizes.sum() < 200
    assert 2 < some.sizes[1] / some.sizes[0] < 4.5
    assert sample(market, 500, np.random.default_rng(0)) is market
