"""Attribute values become labels in the order that people expect."""

import numpy as np
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st

from core.data.labels import BANDS, can_name_groups, labels
from core.schema.settings import AuditSettings


def categories(values) -> list[str]:
    return labels(pd.Series(values, name="x")).cat.categories.tolist()


@pytest.mark.parametrize(
    "ordered",
    [
        ["19-24", "25-34", "35-44", "45-54", "55-64", "65+"],
        ["Under 15K", "15-24K", "25-34K", "50-74K", "100-124K", "250K+"],
        ["0", "1", "2", "3+"],
        ["1 Adult Kids", "1 Adult No Kids", "2 Adults Kids", "2 Adults No Kids"],
        ["Homeowner", "Renter"],
    ],
)
def test_bands_are_ordered_by_their_numbers(ordered):
    assert categories(ordered[::-1]) == ordered


@pytest.mark.parametrize("missing", [None, np.nan, "", "  ", "Unknown"])
def test_missing_values_are_unknown_and_come_last(missing):
    found = labels(pd.Series(["z", missing, "Zebra"], name="x"))
    assert found.tolist() == ["z", "Unknown", "Zebra"]
    assert found.cat.categories[-1] == "Unknown"
    assert "Unknown" not in categories(["a", "b"])


def test_many_numbers_become_bands_with_about_equally_many_users_and_open_ends():
    found = labels(pd.Series([str(years) for years in range(20, 70)] + [None], name="years"))
    names = ["under 30", "30–39", "40–48", "49–58", "59 and over", "Unknown"]
    assert found.cat.categories.tolist() == names
    assert found.value_counts()[names[:-1]].between(9, 11).all()
    assert found.iloc[[0, 10, -1]].tolist() == ["under 30", "30–39", "Unknown"]


@pytest.mark.parametrize("bins", [2, 3, 12])
def test_many_numbers_become_as_many_bands_as_asked(bins):
    found = labels(pd.Series(range(20, 140), name="years"), bins=bins)
    assert len(found.cat.categories) == bins
    assert found.value_counts().between(120 // bins - 2, 120 // bins + 2).all()


def test_the_setting_of_an_audit_cuts_as_preparation_does_by_default():
    assert AuditSettings(by=(("age",),)).bins == BANDS


def test_few_numbers_stay_as_they_are():
    assert categories([3, 1, 2, 10]) == ["1", "2", "3", "10"]
    assert categories([3, 1, None, 10]) == ["1", "3", "10", "Unknown"]


def test_an_order_that_the_data_bring_is_kept():
    sizes = pd.Categorical(["L", "S", None], categories=["S", "M", "L"], ordered=True)
    assert categories(sizes) == ["S", "L", "Unknown"]


@given(st.lists(st.none() | st.integers(-5, 40) | st.floats(-1e6, 1e6), max_size=60))
def test_bands_keep_the_order_of_the_numbers_and_miss_nobody(values):
    numbers = pd.Series(values, name="x", dtype="float64")
    found = labels(numbers)
    assert (found == "Unknown").tolist() == numbers.isna().tolist()
    known = found[numbers.notna()].cat.codes.loc[numbers.dropna().sort_values().index]
    assert known.is_monotonic_increasing


@pytest.mark.parametrize(
    ("values", "name", "can"),
    [
        (["a", "b"], "x", True),
        (["a", None], "x", True),
        (["a", "a"], "x", False),
        ([f"text {place}" for place in range(51)], "x", False),
        (["a", "b"], "a,b", False),
        (["a", "b"], "a*b", False),
    ],
)
def test_an_attribute_names_groups_if_it_divides_users_into_a_few(values, name, can):
    assert can_name_groups(labels(pd.Series(values, name=name))) == can
