"""Who redeems is found where it is planted, from the past alone, and judged on what came later."""

from dataclasses import replace
from datetime import date

import numpy as np
import pandas as pd
import pytest

from core.errors import InputError
from core.workflow.policies.redemption import ALIKE, FORECAST, OWN_RECORD, redemption
from tests.core.fairness.parts import FAST
from tests.core.workflow.policies.made_offers import COUPON, VALIDATION, coupons, later_shuffled, made_offers


@pytest.fixture(scope="module")
def shop():
    return made_offers()


def learnt(shop, **options):
    return redemption(shop, options.pop("coupons", coupons()), settings=FAST, **options)


def test_keen_users_are_found_and_the_forecast_is_calibrated(shop):
    found = learnt(shop)
    user = found.users
    keen = user % 8 < np.where(user % 2 == 0, 6, 2)
    assert found.day == date(2024, 6, 29)  # 180 days after the first of January
    assert found.chance[keen].mean() == pytest.approx(0.6, abs=0.08)
    assert found.chance[~keen].mean() == pytest.approx(0.05, abs=0.06)
    np.testing.assert_allclose(found.saving, COUPON, rtol=1e-3)
    np.testing.assert_allclose(found.value, found.chance * found.saving)
    assert len(found.past.users) == 5 * len(shop.users)  # the sixth campaign ends after the day


def test_the_fit_is_that_of_later_offers(shop):
    fit = learnt(shop).fit
    last = shop.offers[shop.offers["campaign_id"] == "c5"]
    assert fit.offers == len(last)
    assert fit.redeemed == (last["redemptions"] > 0).sum()
    assert fit.observed == fit.redeemed / fit.offers
    assert fit.expected == pytest.approx(fit.observed, abs=0.06)
    assert fit.saving_observed == pytest.approx(COUPON * fit.observed)
    assert fit.scores[FORECAST]["auc"].low > 0.65
    assert fit.scores[ALIKE]["auc"].value == 0.5
    rate = (shop.offers["redemptions"] > 0)[shop.offers["campaign_id"] != "c5"].mean()
    happened = (last["redemptions"] > 0).to_numpy()
    assert fit.scores[ALIKE]["brier"].value == pytest.approx(((rate - happened) ** 2).mean(), abs=1e-6)
    assert set(fit.bins["model"]) == {FORECAST, OWN_RECORD}
    assert fit.scores[FORECAST]["brier"].value < fit.scores[ALIKE]["brier"].value


def test_nothing_that_is_later_reaches_the_forecast(shop):
    one, other = learnt(shop), learnt(later_shuffled(shop))
    np.testing.assert_array_equal(one.chance, other.chance)
    np.testing.assert_array_equal(one.saving, other.saving)
    assert other.fit.scores[FORECAST]["auc"].value < one.fit.scores[FORECAST]["auc"].value - 0.2


def test_protected_attributes_are_read_only_when_asked(shop):
    """Groups redeem alike given their past, but differ overall: with the group as input the forecasts move."""
    swapped = replace(shop, users=shop.users.assign(side=shop.users["side"].to_numpy()[::-1]))
    np.testing.assert_array_equal(learnt(shop).chance, learnt(swapped).chance)
    read = learnt(shop, protected_inputs=True)
    assert read.inputs.shape[1] == learnt(shop).inputs.shape[1] + 2
    once = shop.users.assign(side=np.where(np.arange(len(shop.users)) % 3, "a", "b"))
    assert (read.chance != learnt(replace(shop, users=once), protected_inputs=True).chance).any()


def test_coupon_money_is_that_of_the_offers_own_items_where_these_are_known(shop):
    """A second coupon on another item in the same weeks counts only where nobody says whose it is."""
    extra = shop.events["item"] == 9
    changed = replace(
        shop, events=shop.events.assign(coupon_discount=np.where(extra, 1.0, shop.events["coupon_discount"]))
    )
    own = learnt(changed)
    np.testing.assert_allclose(own.saving, COUPON, rtol=1e-3)
    together = learnt(changed, coupons=None)
    weeks = 20 / 7  # of an offer, in each of which a user shops once and uses the other coupon
    assert together.saving.mean() == pytest.approx(COUPON + weeks, rel=0.05)


def test_an_offer_of_one_item_saves_on_that_item(shop):
    number = shop.offers["campaign_id"].str[1:].astype(int)
    single = replace(shop, offers=shop.offers.assign(item=number).drop(columns="campaign_id"))
    np.testing.assert_allclose(learnt(single, coupons=None).saving, COUPON, rtol=1e-3)
    other = replace(shop, offers=shop.offers.assign(item=(number + 1) % 6).drop(columns="campaign_id"))
    assert learnt(other, coupons=None).saving is None  # no coupon on the offer's item


def test_without_coupon_money_an_offer_is_worth_its_chance(shop):
    plain = replace(shop, events=shop.events.drop(columns="coupon_discount"))
    found = learnt(plain)
    assert found.saving is None
    np.testing.assert_array_equal(found.value, found.chance)
    assert np.isnan(found.fit.saving_observed)
    assert found.inputs.shape[1] == learnt(shop).inputs.shape[1] - 1  # no coupons among the habits


def test_redemptions_without_a_day_are_known_when_the_offer_ends(shop):
    counted = replace(shop, offers=shop.offers.drop(columns="redeemed_at"))
    found = learnt(counted)
    assert found.fit.redeemed == learnt(shop).fit.redeemed
    dated = replace(shop, offers=shop.offers.drop(columns="redemptions"))
    np.testing.assert_allclose(learnt(dated).chance, learnt(shop).chance)


def test_what_was_redeemed_before_the_day_is_not_foretold(shop):
    """The last campaign begun 8 days earlier: those who redeemed by the day are left out, the others judged from it on."""
    offers = shop.offers.copy()
    last = offers["campaign_id"] == "c5"
    for name in ("start", "redeemed_at"):
        offers.loc[last, name] -= pd.Timedelta(days=13)
    day = pd.Timestamp("2024-01-01") + pd.Timedelta(days=VALIDATION)
    open_then = last & ~(offers["redeemed_at"] < day)
    fit = learnt(replace(shop, offers=offers)).fit
    assert fit.offers == open_then.sum()
    assert fit.redeemed == (offers["redeemed_at"] >= day)[last].sum()


def test_few_later_redemptions_are_no_fit(shop):
    offers = shop.offers[(shop.offers["campaign_id"] != "c5") | (shop.offers["redemptions"] == 0)]
    found = learnt(replace(shop, offers=offers))
    assert found.fit is None
    assert found.chance.max() > 0.3


@pytest.mark.parametrize(
    ("change", "said"),
    [
        (lambda shop: {"offers": None}, "no offers"),
        (lambda shop: {"offers": shop.offers.drop(columns=["redeemed_at", "redemptions"])}, "do not say"),
        (lambda shop: {"offers": shop.offers[shop.offers["redemptions"] == 0]}, "at least 20"),
        (lambda shop: {"dataset": shop.dataset.model_copy(update={"period": {}})}, "split=temporal"),
        (lambda shop: {"zone": None}, "split=temporal"),
    ],
)
def test_what_cannot_be_learnt_is_one_clear_error(shop, change, said):
    with pytest.raises(InputError, match=said) as caught:
        learnt(replace(shop, **change(shop)))
    assert "\n" not in str(caught.value)
