"""Plans of offers by group: by hand, no gap where groups are alike, and what parity gives up."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from core.fairness.partition import Partition
from core.fairness.pricing.offer_plan import OFFER_RATE, SAVING, plan_rows, value_lost
from core.fairness.suppression import HIDDEN, SHOWN
from tests.core.fairness.parts import FAST, part_of, row_of

HALVES = np.repeat([0, 1], 20)


def test_by_hand():
    offered = np.isin(np.arange(40), [0, 1, 2, 3, 20])
    worth = np.where(offered, 3.0, 0.0)
    rows = plan_rows(offered, worth, part_of(HALVES), FAST, tolerance=0.1)
    values = {group: row_of(rows, OFFER_RATE, group) for group in "ab"}
    assert (values["a"].value, values["b"].value) == pytest.approx((0.2, 0.05))
    gap = row_of(rows, f"{OFFER_RATE}_gap", "a")
    assert gap.value == pytest.approx(0.15)
    assert gap.tolerance == pytest.approx(0.1 * 5 / 40)
    assert row_of(rows, SAVING, "a").value == pytest.approx(0.6)
    assert row_of(rows, f"{SAVING}_gap", "b").value == pytest.approx(-0.45)


def test_groups_that_get_the_same_have_no_gap():
    offered = np.tile(np.arange(20) % 4 == 0, 2)
    rows = plan_rows(offered, np.where(offered, 2.0, 0.0), part_of(HALVES), FAST, tolerance=0.1)
    gaps = [row for row in rows if row.statistic == "gap"]
    assert len(gaps) == 4
    for row in gaps:
        assert row.value == pytest.approx(0)
        assert row.low <= 0 <= row.high
        assert row.p_value > 0.5


@given(st.integers(0, 1000))
def test_names_of_groups_do_not_matter_and_rates_are_shares(seed):
    rng = np.random.default_rng(seed)
    offered, strata = rng.random(60) < 0.3, np.arange(60) % 3
    worth = np.where(offered, rng.gamma(1, 2, 60), 0.0)
    moved = np.array([2, 0, 1])
    one, other = (
        plan_rows(offered, worth, part_of(codes), FAST, tolerance=0.1) for codes in (strata, moved[strata])
    )
    for old, new in zip("abc", np.array(list("abc"))[moved], strict=True):
        for metric in (OFFER_RATE, SAVING, f"{SAVING}_gap"):
            assert row_of(one, metric, old).value == pytest.approx(row_of(other, metric, new).value)
        rate = row_of(one, OFFER_RATE, old)
        assert 0 <= rate.low <= rate.value <= rate.high <= 1


def test_a_hidden_group_has_no_number():
    part = Partition(
        "kind", ("a", "b", "few"), np.array([SHOWN, SHOWN, HIDDEN]), np.r_[HALVES, np.full(4, 2)], None
    )
    rows = plan_rows(np.arange(44) % 2 == 0, np.ones(44), part, FAST, tolerance=0.1)
    few = [row for row in rows if row.group == "few"]
    assert few
    assert all(row.suppressed and row.value is None and row.n == "hidden" for row in few)


def test_a_plan_that_reaches_nobody_is_not_judged():
    rows = plan_rows(np.zeros(40, bool), np.zeros(40), part_of(HALVES), FAST, tolerance=0.1)
    assert row_of(rows, OFFER_RATE).value == 0
    assert all(row.tolerance is None for row in rows)


def test_what_is_lost_by_hand():
    before, after = np.array([4.0, 3, 0, 0]), np.array([4.0, 0, 2, 0])
    found = value_lost(before, after, FAST)
    np.testing.assert_allclose(found.value, [1, 1 / 7])
    assert (found.low <= found.value).all()
    assert (found.value <= found.high).all()


def test_the_interval_of_what_is_lost_is_that_of_paired_differences():
    """Against the t interval of a mean, computed apart."""
    rng = np.random.default_rng(3)
    before = rng.gamma(2, 1, 3000)
    after = before - rng.normal(0.3, 0.5, 3000)
    found = value_lost(before, after, FAST.model_copy(update={"draws": 4000}))
    reach = 1.96 * (before - after).std() * np.sqrt(3000)
    assert found.low[0] == pytest.approx(found.value[0] - reach, rel=0.03)
    assert found.high[0] == pytest.approx(found.value[0] + reach, rel=0.03)


@settings(max_examples=20)
@given(st.integers(0, 1000))
def test_the_same_plan_loses_nothing(seed):
    worth = np.random.default_rng(seed).gamma(1, 1, 50)
    found = value_lost(worth, worth, FAST)
    np.testing.assert_allclose([found.value, found.low, found.high], 0, atol=1e-9)
