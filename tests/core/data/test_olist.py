"""Olist: what each order was, cost, promised and became, against the publisher's tables, and bad folders refused."""

from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from core.data.dataset import table
from core.data.prepare import prepare
from core.data.sources import olist
from core.errors import TableError
from core.progress import quiet
from core.schema.settings import DatasetSettings
from core.schema.tables import CONTRACTS, Tables
from tests.core.data.conftest import shared_data
from tests.core.data.refusals import assert_refused

DEFAULT = DatasetSettings()
DAY = pd.Timedelta(days=1)


@pytest.fixture(scope="module")
def real() -> Path:
    return shared_data("olist")


@pytest.fixture(scope="module")
def tables(real) -> Tables:
    return olist.read(real, DEFAULT, quiet)


@pytest.fixture(scope="module")
def raw(real) -> dict[str, pd.DataFrame]:
    return {file.stem: pd.read_parquet(file) for file in real.glob("*.parquet")}


def published(folder: Path, **changes: pd.DataFrame) -> Path:
    """A made set in the published names: order o2 has two products of two sellers, o4 neither time nor lines."""
    folder.mkdir(exist_ok=True)
    day = pd.Timestamp("2018-01-01 10:00") + DAY * np.arange(4)
    made = {
        "olist_orders_dataset": pd.DataFrame(
            {
                "order_id": ["o1", "o2", "o3", "o4"],
                "customer_id": ["c1", "c2", "c3", "c4"],
                "order_status": ["delivered", "delivered", "canceled", "unavailable"],
                "order_purchase_timestamp": [day[0], None, day[2], None],
                "order_approved_at": [day[0] + DAY, day[1], None, None],
                "order_delivered_customer_date": [day[0] + 5 * DAY, day[1] + 20 * DAY, None, None],
                "order_estimated_delivery_date": [pd.Timestamp("2018-01-15")] * 4,
            }
        ),
        "olist_order_items_dataset": pd.DataFrame(
            {
                "order_id": ["o1", "o1", "o2", "o2", "o3"],
                "product_id": ["p1", "p1", "p1", "p2", "p3"],
                "seller_id": ["s1", "s1", "s1", "s2", "s2"],
                "price": [10.0, 10.0, 11.0, 20.0, 5.0],
                "freight_value": [1.0, 1.0, 2.0, 3.0, 4.0],
            }
        ),
        "olist_customers_dataset": pd.DataFrame(
            {
                "customer_id": ["c1", "c2", "c3", "c4"],
                "customer_unique_id": ["ana", "ana", "bia", "caio"],
                "customer_city": ["sao paulo", "recife", "recife", "recife"],
                "customer_state": ["SP", "PE", "PE", "PE"],
            }
        ),
        "olist_order_payments_dataset": pd.DataFrame(
            {
                "order_id": ["o1", "o2", "o2", "o3"],
                "payment_type": ["boleto", "voucher", "credit_card", "credit_card"],
                "payment_installments": [1, 1, 8, 2],
            }
        ),
        "olist_order_reviews_dataset": pd.DataFrame(
            {
                "order_id": ["o1", "o1", "o2", "o3"],
                "review_score": [2, 5, 3, 1],
                "review_comment_title": [None, "bom", None, None],
                "review_comment_message": [None, "muito bom", None, "?"],
                "review_answer_timestamp": [day[0] + 6 * DAY, day[0] + 9 * DAY, day[1] + 21 * DAY, day[0]],
            }
        ),
        "olist_products_dataset": pd.DataFrame(
            {
                "product_id": ["p1", "p2", "p3"],
                "product_category_name": ["fashio_female_clothing", "pc_gamer", None],
                "product_photos_qty": [1, 4, None],
                "product_weight_g": [100, 200, None],
                "product_length_cm": [10, 10, 10],
                "product_height_cm": [10, 10, 10],
                "product_width_cm": [1, 2, None],
            }
        ),
        "olist_sellers_dataset": pd.DataFrame({"seller_id": ["s1", "s2"], "seller_state": ["SP", "PE"]}),
        "product_category_name_translation": pd.DataFrame(
            {"product_category_name": ["x"], "product_category_name_english": ["y"]}
        ),
    }
    for name, frame in (made | changes).items():
        frame.to_csv(folder / f"{name}.csv", index=False)
    return folder


def test_every_line_of_a_known_order_is_an_event_of_its_person(tables, raw):
    orders = raw["orders_sample"].merge(raw["customers"], on="customer_id")
    orders["time"] = orders["order_purchase_timestamp"].fillna(orders["order_approved_at"])
    lines = raw["order_items"].merge(orders.dropna(subset="time"), on="order_id")
    events = tables.events
    assert events["quantity"].sum() == len(lines) == 29_346
    assert (events["paid_price"] * events["quantity"]).sum() == pytest.approx(lines["price"].sum())
    assert events["basket_id"].nunique() == lines["order_id"].nunique()
    expected = lines.drop_duplicates("order_id").set_index("order_id").loc[events["basket_id"]]
    assert events["user_id"].tolist() == expected["customer_unique_id"].tolist()
    assert (events["timestamp"].to_numpy() == expected["time"].to_numpy()).all()


def test_service_has_one_row_per_order_and_the_published_late_share(tables):
    service = tables.service.set_index("order_id")
    assert service.index.is_unique
    assert len(service) == 26_559 - 3
    delivered = service[service["in_random_20k"] & service["delivered_at"].notna()]
    assert (delivered["delivered_at"] > delivered["promised_at"]).mean() == pytest.approx(0.082, abs=5e-4)
    assert service["in_random_5k"].sum() == 5_000
    assert service.loc[service["in_random_5k"], "satisfaction"].notna().sum() == pytest.approx(4_972, abs=10)


def test_what_an_order_cost_and_weighed_is_the_sum_of_its_lines(tables, raw):
    service = tables.service.set_index("order_id")
    lines = raw["order_items"][raw["order_items"]["order_id"].isin(service.index)]
    freight = lines.groupby("order_id")["freight_value"].sum()
    np.testing.assert_allclose(service["freight"].dropna().sort_index(), freight.sort_index())
    products = raw["products"].set_index("product_id")
    one = lines.groupby("order_id").filter(lambda mine: len(mine) == 3).groupby("order_id").first().index[0]
    mine = lines[lines["order_id"] == one]
    assert service.loc[one, "weight_g"] == products.loc[mine["product_id"], "product_weight_g"].sum()
    assert service.loc[one, "pieces"] == 3
    assert service.loc[one, "price"] == pytest.approx(mine["price"].sum())


def test_no_review_was_answered_before_its_order(tables):
    service = tables.service
    told = service["satisfaction"].notna()
    assert (service["reviewed_at"][told] >= service["timestamp"][told]).all()
    assert service["reviewed_at"].isna().equals(~told)
    assert 12_600 < told.sum() <= 12_723


def test_reviews_are_of_orders_of_one_product(tables):
    merged = tables.reviews.merge(tables.service, on="order_id", suffixes=("", "_of_order"))
    assert len(merged) == len(tables.reviews) > 11_000
    assert (merged["item_id"] == merged["item_id_of_order"]).all()
    assert (merged["rating"] == merged["satisfaction"]).all()
    assert tables.reviews["text"].notna().sum() > 3_000


def test_regions_are_those_of_the_states_and_complete(tables):
    assert sorted(olist.REGIONS) == sorted(set(tables.users["state"]))
    assert tables.users["region"].value_counts().idxmax() == "Southeast"
    assert tables.users["region"].notna().all()
    assert tables.users["user_id"].is_unique


def test_the_real_set_prepares_with_its_defaults(lasting, real):
    dataset = prepare(lasting, "olist", DEFAULT, path=real)
    assert (dataset.attributes, dataset.protected) == (["region", "state"], ["region"])
    assert dataset.settings["currency"] == "BRL"
    assert dataset.counts["catalogue"] > 2_000
    assert min(dataset.counts["users_validation"], dataset.counts["users_test"]) > 2_500
    assert not {"service", "reviews", "pricing", "timing", "provider_exposure"} & set(dataset.missing)
    assert "only the price that was paid" in dataset.missing["discounts"]
    assert any("in_random_20k" in note for note in dataset.notes)
    assert {"service", "reviews"} <= set(dataset.tables)
    items = table(lasting, dataset, "items")
    assert items["weight_g"].dtype == items["volume_cm3"].dtype == "float64"
    assert items["photos"].nunique() == 5


def test_the_published_names_are_read_and_rows_follow_the_orders(tmp_path):
    tables = olist.read(published(tmp_path / "kaggle"), DEFAULT, quiet)
    for name, frame in tables.present().items():
        CONTRACTS[name].validate(frame)
    events = tables.events
    assert events[["basket_id", "item_id", "quantity", "paid_price"]].to_numpy().tolist() == [
        ["o1", "p1", 2.0, 10.0],
        ["o2", "p1", 1.0, 11.0],
        ["o2", "p2", 1.0, 20.0],
        ["o3", "p3", 1.0, 5.0],
    ]
    assert events["user_id"].tolist() == ["ana", "ana", "ana", "bia"]
    service = tables.service.set_index("order_id")
    assert service.index.tolist() == ["o1", "o2", "o3"]
    assert service["timestamp"].dt.day.tolist() == [1, 2, 3]
    assert service["purchase_time_known"].tolist() == [True, False, True]
    assert service["item_id"].fillna("several").tolist() == ["p1", "several", "p3"]
    assert service["satisfaction"].fillna(0).tolist() == [5, 3, 0]
    assert service["freight"].tolist() == [2, 5, 4]
    assert service["weight_g"].fillna(-1).tolist() == [200, 300, -1]
    assert service["same_state"].tolist() == [True, pd.NA, True]
    assert service["payment"].tolist() == ["boleto", "credit card and voucher", "credit card"]
    assert service["instalments"].tolist() == [1, 8, 2]
    assert not set(olist.FLAGS) & set(service)
    assert tables.reviews[["item_id", "rating", "text"]].to_numpy().tolist() == [["p1", 5, "muito bom"]]
    assert tables.users.set_index("user_id").loc["ana"].tolist() == ["Southeast", "SP", "Sao Paulo"]
    assert tables.items["category"].fillna("none").tolist() == [
        "Fashion female clothing",
        "Computers for games",
        "none",
    ]
    assert tables.items["provider_id"].tolist() == ["s1", "s2", "s2"]


LINES = pd.DataFrame({"order_id": ["o1"], "product_id": ["p1"], "seller_id": ["s1"], "price": [1.0]})


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        (
            {"olist_order_items_dataset": LINES},
            "olist_order_items_dataset.csv, column 'freight_value': is missing",
        ),
        (
            {"olist_order_items_dataset": LINES.assign(freight_value="free")},
            r"column 'freight_value': is no number \(row 1\)",
        ),
        (
            {
                "olist_sellers_dataset": pd.DataFrame(
                    {"seller_id": ["s1", None], "seller_state": ["SP", "PE"]}
                )
            },
            r"olist_sellers_dataset.csv, column 'seller_id': is blank \(row 2\)",
        ),
        (
            {
                "olist_order_reviews_dataset": pd.DataFrame(
                    {
                        "order_id": ["o1"],
                        "review_score": [6],
                        "review_comment_title": [None],
                        "review_comment_message": [None],
                        "review_answer_timestamp": ["2018-02-01"],
                    }
                )
            },
            "kaggle, table service, column 'satisfaction': is above 5",
        ),
    ],
)
def test_a_bad_table_is_one_clear_line_and_changes_nothing(workspace, tmp_path, changes, message):
    folder = published(tmp_path / "kaggle", **changes)
    assert_refused(workspace, "olist", folder, message)


def test_a_missing_table_is_named(workspace, tmp_path):
    folder = published(tmp_path / "kaggle")
    (folder / "olist_customers_dataset.csv").unlink()
    with pytest.raises(TableError, match=r"no customers.parquet or olist_customers_dataset"):
        prepare(workspace, "olist", DEFAULT, path=folder)
