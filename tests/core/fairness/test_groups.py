"""Groups from any attribute: order, missing values, numbers, crossings, and what is refused."""

import numpy as np
import pandas as pd
import pytest

from core.errors import NotFound, SettingsError
from core.fairness.groups import attribute_name, group_labels


def users(**columns):
    return pd.DataFrame(columns)


def names(frame, *by):
    return list(group_labels(frame, by).names)


def labels(frame, *by):
    groups = group_labels(frame, by)
    return [groups.names[code] for code in groups.codes]


def test_ordered_categories_keep_their_order():
    sizes = pd.Categorical(["L", "S", "M", "S"], categories=["S", "M", "L", "XL"], ordered=True)
    assert names(users(size=sizes), "size") == ["S", "M", "L"]
    assert labels(users(size=sizes), "size") == ["L", "S", "M", "S"]


def test_text_is_in_the_order_people_would_list_it():
    income = ["100-124K", "Under 15K", "15-24K", "250K+", "35-49K"]
    assert names(users(income=income), "income") == ["Under 15K", "15-24K", "35-49K", "100-124K", "250K+"]


@pytest.mark.parametrize("missing", [None, np.nan, "", "  ", "Unknown"])
def test_missing_values_are_the_last_group_and_nobody_is_dropped(missing):
    frame = users(age=pd.Series(["25-34", missing, "18-24"], dtype=object))
    assert names(frame, "age") == ["18-24", "25-34", "Unknown"]
    assert labels(frame, "age") == ["25-34", "Unknown", "18-24"]


def test_missing_categories_are_unknown_too():
    frame = users(age=pd.Categorical(["a", None, "b"], categories=["b", "a"], ordered=True))
    assert names(frame, "age") == ["b", "a", "Unknown"]


def test_few_numbers_are_groups_of_their_own():
    assert names(users(household=[5, 1, 10, 2, np.nan]), "household") == ["1", "2", "5", "10", "Unknown"]
    assert names(users(household=[5, 1, 10, 2]), "household") == ["1", "2", "5", "10"]


def test_many_numbers_are_cut_at_their_quantiles_with_open_ends():
    frame = users(age=np.arange(100))
    assert names(frame, "age") == ["under 20", "20–39", "40–58", "59–78", "79 and over"]
    sizes = pd.Series(labels(frame, "age")).value_counts()
    assert sizes.min() >= 19
    assert labels(frame, "age")[39:41] == ["20–39", "40–58"]


def test_many_numbers_are_cut_into_as_many_groups_as_asked_also_when_crossed():
    frame = users(age=np.arange(100), sex=["f", "m"] * 50)
    assert group_labels(frame, ("age",), bins=2).names == ("under 50", "50 and over")
    assert group_labels(frame, ("age", "sex"), bins=3).shape == (3, 2)


def test_a_value_that_most_users_have_is_a_group_of_its_own():
    spend = np.concatenate([np.zeros(900), np.linspace(1.5, 50, 100)])
    assert names(users(spend=spend), "spend") == ["under 1.5", "1.5 and over"]


def test_truth_values_are_two_groups():
    assert names(users(member=[True, False, True]), "member") == ["False", "True"]


def test_a_crossing_has_every_pair_in_row_order():
    frame = users(age=["old", "young", "young"], sex=["f", "m", "f"])
    groups = group_labels(frame, ("age", "sex"))
    assert groups.attribute == attribute_name(("age", "sex")) == "age × sex"
    assert groups.names == ("old × f", "old × m", "young × f", "young × m")
    assert groups.shape == (2, 2)
    assert [groups.names[code] for code in groups.codes] == ["old × f", "young × m", "young × f"]


def test_an_unknown_attribute_names_those_that_exist():
    with pytest.raises(NotFound, match=r"no user attribute 'agee'.*age, income"):
        group_labels(users(user_id=["a"], age=["x"], income=["y"]), ("agee",))


def test_an_identifier_is_no_attribute():
    with pytest.raises(NotFound):
        group_labels(users(user_id=["a"], age=["x"]), ("user_id",))


def test_too_many_groups_are_refused():
    with pytest.raises(SettingsError, match="'city' has 61 groups"):
        group_labels(users(city=[f"c{i}" for i in range(61)]), ("city",))
    with pytest.raises(SettingsError, match="make 441 groups"):
        group_labels(users(a=[f"a{i}" for i in range(21)], b=[f"b{i}" for i in range(21)]), ("a", "b"))


@pytest.mark.parametrize("by", [(), ("age", "age"), ("age", "sex", "city")])
def test_a_grouping_is_one_attribute_or_two(by):
    with pytest.raises(SettingsError):
        group_labels(users(age=["x"], sex=["y"], city=["z"]), by)
