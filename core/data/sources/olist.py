"""Olist: orders of a Brazilian marketplace, 2016 to 2018, with prices, freight, delivery and review scores.

Reads the tables as published ("Brazilian E-Commerce Public Dataset by Olist": olist_orders_dataset.csv, ...) or in
the shorter names of a copy, in which orders and reviews may be samples (orders_sample, order_reviews_sample). What an
order's customer was promised, got and thought of it is one row of `service`.
"""

from pathlib import Path

import pandas as pd
from pandas.api.typing import SeriesGroupBy

from core.data.columns import to_flag, to_identifier, to_number, to_text, to_time
from core.data.files import Converter, check_tables, read_columns
from core.data.sources.folder import found, lacks, read_each
from core.progress import Progress
from core.schema.settings import DatasetSettings
from core.schema.tables import (
    BASKET_ID,
    CATEGORY,
    DELIVERED_AT,
    FREIGHT,
    IN_RANDOM_5K,
    IN_RANDOM_20K,
    ITEM_ID,
    LIST_PRICE,
    ORDER_ID,
    PAID_PRICE,
    PROMISED_AT,
    PROVIDER_ID,
    QUANTITY,
    RATING,
    REVIEWED_AT,
    SATISFACTION,
    TEXT,
    TIMESTAMP,
    TITLE,
    USER_ID,
    Tables,
)

PROTECTED = ("region",)
DEFAULTS = {
    "validation_days": 60,
    "test_days": 60,
    "minimum_item_users": 2,
    "minimum_user_events": 1,
    "currency": "BRL",
}
IN_CASE_SAMPLE = "in_case_sample"
FLAGS = (
    IN_RANDOM_20K,
    IN_RANDOM_5K,
    IN_CASE_SAMPLE,
)  # which sample a row is of; the published files have none
ENDINGS = (".parquet", ".csv")
# Names of each table's file: the one of the copy, the published one
NAMES = {
    "orders": ("orders_sample", "olist_orders_dataset"),
    "lines": ("order_items", "olist_order_items_dataset"),
    "customers": ("customers", "olist_customers_dataset"),
    "payments": ("order_payments", "olist_order_payments_dataset"),
    "reviews": ("order_reviews_sample", "olist_order_reviews_dataset"),
    "products": ("products", "olist_products_dataset"),
    "sellers": ("sellers", "olist_sellers_dataset"),
    "names": ("product_category_name_translation",),
}
PURCHASED, APPROVED = "order_purchase_timestamp", "order_approved_at"
DELIVERED, ESTIMATED = "order_delivered_customer_date", "order_estimated_delivery_date"
ANSWERED, SCORE = "review_answer_timestamp", "review_score"
PERSON, STATE, CITY = "customer_unique_id", "customer_state", "customer_city"
PRODUCT, SELLER, SELLER_STATE = "product_id", "seller_id", "seller_state"
NAME, ENGLISH = "product_category_name", "product_category_name_english"
SIZES = ("product_length_cm", "product_height_cm", "product_width_cm")
PHOTOS, WEIGHT = "product_photos_qty", "product_weight_g"
COLUMNS: dict[str, dict[str, Converter]] = {
    "orders": {ORDER_ID: to_identifier, "customer_id": to_identifier, "order_status": to_text}
    | dict.fromkeys((PURCHASED, APPROVED, DELIVERED, ESTIMATED), to_time)
    | dict.fromkeys(FLAGS, to_flag),
    "lines": dict.fromkeys((ORDER_ID, PRODUCT, SELLER), to_identifier)
    | dict.fromkeys(("price", "freight_value"), to_number),
    "customers": {"customer_id": to_identifier, PERSON: to_identifier, CITY: to_text, STATE: to_text},
    "payments": {ORDER_ID: to_identifier, "payment_type": to_text, "payment_installments": to_number},
    "reviews": {ORDER_ID: to_identifier, SCORE: to_number, ANSWERED: to_time}
    | dict.fromkeys(("review_comment_title", "review_comment_message"), to_text),
    "products": {PRODUCT: to_identifier, NAME: to_text} | dict.fromkeys((*SIZES, PHOTOS, WEIGHT), to_number),
    "sellers": {SELLER: to_identifier, SELLER_STATE: to_text},
    "names": dict.fromkeys((NAME, ENGLISH), to_text),
}
MAY_BE_BLANK = (
    PURCHASED,
    APPROVED,
    DELIVERED,
    NAME,
    *SIZES,
    PHOTOS,
    WEIGHT,
    *FLAGS,
    "review_comment_title",
    "review_comment_message",
)
NOTES = (
    "Olist (Kaggle), CC BY-NC-SA 4.0. Times are Brazilian local times as published; prices and freight in BRL.",
    "An order counts from its purchase or, where that time is not known, from its approval (half of the approvals "
    "come within 21 minutes, nine tenths within 36 hours; bank slips take a day): purchase_time_known in `service`.",
    "Only orders whose customer is known are here. Orders without items (mostly unavailable or cancelled) are no events, "
    "so shares of cancelled orders cannot be told.",
    "promised_at is midnight at the beginning of the estimated day, as published: a delivery on that day counts as late.",
    "Satisfaction is the review score of an order, the last one given where there are several; reviews answered before "
    "the order was placed belong to another order and are left out. `reviews` holds those of orders of one product.",
    "Most customers have one order, so little can be learnt from what somebody bought before. The end of the data is thin.",
)
SAMPLED = (
    "Orders are put together from samples. Tell rates from in_random_20k, review scores from in_random_5k; "
    "in_case_sample holds far too many cancelled and badly rated orders."
)
MISSING = {"discounts": "events.list_price before discounts; only the price that was paid is known"}
MACRO_REGIONS = {
    "North": "AC AM AP PA RO RR TO",
    "Northeast": "AL BA CE MA PB PE PI RN SE",
    "Central-West": "DF GO MS MT",
    "Southeast": "ES MG RJ SP",
    "South": "PR RS SC",
}
REGIONS = {state: region for region, states in MACRO_REGIONS.items() for state in states.split()}
UNTRANSLATED = {
    "pc_gamer": "computers_for_games",
    "portateis_cozinha_e_preparadores_de_alimentos": "portable_kitchen_and_food_processors",
}
MISSPELT = {r"\bfashio\b": "fashion", r"\bcostruction\b": "construction", r"\bconfort\b": "comfort"}


def files(path: Path | None) -> list[Path]:
    """All tables; TableError if one is not there or cannot be read."""
    return list(_found(path).values())


def read(path: Path | None, settings: DatasetSettings, progress: Progress) -> Tables:
    """Order lines as purchases, orders as service, reviews of orders of one product.

    Raises:
        TableError: names the file, column and first rows that break the form.
    """
    raw = read_each(_found(path), _read, progress)
    orders = _orders(raw["orders"], raw["customers"])
    lines = _lines(raw, orders)
    reviews = _reviews(raw["reviews"], orders)
    events = _events(lines, orders)
    events.attrs.update(missing=MISSING, notes=[SAMPLED] if IN_RANDOM_20K in orders else [])
    tables = Tables(
        events,
        users=_users(orders),
        items=_items(raw),
        service=_service(orders, lines, raw["payments"], reviews),
        reviews=_product_reviews(orders, lines, reviews),
    )
    return check_tables(tables, path.resolve().name)


def _read(file: Path, name: str) -> pd.DataFrame:
    required = [column for column in COLUMNS[name] if column not in MAY_BE_BLANK]
    return read_columns(file, COLUMNS[name], required=required)


def _found(path: Path | None) -> dict[str, Path]:
    there = found(path, [name for names in NAMES.values() for name in names], endings=ENDINGS)
    files = {}
    for table, names in NAMES.items():
        given = [there[name] for name in names if name in there]
        if not given:
            raise lacks(path, " or ".join(f"{name}.parquet" for name in names))
        files[table] = given[0]
    return files


def _orders(orders: pd.DataFrame, customers: pd.DataFrame) -> pd.DataFrame:
    """Orders of known customers and times, earliest first; index is the order's id."""
    known = orders.merge(customers.drop_duplicates("customer_id"), on="customer_id")
    known[TIMESTAMP] = known[PURCHASED].fillna(known[APPROVED])
    known = known.dropna(subset=TIMESTAMP).drop_duplicates(ORDER_ID).sort_values([TIMESTAMP, ORDER_ID])
    flags = [flag for flag in FLAGS if known[flag].isna().all()]
    return known.drop(columns=flags).set_index(ORDER_ID)


def _lines(raw: dict[str, pd.DataFrame], orders: pd.DataFrame) -> pd.DataFrame:
    """Lines of known orders with the weight and volume of the product and the state of the seller."""
    lines = raw["lines"][raw["lines"][ORDER_ID].isin(orders.index)]
    products = raw["products"].drop_duplicates(PRODUCT)
    bulk = products[[PRODUCT, WEIGHT]].assign(volume=products[list(SIZES)].prod(axis=1, skipna=False))
    sellers = raw["sellers"].drop_duplicates(SELLER)
    return lines.merge(bulk, on=PRODUCT, how="left").merge(sellers, on=SELLER, how="left")


def _events(lines: pd.DataFrame, orders: pd.DataFrame) -> pd.DataFrame:
    """One event per order, product, seller and price; the publisher has a line for each piece."""
    pieces = lines.groupby([ORDER_ID, PRODUCT, SELLER, "price"], sort=False).size().reset_index(name=QUANTITY)
    order = orders.loc[pieces[ORDER_ID]].reset_index(drop=True)
    return pd.DataFrame(
        {
            USER_ID: order[PERSON],
            ITEM_ID: pieces[PRODUCT],
            TIMESTAMP: order[TIMESTAMP],
            QUANTITY: pieces[QUANTITY].astype(float),
            LIST_PRICE: pieces["price"],
            PAID_PRICE: pieces["price"],
            BASKET_ID: pieces[ORDER_ID],
        }
    )


def _users(orders: pd.DataFrame) -> pd.DataFrame:
    """Where each person lived at the first order."""
    first = orders.drop_duplicates(PERSON)
    return pd.DataFrame(
        {
            USER_ID: first[PERSON],
            "region": first[STATE].map(REGIONS),
            "state": first[STATE],
            "city": first[CITY].str.title(),
        }
    ).reset_index(drop=True)


def _items(raw: dict[str, pd.DataFrame]) -> pd.DataFrame:
    """Products; the seller of one is who sold it most often."""
    products = raw["products"].drop_duplicates(PRODUCT)
    sold = raw["lines"].groupby([PRODUCT, SELLER]).size().rename("pieces").reset_index()
    sold = sold.sort_values(["pieces", SELLER], ascending=[False, True]).drop_duplicates(PRODUCT)
    seller = products[PRODUCT].map(sold.set_index(PRODUCT)[SELLER])
    category = _categories(products[NAME], raw["names"])
    return pd.DataFrame(
        {
            ITEM_ID: products[PRODUCT],
            TITLE: category.fillna("Product") + " " + products[PRODUCT].str[:6],
            CATEGORY: category,
            PROVIDER_ID: seller,
            SELLER_STATE: seller.map(raw["sellers"].drop_duplicates(SELLER).set_index(SELLER)[SELLER_STATE]),
            "weight_g": products[WEIGHT],
            "volume_cm3": products[list(SIZES)].prod(axis=1, skipna=False),
            "photos": pd.cut(products[PHOTOS], [0, 1, 2, 4, 99], labels=["1", "2", "3 to 4", "5 or more"]),
        }
    )


def _categories(names: pd.Series, translation: pd.DataFrame) -> pd.Series:
    """Portuguese names as readable English ones; one that has no translation stays as it is."""
    english = dict(zip(translation[NAME], translation[ENGLISH], strict=True)) | UNTRANSLATED
    readable = names.map(english).fillna(names).str.replace("_", " ").replace(MISSPELT, regex=True)
    return readable.str.capitalize()


def _reviews(reviews: pd.DataFrame, orders: pd.DataFrame) -> pd.DataFrame:
    """The last review of each order; index is the order's id."""
    known = reviews[reviews[ORDER_ID].isin(orders.index)]
    own = known[ANSWERED] >= known[ORDER_ID].map(orders[TIMESTAMP])
    return (
        known[own]
        .sort_values([ORDER_ID, ANSWERED])
        .drop_duplicates(ORDER_ID, keep="last")
        .set_index(ORDER_ID)
    )


def _service(
    orders: pd.DataFrame, lines: pd.DataFrame, payments: pd.DataFrame, reviews: pd.DataFrame
) -> pd.DataFrame:
    """One row per order: what was promised, what came of it, and what was known when it was placed."""
    by_order, paid = lines.groupby(ORDER_ID), payments[payments[ORDER_ID].isin(orders.index)]
    state = _the_only(by_order[SELLER_STATE]).reindex(orders.index)
    kinds = paid.drop_duplicates([ORDER_ID, "payment_type"]).sort_values("payment_type")
    kinds = kinds.groupby(ORDER_ID)["payment_type"].agg(" and ".join).str.replace("_", " ")
    table = pd.DataFrame(
        {
            USER_ID: orders[PERSON],
            TIMESTAMP: orders[TIMESTAMP],
            ITEM_ID: _the_only(by_order[PRODUCT]),
            SATISFACTION: reviews[SCORE],
            REVIEWED_AT: reviews[ANSWERED],
            PROMISED_AT: orders[ESTIMATED],
            DELIVERED_AT: orders[DELIVERED],
            FREIGHT: by_order["freight_value"].sum(),
            "status": orders["order_status"],
            "price": by_order["price"].sum(),
            "pieces": by_order.size(),
            "sellers": by_order[SELLER].nunique(),
            "weight_g": by_order[WEIGHT].sum(min_count=1),
            "volume_cm3": by_order["volume"].sum(min_count=1),
            STATE: orders[STATE],
            SELLER_STATE: state,
            "same_state": (orders[STATE] == state).astype("boolean").where(state.notna()),
            "payment": kinds,
            "instalments": paid.groupby(ORDER_ID)["payment_installments"].max(),
            "purchase_time_known": orders[PURCHASED].notna(),
            **{flag: orders[flag].astype(bool) for flag in FLAGS if flag in orders},
        },
        index=orders.index,
    )
    return table.reset_index()


def _product_reviews(orders: pd.DataFrame, lines: pd.DataFrame, reviews: pd.DataFrame) -> pd.DataFrame:
    """Reviews of orders of one product: of others nobody can tell which product is meant."""
    product = _the_only(lines.groupby(ORDER_ID)[PRODUCT]).dropna()
    told = reviews[reviews.index.isin(product.index)]
    order = orders.loc[told.index]
    table = pd.DataFrame(
        {
            USER_ID: order[PERSON],
            ITEM_ID: product.loc[told.index],
            TIMESTAMP: told[ANSWERED],
            RATING: told[SCORE],
            TITLE: told["review_comment_title"],
            TEXT: told["review_comment_message"],
            **{flag: order[flag].astype(bool) for flag in FLAGS if flag in order},
        }
    )
    return table.reset_index()


def _the_only(values: SeriesGroupBy) -> pd.Series:
    """The value that all of a group have; missing where they differ."""
    return values.first().where(values.nunique() == 1)
