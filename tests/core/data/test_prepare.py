"""Preparing a shop: reproducible, complete, without a look into the future, and all or nothing."""

import hashlib
from dataclasses import replace

import numpy as np
import pandas as pd
import pytest

from core.data import sources
from core.data.build import build, sample_users
from core.data.dataset import load, table
from core.data.prepare import prepare
from core.errors import Cancelled, InputError, NotFound, SettingsError, TableError
from core.schema.documents import DATASETS, Dataset
from core.schema.settings import DatasetSettings
from core.schema.tables import Tables
from tests.core.data.conftest import SMALL, made_shop


def changed(**changes) -> DatasetSettings:
    return SMALL.model_copy(update=changes)


def snapshot(workspace) -> dict[str, str]:
    """Every file of a workspace with the hash of its content; the store's journal is no content."""
    found = sorted(path for path in workspace.root.rglob("*") if path.is_file())
    kept = [path for path in found if not path.name.endswith(("-wal", "-shm"))]
    return {
        str(path.relative_to(workspace.root)): hashlib.sha256(path.read_bytes()).hexdigest() for path in kept
    }


def test_a_folder_of_files_becomes_a_dataset_that_can_be_read_back(workspace, folder, shop):
    dataset = prepare(workspace, "tables", SMALL, path=folder)
    assert load(workspace, dataset.id) == dataset
    assert dataset.name == "my_shop"
    assert list(dataset.tables) == ["events", "users", "items", "user_numbers"]
    events, users, items = (table(workspace, dataset, name) for name in ("events", "users", "items"))
    assert len(events) == len(shop.events)
    decoded = pd.DataFrame(
        {
            "user_id": users["user_id"].to_numpy()[events["user"]],
            "item_id": items["item_id"].to_numpy()[events["item"]],
            "timestamp": events["timestamp"],
            "paid_price": events["paid_price"],
        }
    )
    key = ["user_id", "timestamp"]
    expected = shop.events.sort_values(key, ignore_index=True)[decoded.columns]
    pd.testing.assert_frame_equal(decoded.sort_values(key, ignore_index=True), expected, check_dtype=False)
    days = ["2024-03-01", "2024-04-20", "2024-04-25", "2024-04-29"]
    assert list(dataset.period.values()) == days
    assert list(dataset.period) == ["start", "validation_start", "test_start", "end"]
    assert dataset.counts["events"] == sum(
        dataset.counts[f"events_{split}"] for split in ("train", "validation", "test")
    )


def test_attributes_that_can_name_groups_are_told_from_those_that_cannot(workspace, folder):
    dataset = prepare(workspace, "tables", changed(protected=("gender",)), path=folder)
    assert dataset.attributes == ["gender", "years", "note"]
    assert dataset.protected == ["gender"]
    years = table(workspace, dataset, "users", ["years"])["years"]
    assert len(years.cat.categories) == 5
    assert years.cat.categories[0].startswith("under ")
    assert years.cat.categories[-1].endswith(" and over")


def test_preparing_the_same_again_reads_and_writes_nothing(workspace, folder, monkeypatch):
    first = prepare(workspace, "tables", SMALL, path=folder)
    before = snapshot(workspace)
    unread = replace(sources.SOURCES["tables"], read=lambda *_: pytest.fail("was read again"))
    monkeypatch.setitem(sources.SOURCES, "tables", unread)
    assert prepare(workspace, "tables", SMALL, path=folder) == first
    assert snapshot(workspace) == before


def test_the_id_follows_from_content_and_settings_and_not_from_the_place(workspace, folder, rewrite):
    first = prepare(workspace, "tables", SMALL, path=folder)
    elsewhere = folder.rename(folder.with_name("elsewhere"))
    assert prepare(workspace, "tables", SMALL, path=elsewhere).id == first.id
    elsewhere.rename(folder)
    assert prepare(workspace, "tables", changed(minimum_item_users=4), path=folder).id != first.id
    rewrite("items", lambda items: items.assign(title="other"))
    assert prepare(workspace, "tables", SMALL, path=folder).id != first.id


def test_a_damaged_file_is_mended_by_preparing_again(workspace, folder):
    first = prepare(workspace, "tables", SMALL, path=folder)
    (workspace.root / "artefacts" / first.tables["events"].path).write_bytes(b"damaged")
    again = prepare(workspace, "tables", SMALL, path=folder)
    assert again.id == first.id
    assert len(table(workspace, again, "events")) == first.counts["events"]


def test_the_order_of_rows_changes_nothing(shop):
    shuffled = {name: frame.sample(frac=1, random_state=3) for name, frame in shop.present().items()}
    one, other = (build(tables, SMALL).tables for tables in (shop, Tables(**shuffled)))
    for name in ("users", "items"):
        pd.testing.assert_frame_equal(one[name], other[name])
    pd.testing.assert_frame_equal(
        one["events"].drop(columns="basket"), other["events"].drop(columns="basket")
    )


def test_nothing_after_the_split_reaches_the_catalogue_or_what_is_said_of_its_items(shop):
    cut = pd.Timestamp("2024-04-20")
    future = shop.events["timestamp"] >= cut
    altered = shop.events.copy()
    altered.loc[future, "item_id"] = np.where(np.arange(future.sum()) % 2, "i00", "i01")
    altered.loc[future, ["list_price", "paid_price"]] = 99.0
    one, other = (
        build(replace(shop, events=events), SMALL).tables["items"] for events in (shop.events, altered)
    )
    pd.testing.assert_frame_equal(one, other)
    assert one.loc[one["item_id"] == "i14", "in_catalogue"].tolist() == [False]
    assert one["in_catalogue"].is_monotonic_decreasing


def test_leave_one_out_builds_the_catalogue_without_the_last_two_baskets(shop):
    built = build(shop, changed(split="leave_one_out"))
    events, items = built.tables["events"], built.tables["items"]
    last = events.groupby("user").tail(1)
    assert (last["split"] == 2).all()
    training = events[events["split"] == 0]
    buyers = training.groupby("item")["user"].nunique().reindex(items.index, fill_value=0)
    assert items["in_catalogue"].tolist() == (buyers >= 3).tolist()
    assert set(built.period) == {"start", "end"}


def test_views_do_not_make_an_item_a_bought_one(shop):
    kinds = np.where(shop.events["item_id"] == "i03", "view", "purchase")
    items = build(replace(shop, events=shop.events.assign(event=kinds)), SMALL).tables["items"]
    assert items.set_index("item_id")["in_catalogue"].loc[["i03", "i04"]].tolist() == [False, True]


def test_a_sample_is_chosen_by_id_and_grows_by_adding(shop):
    def chosen(tables: Tables, size: int) -> set[str]:
        return set(sample_users(tables, changed(sample_users=size))[0].events["user_id"])

    reversed_shop = replace(shop, events=shop.events.iloc[::-1])
    assert chosen(shop, 20) == chosen(reversed_shop, 20)
    assert chosen(shop, 20) < chosen(shop, 30)
    sampled, notes = sample_users(shop, changed(sample_users=25))
    assert set(sampled.users["user_id"]) == set(sampled.events["user_id"])
    assert (len(sampled.users), notes) == (25, ["A sample of 25 of 40 users."])
    assert sample_users(shop, changed(sample_users=40))[1] == []


def test_what_the_data_lack_is_named_with_table_and_column(shop):
    bare = replace(shop, events=shop.events.drop(columns=["list_price", "paid_price"]), users=None)
    missing = build(bare, SMALL).missing
    assert missing["pricing"] == "events.list_price"
    assert missing["discounts"] == "events.list_price, events.paid_price"
    assert missing["groups"] == "users table"
    assert missing["service"] == "service table with satisfaction"
    assert "channels" not in missing


def test_columns_that_nothing_uses_are_noted(shop):
    notes = build(replace(shop, events=shop.events.assign(colour="red")), SMALL).notes
    assert notes == ["Columns of events that are not used: colour."]


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        (changed(protected=("gender", "religion")), r"'religion' is no user attribute. .*gender, years"),
        (changed(validation_days=30, test_days=30), r"cover 60 days .* at least 180"),
        (changed(minimum_item_users=41), "Nothing can be recommended"),
        (changed(maximum_quantity=0.5), r"No event is left after cleaning: [\d,]+ × sold by volume"),
    ],
)
def test_settings_that_do_not_fit_are_refused_and_change_nothing(workspace, folder, settings, message):
    before = snapshot(workspace)
    with pytest.raises(SettingsError, match=message):
        prepare(workspace, "tables", settings, path=folder)
    assert snapshot(workspace) == before


def test_a_catalogue_that_nobody_buys_from_in_a_window_is_refused(shop):
    ends = [
        shop.events[shop.events["timestamp"] < "2024-04-20"],
        shop.events[shop.events["item_id"] == "i14"],
    ]
    with pytest.raises(SettingsError, match="No item of the catalogue is bought in the validation window"):
        build(replace(shop, events=pd.concat(ends)), SMALL)


@pytest.mark.parametrize(
    ("name", "how", "message"),
    [
        ("events", lambda t: t.drop(columns="item_id"), "events.csv, column 'item_id': is missing"),
        ("events", lambda t: t.iloc[:0], "events.csv: has a header but no rows"),
        (
            "events",
            lambda t: t.assign(list_price="-1"),
            r"events.csv, column 'list_price': is below 0 \(row 1, 2",
        ),
        (
            "events",
            lambda t: t.assign(paid_price=None),
            "events.csv: a purchase lacks its paid_price",
        ),
        ("events", lambda t: t.assign(timestamp="soon"), "events.csv, column 'timestamp': is no date"),
        (
            "users",
            lambda t: pd.concat([t, t]),
            r"users.csv, column 'user_id': stands more than once \(row 41",
        ),
        ("items", lambda t: t.assign(item_id=""), "items.csv, column 'item_id': is blank"),
    ],
)
def test_a_file_that_breaks_its_contract_changes_nothing(workspace, folder, rewrite, name, how, message):
    prepare(workspace, "tables", SMALL, path=folder)
    rewrite(name, how)
    before = snapshot(workspace)
    with pytest.raises(TableError, match=message):
        prepare(workspace, "tables", SMALL, path=folder)
    assert snapshot(workspace) == before


def test_a_folder_without_events_or_with_a_stray_link_is_refused(workspace, folder, tmp_path):
    outside = tmp_path / "outside.csv"
    (folder / "items.csv").rename(outside)
    (folder / "items.csv").symlink_to(outside)
    with pytest.raises(TableError, match="is a link to somewhere outside of the folder"):
        prepare(workspace, "tables", SMALL, path=folder)
    (folder / "items.csv").unlink()
    (folder / "users.tsv").write_text("user_id\n")
    with pytest.raises(TableError, match=r"two files for table users: users.csv, users.tsv"):
        prepare(workspace, "tables", SMALL, path=folder)
    (folder / "events.csv").rename(folder / "purchases.csv")
    with pytest.raises(TableError, match=r"holds no events.csv or events.parquet; it holds purchases.csv"):
        prepare(workspace, "tables", SMALL, path=folder)
    with pytest.raises(TableError, match="there is no such folder"):
        prepare(workspace, "tables", SMALL, path=folder / "absent")


def test_an_unknown_source_or_a_missing_path_is_refused(workspace):
    with pytest.raises(NotFound, match="no source 'shopify'; there are complete_journey, tables"):
        prepare(workspace, "shopify", SMALL)
    with pytest.raises(SettingsError, match="needs a path"):
        prepare(workspace, "tables", SMALL)


@pytest.mark.parametrize("calls", [0, 1, 3, 6, 9, 11])
def test_a_cancelled_preparation_commits_nothing(workspace, folder, calls):
    left = iter(range(calls))

    def progress(stage: str, fraction: float, message: str = "") -> None:
        if next(left, None) is None:
            raise Cancelled("stop")

    with pytest.raises(Cancelled):
        prepare(workspace, "tables", SMALL, path=folder, progress=progress)
    assert workspace.documents.count(DATASETS) == 0
    assert prepare(workspace, "tables", SMALL, path=folder).counts["users"] == 40


def test_progress_never_goes_back(workspace, folder):
    fractions = []
    prepare(
        workspace,
        "tables",
        SMALL,
        path=folder,
        progress=lambda stage, fraction, message="": fractions.append(fraction),
    )
    assert fractions == sorted(fractions)
    assert 0 <= fractions[0] <= fractions[-1] <= 1


@pytest.mark.parametrize("id", ["ds-absent", "../secret", "", "x" * 5000, "{'$ne': null}"])
def test_an_unknown_dataset_is_named_with_those_that_there_are(workspace, folder, id):
    with pytest.raises(NotFound, match="none yet"):
        load(workspace, id)
    dataset = prepare(workspace, "tables", SMALL, path=folder)
    with pytest.raises(NotFound, match=dataset.id):
        load(workspace, id)
    with pytest.raises(NotFound, match="has no table 'reviews'; it has events, users, items"):
        table(workspace, dataset, "reviews")


def test_a_dataset_document_survives_the_store(workspace, folder):
    dataset = prepare(workspace, "tables", changed(sample_users=30), path=folder)
    stored = Dataset.model_validate(workspace.documents.get(DATASETS, dataset.id))
    assert stored == dataset
    assert DatasetSettings.model_validate(stored.settings).sample_users == 30
    assert dataset.name == "my_shop, 30 users"


def test_other_tables_are_kept_with_codes(workspace, folder, shop):
    ids = shop.users["user_id"]
    service = pd.DataFrame({"user_id": ids, "timestamp": "2024-03-02", "satisfaction": "4"})
    service.loc[0, "user_id"] = "nobody"
    service.to_csv(folder / "service.csv", index=False)
    dataset = prepare(workspace, "tables", SMALL, path=folder)
    kept = table(workspace, dataset, "service")
    assert kept.columns.tolist() == ["user", "timestamp", "satisfaction"]
    assert kept["user"].tolist() == list(range(1, 40))
    assert "service" not in dataset.missing
    assert [count.affected for count in dataset.quality if count.table == "service"] == [1]


def test_one_user_or_one_item_is_refused_in_words(shop):
    for column in ("user_id", "item_id"):
        events = shop.events.assign(**{column: shop.events[column].iloc[0]})
        settings = changed(minimum_item_users=3)
        if column == "user_id":
            with pytest.raises(InputError, match="Nothing can be recommended"):
                build(replace(shop, events=events), settings)
        else:
            assert build(replace(shop, events=events), settings).tables["items"]["in_catalogue"].sum() == 1


def test_made_shops_of_any_seed_add_up():
    for seed in range(3):
        built = build(made_shop(seed=seed), SMALL)
        dropped = sum(c.affected for c in built.quality if c.table == "events" and c.action == "dropped")
        assert dropped + len(built.tables["events"]) == len(made_shop(seed=seed).events)


def test_a_window_with_views_alone_is_refused_since_nothing_could_be_judged(workspace, folder, rewrite):
    rewrite("events", lambda t: t.assign(event=np.where(t["timestamp"] < "2024-04-25", "purchase", "view")))
    with pytest.raises(SettingsError, match="No item of the catalogue is bought in the test window"):
        prepare(workspace, "tables", SMALL, path=folder)


def test_data_without_a_purchase_say_that_every_event_counts_as_one(workspace, folder, rewrite):
    rewrite("events", lambda t: t.assign(event=np.where(t.index % 2, "View", "order")))
    dataset = prepare(workspace, "tables", SMALL, path=folder)
    assert "No event is a 'purchase' (there are: order, view), so each counts as one." in dataset.notes


def test_kinds_of_event_without_end_are_refused(workspace, folder, rewrite):
    rewrite("events", lambda t: t.assign(event=[f"kind {place % 150}" for place in range(len(t))]))
    with pytest.raises(TableError, match="has 150 kinds of event such as 'kind 0'"):
        prepare(workspace, "tables", SMALL, path=folder)


@pytest.mark.parametrize("days", [1, 4])
def test_a_calendar_too_short_for_any_windows_offers_none(workspace, folder, rewrite, days):
    rewrite(
        "events", lambda t: t.assign(timestamp=[f"2024-03-0{1 + place % days}" for place in range(len(t))])
    )
    with pytest.raises(SettingsError, match="too few for windows") as caught:
        prepare(workspace, "tables", SMALL, path=folder)
    assert "days together" not in str(caught.value)
    assert "split=leave_one_out" in str(caught.value)


def test_a_table_that_is_a_folder_or_cannot_be_opened_is_one_clear_error(workspace, folder):
    (folder / "items.csv").unlink()
    (folder / "items.csv").mkdir()
    with pytest.raises(TableError, match=r"items.csv: is no file"):
        prepare(workspace, "tables", SMALL, path=folder)
    with pytest.raises(TableError, match="the folder cannot be opened"):
        prepare(workspace, "tables", SMALL, path=folder / ("x" * 300))
