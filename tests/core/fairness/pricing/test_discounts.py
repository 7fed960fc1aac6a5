"""How often and how deep: by hand, in bounds, and like with like."""

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from core.errors import InputError
from core.fairness.partition import Partition
from core.fairness.pricing.discounts import contributions, discount_outcomes, group_shares, within_strata_gap
from core.fairness.pricing.sides import MEAN, gap_rows, mean_rows
from core.fairness.suppression import HIDDEN, SHOWN
from core.schema.settings import Statistics
from tests.core.fairness.pricing.pricing_shops import QUICK, priced, shop, two_groups


def shares_of(table, part, *, seed=0, statistics=QUICK):
    rng = np.random.default_rng(seed)
    return group_shares(table, part, settings=statistics, permutations=300, rng=rng)


def outcome_shares(events, group, name, *, reference=0, seed=0):
    purchases = priced(events, free=True)
    table = contributions(purchases, discount_outcomes(purchases)[name])
    return shares_of(table, two_groups(group, reference=reference), seed=seed)


def test_outcomes_by_hand():
    events = pd.DataFrame({"user": [0, 0, 1], "item": [0, 1, 0], "list_price": [4.0, 2.0, 5.0]})
    events["loyalty_discount"], events["coupon_discount"] = [1.0, 0.0, 0.0], [0.0, 2.0, 0.0]
    events["coupon_match_discount"] = [0.5, 0.0, 0.0]
    found = discount_outcomes(priced(events, zone=None, free=True))
    expected = {
        "loyalty_discount_rate": [1, 0, 0],
        "loyalty_discount_depth": [0.25, 0, 0],
        "coupon_discount_rate": [0, 1, 0],
        "coupon_discount_depth": [0, 1, 0],
        "coupon_match_discount_rate": [1, 0, 0],
        "coupon_match_discount_depth": [0.125, 0, 0],
        "any_discount_rate": [1, 1, 0],
        "any_discount_depth": [0.375, 1, 0],
    }
    assert {name: values.tolist() for name, values in found.items()} == expected


def test_shares_by_hand():
    part = two_groups(np.repeat([0, 1], [12, 10]))
    table = np.vstack([np.tile([1.0, 4.0], (12, 1)), np.tile([1.0, 2.0], (10, 1))])
    means, gaps = shares_of(table, part)
    assert means.value.tolist() == pytest.approx([0.25, 0.5, (12 + 10) / (48 + 20)])
    assert gaps.interval.value.tolist() == pytest.approx([0.25])
    assert gaps.p_value[0] == pytest.approx(1 / 301, abs=0.01)


@settings(max_examples=20, deadline=None)
@given(st.integers(0, 10_000))
def test_shares_are_shares_and_equal_users_have_no_gap(seed):
    events, _, group = shop(seed, users=90)  # so that no group is too small to tell of
    means, gaps = outcome_shares(events, group, "any_discount_rate", reference=None, seed=seed)
    assert ((means.value >= 0) & (means.value <= 1)).all()
    assert gaps.interval.value[0] == pytest.approx(-gaps.interval.value[1])
    same = shares_of(np.tile([1.0, 3.0], (90, 1)), two_groups(group, reference=None), seed=seed)[1]
    assert np.abs(same.interval.value).max() < 1e-12
    assert (same.p_value == 1).all()


def test_what_rests_on_too_few_users_is_not_told():
    group = np.repeat([0, 1], [30, 30])
    table = np.column_stack([np.ones(60), np.ones(60)])
    table[33:] = 0  # three users of b have anything below the line
    means, gaps = shares_of(table, two_groups(group, reference=None))
    assert np.isfinite(means.value).tolist() == [True, False, True]
    assert np.isfinite(gaps.interval.value).tolist() == [True, False]


def test_rows_tell_nothing_of_hidden_groups():
    strata = np.repeat([0, 1, 2], [30, 20, 12])
    part = Partition("age", ("a", "b", "c", "d"), np.array([SHOWN, SHOWN, HIDDEN, HIDDEN]), strata, None)
    rng = np.random.default_rng(0)
    means, gaps = shares_of(np.column_stack([rng.random(62), np.ones(62)]), part)
    rows = gap_rows(part, "x", gaps, tolerance=0.1, settings=QUICK)
    rows += mean_rows(part, "x", means, settings=QUICK)
    for row in rows:
        assert row.suppressed == (row.group in "cd")
        assert (row.value is None) == row.suppressed
        assert (row.n == "hidden") == row.suppressed
    told = {row.group: row.n for row in rows if row.statistic == MEAN and not row.suppressed}
    assert told == {"a": 30, "b": 20, "all": 62}
    assert [row.small for row in rows if row.group == "b"] == [True, True]


def test_intervals_hold_the_truth_and_permutations_keep_their_level():
    held = alarms = 0
    for seed in range(60):
        events, _, group = shop(seed, users=120)
        gaps = outcome_shares(events, group, "any_discount_rate", seed=seed)[1]
        held += bool(gaps.interval.low[0] <= 0 <= gaps.interval.high[0])
        alarms += bool(gaps.p_value[0] <= 0.05)
    assert held >= 51, held
    assert alarms <= 8, alarms  # 3 expected; three standard errors are 5


def test_discounts_on_what_is_bought_are_no_gap_within_strata():
    events, _, group = shop(3, users=200, dearer=1.5)
    dear = events["item"].isin(events.groupby("item")["list_price"].mean().nlargest(8).index)
    events["paid_price"] = events["list_price"] * np.where(dear, 0.7, 1.0)
    purchases = priced(events, free=True)
    outcome, part = discount_outcomes(purchases)["any_discount_depth"], two_groups(group)
    raw = shares_of(contributions(purchases, outcome), part)[1].interval
    options = {"settings": QUICK, "permutations": 300, "rng": np.random.default_rng(0)}
    within = within_strata_gap(purchases, outcome, part, **options).gaps.interval
    assert raw.low[0] > 0.03
    assert within.value[0] == pytest.approx(0, abs=1e-9)


def test_discounts_need_list_prices():
    events, _, _ = shop(0, users=20)
    with pytest.raises(InputError, match="list price"):
        discount_outcomes(priced(events.drop(columns="list_price")))


def test_one_group_has_means_and_no_gap():
    means, gaps = shares_of(np.ones((20, 2)), two_groups(np.zeros(20, int)), statistics=Statistics(draws=100))
    assert means.value.tolist() == [1, 1]
    assert len(gaps.p_value) == 0
