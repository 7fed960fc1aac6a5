"""Shops that name no attributes of their users get groups by purchases, made of the training window alone."""

from collections import Counter
from dataclasses import replace

import pandas as pd
import pytest

from core.data.activity import NOTE
from core.data.build import Prepared, build
from core.data.dataset import load, number_attributes, users_with_numbers
from core.data.prepare import prepare
from core.schema.documents import Dataset
from core.schema.settings import TrainSettings, settings_from
from core.schema.tables import PURCHASES_SO_FAR, Tables
from core.workflow.questions import material_of
from core.workflow.service import unseen
from tests.core.data.conftest import SMALL

FIRST_HELD_OUT = pd.Timestamp("2024-03-01") + pd.Timedelta(
    days=50
)  # the made shop's 60 days less two windows of 5


@pytest.fixture
def bare(shop) -> Tables:
    """The made shop without its users."""
    return replace(shop, users=None)


def counted(tables: Tables) -> dict[str, int]:
    """Purchases of each user before the validation window, one by one."""
    events = tables.events
    return Counter(events.loc[events["timestamp"] < FIRST_HELD_OUT, "user_id"])


def groups_of(prepared: Prepared) -> dict[str, str]:
    users = prepared.tables["users"]
    return dict(zip(users["user_id"], users[PURCHASES_SO_FAR].astype(str), strict=True))


def test_users_without_attributes_are_grouped_by_their_purchases_so_far(bare):
    prepared = build(bare, SMALL)
    assert prepared.attributes == [PURCHASES_SO_FAR]
    assert prepared.notes == [NOTE]
    assert prepared.missing["groups"] == "users table"  # what the shop would have to bring is still named
    users, numbers = prepared.tables["users"], prepared.tables["user_numbers"]
    wanted = counted(bare)
    assert numbers[PURCHASES_SO_FAR].tolist() == [wanted[user] for user in users["user_id"]]
    assert 2 <= users[PURCHASES_SO_FAR].nunique() <= 5
    by_band = numbers.groupby(users[PURCHASES_SO_FAR], observed=True)[PURCHASES_SO_FAR]
    assert (by_band.max().to_numpy()[:-1] < by_band.min().to_numpy()[1:]).all()


def test_what_is_judged_later_does_not_move_a_group(bare):
    later = bare.events["timestamp"] >= FIRST_HELD_OUT
    fewer = replace(bare, events=bare.events[~later | (bare.events["user_id"] < "u020")])
    assert groups_of(build(bare, SMALL)) == groups_of(build(fewer, SMALL))


def test_attributes_of_the_shop_stand_for_themselves(shop):
    prepared = build(shop, SMALL)
    assert PURCHASES_SO_FAR not in prepared.tables["users"]
    assert NOTE not in prepared.notes


def test_attributes_that_name_no_groups_are_as_none(shop):
    prepared = build(replace(shop, users=shop.users[["user_id"]].assign(kind="one")), SMALL)
    assert prepared.attributes == [PURCHASES_SO_FAR]


def test_a_column_of_that_name_is_the_shops(shop):
    users = shop.users[["user_id"]].assign(**{PURCHASES_SO_FAR: "many"})
    prepared = build(replace(shop, users=users), SMALL)
    assert prepared.attributes == []
    assert set(groups_of(prepared).values()) == {"many"}
    halves = users.assign(**{PURCHASES_SO_FAR: ["few", "many"] * (len(users) // 2)})
    own = build(replace(shop, users=halves), SMALL)
    assert (own.attributes, own.notes) == ([PURCHASES_SO_FAR], [])


def test_nobody_differs_where_all_bought_as_often(bare):
    days = pd.Timestamp("2024-03-01") + pd.to_timedelta(range(60), unit="D")
    rows = [(f"u{user}", f"i{(user + day) % 9}", when) for user in range(12) for day, when in enumerate(days)]
    events = pd.DataFrame(rows, columns=["user_id", "item_id", "timestamp"]).astype(
        {"timestamp": bare.events["timestamp"].dtype}
    )
    assert build(Tables(events), SMALL).attributes == []


@pytest.fixture
def prepared(workspace, folder) -> Dataset:
    (folder / "users.csv").unlink()
    return load(workspace, prepare(workspace, "tables", SMALL, path=folder).id)


def test_audits_may_cut_the_number_anew(workspace, prepared):
    assert number_attributes(workspace, prepared) == (PURCHASES_SO_FAR,)
    assert users_with_numbers(workspace, prepared)[PURCHASES_SO_FAR].dtype == float


@pytest.mark.parametrize(
    "settings", [{}, {"protected_inputs": True}, {"decorrelate": True, "fair_attribute": PURCHASES_SO_FAR}]
)
def test_no_model_reads_it(workspace, prepared, settings):
    asked = settings_from(TrainSettings, settings)
    inputs = material_of(workspace, prepared, asked).inputs("train")
    assert inputs.user_attributes == {}
    assert inputs.user_features is None or inputs.user_features.shape[1] == 0
    assert unseen(users_with_numbers(workspace, prepared), prepared, asked) == (PURCHASES_SO_FAR,)
