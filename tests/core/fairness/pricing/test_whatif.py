"""Personalised prices: closed forms of linear demand, brute force, and what theory says of welfare."""

import itertools

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from core.errors import InputError, SettingsError
from core.fairness.partition import Partition
from core.fairness.pricing.demand import Demand
from core.fairness.pricing.valuations import ExponentialValuations, UniformValuations
from core.fairness.pricing.whatif import (
    DEMAND,
    EQUAL,
    NO_PURCHASE,
    NOTIONS,
    PRICE,
    SURPLUS,
    Market,
    free_prices,
    impossibility,
    market,
    what_if,
)
from core.fairness.stats import Interval
from core.fairness.suppression import HIDDEN, SHOWN

SIZE, HIGHEST, COST = np.array([2.0, 3.0]), np.array([1.2, 1.6]), 0.3


def linear(highest=HIGHEST, size=SIZE) -> Market:
    names = tuple("abcdef"[: len(size)])
    return Market(names, np.asarray(size), UniformValuations(np.asarray(highest)), (0.5, 1.5))


def exponential(rate, size=SIZE) -> Market:
    names = tuple("abcdef"[: len(size)])
    return Market(names, np.asarray(size), ExponentialValuations(np.asarray(rate)), (0.5, 1.5))


def measures(valuations, prices):
    return {
        PRICE: prices,
        DEMAND: valuations.demand(prices),
        SURPLUS: valuations.surplus(prices),
        NO_PURCHASE: valuations.no_purchase(prices),
    }


def brute_force(found: Market, cost, alpha, notion, *, difference=np.inf, ratio=np.inf, points=600):
    """The most profit on a grid of all prices that keep the rule; minus infinity if none does."""
    best = found.valuations.best_price(cost)
    axis = np.linspace(1e-6, 2.5 * best.max(), points)
    prices = np.stack(np.meshgrid(*[axis] * len(found.size), indexing="ij"), axis=-1)
    value, free = measures(found.valuations, prices)[notion], measures(found.valuations, best)[notion]
    kept = np.ptp(value, axis=-1) <= (1 - alpha) * np.ptp(free)
    kept &= np.ptp(prices, axis=-1) <= difference
    kept &= prices.max(axis=-1) <= ratio * prices.min(axis=-1)
    profit = (found.size * (prices - cost) * found.valuations.demand(prices)).sum(axis=-1)
    return profit[kept].max(initial=-np.inf)


def test_linear_demand_in_closed_form():
    fair = what_if(linear(), cost=COST, alpha=1.0).fair
    one = (SIZE.sum() + COST * (SIZE / HIGHEST).sum()) / (2 * (SIZE / HIGHEST).sum())
    np.testing.assert_allclose(fair[PRICE].prices, one, atol=1e-6)
    np.testing.assert_allclose(fair[NO_PURCHASE].prices, one, atol=1e-6)  # E[V | V < p] is p / 2
    sold = (1 - COST * SIZE.sum() / (SIZE * HIGHEST).sum()) / 2
    np.testing.assert_allclose(fair[DEMAND].prices, HIGHEST * (1 - sold), atol=1e-6)
    root = (SIZE * (HIGHEST - COST) * np.sqrt(2 / HIGHEST)).sum() / (4 * SIZE.sum())
    np.testing.assert_allclose(fair[SURPLUS].prices, HIGHEST - root * np.sqrt(2 * HIGHEST), atol=1e-6)


def test_free_prices_profit_surplus_and_welfare_by_hand():
    free = what_if(linear([1.0, 2.0], [1.0, 1.0]), cost=0.0, alpha=0.5).free
    np.testing.assert_allclose(free.prices, [0.5, 1.0])
    assert free.profit == pytest.approx(0.25 + 0.5)
    np.testing.assert_allclose(free.surplus, [0.125, 0.25])
    assert free.welfare == pytest.approx(0.75 + 0.375)
    assert free.price_of_fairness == 0
    assert free.holds == {PRICE: False, DEMAND: True, SURPLUS: False, NO_PURCHASE: False}


def test_half_way_the_difference_of_prices_is_halved():
    found = what_if(linear(), cost=COST, alpha=0.5)
    assert np.ptp(found.fair[PRICE].prices) == pytest.approx(np.ptp(found.free.prices) / 2, abs=1e-7)


@pytest.mark.parametrize("notion", NOTIONS)
@pytest.mark.parametrize(
    "caps", [{}, {"largest_difference": 0.1}, {"largest_ratio": 1.08, "largest_difference": 0.3}]
)
@pytest.mark.parametrize("alpha", [0.0, 0.4, 0.9])
def test_no_price_pair_of_a_grid_earns_more(notion, caps, alpha):
    for shop in (linear(), exponential([2.0, 3.1])):
        found = what_if(shop, cost=COST, alpha=alpha, **caps)
        fair = found.fair[notion]
        limits = {name.removeprefix("largest_"): cap for name, cap in caps.items()}
        grid = brute_force(shop, COST, alpha, notion, **limits)
        if np.isnan(fair.profit):
            assert grid <= 0
            continue
        assert grid - 1e-9 <= fair.profit <= found.free.profit + 1e-9
        limits = {"difference": np.inf, "ratio": np.inf} | limits
        allowed = (1 - alpha) * np.ptp(measures(shop.valuations, found.free.prices)[notion])
        assert np.ptp(measures(shop.valuations, fair.prices)[notion]) <= allowed + 1e-7
        assert np.ptp(fair.prices) <= limits["difference"] + 1e-7
        assert fair.prices.max() <= limits["ratio"] * fair.prices.min() + 1e-7


def test_three_groups_against_a_grid():
    shop = linear([1.1, 1.3, 1.7], [1.0, 2.0, 1.5])
    found = what_if(shop, cost=COST, alpha=0.8)
    for notion in NOTIONS:
        assert found.fair[notion].profit >= brute_force(shop, COST, 0.8, notion, points=90) - 1e-9
        assert found.fair[notion].holds[notion]


def test_no_price_pair_satisfies_all_four_where_means_differ():
    axis = np.linspace(0, 4, 801)
    prices = np.stack(np.meshgrid(axis, axis, indexing="ij"), axis=-1)
    values = measures(UniformValuations(HIGHEST), prices)
    off = np.max([np.ptp(value, axis=-1) for value in values.values()], axis=0)
    # the means are made up of the four: their difference of 0.2 bounds what all four can be close to
    assert off.min() > 0.2 / 4
    same = measures(UniformValuations(HIGHEST[[0, 0]]), np.array([0.7, 0.7]))
    assert all(np.ptp(value) == 0 for value in same.values())
    found = what_if(linear(), cost=COST, alpha=1.0)
    assert not any(all(outcome.holds.values()) for outcome in (found.free, *found.fair.values()))
    assert "No prices are fair" in impossibility(linear())
    assert "0.6 (a) to 0.8 (b)" in impossibility(linear())
    assert "one price for all" in impossibility(linear(HIGHEST[[0, 0]]))
    assert all(what_if(linear(HIGHEST[[0, 0]]), cost=COST, alpha=1.0).free.holds.values())


def test_what_holds_together():
    fair = what_if(linear(), cost=COST, alpha=1.0).fair
    for rule, notion in itertools.product(NOTIONS, NOTIONS):
        both = {rule, notion} == {PRICE, NO_PURCHASE} or rule == notion
        assert fair[rule].holds[notion] == both, (rule, notion)


@settings(max_examples=25, deadline=None)
@given(st.floats(0.8, 1.5), st.floats(0.02, 0.5), st.floats(0.3, 3), st.floats(0.05, 0.5), st.floats(0.02, 1))
def test_linear_demand_moves_welfare_as_theory_says(lowest, more, size, cost, alpha):
    """Cohen, Elmachtoub & Lei: a little price fairness raises welfare, demand and surplus fairness lower it, no-purchase
    fairness raises it."""
    shop = linear([lowest, lowest + more], [1.0, size])
    free = what_if(shop, cost=cost, alpha=0.0).free
    found = what_if(shop, cost=cost, alpha=alpha).fair
    # what differs by EQUAL counts as equal, so a rule may be bent by as much
    assert found[DEMAND].welfare <= free.welfare + EQUAL
    assert found[SURPLUS].welfare <= free.welfare + EQUAL
    assert found[NO_PURCHASE].welfare >= free.welfare - EQUAL
    assert what_if(shop, cost=cost, alpha=0.02).fair[PRICE].welfare >= free.welfare - EQUAL


@settings(max_examples=25, deadline=None)
@given(st.integers(0, 10_000))
def test_fairness_costs_more_the_more_is_asked_and_names_do_not_matter(seed):
    rng = np.random.default_rng(seed)
    n = int(rng.integers(2, 5))
    shape = linear if seed % 2 else exponential
    scale, size, order = rng.uniform(1, 3, n), rng.uniform(0.5, 3, n), rng.permutation(n)
    shop, cost = shape(scale, size), rng.uniform(0, 0.5)
    before = dict.fromkeys(NOTIONS, 0.0)
    for alpha in (0.0, 0.3, 0.7, 1.0):
        found = what_if(shop, cost=cost, alpha=alpha)
        turned = what_if(shape(scale[order], size[order]), cost=cost, alpha=alpha)
        for notion, outcome in found.fair.items():
            assert before[notion] - 1e-7 <= outcome.price_of_fairness <= 1
            assert outcome.holds[notion]
            assert turned.fair[notion].profit == pytest.approx(outcome.profit, rel=1e-7)
            before[notion] = outcome.price_of_fairness
    alike = what_if(shop, cost=cost, alpha=0.0)
    for outcome in (alike.capped, *alike.fair.values()):
        np.testing.assert_allclose(outcome.prices, alike.free.prices, rtol=1e-6)


def test_caps_alone():
    free = what_if(linear(), cost=COST, alpha=0.0).free.prices
    found = what_if(linear(), cost=COST, alpha=0.0, largest_difference=0.05)
    assert np.ptp(found.capped.prices) == pytest.approx(0.05)
    assert free[0] < found.capped.prices[0] < found.capped.prices[1] < free[1]
    slope = SIZE * (1 - 2 * found.capped.prices / HIGHEST + COST / HIGHEST)
    assert slope.sum() == pytest.approx(0, abs=1e-5)  # moving both prices gains nothing
    found = what_if(linear(), cost=COST, alpha=0.0, largest_ratio=1.0)
    assert np.ptp(found.capped.prices) == pytest.approx(0, abs=1e-12)
    wide = what_if(linear(), cost=COST, alpha=0.0, largest_ratio=9.0, largest_difference=9.0)
    np.testing.assert_allclose(wide.capped.prices, free, atol=1e-6)


def test_rules_that_nothing_keeps_bring_nothing():
    found = what_if(exponential([2.0, 3.0]), cost=COST, alpha=1.0, largest_ratio=1.0)
    assert np.isnan(found.fair[SURPLUS].prices).all()
    assert np.isnan(found.fair[SURPLUS].profit)
    assert not any(found.fair[SURPLUS].holds.values())
    assert found.fair[PRICE].holds[PRICE]


@pytest.mark.parametrize(
    "wrong",
    [
        {"alpha": 1.2},
        {"alpha": float("nan")},
        {"cost": -0.1},
        {"largest_difference": -1.0},
        {"largest_ratio": 0.9},
    ],
)
def test_knobs_out_of_bounds_are_refused(wrong):
    with pytest.raises(SettingsError):
        what_if(linear(), **({"cost": COST, "alpha": 0.5} | wrong))


def estimated(elasticity, reach=0.5) -> tuple[Demand, Partition]:
    """Demand of groups a, b, .. and of all, with intervals so wide on either side; group z is hidden."""
    value = np.append(elasticity, -2.0)
    ones = np.ones(len(value))
    interval = Interval(value, value - reach, value + reach, reach / 2 * ones)
    demand = Demand(interval, 50 * ones, ones, 90 * ones, 5, 30, 0.9, (0.6, 1.02))
    names = (*"abc"[: len(elasticity)], "z")
    states = np.array([*[SHOWN] * len(elasticity), HIDDEN])
    return demand, Partition("age", names, states, np.repeat(np.arange(len(names)), 40), None)


@pytest.mark.parametrize("shape", ["exponential", "linear"])
def test_a_market_sells_at_the_usual_price_what_was_sold(shape):
    demand, part = estimated([-2.0, -0.3, -4.0])
    found = market(demand, part, shape)
    assert found.names == ("a", "c")  # of b it is not sure that its demand falls with the price
    usual = np.ones(2)
    np.testing.assert_allclose(found.size * found.valuations.demand(usual), 50)
    rise = found.valuations.demand(usual + 1e-6) / found.valuations.demand(usual) - 1
    np.testing.assert_allclose(rise / 1e-6, [-2, -4], rtol=1e-4)
    prices = free_prices(demand, part, shape, cost=0.6)
    np.testing.assert_allclose(prices.value[[0, 2]], what_if(found, cost=0.6, alpha=0.0).free.prices)
    assert (prices.low[[0, 2]] < prices.value[[0, 2]]).all()
    assert (prices.value[[0, 2]] < prices.high[[0, 2]]).all()
    assert np.isnan(prices.value[1])
    assert len(prices.value) == 3


def test_prices_nobody_has_seen_are_marked():
    demand, part = estimated([-2.0, -4.0])
    found = market(demand, part, "exponential")
    assert what_if(found, cost=0.7, alpha=0.0).free.extrapolated  # 0.7 + 1 / 2 is above 1.02
    assert not what_if(found, cost=0.4, alpha=0.0).free.extrapolated


def test_one_group_with_a_demand_is_no_market():
    with pytest.raises(InputError, match="two groups"):
        market(*estimated([-2.0, -0.3]), "linear")
