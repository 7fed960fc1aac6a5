"""How often and how deep: by hand, in bounds, and like with like."""

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from pyfixest import feols

from core.errors import InputError
from core.fairness.partition import Partition
from core.fairness.pricing.discounts import discount_outcomes, discount_rows, within_strata_gaps
from core.fairness.suppression import HIDDEN, SHOWN
from core.schema.settings import Statistics
from tests.core.fairness.pricing.pricing_shops import QUICK, priced, shop, two_groups


def rows_of_discount(events, group, *, reference=0, statistics=QUICK, tolerance=0.1):
    purchases = priced(events, free=True)
    return discount_rows(purchases, two_groups(group, reference=reference), statistics, tolerance=tolerance)


def told(rows, metric, statistic="mean"):
    """Rows of one metric by group."""
    suffix = {"mean": "", "gap": "_gap"}[statistic]
    return {row.group: row for row in rows if row.metric == metric + suffix and row.statistic == statistic}


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
    group = np.repeat([0, 1], [12, 10])
    events = pd.DataFrame({"user": np.repeat(np.arange(22), 4), "item": 0, "list_price": 2.0})
    events["loyalty_discount"] = np.where(np.arange(88) % 4 == 0, 1.0, 0.0)  # every first of four lines
    events.loc[events["user"].isin(range(12, 22)) & (np.arange(88) % 4 == 1), "loyalty_discount"] = 0.5
    purchases = priced(events, zone=None, free=True)
    rows = discount_rows(purchases, two_groups(group), QUICK, tolerance=0.1)
    rate, depth = (told(rows, f"loyalty_discount_{one}") for one in ("rate", "depth"))
    assert [rate[name].value for name in "ab"] == pytest.approx([0.25, 0.5])
    assert rate["all"].value == pytest.approx((12 + 20) / 88)
    assert [depth[name].value for name in "ab"] == pytest.approx([0.125, 0.1875])
    gap = told(rows, "loyalty_discount_rate", "gap")["b"]
    assert gap.value == pytest.approx(0.25)
    assert gap.tolerance == pytest.approx(0.1 * 32 / 88)
    assert gap.p_value == pytest.approx(1 / 301, abs=0.01)


@settings(max_examples=20, deadline=None)
@given(st.integers(0, 10_000))
def test_shares_are_shares_and_gaps_mirror(seed):
    events, _, group = shop(seed, users=90)  # so that no group is too small to tell of
    rows = rows_of_discount(events, group, reference=None)
    assert all(0 <= row.value <= 1 for row in rows if row.statistic == "mean")
    gaps = told(rows, "any_discount_rate", "gap")
    assert gaps["a"].value == pytest.approx(-gaps["b"].value)


def test_equal_users_have_no_gap():
    events = pd.DataFrame({"user": np.repeat(np.arange(40), 2), "item": 0, "list_price": 2.0})
    events["loyalty_discount"] = np.tile([0.0, 1.0], 40)
    purchases = priced(events, zone=None, free=True)
    part = two_groups(np.repeat([0, 1], 20), reference=None)
    for row in discount_rows(purchases, part, QUICK, tolerance=0.1):
        if row.statistic == "gap":
            assert (row.value, row.p_value) == (0, 1)


def test_rows_tell_nothing_of_hidden_groups():
    strata = np.repeat([0, 1, 2], [30, 20, 12])
    part = Partition("age", ("a", "b", "c", "d"), np.array([SHOWN, SHOWN, HIDDEN, HIDDEN]), strata, None)
    events = pd.DataFrame({"user": np.arange(62), "item": 0, "list_price": 2.0})
    events["loyalty_discount"] = np.random.default_rng(0).random(62)
    rows = discount_rows(priced(events, zone=None, free=True), part, QUICK, tolerance=0.1)
    for row in rows:
        assert row.suppressed == (row.group in "cd")
        assert (row.value is None) == row.suppressed
        assert (row.n == "hidden") == row.suppressed
    assert {name: row.n for name, row in told(rows, "loyalty_discount_depth").items()} == {
        "a": 30,
        "b": 20,
        "c": "hidden",
        "d": "hidden",
        "all": 62,
    }


def test_intervals_hold_the_truth_and_permutations_keep_their_level():
    held = alarms = 0
    for seed in range(60):
        events, _, group = shop(seed, users=120)
        gap = told(rows_of_discount(events, group), "any_discount_rate", "gap")["b"]
        held += gap.low <= 0 <= gap.high
        alarms += gap.p_value <= 0.05
    assert held >= 51, held
    assert alarms <= 8, alarms  # 3 expected; three standard errors are 5


def test_discounts_on_what_is_bought_are_no_gap_within_strata():
    events, _, group = shop(3, users=200, dearer=1.5)
    dear = events["item"].isin(events.groupby("item")["list_price"].mean().nlargest(8).index)
    events["paid_price"] = events["list_price"] * np.where(dear, 0.7, 1.0)
    purchases = priced(events, free=True)
    outcomes, part = discount_outcomes(purchases), two_groups(group)
    raw = told(discount_rows(purchases, part, QUICK, tolerance=0.1), "any_discount_depth", "gap")["b"]
    options = {"settings": QUICK, "permutations": 300, "rng": np.random.default_rng(0)}
    within = within_strata_gaps(purchases, outcomes, part, **options)["any_discount_depth"].gaps.interval
    assert raw.low > 0.03
    assert within.value[0] == pytest.approx(0, abs=1e-9)


def couponed(seed, *, kind=None, users=160):
    """A shop with discounts of all kinds; group b gets one of them for two thirds more of the same purchases."""
    events, _, group = shop(seed, users=users)
    rng = np.random.default_rng(seed)
    events = events.drop(columns="paid_price")
    listed = events["list_price"].to_numpy()
    for name, chance, depth in (("loyalty", 0.3, 0.2), ("coupon", 0.2, 0.3), ("coupon_match", 0.15, 0.1)):
        more = np.where(group[events["user"]] == 1, 5 / 3, 1.0) if name == kind else 1.0
        had = rng.random(len(events)) < chance * more
        column = {"coupon_match": "coupon_match_discount"}.get(name, f"{name}_discount")
        events[column] = np.where(had, depth * listed, 0.0)
    return events, group


@pytest.mark.filterwarnings("ignore")  # of pandas on pyfixest
def test_each_kind_within_strata_is_a_fit_with_an_effect_per_stratum():
    events, group = couponed(5)
    purchases = priced(events, free=True)
    outcomes = discount_outcomes(purchases)
    options = {"settings": QUICK, "permutations": 100, "rng": np.random.default_rng(0)}
    found = within_strata_gaps(purchases, outcomes, two_groups(group), **options)
    assert {name.split("_discount_")[0] for name in found} == {"loyalty", "coupon", "coupon_match", "any"}
    lines = pd.DataFrame(outcomes).assign(
        b=group[purchases.place], stratum=purchases.stratum("product_time_store"), user=purchases.place
    )
    for name, gap in found.items():
        fit = feols(f"{name} ~ b | stratum", lines, vcov={"CRV1": "user"})
        assert gap.gaps.interval.value[0] == pytest.approx(fit.coef()["b"], abs=1e-6)
        assert gap.gaps.interval.error[0] == pytest.approx(fit.se()["b"], rel=0.2)


@pytest.mark.parametrize("kind", ["loyalty", "coupon", "coupon_match"])
def test_a_kind_of_discount_that_one_group_gets_more_of_is_found_and_the_others_are_not(kind):
    alarms = 0
    for seed in range(12):
        events, group = couponed(seed, kind=kind)
        purchases = priced(events, free=True)
        options = {"settings": QUICK, "permutations": 300, "rng": np.random.default_rng(seed)}
        found = within_strata_gaps(purchases, discount_outcomes(purchases), two_groups(group), **options)
        for name, gap in found.items():
            low, p = gap.gaps.interval.low[0], gap.gaps.p_value[0]
            if name.split("_discount_")[0] == kind:
                assert p <= 0.05
                assert low > 0
            elif not name.startswith("any"):
                alarms += p <= 0.05
    assert alarms <= 8, alarms  # of 48, in pairs of rate and depth; 2.4 expected


def test_outcomes_asked_together_are_those_asked_alone():
    events, group = couponed(6)
    purchases, part = priced(events, free=True), two_groups(group)
    outcomes = discount_outcomes(purchases)
    together = within_strata_gaps(purchases, outcomes, part, settings=QUICK, **drawn())
    for name, values in outcomes.items():
        alone = within_strata_gaps(purchases, {name: values}, part, settings=QUICK, **drawn())[name].gaps
        np.testing.assert_allclose(together[name].gaps.interval.error, alone.interval.error)
        np.testing.assert_allclose(together[name].gaps.interval.low, alone.interval.low, rtol=1e-4)
        np.testing.assert_allclose(together[name].gaps.p_value, alone.p_value, atol=0.01)


def drawn():
    return {"permutations": 200, "rng": np.random.default_rng(1)}


def test_discounts_need_list_prices():
    events, _, _ = shop(0, users=20)
    with pytest.raises(InputError, match="list price"):
        discount_outcomes(priced(events.drop(columns="list_price")))


def test_one_group_has_means_and_no_gap():
    events, _, _ = shop(1, users=40)
    rows = rows_of_discount(events, np.zeros(40, int), statistics=Statistics(draws=100, permutations=100))
    assert told(rows, "any_discount_rate")["a"].value == told(rows, "any_discount_rate")["all"].value
    assert not told(rows, "any_discount_rate", "gap")
