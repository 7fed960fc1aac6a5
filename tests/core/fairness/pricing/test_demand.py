"""Demand curves: by hand, against a Poisson regression with dummies, and on shops with planted elasticities."""

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from statsmodels.genmod.families import Poisson
from statsmodels.genmod.generalized_linear_model import GLM

from core.errors import InputError
from core.fairness.partition import Partition
from core.fairness.pricing.demand import estimate_demand, implied_valuations, offered_price
from core.fairness.suppression import HIDDEN, SHOWN
from tests.core.fairness.pricing.pricing_shops import MONDAY, QUICK, priced, two_groups

PRODUCTS, WEEKS, BREAD = 5, 30, 5  # bread is bought by all who are in the shop


def shop(seed, elasticity, *, users=160, sales=0.3):
    """Events and the group of each user; group g reacts to prices by elasticity[g], users differ in how much they buy."""
    rng = np.random.default_rng(seed)
    group = rng.integers(0, len(elasticity), users)
    price = rng.choice([1.0, 1.0, 0.9, 0.8, 0.7], (PRODUCTS, WEEKS))
    price[:, 0] = 1.0  # so that the usual price is the shelf's
    active = rng.random((users, WEEKS)) < 0.8
    rate = np.exp(np.asarray(elasticity)[group][:, None, None] * (price - 1))
    rate = rate * rng.gamma(1, 1, users)[:, None, None] * sales * rng.uniform(0.5, 1.5, PRODUCTS)[:, None]
    units = rng.poisson(rate) * active[:, None]
    user, item, week = np.nonzero(units)
    at, when = np.nonzero(active)
    base = 1.0 + np.arange(PRODUCTS + 1)
    lines = pd.DataFrame(
        {
            "user": np.concatenate([user, at]),
            "item": np.concatenate([item, np.full(len(at), BREAD)]),
            "week": np.concatenate([week, when]),
            "quantity": np.concatenate([units[user, item, week], np.ones(len(at))]).astype(float),
        }
    )
    shelf = base[lines["item"]]
    cut = np.append(1 - price[item, week], np.zeros(len(at))) * shelf
    lines["timestamp"] = MONDAY + pd.to_timedelta(7 * lines.pop("week"), unit="D")
    lines["list_price"], lines["loyalty_discount"], lines["paid_price"] = shelf, cut, shelf - cut
    return lines, group


def estimate(lines, group, *, seed=0, part=None, **options):
    purchases = priced(lines, **options)
    part = part or two_groups(group[purchases.users])
    chosen = (purchases.lines["item"] != BREAD).to_numpy()
    rng = np.random.default_rng(seed)
    return estimate_demand(purchases, part, chosen, settings=QUICK, rng=rng)


def test_two_weeks_by_hand():
    """20 users come in both weeks; each buys one at the price of 1, and three at half of it."""
    user = np.tile(np.arange(20), 2)
    lines = pd.DataFrame({"user": user, "item": 0, "quantity": np.repeat([1.0, 3.0], 20)})
    lines["timestamp"] = MONDAY + pd.to_timedelta(np.repeat([0, 7], 20), unit="D")
    lines["list_price"] = 2.0
    lines["loyalty_discount"] = np.repeat([0.0, 1.0], 20)
    found = estimate(lines, np.zeros(20, int))
    np.testing.assert_allclose(found.elasticity.value, -np.log(3) / 0.5)
    np.testing.assert_allclose(found.weekly, 20)
    assert (found.products, found.weeks, found.coverage, found.observed) == (1, 2, 1.0, (0.5, 1.0))
    np.testing.assert_allclose(found.buyers, 20)


def test_it_is_the_poisson_regression_with_an_effect_per_product():
    lines, group = shop(1, [-1.0, -3.0])
    found = estimate(lines, group)
    lines["when"] = (lines["timestamp"] - MONDAY).dt.days // 7
    lines["price"] = lines["paid_price"] / lines["list_price"]
    expected = []
    for side in (group == 0, group == 1, group >= 0):
        own = lines[side[lines["user"]]]
        active = own.groupby("when")["user"].nunique()
        bought = own[own["item"] != BREAD]
        price = lines[lines["item"] != BREAD].groupby(["item", "when"])["price"].median()
        cells = bought.groupby(["item", "when"])["quantity"].sum().reindex(price.index, fill_value=0.0)
        item, when = (price.index.get_level_values(level) for level in (0, 1))
        design = np.column_stack([pd.get_dummies(item).to_numpy(float), price])
        fit = GLM(cells.to_numpy(), design, family=Poisson(), offset=np.log(active[when].to_numpy())).fit(
            tol=1e-14
        )
        level = np.exp(fit.params[:-1] + fit.params[-1]).sum()
        expected.append((fit.params[-1], active.mean() * level))
    np.testing.assert_allclose(found.elasticity.value, [one for one, _ in expected], rtol=1e-6)
    np.testing.assert_allclose(found.weekly, [weekly for _, weekly in expected], rtol=1e-6)


def test_standard_errors_are_what_leaving_users_out_says():
    lines, group = shop(2, [-2.0, -2.5], users=60, sales=0.6)
    found = estimate(lines, group)
    without = np.array([estimate(lines[lines["user"] != user], group).elasticity.value for user in range(60)])
    for side, users in enumerate((group == 0, group == 1, group >= 0)):
        off = without[users, side]
        jackknife = np.sqrt((len(off) - 1) / len(off) * ((off - off.mean()) ** 2).sum())
        assert found.elasticity.error[side] == pytest.approx(jackknife, rel=0.15)


def test_planted_elasticities_lie_in_the_intervals():
    held = []
    for seed in range(60):
        lines, group = shop(seed, [-2.0, -1.0, -4.0])
        found = estimate(lines, group, seed=seed).elasticity
        planted = np.array([-2.0, -1.0, -4.0])
        held.append((found.low[:3] <= planted) & (planted <= found.high[:3]))
    assert (np.mean(held, axis=0) >= 0.88).all(), np.mean(held, axis=0)
    assert np.mean(held) >= 0.9


def elasticities_of_pairs(elasticity, seeds):
    """Of two groups with elasticities, estimated in some shops each: values, low and high ends, and errors, (seeds, 2)."""
    told = [estimate(*shop(seed, elasticity, users=200), seed=seed).elasticity for seed in seeds]
    return [np.stack([getattr(one, name)[:2] for one in told]) for name in ("value", "low", "high", "error")]


def different(value, error):
    """In which shops the two groups differ, at 5 %: the errors are those of different users."""
    return np.abs(value[:, 0] - value[:, 1]) > 1.96 * np.hypot(error[:, 0], error[:, 1])


def test_groups_that_react_unlike_are_told_apart():
    planted = np.array([-1.5, -4.0])
    value, low, high, error = elasticities_of_pairs(planted, range(30))
    assert different(value, error).mean() >= 0.9
    assert (value[:, 0] > value[:, 1]).all()
    assert ((low <= planted) & (planted <= high)).mean() >= 0.88
    apart = low[:, 0] > high[:, 1]  # the intervals that the page shows do not even meet
    assert apart.mean() >= 0.9, apart.mean()


def test_groups_that_react_alike_are_hardly_ever_told_apart():
    value, low, high, error = elasticities_of_pairs([-2.5, -2.5], range(100, 160))
    alarms = different(value, error)
    assert alarms.sum() <= 8, alarms.sum()  # 3 expected; three standard errors are 5
    apart = (low[:, 0] > high[:, 1]) | (low[:, 1] > high[:, 0])
    assert apart.sum() <= 2, apart.sum()


def test_the_price_explains_weeks_held_out_only_where_it_matters():
    matters, idle = (estimate(*shop(4, [e, e], users=300, sales=0.6)).explained for e in (-4.0, 0.0))
    assert (matters > 0.4).all()
    assert (np.abs(idle) < 0.05).all()


@settings(max_examples=8, deadline=None)
@given(st.integers(0, 10_000))
def test_names_money_and_calendar_do_not_matter(seed):
    lines, group = shop(seed, [-2.0, -3.0], users=80)
    rng = np.random.default_rng(seed)
    found = estimate(lines, group)
    names, products = rng.permutation(80), np.append(rng.permutation(PRODUCTS), BREAD)
    other = lines.assign(
        user=names[lines["user"]],
        item=products[lines["item"]],
        timestamp=lines["timestamp"] + pd.Timedelta(days=70),
    )
    for column in ("list_price", "paid_price", "loyalty_discount"):
        other[column] *= 7
    again = estimate(other.sample(frac=1, random_state=seed), group[np.argsort(names)])
    np.testing.assert_allclose(again.elasticity.value, found.elasticity.value, rtol=1e-7)
    np.testing.assert_allclose(again.weekly, found.weekly, rtol=1e-7)
    np.testing.assert_allclose(again.explained, found.explained, rtol=1e-6, atol=1e-9)


def test_coupons_are_nobodys_price_and_paid_prices_stand_in():
    lines = pd.DataFrame({"list_price": [5.0, 5.0, np.nan], "paid_price": [3.0, 4.0, 4.0]})
    lines["loyalty_discount"] = [1.0, np.nan, np.nan]
    np.testing.assert_allclose(offered_price(lines), [4, 5, 4])
    paid = shop(1, [-2.0, -2.0])[0].drop(columns=["list_price", "loyalty_discount"])
    assert np.isfinite(estimate(paid, np.zeros(160, int)).elasticity.value).all()


def test_too_few_buyers_are_not_told_and_hidden_groups_have_no_number():
    lines, group = shop(3, [-2.0, -2.0, -2.0, -2.0], users=200)
    group[group == 3] = 2
    few = (group == 1) & (np.cumsum(group == 1) > 5)
    lines = lines[~(few[lines["user"]] & (lines["item"] != BREAD))]  # five of b buy more than bread
    part = Partition("group", tuple("abcd"), np.array([SHOWN, SHOWN, SHOWN, HIDDEN]), group, None)
    hidden = np.flatnonzero(group == 2)[:8]
    part.strata[hidden] = 3
    found = estimate(lines, group, part=part)
    for values in (found.elasticity.value, found.weekly, found.explained, found.buyers):
        assert np.isnan(values[1])
        assert np.isfinite(values[-1])
    assert len(found.elasticity.value) == part.n_shown + 1  # none of the hidden group, one of all users


def test_what_demand_cannot_be_told_from():
    lines, group = shop(5, [-2.0, -2.0])
    with pytest.raises(InputError, match="weeks"):
        estimate(lines, group, zone=None)
    with pytest.raises(InputError, match="no price changes"):
        estimate(lines.assign(paid_price=1.0, list_price=1.0, loyalty_discount=0.0), group)
    rare = lines[(lines["item"] == BREAD) | (lines["timestamp"] < MONDAY + pd.Timedelta(days=60))]
    with pytest.raises(InputError, match="sold in 80 %"):
        estimate(rare, group)


def test_one_group_has_the_demand_of_all():
    lines, group = shop(6, [-2.0])
    found = estimate(lines, group)
    assert len(found.elasticity.value) == 2
    assert found.elasticity.value[0] == pytest.approx(found.elasticity.value[1])


@pytest.mark.parametrize("shape", ["exponential", "linear"])
def test_valuations_react_at_the_usual_price_as_estimated(shape):
    valuations = implied_valuations(np.array([-0.7, -2.5]), shape)
    sold = [valuations.demand(np.array([price, price])) for price in (1 - 1e-6, 1 + 1e-6)]
    np.testing.assert_allclose((np.log(sold[1]) - np.log(sold[0])) / 2e-6, [-0.7, -2.5], rtol=1e-5)
