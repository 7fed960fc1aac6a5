"""The within-stratum gap: by hand, against a fit with fixed effects, and on shops with a planted gap."""

import numpy as np
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st

from core.fairness.judging import judged
from core.fairness.pricing.ladder import ladder
from core.fairness.pricing.overlap import cells, overlap_gaps, score_tests
from core.fairness.pricing.same_product import SAME_PRODUCT, same_product_gap
from core.fairness.pricing.sides import gap_rows, t_tested
from core.fairness.stats import Interval
from core.fairness.verdicts import EQUAL, UNEQUAL
from core.schema.tables import LIST_PRICE
from tests.core.fairness.pricing.pricing_shops import QUICK, priced, shop, two_groups

SHOPS = 100


def gap_of(events, group, *, seed=0, reference=0, **options):
    rng = np.random.default_rng(seed)
    part = two_groups(group, reference=reference)
    return same_product_gap(priced(events), part, settings=QUICK, permutations=300, rng=rng, **options)


def small_table():
    """Two strata. In the first a paid 10 and 12, b 11 and twice 9; in the second a paid 4, b 5."""
    user, stratum = np.array([0, 1, 2, 3, 3, 0, 2]), np.array([0, 0, 0, 0, 0, 1, 1])
    price = np.array([10.0, 12, 11, 9, 9, 4, 5])
    return cells([price], user, stratum, price, n_users=4), np.array([True, True, False, False])


def by_hand(user, stratum, price, own, *, relative=False):
    above = below = 0.0
    for one in np.unique(stratum):
        a, b = (price[(stratum == one) & (own[user] == side)] for side in (True, False))
        if len(a) and len(b):
            weight = len(a) * len(b) / (len(a) + len(b))
            above += weight * (a.mean() - b.mean())
            below += weight * (b.mean() if relative else 1)
    return above / below


def test_gap_by_hand():
    table, own = small_table()
    (found,) = overlap_gaps(table, own, ~own)
    # stratum 0: means 11 and 29/3, weight 2 * 3 / 5; stratum 1: means 4 and 5, weight 1 / 2
    assert found.value == pytest.approx((1.2 * (11 - 29 / 3) + 0.5 * (4 - 5)) / 1.7)
    assert (found.coverage, found.strata) == (1.0, 2)
    (share,) = overlap_gaps(table, own, ~own, relative=True)
    assert share.value == pytest.approx((1.2 * (11 - 29 / 3) + 0.5 * (4 - 5)) / (1.2 * 29 / 3 + 0.5 * 5))
    assert (share.coverage, share.strata) == (1.0, 2)


@pytest.mark.parametrize("relative", [False, True])
def test_influence_is_what_leaving_a_user_out_changes(relative):
    rng = np.random.default_rng(0)
    user, stratum = rng.integers(0, 12, 80), rng.integers(0, 10, 80)
    price, own = rng.gamma(2, 1, 80), np.arange(12) < 5
    (found,) = overlap_gaps(cells([price], user, stratum, price, n_users=12), own, ~own, relative=relative)
    whole = by_hand(user, stratum, price, own, relative=relative)
    assert found.value == pytest.approx(whole)
    for one in range(12):
        kept = user != one
        left = by_hand(user[kept], stratum[kept], price[kept], own, relative=relative)
        assert found.influence[one] == pytest.approx(whole - left, abs=1e-12)


def test_gap_is_the_coefficient_of_a_fit_with_an_effect_per_stratum():
    events, _, group = shop(3, users=40)
    purchases = priced(events)
    code = purchases.stratum("product_time_store")
    price = purchases.lines["paid_price"].to_numpy()
    relative = price / pd.Series(price).groupby(code).transform("mean").to_numpy()
    design = np.column_stack([group[purchases.place], pd.get_dummies(code).to_numpy(float)])
    fitted = np.linalg.lstsq(design, relative, rcond=None)[0][0]
    own = group.astype(bool)
    paid = (
        by_hand(purchases.place, code, relative, own),
        by_hand(purchases.place, code, relative, own, relative=True),
    )
    assert paid[0] == pytest.approx(fitted, abs=1e-9)
    assert gap_of(events, group).gaps.interval.value[0] == pytest.approx(paid[1], abs=1e-9)


@pytest.mark.parametrize("share", [0.1, 0.5, 0.9])
def test_the_gap_is_a_share_of_what_the_others_pay_however_many_they_are(share):
    """Exactly 20 % more for everything: 0.2, also where most buyers are of the group."""
    rng = np.random.default_rng(1)
    group = (np.arange(200) < 200 * share).astype(int)
    user, item = rng.integers(0, 200, 4000), rng.integers(0, 12, 4000)
    price = (1.0 + item) * np.where(group[user] == 1, 1.2, 1.0)
    level = np.bincount(item, price) / np.bincount(item)
    table = cells([price / level[item]], user, item, price, n_users=200)
    (found,) = overlap_gaps(table, group == 1, group == 0, relative=True)
    assert found.value == pytest.approx(0.2)


def test_coverage_is_the_share_of_money_in_strata_with_both():
    table = cells(
        [np.array([2.0, 3, 5])],
        np.array([0, 1, 0]),
        np.array([0, 0, 1]),
        np.array([20.0, 30.0, 50.0]),
        n_users=2,
    )
    own = np.array([True, False])
    (found,) = overlap_gaps(table, own, ~own)
    assert (found.coverage, found.strata) == (0.5, 1)
    assert np.isnan(found.value)  # all hangs on one user: without either there is nothing to compare


@given(st.integers(0, 10_000))
def test_sides_swapped_turn_the_gap_round_and_names_do_not_matter(seed):
    rng = np.random.default_rng(seed)
    user, stratum, price = rng.integers(0, 10, 90), rng.integers(0, 8, 90), rng.gamma(2, 1, 90)
    own = np.arange(10) < 4
    (found,) = overlap_gaps(cells([price], user, stratum, price, n_users=10), own, ~own)
    (turned,) = overlap_gaps(cells([price], user, stratum, price, n_users=10), ~own, own)
    names, order = rng.permutation(10), rng.permutation(90)
    renamed = np.empty(10, bool)
    renamed[names] = own
    again = cells([price[order]], names[user[order]], 7 - stratum[order], price[order], n_users=10)
    (again,) = overlap_gaps(again, renamed, ~renamed)
    assert turned.value == pytest.approx(-found.value)
    assert again.value == pytest.approx(found.value)
    np.testing.assert_allclose(again.influence[names], found.influence, atol=1e-9)


def test_equal_prices_are_equal():
    events, _, group = shop(0)
    events["paid_price"] = 2.0
    found = gap_of(events, group).gaps
    assert found.interval.value[0] == pytest.approx(0, abs=1e-12)
    assert found.p_value[0] == 1


def test_planted_gap_lies_in_the_interval_of_nine_in_ten_shops():
    held = 0
    for seed in range(2 * SHOPS):
        events, _, group = shop(seed, users=150, gap=0.02)
        found = gap_of(events, group, seed=seed).gaps.interval
        held += bool(found.low[0] <= 0.02 <= found.high[0])
    assert held >= 1.8 * SHOPS, held


def test_dearer_products_are_no_gap():
    held, raw = 0, []
    for seed in range(SHOPS):
        events, _, group = shop(seed, dearer=1.5)
        found = gap_of(events, group, seed=seed).gaps.interval
        held += bool(found.low[0] <= 0 <= found.high[0])
        paid = events.groupby(group[events["user"]])["paid_price"].mean()
        raw.append(paid[1] / paid[0] - 1)
    assert held >= 85, held
    assert np.mean(raw) > 0.3  # what is bought makes the raw gap


def test_without_a_gap_hardly_any_family_of_groups_raises_an_alarm():
    alarms = 0
    for seed in range(SHOPS):
        events, _, group = shop(seed, users=100)
        four = group * 2 + np.random.default_rng(seed).integers(0, 2, len(group))
        part = two_groups(four, reference=None)
        rng = np.random.default_rng(seed)
        found = same_product_gap(priced(events), part, settings=QUICK, permutations=300, rng=rng)
        rows = gap_rows(part, SAME_PRODUCT, found.gaps, tolerance=1e-9, settings=QUICK)
        assert len(rows) == 4
        alarms += any(row.verdict == UNEQUAL for row in judged(rows, QUICK))
    assert alarms <= 0.05 * SHOPS, alarms


def test_rows_are_judged_against_the_tolerance():
    events, _, group = shop(1, users=400, gap=0.1)
    part = two_groups(group)
    found = gap_of(events, group, seed=1).gaps
    for tolerance, verdict in ((0.01, UNEQUAL), (0.5, EQUAL)):
        row, *more = judged(gap_rows(part, SAME_PRODUCT, found, tolerance=tolerance, settings=QUICK), QUICK)
        assert (row.group, row.reference, row.verdict, more) == ("b", "a", verdict, [])
        assert row.null_low < 0 < row.null_high < row.low


def test_shelf_prices_do_not_see_discounts():
    events, _, group = shop(2)
    events["paid_price"] *= np.where(group[events["user"]] == 1, 0.5, 1.0)
    paid, shelf = gap_of(events, group), gap_of(events, group, price=LIST_PRICE)
    assert paid.gaps.interval.value[0] < -0.4
    assert shelf.gaps.interval.value[0] == pytest.approx(0, abs=1e-12)


def test_score_test_is_level_where_the_smaller_group_varies_more():
    rng = np.random.default_rng(0)
    label = np.repeat([1, 0], [15, 150])
    score = rng.normal(0, np.where(label == 1, 4, 1), (400, 165)).T
    p, null = score_tests(score, label, 200, rng)
    assert null.shape == (200, 400)
    assert np.mean(p <= 0.05) <= 0.05 + 3 * np.sqrt(0.05 * 0.95 / 400) + 0.03


def test_the_reference_alone_is_compared_with_nobody():
    events, _, group = shop(0, users=30)
    part = two_groups(np.zeros_like(group))
    found = same_product_gap(
        priced(events), part, settings=QUICK, permutations=100, rng=np.random.default_rng(0)
    )
    assert len(part.compared) == len(found.gaps.p_value) == len(found.coverage) == 0


def test_a_gap_that_rests_on_few_users_is_not_told_and_n_is_those_it_rests_on():
    """Thirty users a side who buy apart, but for so many of each who buy the same."""
    group = np.repeat([0, 1], 30)
    for meet, shown in ((9, False), (12, True)):
        events, _, _ = shop(4, users=60)
        apart = ~np.isin(events["user"], [*range(meet), *range(30, 30 + meet)])
        events["item"] = np.where(apart, events["item"] + 100 * (1 + group[events["user"]]), events["item"])
        part, purchases = two_groups(group), priced(events)
        found = gap_of(events, group).gaps
        last = ladder(purchases, part, settings=QUICK)[3]
        assert last.name == "price_gap_product_time_store"
        for gaps in (found, last.gaps):
            rows = gap_rows(part, SAME_PRODUCT, gaps, tolerance=0.01, settings=QUICK)
            assert [(row.group, row.n, row.small) for row in rows] == [("b", meet, True)] * shown
        assert last.group_users.tolist() == [meet]


def test_rows_without_a_test_are_not_judged():
    part = two_groups(np.repeat([0, 1], 30))
    certain = Interval(*(np.array([number]) for number in (0.1, 0.1, 0.1, 0.0)))
    rows = gap_rows(
        part, SAME_PRODUCT, t_tested(certain, 20, QUICK.confidence), tolerance=0.01, settings=QUICK
    )
    (row,) = judged(rows, QUICK)
    assert (row.value, row.p_value, row.null_high, row.tolerance, row.verdict) == (
        0.1,
        None,
        None,
        None,
        None,
    )
