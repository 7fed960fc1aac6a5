"""Groups that fairness goes by: as the model codes them, none that is too small, and clear where there are none."""

import numpy as np
import pandas as pd
import pytest

from core.data.fair_groups import SMALLEST_GROUP, fair_groups
from core.errors import SettingsError
from core.schema.settings import TrainSettings

USERS = pd.DataFrame(
    {
        "user_id": [f"u{n}" for n in range(40)],
        "plan": pd.Categorical(["Unknown"] * 5 + ["b"] * 12 + ["a"] * 15 + ["rare"] * 8),
        "city": pd.Categorical(["x"] * 40),
    }
)
ITEMS = pd.DataFrame(
    {
        "category": pd.Categorical(["milk", "bread", "Unknown"]),
        "popularity_band": pd.Categorical(["head", "tail", "tail"]),
    }
)


def asked(protected=("plan",), **settings):
    return fair_groups(USERS, ITEMS, TrainSettings(**settings), protected=list(protected))


def test_nothing_is_asked_for_by_default():
    assert asked() is None


def test_small_groups_and_unknown_ones_count_as_none():
    found = asked(adversary_weight=1)
    assert (found.attribute, found.names, found.small) == ("plan", ("a", "b", "rare"), 1)
    assert SMALLEST_GROUP == 10
    assert np.bincount(found.users).tolist() == [13, 15, 12]
    assert found.items is found.categories is None


def test_items_are_grouped_by_popularity_unless_told_otherwise():
    found = asked(exposure_weight=1, diversity_weight=1)
    assert found.users is None
    assert found.items.tolist() == [1, 2, 2]
    assert found.categories.tolist() == [2, 1, 0]
    assert asked(exposure_weight=1, items_by="category").items.tolist() == [2, 1, 0]


@pytest.mark.parametrize(
    ("settings", "said"),
    [
        ({"fair_attribute": "age"}, "there is no attribute 'age'; there are plan, city"),
        ({"exposure_weight": 1, "items_by": "brand"}, "items_by: there is no attribute 'brand'"),
        ({"fair_attribute": "city"}, "fewer than two groups with at least 10 users"),
    ],
)
def test_what_is_not_there_is_one_clear_error(settings, said):
    with pytest.raises(SettingsError, match=said):
        asked(**settings)


def test_without_protected_attributes_one_has_to_be_named():
    with pytest.raises(SettingsError, match="name no protected attribute"):
        asked(protected=(), loss_gap_weight=1)
