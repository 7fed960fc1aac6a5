"""Caps on personalised prices: by hand for linear demand, and what they close of each notion's gap."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from core.errors import SettingsError
from core.fairness.pricing.caps import under_caps
from core.fairness.pricing.valuations import UniformValuations
from core.fairness.pricing.whatif import DEMAND, NO_PURCHASE, PRICE, SURPLUS, Market

COST = 0.2


def two(size=(1.0, 1.0)) -> Market:
    """Highest valuations 1 and 1.4: best prices are 0.6 and 0.8 at a cost of 0.2."""
    return Market(("a", "b"), np.array(size), UniformValuations(np.array([1.0, 1.4])), (0.5, 1.5))


def capped(place, *, alpha=0.5, difference=None, ratio=None, cost=COST):
    return under_caps(place, cost=cost, alpha=alpha, largest_difference=difference, largest_ratio=ratio)


def test_one_price_for_all_by_hand():
    """Profit (p - c)(2 - p (1 + 1 / 1.4)) is highest at p = c / 2 + 1 / (1 + 1 / 1.4)."""
    found = capped(two(), difference=0.0)
    price = COST / 2 + 1 / (1 + 1 / 1.4)
    groups = found.groups.set_index("group")
    np.testing.assert_allclose(groups["price_before"], [0.6, 0.8])
    np.testing.assert_allclose(groups["price_after"], price, atol=1e-5)
    np.testing.assert_allclose(groups.loc["b", "units_before"], 1 - 0.8 / 1.4)
    np.testing.assert_allclose(groups.loc["b", "profit_before"], 0.6 * (1 - 0.8 / 1.4))
    np.testing.assert_allclose(groups.loc["b", "surplus_before"], 0.6**2 / 2.8)
    np.testing.assert_allclose(groups.loc["a", "surplus_after"], (1 - price) ** 2 / 2, atol=1e-5)
    closed = found.notions.set_index("notion")["closed"]
    assert closed[PRICE] == pytest.approx(1, abs=1e-4)
    assert closed[DEMAND] < 0  # equal prices drive the shares who buy apart
    assert closed[NO_PURCHASE] == pytest.approx(1, abs=1e-4)


@given(st.floats(0, 0.25), st.floats(1, 1.5), st.floats(0, 1))
def test_a_notion_holds_for_every_alpha_up_to_what_is_closed(difference, ratio, alpha):
    found = capped(two((2.0, 3.0)), alpha=alpha, difference=difference, ratio=ratio)
    prices = found.groups["price_after"]
    assert np.ptp(prices) <= difference + 1e-9
    assert prices.max() <= ratio * prices.min() + 1e-9
    for row in found.notions.itertuples():
        if abs(row.closed - alpha) > 1e-4:
            assert row.holds == (row.closed > alpha)
    total = found.groups.filter(like="profit").sum()
    assert total["profit_after"] <= total["profit_before"] + 1e-9
    assert found.capped.profit == pytest.approx(total["profit_after"])
    np.testing.assert_allclose(found.groups["surplus_after"], found.capped.surplus)


def test_caps_that_do_not_bind_change_nothing():
    found = capped(two(), difference=0.5)
    np.testing.assert_array_equal(found.groups["price_after"], found.groups["price_before"])
    np.testing.assert_allclose(found.notions["closed"], 0, atol=1e-12)


def test_groups_that_value_alike_have_no_gap_to_close():
    alike = Market(("a", "b"), np.ones(2), UniformValuations(np.array([1.2, 1.2])), (0.5, 1.5))
    found = capped(alike, difference=0.1)
    assert found.notions["closed"].isna().all()
    assert found.notions["holds"].all()
    assert set(found.notions["notion"]) == {PRICE, DEMAND, SURPLUS, NO_PURCHASE}


def test_a_bad_cap_is_one_clear_error():
    with pytest.raises(SettingsError, match="ratio"):
        capped(two(), ratio=0.9)
