"""Groups of items and their target shares."""

import numpy as np
import pandas as pd
import pytest

from core.errors import NotFound, SettingsError
from core.fairness.exposure.item_groups import AGE, ItemGroups, groupings, item_groups
from core.fairness.exposure.targets import target_shares
from core.schema.tables import OTHERS, UNKNOWN


def items_of(brands, **columns):
    inside = pd.DataFrame({"brand": [*brands, "outside"], "in_catalogue": [True] * len(brands) + [False]})
    return inside.assign(**{name: [*values, values[0]] for name, values in columns.items()})


def test_small_groups_are_joined_and_unknown_stays_visible():
    brands = ["a"] * 5 + ["b"] * 4 + ["c", "d", "e"] + [None, " "]
    found = item_groups(items_of(brands), "brand", most=4)
    assert found.names == ("a", "b", OTHERS, UNKNOWN)
    np.testing.assert_array_equal(found.sizes, [5, 4, 3, 2])
    assert found.joined == 3
    assert len(found.codes) == len(brands)


def test_few_groups_keep_their_names_and_bands_their_order():
    bands = pd.Categorical(
        ["tail", "head", "middle", "head"], ["head", "middle", "tail", UNKNOWN], ordered=True
    )
    items = pd.DataFrame({"popularity_band": bands, "in_catalogue": True})
    found = item_groups(items, "popularity_band")
    assert found.names == ("head", "middle", "tail")
    np.testing.assert_array_equal(found.codes, [2, 0, 1, 0])


def test_a_brand_that_is_called_like_the_joined_ones_is_told_apart():
    found = item_groups(items_of([OTHERS, OTHERS, "a", "a", "b", "c"]), "brand", most=3)
    assert found.names == (f"'{OTHERS}'", "a", OTHERS)
    np.testing.assert_array_equal(found.sizes, [2, 2, 2])


def test_new_items_are_first_sold_in_the_last_days_of_training_and_never_later():
    day = pd.Timestamp("2024-01-01")
    events = pd.DataFrame(
        {
            "item": [0, 0, 1, 2, 3],
            "timestamp": [day, day + pd.Timedelta(days=99), day + pd.Timedelta(days=95)]
            + [day + pd.Timedelta(days=100)] * 2,
            "event": "purchase",
            "split": [0, 0, 0, 0, 2],
        }
    )
    items = items_of(["a", "b", "c", "d"])
    found = item_groups(items, AGE, events=events, new_days=28)
    assert found.names == ("new", "old", "not yet sold")
    np.testing.assert_array_equal(found.codes, [1, 0, 0, 2])
    assert AGE in groupings(items, calendar=True)
    assert groupings(items, calendar=False) == ("brand",)


def test_what_cannot_group_items_is_refused():
    with pytest.raises(NotFound, match="there are: brand"):
        item_groups(items_of(["a", "b"]), "colour")
    with pytest.raises(SettingsError, match="nothing to compare"):
        item_groups(items_of(["a", "a"]), "brand")
    with pytest.raises(SettingsError, match="two or more"):
        item_groups(items_of(["a", "b"]), "brand", most=1)


def test_targets_by_hand():
    groups = ItemGroups("brand", ("a", "b"), np.array([0, 0, 0, 1]))
    bought = np.array([5, 5, 0, 30])
    for kind, weight, expected in (
        ("catalogue", 0.5, [0.75, 0.25]),
        ("purchases", 0.5, [0.25, 0.75]),
        ("equal", 0.5, [0.5, 0.5]),
        ("blend", 0.5, [0.5, 0.5]),
        ("blend", 0.2, [0.65, 0.35]),
    ):
        found = target_shares(groups, kind, purchases=bought, weight=weight)
        np.testing.assert_allclose(found.shares, expected)
    with pytest.raises(SettingsError, match="no purchases"):
        target_shares(groups, "purchases", purchases=np.zeros(4))
    with pytest.raises(SettingsError, match="between 0 and 1"):
        target_shares(groups, "blend", purchases=bought, weight=1.5)
