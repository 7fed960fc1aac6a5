"""Prices of lists: by hand, in bounds, and against scipy."""

import numpy as np
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy import stats

from core.fairness.group_rows import mean_rows
from core.fairness.pricing.steering import deals, on_offer, price_percentiles, steering_metrics
from tests.core.fairness.pricing.pricing_shops import QUICK, priced, shop, two_groups


def catalogue():
    return pd.DataFrame(
        {
            "category": pd.Categorical(["tea", "tea", "tea", "tea", "rice", "rice", "soap", "tea"]),
            "list_price": [1.0, 2.0, 2.0, 4.0, 10.0, 20.0, 5.0, np.nan],
            "in_catalogue": True,
        }
    )


def test_percentiles_by_hand():
    found = price_percentiles(catalogue())
    expected = [0.125, 0.5, 0.5, 0.875, 0.25, 0.75, np.nan, np.nan]  # soap has no other, the last no price
    np.testing.assert_allclose(found, expected)
    outside = catalogue()
    outside.loc[3, "in_catalogue"] = False
    np.testing.assert_allclose(price_percentiles(outside)[:4], [1 / 6, 2 / 3, 2 / 3, np.nan])


def test_metrics_by_hand():
    lists = pd.DataFrame({"user": [3] * 3 + [5] * 2, "item": [3, 0, 4, 1, 2], "rank": [1, 2, 3, 1, 2]})
    bought = pd.DataFrame({"user": [3, 3, 7], "item": [0, 5, 5], "paid_price": 1.0})
    deal = np.array([0, 1, 0, 1, 0, 0, 0, 0.0])
    found = steering_metrics(lists, catalogue(), priced(bought, zone=None), k=2, deal=deal, depth=deal / 2)
    assert found.index.tolist() == [3, 5]
    np.testing.assert_allclose(found["price_percentile@2"], [(0.875 + 0.125) / 2, 0.5])
    np.testing.assert_allclose(found["price_percentile_history"], [(0.125 + 0.75) / 2, np.nan])
    np.testing.assert_allclose(found["price_steering@2"], [0.5 - 0.4375, np.nan])
    np.testing.assert_allclose(found["price_rank_correlation@2"], [1.0, np.nan])  # equal prices have no order
    top = 1 / (1 + 1 / np.log2(3))
    np.testing.assert_allclose(found["deal_exposure@2"], [top, top])
    np.testing.assert_allclose(found["deal_depth@2"], [top / 2, top / 2])


@given(st.integers(0, 10_000))
def test_correlations_are_scipys_and_all_lies_in_bounds(seed):
    rng = np.random.default_rng(seed)
    items = pd.DataFrame({"list_price": rng.integers(1, 9, 40).astype(float)})
    rows = [
        {"user": u, "item": i, "rank": r + 1} for u in range(4) for r, i in enumerate(rng.permutation(40)[:8])
    ]
    lists = pd.DataFrame(rows).sample(frac=1, random_state=seed)
    deal = rng.integers(0, 2, 40).astype(float)
    found = steering_metrics(lists, items, None, k=8, deal=deal)
    for user, one in lists.groupby("user"):
        price = items["list_price"].to_numpy()[one["item"]]
        if np.ptp(price):
            expected = stats.spearmanr(price, -one["rank"]).statistic
            assert found.loc[user, "price_rank_correlation@8"] == pytest.approx(expected, abs=1e-9)
    assert found["price_percentile@8"].between(0, 1).all()
    assert found["deal_exposure@8"].between(0, 1).all()


def test_a_list_of_everything_is_in_the_middle():
    _, items, _ = shop(0)
    lists = pd.DataFrame({"user": 0, "item": np.arange(len(items)), "rank": np.arange(len(items)) + 1})
    found = steering_metrics(lists, items, None, k=len(items))
    assert found.iloc[0, 0] == pytest.approx(0.5)


def test_deals_are_items_that_mostly_sell_below_the_list_price():
    events = pd.DataFrame({"user": 0, "item": [0, 0, 1, 1, 1], "list_price": 4.0})
    events["paid_price"] = [2.0, 4.0, 4.0, 3.0, 4.0]
    deal, depth = deals(priced(events, zone=None), 3)
    np.testing.assert_allclose(deal, [1, 0, np.nan])
    np.testing.assert_allclose(depth, [0.25, 0.25 / 3, np.nan])


def test_offers_of_a_week_are_told_from_its_purchases_alone():
    events = pd.DataFrame({"user": 0, "item": [0, 0, 0, 1, 1, 1], "list_price": 4.0})
    events["paid_price"] = [2.0, 4.0, 4.0, 4.0, 3.0, 4.0]
    events["timestamp"] = pd.to_datetime(["2024-01-01", "2024-01-07", "2024-01-08"] + ["2024-01-09"] * 3)
    purchases = priced(events)
    first, second = sorted(purchases.lines["week"].unique())
    items = np.array([0, 0, 1, 1, 7])
    found = on_offer(items, np.array([first, second, second, first, second]), purchases)
    np.testing.assert_array_equal(found, [1, 0, 0, np.nan, np.nan])


def test_dearer_lists_for_one_group_are_found_among_users_of_whom_it_is_known():
    rng = np.random.default_rng(0)
    group = np.repeat([0, 1], [60, 40])
    items = pd.DataFrame({"list_price": np.arange(1.0, 101.0)})
    items.loc[99, "list_price"] = np.nan
    low, high = np.array([0, 20])[group], np.array([80, 99])[group]
    rows = [(u, i, r + 1) for u in range(100) for r, i in enumerate(rng.integers(low[u], high[u], 10))]
    lists = pd.DataFrame([*rows, *((100, 99, r) for r in (1, 2))], columns=["user", "item", "rank"])
    values = steering_metrics(lists, items, None, k=10)["price_percentile@10"]
    assert values.isna().tolist() == [False] * 100 + [True]
    part = two_groups(np.append(group, 1))
    rows = mean_rows(values.to_numpy()[:, None], ["price_percentile@10"], part, QUICK, section="pricing")
    of_b = values[:100][group == 1].mean()
    found = {row.metric: row for row in rows if row.group == "b"}
    assert found["price_percentile@10"].value == pytest.approx(of_b)
    gap = found["price_percentile@10_gap"]
    assert gap.value == pytest.approx(of_b - values[:100][group == 0].mean())
    assert gap.low > 0.1
    assert gap.p_value < 0.01
