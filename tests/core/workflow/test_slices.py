"""The worst-served crossing of a shop's attributes: a planted one is found, and chance is not taken for one."""

import numpy as np
import pandas as pd
import pytest

from core.errors import InputError, SettingsError
from core.fairness.groups import group_labels
from core.schema.settings import AuditSettings, Scope
from core.workflow.audits.slices import slices
from tests.core.workflow.made_shops import K, random_shop

SETTINGS = AuditSettings(by=(("sex",),), k=K, permutations=199)
METRIC = f"ndcg@{K}"


def made(seed: int = 1, *, n: int = 900, planted: float = 0.0):
    """Four attributes that say nothing, but for old users in the north if planted."""
    rng = np.random.default_rng(seed)
    users = pd.DataFrame(
        {
            "sex": rng.choice(["f", "m"], n),
            "region": rng.choice(["north", "south", "west"], n),
            "age": rng.integers(18, 80, n),
            "size": rng.choice(["1", "2", "3+"], n),
        }
    )
    asked = random_shop(users, seed=seed)
    bad = ((users["region"] == "north") & (users["age"] >= 50)).loc[asked.per_user["user"]].to_numpy()
    quality = asked.per_user[METRIC] * np.where(bad, 1 - planted, 1)
    return asked._replace(per_user=asked.per_user.assign(**{METRIC: quality}))


def asked(of, settings=SETTINGS):
    return slices(of.shop, of.per_user, settings)


def test_a_planted_crossing_is_found_as_the_worst():
    settings = SETTINGS.model_copy(update={"bins": 2})
    found = asked(made(planted=0.9), settings)
    worst = found.table.iloc[0]
    ages = group_labels(made().shop.users, ("age",), bins=2).names
    assert worst["attributes"] == "region × age"
    assert worst["values"] == f"north × {ages[-1]}"
    assert worst["p_value"] == pytest.approx(1 / 200)
    assert found.beyond >= 1
    assert worst["gap"] <= worst["shrunk_gap"] < 0
    assert worst["detectable_gap"] < -worst["gap"]


def test_without_one_no_crossing_is_said_to_do_worse():
    assert sum(asked(made(seed, n=300)).beyond > 0 for seed in range(20)) <= 4


def test_it_looks_at_all_attributes_and_says_at_how_many_crossings():
    found = asked(made())
    assert found.attributes == ("sex", "region", "age", "size")
    assert found.depth == 3
    assert found.looked_at > 100
    assert len(found.table) == 10
    assert (found.table["n"] >= 30).all()
    assert found.table["gap"].between(found.table["low"], found.table["high"]).all()


def test_numbers_are_cut_into_as_many_groups_as_asked():
    alone = made()._replace(per_user=made().per_user)
    few, many = (asked(alone, SETTINGS.model_copy(update={"bins": bins})) for bins in (2, 6))
    assert many.looked_at > few.looked_at
    assert set(group_labels(alone.shop.users, ("age",), bins=2).names) >= set(
        few.table.loc[few.table["attributes"] == "age", "values"]
    )


def test_with_very_many_attributes_fewer_are_crossed_at_once():
    rng = np.random.default_rng(2)
    users = pd.DataFrame({f"kind {number}": rng.choice(["x", "y"], 400) for number in range(36)})
    found = asked(random_shop(users), SETTINGS.model_copy(update={"permutations": 100}))
    assert found.depth == 2
    assert found.looked_at <= 50_000


def test_only_users_of_the_scope_are_searched():
    whole = made()
    found = asked(whole, SETTINGS.model_copy(update={"scope": Scope(stores=("south",))}))
    events = whole.shop.events
    assert found.users == events.loc[events["channel"] == "south", "user"].nunique() < 900


@pytest.mark.parametrize(
    ("users", "changes", "error", "words"),
    [
        (pd.DataFrame(index=range(60)), {}, InputError, "no user attributes"),
        (pd.DataFrame({"sex": ["f", "m"] * 20}), {}, InputError, "at least 30 users"),
        (pd.DataFrame({"sex": ["f", "m"] * 60}), {"k": 7}, SettingsError, "No NDCG was computed at k=7"),
    ],
)
def test_what_cannot_be_searched_is_one_clear_error(users, changes, error, words):
    with pytest.raises(error, match=words):
        asked(random_shop(users), SETTINGS.model_copy(update=changes))
