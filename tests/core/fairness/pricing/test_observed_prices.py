"""Prices as they were paid: by hand, pairs by brute force, and on shops with a planted gap."""

import numpy as np
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st

from core.fairness.partition import Partition
from core.fairness.pricing.observed_prices import (
    ACCESS,
    BURDEN_OF_INCOME,
    BURDEN_OF_SPENDING,
    DISPARITY,
    ENVY,
    envy_rows,
    incomes,
    observed_price_rows,
    paid_in_strata,
    spending_shares,
    weeks_bought,
)
from core.fairness.pricing.purchases import Purchases
from core.fairness.suppression import HIDDEN, SHOWN
from tests.core.fairness.pricing.pricing_shops import MONDAY, QUICK, priced, shop, two_groups


def small_shop() -> Purchases:
    """Three users and two weeks: tea (0) is chosen, rice (1) is not."""
    rows = [(0, 0, 0, 4.0, 1), (0, 0, 1, 5.0, 2), (1, 0, 0, 2.0, 1), (1, 0, 0, 2.0, 1), (1, 1, 1, 3.0, 1)]
    rows += [(2, 1, 0, 6.0, 1)]
    table = pd.DataFrame(rows, columns=["user", "item", "week", "paid_price", "quantity"])
    table["timestamp"] = MONDAY + pd.to_timedelta(7 * table.pop("week"), unit="D")
    return priced(table)


def rows_of(events, group, *, seed=0, reference=0, income=None, part=None, envied=0.02, settings=QUICK):
    purchases = priced(events)
    part = part or two_groups(group[purchases.users], reference=reference)
    options = {"income": income, "envied": envied, "tolerance": 0.1, "price_tolerance": 0.01}
    chosen = (purchases.lines["item"] < 20).to_numpy()
    return observed_price_rows(purchases, part, chosen, settings, rng=np.random.default_rng(seed), **options)


def value_of(rows, metric, group):
    return next(row for row in rows if (row.metric, row.group) == (metric, group))


def test_contributions_by_hand():
    purchases = small_shop()
    tea = (purchases.lines["item"] == 0).to_numpy()
    mean = (4 + 2 + 2) / 3  # in the first week; in the second one user alone buys tea
    np.testing.assert_allclose(paid_in_strata(purchases, tea), [[4 / mean, 1], [4 / mean, 2], [0, 0]])
    np.testing.assert_allclose(weeks_bought(purchases, tea), [[2, 2], [1, 2], [0, 1]])
    np.testing.assert_allclose(spending_shares(purchases, tea, None), [[14, 14], [4, 7], [0, 6]])
    income = np.array([100.0, np.nan, 50.0])
    np.testing.assert_allclose(spending_shares(purchases, tea, income), [[14, 100], [0, 0], [0, 50]])


def test_without_weeks_there_is_one_period():
    table = pd.DataFrame({"user": [0, 0, 1], "item": [0, 1, 1], "paid_price": 1.0})
    purchases = priced(table, zone=None)
    found = weeks_bought(purchases, (purchases.lines["item"] == 0).to_numpy())
    assert found.tolist() == [[1, 1], [0, 1]]


@pytest.mark.parametrize(
    ("label", "income"),
    [
        ("35-49K", 42000),
        ("Under 15K", 7500),
        ("250K+", 250000),
        ("20,000 to 30,000", 25000),
        ("41000", 41000),
        ("Unknown", np.nan),
        ("kept private", np.nan),
    ],
)
def test_incomes_are_read_from_labels(label, income):
    users = pd.DataFrame({"user_id": ["x", "y"], "Yearly income": [label, "10K"]})
    np.testing.assert_allclose(incomes(users), [income, 10000])


def test_without_a_readable_income_there_is_none():
    assert incomes(pd.DataFrame({"age": ["19-24"]})) is None
    assert incomes(pd.DataFrame({"income": ["low", "high"]})) is None


def envy_by_hand(purchases: Purchases, chosen, side, envied):
    """Envious pairs and pairs, every two lines looked at."""
    stratum = purchases.stratum(purchases.finest)
    price = purchases.lines["paid_price"].to_numpy()
    envious = pairs = 0
    for one in np.unique(stratum[chosen]):
        lines = np.flatnonzero((stratum == one) & chosen)
        if len(np.unique(purchases.place[lines])) < 2:
            continue
        relative = price[lines] / price[lines].mean()
        for i, first in enumerate(lines):
            for j, second in enumerate(lines):
                if purchases.place[first] != purchases.place[second] and side[purchases.place[first]]:
                    pairs += 1
                    envious += relative[i] - relative[j] > envied + 1e-9
    return envious / pairs


@pytest.mark.parametrize("reference", [None, 0])
@pytest.mark.parametrize("seed", range(3))
def test_envy_is_the_share_of_envious_pairs(seed, reference):
    events, _, group = shop(seed, users=120, gap=0.05)
    three = group + (np.arange(120) % 2 == 0)
    purchases = priced(events)
    chosen, part = (purchases.lines["item"] < 9).to_numpy(), two_groups(three, reference=reference)
    options = {"envied": 0.03, "tolerance": 0.1, "rng": np.random.default_rng(0)}
    found = envy_rows(purchases, part, chosen, QUICK, **options)
    expected = {name: envy_by_hand(purchases, chosen, three == g, 0.03) for g, name in enumerate(part.names)}
    for name, value in expected.items():
        assert value_of(found, ENVY, name).value == pytest.approx(value)
    assert value_of(found, ENVY, "all").value == pytest.approx(
        envy_by_hand(purchases, chosen, three >= 0, 0.03)
    )
    other = expected["a"] if reference == 0 else envy_by_hand(purchases, chosen, three != 1, 0.03)
    assert value_of(found, f"{ENVY}_gap", "b").value == pytest.approx(expected["b"] - other)


def test_intervals_of_envy_are_as_wide_as_new_shops_differ():
    """Each user is charged a price of its own: the mean standard error is to be the spread of the estimates."""
    values, reaches = [], []
    for seed in range(40):
        events, _, group = shop(seed, users=150)
        charged = np.random.default_rng(1000 + seed).random(150)
        events["paid_price"] = 2 + 0.2 * charged[events["user"]]
        events["item"] = 0
        row = value_of(rows_of(events, group, seed=seed), f"{ENVY}_gap", "b")
        values.append(row.value)
        reaches.append((row.high - row.low) / 2 / 1.96)
    assert np.mean(reaches) == pytest.approx(np.std(values), rel=0.35)
    covered = np.abs(np.array(values)) <= 1.96 * np.array(reaches)
    assert covered.mean() >= 0.85


@given(st.integers(0, 10_000))
def test_all_lies_in_bounds_and_equal_users_have_no_gap(seed):
    events, _, group = shop(seed, users=60)
    events["paid_price"] = 2.0
    rows = rows_of(events, group, seed=seed, reference=None)
    for row in rows:
        if row.metric.startswith((DISPARITY, ENVY)):
            target = 1.0 if row.metric == DISPARITY else 0.0
            assert row.value == pytest.approx(target, abs=1e-12)
        if row.statistic == "mean":
            assert 0 <= row.low <= row.value <= row.high
    assert {row.statistic for row in rows} == {"mean", "gap"}


def test_a_planted_gap_is_found_by_what_it_shows_in():
    held = 0
    for seed in range(20):
        events, _, group = shop(seed, users=150, gap=0.04)
        rows = rows_of(events, group, seed=seed)
        gap, envy = (value_of(rows, f"{metric}_gap", "b") for metric in (DISPARITY, ENVY))
        held += gap.low > 0 and envy.low > 0 and gap.p_value < 0.05
    assert held >= 18


def test_without_a_gap_there_are_few_alarms():
    alarms = dict.fromkeys((DISPARITY, ACCESS, BURDEN_OF_SPENDING, ENVY), 0)
    for seed in range(60):
        events, _, group = shop(seed, users=100)
        rows = rows_of(events, group, seed=seed)
        for metric in alarms:
            alarms[metric] += value_of(rows, f"{metric}_gap", "b").p_value <= 0.05
    assert max(alarms.values()) <= 8, alarms  # 3 expected; three standard errors are 5


def test_burden_weighs_by_income_and_leaves_out_those_without():
    events, _, group = shop(1, users=80)
    income = np.where(group == 1, 10_000.0, 40_000.0)
    income[:5] = np.nan
    rows = rows_of(events, group, income=income)
    purchases = priced(events)
    spent = np.bincount(purchases.place, purchases.revenue * (purchases.lines["item"] < 20), 80)
    own = (group == 1) & np.isfinite(income)
    row = value_of(rows, BURDEN_OF_INCOME, "b")
    assert row.value == pytest.approx(spent[own].sum() / income[own].sum())
    assert row.n == own.sum()
    assert not any(row.metric.startswith(BURDEN_OF_SPENDING) for row in rows)


def test_hidden_groups_carry_no_number_and_others_hide_where_few_buy():
    events, _, group = shop(2, users=120)
    group = np.where(np.arange(120) < 12, 2, group)
    events = events[(group[events["user"]] != 2) | (events["user"] < 4) | (events["item"] >= 20)]
    users = np.unique(events["user"])
    group = group[users]
    part = Partition("group", tuple("abc"), np.full(3, SHOWN), group, None)
    rows = rows_of(events, group, part=part)
    envied = [row for row in rows if row.metric.startswith(ENVY) and row.group == "c"]
    assert envied
    assert all(row.suppressed and row.value is None for row in envied)  # four users have a pair
    part = Partition("group", tuple("abc"), np.array([SHOWN, SHOWN, HIDDEN]), group, None)
    for row in rows_of(events, group, part=part):
        assert (row.value is None) == row.suppressed
        assert row.suppressed or row.group != "c"


def test_where_nobody_can_be_compared_there_is_no_envy():
    events, _, group = shop(0, users=40)
    events["item"] = events["user"]
    rows = rows_of(events, group)
    assert {row.metric.removesuffix("_gap") for row in rows} == {ACCESS, BURDEN_OF_SPENDING}
