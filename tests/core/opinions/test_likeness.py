"""Who is like whom, and when nobody is spoken of."""

import numpy as np
import pandas as pd

from core.data.labels import labels
from core.opinions.likeness import (
    everyone,
    nearest_with_reviews,
    same_attribute,
    same_taste,
)
from tests.core.opinions.made import made_users

USERS = made_users(60)


def test_customers_of_the_same_age_group_without_the_one_who_asks():
    group = same_attribute(USERS, 4, "age")
    assert group.words == "customers in your age group (30-44)"
    assert not group.members[4]
    assert set(USERS["age"][group.members]) == {"30-44"}
    assert group.n == (USERS["age"] == "30-44").sum() - 1


def test_a_group_under_ten_or_unknown_is_never_spoken_of():
    assert same_attribute(USERS, 0, "age") is None
    unknown = pd.DataFrame({"age": labels(pd.Series([None] * 30 + ["20"] * 30))})
    assert same_attribute(unknown, 0, "age") is None
    assert same_attribute(unknown, 40, "age").n == 29


def test_ten_others_are_enough_and_nine_are_not():
    for others, spoken_of in ((9, False), (10, True)):
        users = pd.DataFrame({"post": pd.Categorical(["a"] * (others + 1) + ["b"] * 30)})
        assert (same_attribute(users, 0, "post") is not None) == spoken_of


def test_labels_cannot_bring_control_characters_into_sentences():
    users = pd.DataFrame({"city\nname": pd.Categorical(["x\u202e\n# y" + "z" * 99] * 20)})
    words = same_attribute(users, 0, "city\nname").words
    assert words.isprintable()
    assert len(words) < 120


def test_taste_is_the_overlap_of_what_was_had():
    users = np.repeat(np.arange(30), 6)
    items = np.concatenate([np.arange(6) + (0 if user < 15 else 50) for user in range(30)])
    group = same_taste(users, items, 3, n_users=31)
    assert group.members.tolist() == [user < 15 and user != 3 for user in range(31)]
    assert same_taste(users, items, 30, n_users=31) is None  # no history
    assert same_taste(users[: 6 * 9], items[: 6 * 9], 3, n_users=31) is None  # eight neighbours only


def test_a_group_speaks_of_a_product_only_if_ten_of_it_reviewed_it():
    age = same_attribute(USERS, 4, "age")
    members = np.flatnonzero(age.members)
    assert nearest_with_reviews([None, age], members[:10]) is age
    assert nearest_with_reviews([None, age], members[:9]) is None
    assert nearest_with_reviews([age, everyone(60, 4)], np.arange(12)).basis == "everyone"


def test_codes_that_do_not_exist_belong_to_nobody():
    assert everyone(3, 0).holds(np.array([0, 1, 2, 3, -1, 10**6])).tolist() == [
        False,
        True,
        True,
        False,
        False,
        False,
    ]
