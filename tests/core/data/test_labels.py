"""Attribute values become labels in the order that people expect."""

import numpy as np
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st

from core.data.labels import can_name_groups, labels


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


def test_many_numbers_become_five_bands_with_equally_many_users():
    found = labels(pd.Series([str(years) for years in range(20, 70)] + [None], name="years"))
    assert found.cat.categories.tolist() == [
        "20 to 29",
        "30 to 39",
        "40 to 49",
        "50 to 59",
        "60 to 69",
        "Unknown",
    ]
    assert found.value_counts()["20 to 29"] == 10
    assert found.iloc[0] == "20 to 29"
    assert found.iloc[-1] == "Unknown"


def test_few_numbers_stay_as_they_are():
    assert categories([3, 1, 2, 10]) == ["1", "2", "3", "10"]


@given(st.lists(st.none() | st.integers(-5, 40) | st.floats(-1e6, 1e6), max_size=60))
def test_every_number_lies_in_the_band_that_it_is_given(values):
    found = labels(pd.Series(values, name="x", dtype="float64"))
    for value, label in zip(values, found, strict=True):
        if value is None:
            assert label == "Unknown"
        elif " to " in label:
            low, high = (float(end) for end in label.split(" to "))
            assert low - abs(low) * 1e-9 <= value <= high + abs(high) * 1e-9
        else:
            assert float(label) == pytest.approx(value)


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
