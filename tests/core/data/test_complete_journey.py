"""The built-in data, against the publisher's own figures and price formulas, and as a prepared slice."""

import numpy as np
import pandas as pd
import pytest

from core.data.dataset import table
from core.data.inputs import model_inputs, positives
from core.data.sources import complete_journey
from core.progress import quiet
from core.schema.settings import DatasetSettings
from core.schema.tables import Tables


@pytest.fixture(scope="module")
def journey() -> Tables:
    return complete_journey.read(None, DatasetSettings(), quiet)


@pytest.fixture(scope="module")
def raw() -> dict[str, pd.DataFrame]:
    files = {file.stem: file for file in complete_journey.files(None)}
    return {name: pd.read_parquet(file) for name, file in files.items() if name != "promotions"}


def test_every_published_row_is_there(journey):
    rows = {name: len(frame) for name, frame in journey.present().items()}
    assert rows["events"] == 1_469_307
    assert rows["users"] == 801
    assert rows["items"] == 92_331
    assert rows["offers"] == 6_589
    assert rows["promotions"] == 20_940_529
    assert journey.events["user_id"].nunique() == 2_469
    assert (journey.events["quantity"] == 0).sum() == 8_869
    assert (~journey.events["item_id"].isin(journey.items["item_id"])).sum() == 4_836


def test_prices_follow_the_publishers_formulas(journey, raw):
    lines, events = raw["transactions"], journey.events
    pieces = lines["quantity"]
    sold = (pieces > 0).to_numpy()
    shelf = lines["sales_value"] + lines["retail_disc"] + lines["coupon_match_disc"]
    np.testing.assert_allclose((events["list_price"] * pieces)[sold], shelf[sold])
    paid = lines["sales_value"] - lines["coupon_disc"]
    np.testing.assert_allclose((events["paid_price"] * pieces)[sold], paid[sold], atol=1e-9)
    discounts = events[["loyalty_discount", "coupon_discount", "coupon_match_discount"]].sum(axis=1)
    np.testing.assert_allclose(
        (events["list_price"] - discounts)[sold], events["paid_price"][sold], atol=1e-9
    )


def test_identifiers_and_times_are_those_of_the_lines(journey, raw):
    lines, events = raw["transactions"], journey.events
    places = np.random.default_rng(1).integers(0, len(lines), 500)
    for column, origin in (
        ("user_id", "household_id"),
        ("item_id", "product_id"),
        ("basket_id", "basket_id"),
    ):
        assert events[column].iloc[places].tolist() == lines[origin].iloc[places].astype(str).tolist()
    assert (events["timestamp"].to_numpy() == lines["transaction_timestamp"].to_numpy()).all()


def test_offers_say_who_was_offered_what_and_when_it_was_redeemed(journey, raw):
    offers, redemptions = journey.offers, raw["coupon_redemptions"]
    assert not offers.duplicated(["user_id", "campaign_id"]).any()
    assert offers["redemptions"].sum() == len(redemptions)
    assert (offers["redeemed_at"].notna() == (offers["redemptions"] > 0)).all()
    redeemed = offers[offers["redemptions"] > 0]
    assert (redeemed["redeemed_at"] >= redeemed["start"]).all()
    assert (redeemed["redeemed_at"] < redeemed["end"]).all()
    first = redemptions.groupby(["household_id", "campaign_id"])["redemption_date"].min()
    one = redeemed.iloc[0]
    local = one["redeemed_at"].tz_localize("UTC").tz_convert("America/New_York").tz_localize(None)
    assert local == first[int(one["user_id"]), int(one["campaign_id"])]


def test_coupons_say_which_items_a_campaign_covers(journey, raw):
    pairs = raw["coupons"][["campaign_id", "product_id"]].drop_duplicates()
    found = journey.coupons[["campaign_id", "item_id"]].astype(str).drop_duplicates()
    assert len(found) == len(pairs)
    assert set(found["campaign_id"]) == set(journey.offers["campaign_id"])


def test_promotion_weeks_begin_on_the_monday_of_the_purchases_week(journey, raw):
    lines = raw["transactions"]
    local = lines["transaction_timestamp"].dt.tz_localize("UTC").dt.tz_convert(complete_journey.TIMEZONE)
    monday = local.dt.tz_localize(None).dt.normalize() - pd.to_timedelta(local.dt.day_of_week, unit="D")
    weeks = journey.promotions["week"].cat.categories
    np.testing.assert_array_equal(weeks[lines["week"] - 1], monday.astype("datetime64[us]"))


@pytest.mark.parametrize(
    ("written", "readable"),
    [
        ("FLUID MILK WHITE ONLY", "Fluid milk white only"),
        ("ICE - CRUSHED/CUBED", "Ice, crushed/cubed"),
        ("BREAD:ITALIAN/FRENCH", "Bread, italian/french"),
        ("CANDY BARS (SINGLES)(INCLUDING", "Candy bars (singles)"),
        ("T-SHIRTS", "T-shirts"),
    ],
)
def test_titles_are_made_readable(written, readable):
    assert complete_journey._readable(pd.Series([written])).tolist() == [readable]


def test_every_item_has_a_title(journey):
    assert journey.items["title"].notna().all()
    milk = journey.items.set_index("item_id").loc["1029743"]
    assert milk["title"] == "Fluid milk white only · 1 GA"
    assert (milk["brand"], milk["category"]) == ("Private", "Fluid milk products")


def test_the_prepared_slice_adds_up(prepared):
    workspace, dataset = prepared
    events, users, items = (table(workspace, dataset, name) for name in ("events", "users", "items"))
    assert dataset.counts["users"] == len(users) == 300
    assert dataset.counts["catalogue"] == items["in_catalogue"].sum() > 1000
    dropped = [count for count in dataset.quality if count.table == "events" and count.action == "dropped"]
    assert dropped[0].read == len(events) + sum(count.affected for count in dropped)
    assert sorted(events["user"].unique()) == list(range(300))
    in_order = events.sort_values(["user", "timestamp", "basket"], kind="stable")
    assert in_order.index.is_monotonic_increasing
    assert (events["paid_price"] >= 0).all()
    assert (events["paid_price"] <= events["list_price"] + 0.0101).all()
    assert events["quantity"].between(1, 50).all()


def test_the_slices_windows_are_its_last_eight_weeks(prepared):
    workspace, dataset = prepared
    events = table(workspace, dataset, "events", ["timestamp", "split"])
    local = (
        events["timestamp"].dt.tz_localize("UTC").dt.tz_convert("America/New_York").dt.strftime("%Y-%m-%d")
    )
    assert local[events["split"] == 0].max() < dataset.period["validation_start"] == "2017-11-06"
    assert local[events["split"] == 1].max() < dataset.period["test_start"] == "2017-12-04"
    assert local.max() == dataset.period["end"] == "2017-12-31"


def test_the_slices_catalogue_is_known_from_training_alone(prepared):
    workspace, dataset = prepared
    events, items = table(workspace, dataset, "events"), table(workspace, dataset, "items")
    training = events[events["split"] == 0]
    buyers = training.groupby("item")["user"].nunique().reindex(items.index, fill_value=0)
    n_catalogue = dataset.counts["catalogue"]
    assert buyers[:n_catalogue].min() >= 5
    median = training.groupby("item")["list_price"].median().reindex(items.index)
    np.testing.assert_allclose(items["list_price"], median)


def test_groups_of_the_slice_are_in_order_and_complete(prepared):
    workspace, dataset = prepared
    users = table(workspace, dataset, "users")
    assert tuple(dataset.protected) == complete_journey.PROTECTED
    assert users["age"].cat.categories.tolist() == [
        "19-24",
        "25-34",
        "35-44",
        "45-54",
        "55-64",
        "65+",
        "Unknown",
    ]
    assert users["income"].cat.categories[0] == "Under 15K"
    assert users["income"].cat.categories[-1] == "Unknown"
    assert users.notna().all(axis=None)


def test_the_slices_promotions_are_unique_and_of_bought_items(prepared):
    workspace, dataset = prepared
    promotions = table(workspace, dataset, "promotions")
    bought = table(workspace, dataset, "events", ["item"])["item"].unique()
    weeks = promotions["week"].to_numpy("datetime64[D]").astype("int64")
    cells = (promotions["item"].to_numpy("int64") * 1000 + promotions["channel"].cat.codes) * 100_000 + weeks
    assert cells.is_unique
    assert cells.is_monotonic_increasing
    assert promotions["item"].isin(bought).all()
    assert len(promotions) > 100_000


def test_model_inputs_of_the_slice_hold_every_catalogue_event_up_to_each_split(prepared):
    workspace, dataset = prepared
    events, items = table(workspace, dataset, "events"), table(workspace, dataset, "items")
    known = 0
    for last, until in enumerate(("train", "validation")):
        inputs = model_inputs(events, items, n_users=300, until=until)
        expected = (events["split"] <= last) & (events["item"] < inputs.n_items)
        assert len(inputs.history.items) == expected.sum() > known
        known = len(inputs.history.items)
        following = positives(events, inputs.n_items, 300, ("validation", "test")[last])
        assert len(following.items) > 1000
        assert inputs.content.attributes["brand"].max() == 2
        assert (inputs.content.prices[:, 2] == 0).all()  # every one has a price
