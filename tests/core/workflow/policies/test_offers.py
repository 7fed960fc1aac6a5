"""Plans of coupons: the most valuable users first, groups alike when asked, and what that gives up."""

from dataclasses import replace

import numpy as np
import pytest

from core.errors import InputError, NotFound, SettingsError
from core.metrics import NOTHING
from core.recommend.offers import OfferSettings
from core.schema.settings import AuditSettings
from core.workflow.audits.shop import read_shop
from core.workflow.policies.offers import offer_plan, offer_rule, redemption_of, worth_of
from core.workflow.policies.redemption import redemption
from tests.core.fairness.parts import FAST
from tests.core.workflow.policies.made_offers import coupons, made_offers

BY_SIDE = AuditSettings(by=(("side",),), draws=200, permutations=200)


@pytest.fixture(scope="module")
def shop():
    return made_offers()


@pytest.fixture(scope="module")
def expected(shop):
    return redemption(shop, coupons(), settings=FAST)


def rate(plan, metric="planned_offer_rate"):
    rows = plan.section.rows
    means = rows[(rows["metric"] == metric) & (rows["group"] != "all")].set_index("group")
    return means["value"].dropna()


def test_coupons_go_to_those_who_are_worth_most(shop, expected):
    found = offer_plan(shop, expected, OfferSettings(budget=50, parity=None), BY_SIDE)
    assert found.even is None
    assert found.lost is None
    assert found.chosen is found.free
    assert found.free.offered.sum() == 50
    assert expected.value[found.free.offered].min() >= expected.value[~found.free.offered].max()
    assert found.free.allocation.value == pytest.approx(expected.value[found.free.offered].sum())


@pytest.mark.parametrize(
    ("parity", "metric"), [("offer_rate", "planned_offer_rate"), ("saving", "planned_saving")]
)
def test_parity_brings_groups_together_and_costs_what_is_told(shop, expected, parity, metric):
    found = offer_plan(shop, expected, OfferSettings(budget=50, parity=parity, gap=0.0), BY_SIDE)
    before, after = rate(found.free, metric), rate(found.even, metric)
    one_offer = (1.0 if parity == "offer_rate" else expected.value.max()) / 100
    assert np.ptp(before) > 3 * one_offer
    assert np.ptp(after) <= 2 * one_offer + 1e-9
    values = [worth_of(plan.allocation, expected) for plan in (found.free, found.even)]
    assert found.lost.value[0] == pytest.approx(values[0].sum() - values[1].sum())
    assert found.lost.value[1] == pytest.approx(1 - values[1].sum() / values[0].sum())
    assert found.lost.low[0] < found.lost.value[0] < found.lost.high[0]
    assert found.even.offered.sum() <= 50
    gaps = found.free.section.rows.query("metric == 'planned_offer_rate_gap'")
    assert set(gaps["verdict"]) == {"unequal"}


def test_the_plan_is_the_same_whatever_groups_are_called(shop, expected):
    names = {"a": "z", "b": "b"}
    renamed = replace(shop, users=shop.users.assign(side=shop.users["side"].map(names)))
    one, other = (
        offer_plan(which, expected, OfferSettings(budget=40, gap=0.05), BY_SIDE) for which in (shop, renamed)
    )
    np.testing.assert_array_equal(one.even.offered, other.even.offered)
    assert rate(one.even)["a"] == rate(other.even)["z"]


def test_hidden_groups_have_no_number_and_their_users_get_coupons_by_worth(shop, expected):
    side = shop.users["side"].to_numpy().copy()
    few = np.argsort(-expected.value)[:12]
    side[few] = np.repeat(["few", "fewer"], 6)
    found = offer_plan(
        replace(shop, users=shop.users.assign(side=side)),
        expected,
        OfferSettings(budget=50, gap=0.0),
        BY_SIDE,
    )
    assert (found.even.allocation.offers[few] != NOTHING).all()
    for plan in (found.free, found.even):
        hidden = plan.section.rows.query("group in ('few', 'fewer')")
        assert len(hidden)
        assert hidden["suppressed"].all()
        assert hidden[["value", "low", "high", "p_value"]].isna().all(axis=None)
    assert len(found.even.allocation.offer_rate) == 2


def test_the_rule_decides_on_everybody(shop, expected):
    found = offer_rule(shop, expected, BY_SIDE, method="threshold", tolerance=0.05)
    assert found.offered.shape == expected.users.shape
    assert np.ptp(found.before) > 0.2
    assert np.ptp(found.after) < np.ptp(found.before)


def test_real_data_have_a_plan(prepared):
    shop = read_shop(prepared.workspace, prepared.dataset)
    expected = redemption_of(prepared.workspace, prepared.dataset, shop)
    assert (expected.saving > 0).all()
    audit = AuditSettings(by=(("age",),), draws=200, permutations=200)
    found = offer_plan(shop, expected, OfferSettings(budget=30), audit)
    assert found.free.offered.sum() == 30
    assert 0 < found.lost.value[1] < 1
    shown = rate(found.even)
    sizes = found.part.n[: found.part.n_shown]
    assert np.ptp(shown) <= 0.1 * 30 / sizes.sum() + 2 / sizes.min()


@pytest.mark.parametrize(
    ("budget", "by", "error", "said"),
    [(0.5, "side", SettingsError, "buys no offer"), (5, "shoe", NotFound, "no user attribute 'shoe'")],
)
def test_what_cannot_be_planned_is_one_clear_error(shop, expected, budget, by, error, said):
    with pytest.raises(error, match=said):
        offer_plan(shop, expected, OfferSettings(budget=budget), BY_SIDE.model_copy(update={"by": ((by,),)}))


def test_too_few_users_are_told(shop, expected):
    few = replace(expected, users=expected.users[:5], chance=expected.chance[:5], saving=expected.saving[:5])
    with pytest.raises(InputError, match="Fewer than 10 users"):
        offer_plan(shop, few, OfferSettings(budget=2), BY_SIDE)
