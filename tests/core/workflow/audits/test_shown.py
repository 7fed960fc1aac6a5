"""What is shown, clicked and purchased: planted differences are found, scopes cut it, and bad input is refused."""

from dataclasses import replace
from datetime import date

import numpy as np
import pandas as pd
import pytest

from core.data.prepare import prepare
from core.errors import InputError, NotFound
from core.fairness.verdicts import UNEQUAL
from core.schema.settings import AuditSettings, DatasetSettings, Scope
from core.store.workspace import Workspace
from core.workflow.audits.clicks import clicks, logged_impressions
from core.workflow.audits.shown import what_is_shown
from tests.core.fairness.pricing.pricing_shops import MONDAY, PRODUCTS, WEEKS
from tests.core.workflow.audits.test_pricing import made_shop

SETTINGS = AuditSettings(by=(("side",),), draws=300, permutations=300)
USERS = 200


@pytest.fixture(scope="module")
def made():
    """Half of the products are discounted in every week; b is shown deals half as often, and clicks on what it is shown more."""
    shop = made_shop(3, users=USERS)
    cheap = shop.events["item"] % 2 == 0
    listed = shop.events["list_price"]
    events = shop.events.assign(
        paid_price=listed.where(~cheap, 0.8 * listed), loyalty_discount=listed.where(cheap, 0.0) * 0.2
    )
    shop = replace(shop, events=events)
    rng = np.random.default_rng(5)
    user = np.repeat(np.arange(USERS), 40)
    of_b = (shop.users["side"] == "b").to_numpy()[user]
    deal = rng.random(len(user)) < np.where(of_b, 0.25, 0.5)
    item = 2 * rng.integers(0, PRODUCTS // 2, len(user)) + ~deal
    week = rng.integers(0, WEEKS, len(user))
    log = pd.DataFrame({"user": user, "item": item, "rank": 1.0})
    log["timestamp"] = (MONDAY + pd.to_timedelta(7 * week, unit="D")).astype("datetime64[us]")
    log["clicked"] = rng.random(len(user)) < np.where(of_b, 0.4, 0.2)
    log["purchased"] = log["clicked"] & (rng.random(len(user)) < 0.3)
    return shop, log, deal


def table(shop, log, **changes):
    found = what_is_shown(shop, log, SETTINGS.model_copy(update=changes))
    return found, found.rows.set_index(["group", "metric"])


def test_who_is_shown_fewer_deals_and_clicks_more_is_found(made):
    shop, log, deal = made
    found, rows = table(shop, log)
    assert found.tests == 2 * 13
    assert rows.loc[("b", "deal_impressions_gap"), "verdict"] == UNEQUAL
    assert (
        rows.loc[("b", "deal_impressions_gap"), "low"]
        <= -0.25
        <= rows.loc[("b", "deal_impressions_gap"), "high"]
    )
    assert rows.loc[("b", "item_clicked_gap"), "verdict"] == UNEQUAL
    assert rows.loc[("b", "item_purchased_of_clicked_gap"), "verdict"] != UNEQUAL
    weeks = (log["timestamp"] - MONDAY).dt.days // 7
    bought = shop.events.assign(week=(shop.events["timestamp"] - MONDAY).dt.days // 7)
    pairs = pd.MultiIndex.from_frame(bought[["item", "week"]]).unique()
    known = pd.MultiIndex.from_arrays([log["item"], weeks]).isin(pairs)
    own = (shop.users["side"] == "a").to_numpy()[log["user"]]
    for group, side in (("a", own), ("b", ~own)):
        assert rows.loc[(group, "deal_impressions"), "value"] == pytest.approx(deal[known & side].mean())
        expected = log.loc[known & side & deal, "clicked"].mean()
        assert rows.loc[(group, "deal_clicked"), "value"] == pytest.approx(expected, abs=1e-6)
    assert found.notes[0] == "8,000 impressions of 200 users; they belong to no store."


def test_groups_that_are_shown_and_do_the_same_are_not_called_unequal(made):
    shop, log, _ = made
    shuffled = shop.users["side"].sample(frac=1, random_state=2, ignore_index=True)
    rows = what_is_shown(replace(shop, users=shop.users.assign(side=shuffled)), log, SETTINGS).rows
    assert not (rows["verdict"] == UNEQUAL).any()


def test_a_scope_keeps_the_impressions_it_names(made):
    shop, log, _ = made
    week = Scope(start=date(2024, 1, 8), end=date(2024, 1, 14))
    found, _ = table(shop, log, scope=week)
    expected = log["timestamp"].between("2024-01-08", "2024-01-15").sum()
    assert found.notes[0].startswith(f"{expected:,} impressions")
    of_one = Scope(categories=(shop.categories[1],))
    found, _ = table(shop, log, scope=of_one)
    assert found.notes[0].startswith(f"{(log['item'] % 4 == 1).sum():,} impressions")
    store = Scope(stores=(shop.stores[0],))
    found, rows = table(shop, log, scope=store)
    buyers = shop.events.loc[shop.events["channel"] == shop.stores[0], "user"].nunique()
    assert rows.loc[("all", "item_shown"), "n"] == found.users == buyers
    with pytest.raises(NotFound, match="no category"):
        table(shop, log, scope=Scope(categories=("moon",)))


def test_who_is_shown_but_never_buys_counts_unless_a_store_is_named(made):
    shop, log, _ = made
    idle = shop.events["user"] < 30
    quiet = replace(shop, events=shop.events[~idle], bought=shop.bought[~idle])
    assert table(quiet, log)[0].users == USERS
    assert table(quiet, log[log["user"] >= 15])[0].users == USERS - 15
    assert table(quiet, log, scope=Scope(stores=quiet.stores))[0].users == USERS - 30


def test_what_is_not_known_counts_nowhere_and_is_told(made):
    shop, log, _ = made
    log = log.astype({"clicked": "boolean", "purchased": "boolean"})
    log.loc[:9, "clicked"] = pd.NA
    found, rows = table(shop, log)
    assert rows.loc[("all", "item_clicked"), "value"] == pytest.approx(log["clicked"].mean(), abs=1e-9)
    assert "Whether it was clicked is not known of 10 impressions" in found.notes[1]
    one = log.assign(clicked=log["clicked"].fillna(False))
    one.loc[0, "clicked"] = pd.NA
    assert "not known of 1 impression:" in table(shop, one)[0].notes[1]


def test_without_weeks_or_list_prices_there_are_no_deals(made):
    shop, log, _ = made
    for lacking in (
        replace(shop, zone=None, bought=shop.bought.drop(columns="day")),
        replace(shop, events=shop.events.drop(columns="list_price")),
    ):
        found, rows = table(lacking, log)
        assert not [metric for _, metric in rows.index if metric.startswith("deal")]
        assert "on offer is not known" in found.notes[-1]


def test_a_small_group_has_no_number_at_any_stage(made):
    shop, log, _ = made
    side = shop.users["side"].where(shop.users.index >= 6, "tiny")
    rows = what_is_shown(replace(shop, users=shop.users.assign(side=side)), log, SETTINGS).rows
    hidden = rows[rows["suppressed"]]
    assert "tiny" in set(hidden["group"])
    assert hidden.groupby("metric")["group"].nunique().min() >= 2
    assert hidden[["value", "low", "high", "p_value", "tolerance"]].isna().all(axis=None)
    assert "tiny" not in set(rows.loc[~rows["suppressed"], "group"])


def test_nothing_shown_and_too_few_users_are_refused(made):
    shop, log, _ = made
    with pytest.raises(InputError, match="Nothing was shown"):
        table(shop, log, scope=Scope(start=date(2025, 1, 1)))
    few = replace(shop, events=shop.events[:0], bought=shop.bought[:0])
    with pytest.raises(InputError, match="Fewer than 10 users"):
        table(few, log[log["user"] < 5])


def test_a_log_is_read_from_a_dataset_with_or_without_chances(tmp_path):
    rng = np.random.default_rng(0)
    users, days = np.repeat([f"u{u}" for u in range(30)], 12), np.tile(np.arange(12) * 8, 30)
    when = pd.Timestamp("2024-01-01T10:00:00") + pd.to_timedelta(days, unit="D")
    events = pd.DataFrame({"user_id": users, "item_id": rng.choice(list("abcdef"), len(users))})
    events = events.assign(timestamp=when)
    shown = events[["user_id", "item_id", "timestamp"]].assign(rank=1)
    settings = DatasetSettings(validation_days=10, test_days=10, minimum_item_users=2, minimum_user_events=2)
    workspace = Workspace.open(tmp_path / "ws", f"sqlite:///{tmp_path}/ws/evenhand.db")
    for name, log in (
        ("none", None),
        ("unanswered", shown),
        ("clicked", shown.assign(clicked=rng.random(len(shown)) < 0.3)),
    ):
        folder = tmp_path / name
        folder.mkdir()
        events.to_csv(folder / "events.csv", index=False)
        if log is not None:
            log.to_csv(folder / "impressions.csv", index=False)
        found = logged_impressions(workspace, prepare(workspace, "tables", settings, path=folder))
        assert (found is None) == (name != "clicked")
    assert found["clicked"].sum() == log["clicked"].sum()
    workspace.close()


def test_clicks_without_chances_say_nothing_of_other_lists(made):
    shop, log, _ = made
    lists = pd.DataFrame({"user": np.arange(USERS), "item": 0, "rank": 1})
    with pytest.raises(InputError, match="no column 'propensity'"):
        clicks(shop, log, lists, SETTINGS)
