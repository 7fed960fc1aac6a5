"""Importance over users and by group: planted differences are found, none are made up, and small groups stay hidden."""

import numpy as np
import pandas as pd
import pytest
import torch

from core.explain.importance import by_group, importance, per_user, shares
from core.explain.proxies import PROTECTED, PROXY, marks
from core.explain.subject import Block, Subject
from core.fairness.groups import Groups
from core.fairness.partition import partition
from core.schema.settings import Statistics

FEATURES = ("price", "recency", "frequency")
QUICK = Statistics(draws=400, permutations=400)


def attributions(n=600, *, shift=0.0, seed=0):
    """Two rows a user; the model goes more by the price for the second half."""
    random = np.random.default_rng(seed)
    users = np.repeat(np.arange(n), 2)
    values = random.normal(size=(2 * n, 3)) * [1.0, 2.0, 0.5]
    values[users >= n // 2, 0] *= 1 + shift
    return values, users


def halves(n=600, small=0):
    codes = (np.arange(n) >= n // 2).astype(np.int32)
    codes[:small] = 2
    names = ("first", "second", "few")
    return Groups("half", names, codes, (3,))


def parted(groups, n=600):
    return partition(groups, np.arange(n), minimum=10)


def test_every_user_counts_once_and_the_interval_covers():
    values, users = attributions()
    many = np.repeat(np.arange(len(users)), np.where(users == 0, 50, 1))  # one user is asked very often
    found = importance(values[many], users[many], FEATURES, QUICK)
    assert found["feature"].tolist() == ["recency", "price", "frequency"]
    assert found["share"].sum() == pytest.approx(1)
    wanted = np.array([2.0, 1.0, 0.5]) * np.sqrt(2 / np.pi)
    assert (found["low"] < wanted).all()
    assert (wanted < found["high"]).all()
    assert (found["n"] == 600).all()


def test_too_few_users_are_not_told_of():
    values, users = attributions(8)
    assert importance(values, users, FEATURES, QUICK).empty


def test_another_reason_for_another_group_is_found():
    values, users = attributions(shift=1.5)
    rows = by_group(values, users, FEATURES, parted(halves()), QUICK)
    gaps = rows[rows["metric"].str.startswith("weight") & (rows["statistic"] == "gap")]
    told = gaps.set_index(["metric", "group"])["verdict"]
    assert told["weight: price_gap", "second"] == "unequal"
    assert told["weight: recency_gap", "second"] == "unequal"  # what one gains others lose


def test_where_the_model_treats_groups_alike_no_other_reason_is_found():
    false = 0
    for seed in range(20):
        rows = by_group(*attributions(200, seed=seed), FEATURES, parted(halves(200), 200), QUICK)
        false += (rows["verdict"] == "unequal").any()
    assert false <= 3


def test_pushes_add_up_to_the_gap_of_predictions():
    values, users = attributions()
    values[users >= 300, 1] += 0.7
    rows = by_group(values, users, FEATURES, parted(halves()), QUICK)
    pushes = rows[rows["metric"].str.startswith("push") & (rows["statistic"] == "gap")]
    of_second = pushes.loc[pushes["group"] == "second", "value"].sum()
    outputs = per_user(values, users)[0][0].sum(axis=1)
    assert of_second == pytest.approx(outputs[300:].mean() - outputs[:300].mean())
    assert pushes["verdict"].isna().all()


def test_small_groups_carry_no_number():
    values, users = attributions()
    rows = by_group(values, users, FEATURES, parted(halves(small=4)), QUICK)
    hidden = rows[rows["suppressed"].astype(bool)]
    assert "few" in set(hidden["group"])
    assert len(set(hidden["group"])) > 1  # else the four could be worked out
    assert hidden[["value", "low", "high", "p_value"]].isna().all(axis=None)
    assert (hidden["n"] == "hidden").all()


def test_users_whose_predictions_nothing_moves_have_no_shares():
    assert np.isnan(shares(np.array([[0.0, 0.0], [1.0, 3.0]]))).tolist() == [[True, True], [False, False]]


def test_marks():
    random = np.random.default_rng(5)
    n = 400
    sex = random.choice(["f", "m"], n)
    telling = (sex == "f") + 0.6 * random.normal(size=n)
    columns = {
        "user sex": np.stack([sex == "f", sex == "m"], axis=1),
        "size bought": telling[:, None],
        "weekday": random.normal(size=(n, 1)),
        "vector": np.column_stack([random.normal(size=(n, 3)), telling]),
    }
    blocks = tuple(
        Block(
            name, torch.tensor(values, dtype=torch.float32), attribute="sex" if name == "user sex" else None
        )
        for name, values in columns.items()
    )
    subject = Subject("s", "t", "score", lambda x: x[:, 0], np.arange(n), blocks)
    known = pd.Series(sex, dtype=object).where(np.arange(n) >= 40)
    groups = {"sex": known, "rare": pd.Series(np.where(np.arange(n) < 5, "x", "y"))}
    found = marks(subject, groups, seed=1)
    assert set(found["attribute"]) == {"sex"}  # of the other one nobody can be asked about
    told = found.set_index("feature")
    assert told["mark"].to_dict() == {
        "user sex": PROTECTED,
        "size bought": PROXY,
        "weekday": "",
        "vector": PROXY,
    }
    assert told.loc["weekday", "low"] < 0.5 < told.loc["weekday", "high"]
    assert (found["n"] == 360).all()
    assert told.loc["user sex", "auc"] == pytest.approx(1)
