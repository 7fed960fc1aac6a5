"""What is set on the dual engine: limits of exposure, penalties on both sides, the price guard, access to deals."""

import numpy as np
import pytest
from scipy.optimize import linprog

from core.recommend.rerank.batch import Candidates
from core.recommend.rerank.deal_access import access_limits, deal_kinds
from core.recommend.rerank.dual import Limits, keep_limits
from core.recommend.rerank.exposure_limits import exposure_limits
from core.recommend.rerank.market import Kinds, open_market, respond
from core.recommend.rerank.price_guard import guard_limits, price_kinds
from core.recommend.rerank.reach import attainable
from core.recommend.rerank.two_sided_penalty import two_sided_penalty
from tests.core.recommend.rerank.markets import shop, weights

REACH = Limits(np.array([[0.0, 0.2]]), np.array([[0.3, 1.0]]))


def test_floors_and_ceilings_stay_within_reach():
    target = np.array([0.5, 0.5])
    found = exposure_limits(target, floor=0.8, ceiling=1.2).within(REACH)
    np.testing.assert_allclose(found.low, [[0.3, 0.4]])
    np.testing.assert_allclose(found.high, [[0.6, 0.6]])
    free = exposure_limits(target, floor=0, ceiling=None)
    assert np.isinf(free.low).all()
    assert np.isinf(free.high).all()
    capped = exposure_limits(np.array([0.9, 0.1]), floor=0, ceiling=1.0).within(REACH)
    np.testing.assert_allclose(capped.high, [[0.9, 0.2]])


@pytest.fixture
def steered():
    """Users of group 0 are shown dear goods: relevance rises with the price for them, falls for the others."""
    candidates, _ = shop(1, users=1200, width=30, items=90)
    percentile = np.random.default_rng(2).random(90)
    percentile[:3] = np.nan
    group = np.arange(1200) % 2
    dear = np.nan_to_num(percentile, nan=0.5)[candidates.items]
    relevance = candidates.relevance + np.where(group[:, None] == 0, 0.6, -0.6) * dear
    order = np.argsort(-relevance, axis=1)
    parts = (np.take_along_axis(part, order, axis=1) for part in (candidates.items, relevance))
    items, relevance = parts
    return Candidates(items, relevance.astype(np.float32)), percentile, group


@pytest.mark.parametrize("band", [0.0, 0.05, 0.1])
def test_the_guard_keeps_each_group_within_its_band(steered, band):
    candidates, percentile, group = steered
    market = open_market(candidates, price_kinds(percentile), weights(5), user_groups=group, n_groups=2)
    plain = respond(market, np.zeros((2, 1)))
    everyone = float(market.shares @ plain.exposure[:, 0])
    assert plain.exposure[0, 0] > everyone + 0.1
    limits = guard_limits(np.full(2, everyone), band).within(attainable(market))
    found = keep_limits(market, limits, rng=np.random.default_rng(0))
    assert (np.abs(found.response.exposure[:, 0] - everyone) < band + 0.005).all()
    assert found.prices[0, 0] < 0 < found.prices[1, 0]
    exact = np.nan_to_num(percentile, nan=0.5)[
        np.take_along_axis(candidates.items, found.response.places, axis=1)
    ]
    for each in (0, 1):
        assert (exact[group == each] @ weights(5)).mean() == pytest.approx(
            found.response.exposure[each, 0], abs=0.01
        )
    assert found.response.relevance < plain.relevance


def test_without_a_band_or_a_measure_nothing_is_guarded():
    assert np.isinf(guard_limits(np.full(2, 0.5), None).low).all()
    some = guard_limits(np.array([0.5, np.nan]), 0.1)
    np.testing.assert_allclose(some.low[0], 0.4)
    assert np.isinf(some.high[1])
    assert np.isinf(access_limits(0.4, 2, None).low).all()


def test_groups_see_offers_alike(steered):
    candidates, percentile, group = steered
    deal = np.nan_to_num(percentile) > 0.7  # so the first group sees more of them
    market = open_market(candidates, deal_kinds(deal), weights(5), user_groups=group, n_groups=2)
    plain = respond(market, np.zeros((2, 1)))
    overall = float(market.shares @ plain.exposure[:, 0])
    assert plain.exposure[0, 0] > 1.5 * plain.exposure[1, 0]
    limits = access_limits(overall, 2, 0.1).within(attainable(market))
    found = keep_limits(market, limits, rng=np.random.default_rng(0))
    assert found.kept
    assert found.response.exposure[:, 0].max() <= 1.1 * overall + 1e-3
    assert found.response.exposure[:, 0].min() >= 0.9 * overall - 1e-3


def penalised(candidates, codes, group, sizes, v, items, users):
    """The optimum with both absolute differences, fractional lists, by HiGHS."""
    n, width = candidates.items.shape
    k = len(v)
    u, c, p = (part.ravel() for part in np.meshgrid(range(n), range(width), range(k), indexing="ij"))
    worth = candidates.relevance[u, c] * v[p]
    seen = v[p] / n * np.where(codes[candidates.items[u, c]] == 0, 1 / sizes[0], -1 / sizes[1])
    apart = worth * np.where(group[u] == 0, 1 / (group == 0).sum(), -1 / (group == 1).sum())
    x = len(u)
    rows, ends = [], []
    for places in (u * width + c, u * k + p):
        for place in np.unique(places):
            rows.append(np.append(places == place, [0, 0]).astype(float))
            ends.append(1.0)
    for number, values in ((0, seen), (1, apart)):
        for sign in (1, -1):
            rows.append(np.append(sign * values, -np.eye(2)[number]))
            ends.append(0.0)
    cost = np.append(-worth / n, [items, users])
    return -linprog(cost, np.array(rows), ends, bounds=[(0, None)] * (x + 2), method="highs").fun


@pytest.mark.parametrize(("items", "users"), [(0.0, 0.0), (0.05, 0.0), (0.05, 0.2), (0.5, 0.1)])
def test_penalties_on_both_sides_reach_the_optimum(items, users):
    candidates, codes = shop(5, users=60, width=6, groups=2, items=30)
    group, sizes, v = (np.arange(60) % 3 == 0).astype(int), np.array([0.5, 0.5]), weights(3)
    market = open_market(candidates, Kinds(codes, np.eye(2)), v, user_groups=group, n_groups=2)
    _, response, bound = two_sided_penalty(market, sizes, items=items, users=users)
    best = penalised(candidates, codes, group, sizes, v, items, users)
    seen = market.shares @ response.exposure
    reached = response.relevance - items * abs(seen[0] / sizes[0] - seen[1] / sizes[1])
    reached -= users * abs(response.of_groups[0] - response.of_groups[1])
    assert bound == pytest.approx(best, rel=0.01)
    assert bound >= best - 1e-6
    assert best * 0.97 <= reached <= best + 1e-6


def test_the_item_penalty_brings_the_groups_together():
    candidates, codes = shop(6, users=800, groups=2)
    market = open_market(
        candidates, Kinds(codes, np.eye(2)), weights(4), user_groups=np.arange(800) % 2, n_groups=2
    )
    apart = []
    for items in (0.0, 0.02, 0.1, 0.5):
        prices, response, _ = two_sided_penalty(market, np.array([0.5, 0.5]), items=items, users=0)
        apart.append(abs(np.subtract(*(market.shares @ response.exposure))))
        assert items or (prices == 0).all()
    assert (np.diff(apart) < 1e-3).all()
    assert apart[-1] < 0.1 * apart[0]
