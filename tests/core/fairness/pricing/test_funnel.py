"""Offered, redeemed, saved: by hand, and given the same spending."""

import numpy as np
import pandas as pd
import pytest

from core.fairness.pricing.funnel import (
    Funnel,
    funnel,
    funnel_rows,
    offered_given_spending,
    spending_bands,
    spending_before,
)
from tests.core.fairness.pricing.pricing_shops import QUICK, priced, two_groups


def small_shop():
    """Users 1, 2, 4 and 5 buy; 1 and 4 are offered campaigns, and so is 9, who never buys."""
    events = pd.DataFrame({"user": [1, 1, 2, 4, 5], "item": 0, "list_price": 5.0})
    events["quantity"] = [1.0, 2.0, 1.0, 3.0, 1.0]
    events["coupon_discount"] = [1.0, 0.0, 2.0, 0.5, 0.0]
    events["coupon_match_discount"] = [0.5, 0.0, 0.0, 0.0, 0.0]
    offers = pd.DataFrame({"user": [1, 1, 4, 9], "redemptions": [2.0, 0.0, 0.0, 1.0]})
    return events, offers


def test_stages_by_hand():
    events, offers = small_shop()
    found = funnel(offers, priced(events, zone=None, free=True)).stages
    assert found["offered"].tolist() == [[1, 1], [0, 1], [1, 1], [0, 1]]
    assert found["offers"].tolist() == [[2, 1], [0, 1], [1, 1], [0, 1]]
    assert found["redeemed"].tolist() == [[1, 2], [0, 0], [0, 1], [0, 0]]
    assert found["redeemers"].tolist() == [[1, 1], [0, 0], [0, 1], [0, 0]]
    assert found["saved"].tolist() == [[1.5, 1], [0, 0], [1.5, 1], [0, 0]]


def test_stages_that_the_data_do_not_know_are_absent():
    events, offers = small_shop()
    plain = events.drop(columns=["coupon_discount", "coupon_match_discount"])
    found = funnel(offers[["user"]], priced(plain, zone=None)).stages
    assert list(found) == ["offered", "offers"]
    dated = offers[["user"]].assign(redeemed_at=pd.to_datetime([None, "2024-01-02", None, None]))
    redeemed = funnel(dated, priced(events, zone=None)).stages["redeemed"]
    assert redeemed[:, 0].tolist() == [1, 0, 0, 0]


def test_rows_are_ratios_of_totals():
    group = np.repeat([0, 1], [40, 30])
    offered = np.concatenate([np.arange(40) < 20, np.arange(30) < 24]).astype(float)
    redeemed = offered * (np.arange(70) % 2)
    stages = {
        "offered": np.column_stack([offered, np.ones(70)]),
        "redeemers": np.column_stack([redeemed, offered]),
    }
    rows = funnel_rows(Funnel(stages), two_groups(group), QUICK, tolerance=0.1)
    values = {(row.metric, row.group): row.value for row in rows}
    assert [values["offered", name] for name in ("a", "b", "all")] == pytest.approx([0.5, 0.8, 44 / 70])
    gap = next(row for row in rows if row.metric == "offered_gap")
    assert gap.value == pytest.approx(0.3)
    assert gap.p_value < 0.05
    assert gap.tolerance == pytest.approx(0.1 * 44 / 70)
    assert values["redeemers_gap", "b"] == pytest.approx(0)
    assert {row.n for row in rows if row.metric == "redeemers"} == {20, 24, 44}  # those with an offer


def test_a_stage_that_rests_on_too_few_users_is_not_told():
    table = np.column_stack([np.ones(60), np.ones(60)])
    table[33:] = 0  # three users of b have anything below the line: all less those of a would tell theirs
    assert not funnel_rows(
        Funnel({"redeemers": table}), two_groups(np.repeat([0, 1], 30)), QUICK, tolerance=0.1
    )


def test_spending_counts_until_the_first_campaign_begins():
    events, _ = small_shop()
    events["paid_price"] = 2.0
    events["timestamp"] = pd.to_datetime(
        ["2024-01-01", "2024-03-01", "2024-01-02", "2024-03-01", "2024-01-03"]
    )
    purchases, first = priced(events, zone="UTC"), 19_754  # 1 February 2024
    assert spending_before(purchases, first).tolist() == [2, 2, 0, 2]
    assert spending_before(purchases, first - 300).tolist() == [6, 2, 6, 2]
    assert spending_before(priced(events, zone=None), first).tolist() == [6, 2, 6, 2]


def test_bands_hold_about_a_tenth_each_and_equals_together():
    bands = spending_bands(np.random.default_rng(0).gamma(2, 1, 500))
    assert np.bincount(bands).tolist() == pytest.approx([50] * 10, abs=1)
    assert len(np.unique(spending_bands(np.repeat([0.0, 1.0], [90, 10])))) == 2
    assert len(np.unique(spending_bands(np.ones(20)))) == 1


def simulated(seed, *, unfair):
    """Big spenders are offered more, and group b spends more; where unfair, b gets more besides."""
    rng = np.random.default_rng(seed)
    group = (rng.random(300) < 0.4).astype(int)
    spending = rng.gamma(2, 1 + group)
    chance = 1 / (1 + np.exp(3 - 0.6 * np.floor(spending) - unfair * group))
    offered = (rng.random(300) < chance).astype(float)
    stages = {"offered": np.column_stack([offered, np.ones(300)])}
    options = {"settings": QUICK, "permutations": 300, "rng": rng}
    within = offered_given_spending(Funnel(stages), spending, two_groups(group), **options)
    raw = offered[group == 1].mean() - offered[group == 0].mean()
    return raw, within


def test_offers_that_follow_spending_are_no_gap_given_spending():
    raw, gaps, alarms = [], [], 0
    for seed in range(60):
        one, within = simulated(seed, unfair=0)
        raw.append(one)
        gaps.append(within.gaps.interval.value[0])
        alarms += bool(within.gaps.p_value[0] <= 0.05)
    assert np.mean(raw) > 0.15
    assert abs(np.mean(gaps)) < 0.03
    assert alarms <= 8, alarms


def test_more_offers_for_the_same_spending_are_found():
    found = [simulated(seed, unfair=1.5)[1] for seed in range(10)]
    assert np.mean([one.gaps.p_value[0] <= 0.05 for one in found]) >= 0.9
    assert all(one.gaps.interval.value[0] > 0 for one in found)
    assert all(0.5 < one.coverage[0] <= 1 for one in found)
