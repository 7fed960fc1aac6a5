"""Valuations: against numerical integration, inverses, and the identity behind the impossibility."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy import integrate, optimize, stats

from core.fairness.pricing.valuations import ExponentialValuations, UniformValuations

SCALES = st.floats(0.2, 8)
PRICES = st.floats(0.01, 3)


def families(scale: float):
    """Each family beside its distribution."""
    one = np.array([scale])
    return [
        (UniformValuations(one), stats.uniform(0, scale)),
        (ExponentialValuations(one), stats.expon(0, 1 / scale)),
    ]


@given(SCALES, PRICES)
def test_all_is_what_the_distribution_says(scale, price):
    for valuations, known in families(scale):
        p = np.array([price])
        assert valuations.mean[0] == pytest.approx(known.mean())
        assert valuations.demand(p)[0] == pytest.approx(known.sf(price), abs=1e-12)
        surplus = integrate.quad(known.sf, price, known.ppf(1 - 1e-13))[0] if known.sf(price) > 1e-9 else 0.0
        assert valuations.surplus(p)[0] == pytest.approx(surplus, abs=1e-6)
        ends = sorted([0.0, min(price, known.ppf(1 - 1e-13))])
        below = integrate.quad(lambda v, known=known: v * known.pdf(v), *ends)[0] / known.cdf(price)
        assert valuations.no_purchase(p)[0] == pytest.approx(below, abs=1e-6)


@given(SCALES, PRICES)
def test_the_mean_is_made_up_of_what_the_four_notions_compare(scale, price):
    for valuations, _ in families(scale):
        p = np.array([price])
        demand = valuations.demand(p)
        total = (1 - demand) * valuations.no_purchase(p) + valuations.surplus(p) + p * demand
        assert total[0] == pytest.approx(valuations.mean[0], rel=1e-9)


@given(SCALES, st.floats(-6, -0.01).map(lambda power: 10**power))
def test_prices_give_back_what_they_were_found_for(scale, share):
    for valuations, known in families(scale):
        price = np.array([known.ppf(share)])
        for value, back in (
            (valuations.demand, valuations.price_of_demand),
            (valuations.surplus, valuations.price_of_surplus),
            (valuations.no_purchase, valuations.price_of_no_purchase),
        ):
            assert back(value(price))[0] == pytest.approx(price[0], rel=1e-6)


def test_what_no_price_reaches():
    for valuations, known in families(2.0):
        assert valuations.price_of_demand(np.array([0.0]))[0] == np.inf
        assert valuations.price_of_surplus(np.array([0.0]))[0] == np.inf
        assert valuations.price_of_no_purchase(np.array([known.mean()]))[0] == np.inf
        assert valuations.price_of_demand(np.array([1.1]))[0] < 0
        assert valuations.price_of_surplus(np.array([1.1 * known.mean()]))[0] < 0
        assert valuations.price_of_no_purchase(np.array([0.0]))[0] == pytest.approx(0, abs=1e-7)
        assert valuations.no_purchase(np.array([0.0]))[0] == pytest.approx(0, abs=1e-9)


@given(SCALES, st.floats(0, 0.15))
def test_best_prices_are_those_of_a_search(scale, cost):
    for valuations, known in families(scale):

        def loss(price, valuations=valuations):
            return -(price - cost) * valuations.demand(np.array([price]))[0]

        found = optimize.minimize_scalar(
            loss, bounds=(cost, known.ppf(0.9999)), method="bounded", options={"xatol": 1e-9}
        )
        assert valuations.best_price(cost)[0] == pytest.approx(found.x, rel=1e-4)


def test_without_cost_half_of_the_highest_valuation_is_best():
    assert UniformValuations(np.array([3.0])).best_price(0.0)[0] == 1.5
