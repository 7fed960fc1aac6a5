"""What is known of an order: nothing later, nothing forbidden, coded by training rows alone."""

from dataclasses import replace

import numpy as np
import pandas as pd
import pytest

from core.data.order_context import attributes_telling, coding_of, context_of
from core.data.service import OUTCOMES, rows_of
from tests.core.data.made_orders import made_orders

OUTCOME = {outcome.name: outcome for outcome in OUTCOMES}


@pytest.fixture(scope="module")
def shop():
    return made_orders(800)


def rows(shop, name="delivery_days", **changes):
    return rows_of(OUTCOME[name], shop.tables | changes, shop.events, temporal=True)


def context(shop, found, **options):
    return context_of(found, shop.users, shop.items, **options)


def test_permuting_what_comes_after_the_split_changes_nothing_that_training_sees(shop):
    found = rows(shop)
    train = found.split == 0
    random = np.random.default_rng(5)
    later = np.flatnonzero(~train)
    observed, known = found.observed.copy(), found.known.copy()
    observed[later], known[later] = random.permutation(observed[later]), random.permutation(known[later])
    changed = replace(found, observed=observed, known=known)
    before, after = context(shop, found), context(shop, changed)
    coding = coding_of(before, train)
    assert coding_of(after, train) == coding
    for one, other in zip(coding.arrays(before), coding.arrays(after), strict=True):
        np.testing.assert_array_equal(one[train], other[train])


def test_earlier_outcomes_are_those_known_before_the_order(shop):
    found = rows(shop)
    numbers = context(shop, found).numbers
    counts = np.expm1(numbers["number of earlier outcomes of the item"])
    for place in (40, 300, 500):
        earlier = (
            (found.items == found.items[place]) & (found.known < found.times[place]) & (found.split == 0)
        )
        assert counts[place] == pytest.approx(earlier.sum())
    test = np.flatnonzero(found.split == 2)
    sources = (found.items == found.items[test[-1]]) & np.isin(found.split, [0, 1])
    assert counts[test[-1]] == pytest.approx(sources.sum())


def test_columns_that_may_tell_of_the_outcome_are_not_context(shop):
    telling = shop.service.assign(status="cancelled", returned=True, payment="card")
    found = rows(shop, service=telling)
    names = set(context(shop, found).categories) | set(context(shop, found).numbers)
    assert "payment" in names
    assert not names & {"status", "returned", "satisfaction", "delivered_at", "reviewed_at"}


def test_attributes_that_may_not_be_used_are_left_out(shop):
    found = rows(shop)
    assert "user region" in context(shop, found).categories
    assert "user region" not in context(shop, found, without=("region",)).categories


def test_a_state_tells_its_region_and_an_independent_attribute_does_not():
    random = np.random.default_rng(2)
    state = random.integers(0, 10, 500)
    users = pd.DataFrame(
        {
            "user_id": [f"u{code}" for code in range(500)],
            "region": pd.Categorical((state // 3).astype(str)),
            "state": pd.Categorical(state.astype(str)),
            "sex": pd.Categorical(random.choice(["f", "m"], 500)),
        }
    )
    assert attributes_telling(users, ["region"]) == ["region", "state"]
    assert attributes_telling(users, ["sex"]) == ["sex"]
    assert attributes_telling(users, []) == []


def test_rare_unseen_and_missing_labels_share_the_code_zero(shop):
    found = rows(shop)
    train = found.split == 0
    coding = coding_of(context(shop, found), train)
    column = list(coding.levels).index("item provider_id")
    asked = context(shop, found)
    asked.categories.loc[0, "item provider_id"] = "never seen"
    _, codes = coding.arrays(asked)
    assert codes[0, column] == 0
    assert codes[1:, column].min() >= 1
    blank = replace(found, frame=found.frame.assign(item=-1))
    assert (coding.arrays(context(shop, blank))[1][:, column] == 0).all()
    rare = context(shop, found)
    rare.categories.loc[np.flatnonzero(train)[:5], "item provider_id"] = "rare"
    assert "rare" not in coding_of(rare, train).levels["item provider_id"]


def test_numbers_are_standardised_bounded_and_missing_ones_flagged(shop):
    service = shop.service.copy()
    service.loc[::4, "freight"] = np.nan
    service.loc[1, "freight"] = 1e9
    found = rows(shop, service=service)
    train = found.split == 0
    coding = coding_of(context(shop, found), train)
    numbers, _ = coding.arrays(context(shop, found))
    assert np.isfinite(numbers).all()
    assert np.abs(numbers).max() <= 4
    flag = len(coding.numbers) + coding.missing.index("freight")
    np.testing.assert_array_equal(numbers[:, flag], found.frame["freight"].isna())
