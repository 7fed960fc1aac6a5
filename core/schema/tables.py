"""The table contracts: the only place where a column name is spelled.

Two forms of each table exist. At the edge (files, uploads, collections) identifiers are strings and the
contracts below hold. Inside a prepared dataset users, items and baskets are dense int32 codes (`user`,
`item`, `basket`), times are UTC without zone, money is per unit in one currency.
"""

from dataclasses import dataclass, fields

import pandas as pd
import pandera.pandas as pa

# Identifiers at the edge
USER_ID, ITEM_ID, BASKET_ID, PROVIDER_ID = "user_id", "item_id", "basket_id", "provider_id"
CAMPAIGN_ID, ORDER_ID = "campaign_id", "order_id"
# Dense codes inside
USER, ITEM, BASKET = "user", "item", "basket"
PURCHASES_SO_FAR = "purchases_so_far"  # user attribute of shops that name none: made of the events
USER_NUMBERS = "user_numbers"  # table: attributes of users that are labels of bands in `users`, as numbers
# events
TIMESTAMP, EVENT, QUANTITY, CHANNEL = "timestamp", "event", "quantity", "channel"
LIST_PRICE, PAID_PRICE = "list_price", "paid_price"
LOYALTY_DISCOUNT, COUPON_DISCOUNT, COUPON_MATCH = (
    "loyalty_discount",
    "coupon_discount",
    "coupon_match_discount",
)
SPLIT = "split"
# items
TITLE, DESCRIPTION, CATEGORY, BRAND, IMAGE = "title", "description", "category", "brand", "image"
IN_CATALOGUE = "in_catalogue"
PRICE_BAND, POPULARITY_BAND = "price_band", "popularity_band"
# reviews and service
RATING, TEXT, RECOMMENDED = "rating", "text", "recommended"
SATISFACTION, PROMISED_AT, DELIVERED_AT = "satisfaction", "promised_at", "delivered_at"
RETURNED, FREIGHT = "returned", "freight"
REVIEWED_AT = "reviewed_at"  # when the satisfaction came to be known
# service tables put together from samples: drawn at random, so that rates may be told from these rows
IN_RANDOM_5K, IN_RANDOM_20K = "in_random_5k", "in_random_20k"
UNBIASED = "unbiased"  # of predictions: rows that rates may be told from
# further columns of service that are known when the order is placed; what else there is may tell of the outcome
KNOWN_AT_ORDER = (
    "price",
    "pieces",
    "sellers",
    "weight_g",
    "volume_cm3",
    "seller_state",
    "payment",
    "instalments",
    "purchase_time_known",
)
MEASURED_AT_ORDER = ("distance_km", "price", "pieces", "sellers", "weight_g", "volume_cm3", "instalments")
FLAGGED_AT_ORDER = ("same_state", "purchase_time_known")
DRAWN_AT_RANDOM = (IN_RANDOM_5K, IN_RANDOM_20K)
# predictions of service quality
OUTCOME, OBSERVED, PREDICTED, EXPECTED, LOW, HIGH = (
    "outcome",
    "observed",
    "predicted",
    "expected",
    "low",
    "high",
)
# remarks: what reviews say of an aspect, by review row, sentence and characters (start, end) of title and text
REVIEW, SENTENCE, ASPECT, POLARITY, PROBABILITY = "review", "sentence", "aspect", "polarity", "probability"
# behaviour: will a user buy within so many days, and which way do the next steps go
HORIZON_DAYS, BASELINE_PROBABILITY, PATH = "horizon_days", "baseline_probability", "path"
# offers
START, END, DISCOUNT, REDEEMED_AT, REDEMPTIONS = "start", "end", "discount", "redeemed_at", "redemptions"
COUPON_ID = "coupon_id"
# impressions and recommendations
RANK, SCORE, POLICY, CLICKED, PURCHASED, PROPENSITY = (
    "rank",
    "score",
    "policy",
    "clicked",
    "purchased",
    "propensity",
)
# feedback: reactions to recommendations, in impressions and service
DISMISSED, COMPLAINED, REASON = "dismissed", "complained", "reason"
# table of what analysts said of products in lists: `user`, `item`, `rating`, `dismissed`
JUDGEMENTS = "judgements"
# promotions: what stood on display or in the mailer, per item, channel and week (local date of its Monday)
WEEK, DISPLAY, MAILER = "week", "display", "mailer"

# recency and frequency of a user and an item

UNKNOWN = "Unknown"
OTHERS = "all others"  # the rarer values of a dimension, summed up
PURCHASE = "purchase"
PER_UNIT = (LIST_PRICE, PAID_PRICE, LOYALTY_DISCOUNT, COUPON_DISCOUNT, COUPON_MATCH)
LONGEST_IDENTIFIER, LONGEST_TEXT = 200, 100_000  # characters


def _identifier(*, required: bool = True) -> pa.Column:
    checks = [
        pa.Check(lambda ids: ids.str.strip().str.len() > 0, error="is blank"),
        pa.Check.str_length(
            max_value=LONGEST_IDENTIFIER, error=f"is longer than {LONGEST_IDENTIFIER} characters"
        ),
    ]
    return pa.Column(str, checks, required=required, nullable=not required, coerce=True)


def _time(*, nullable: bool = False, required: bool = True) -> pa.Column:
    return pa.Column("datetime64[us]", nullable=nullable, required=required, coerce=True)


def _number(
    low: float | None = None, high: float | None = None, *, required: bool = False, nullable: bool = False
):
    checks = []
    if low is not None:
        checks.append(pa.Check.ge(low, error=f"is below {low:g}"))
    if high is not None:
        checks.append(pa.Check.le(high, error=f"is above {high:g}"))
    return pa.Column(float, checks, required=required, nullable=nullable, coerce=True)


def _text() -> pa.Column:
    short = pa.Check.str_length(max_value=LONGEST_TEXT, error=f"is longer than {LONGEST_TEXT:,} characters")
    return pa.Column(str, short, required=False, nullable=True, coerce=True)


def _flag() -> pa.Column:
    return pa.Column("boolean", required=False, nullable=True, coerce=True)


def _known_for_purchases(name: str) -> pa.Check:
    """Views and carts may come without quantity and prices; purchases, in a file that has them, may not."""

    def known(events: pd.DataFrame) -> pd.Series:
        if name not in events:
            return pd.Series(True, events.index)
        if EVENT not in events:
            return events[name].notna()
        return events[name].notna() | (events[EVENT].fillna(PURCHASE).str.lower() != PURCHASE)

    return pa.Check(known, error=f"a purchase lacks its {name}", ignore_na=False)


def _table(
    columns: dict[str, pa.Column], unique: list[str] | None = None, checks: list[pa.Check] | None = None
) -> pa.DataFrameSchema:
    return pa.DataFrameSchema(
        columns, checks=checks, unique=unique, report_duplicates="exclude_first", strict=False
    )


CONTRACTS: dict[str, pa.DataFrameSchema] = {
    "events": _table(
        {
            USER_ID: _identifier(),
            ITEM_ID: _identifier(),
            TIMESTAMP: _time(),
            EVENT: _text(),
            QUANTITY: _number(0, nullable=True),
            LIST_PRICE: _number(0, nullable=True),
            PAID_PRICE: _number(0, nullable=True),
            LOYALTY_DISCOUNT: _number(0, nullable=True),
            COUPON_DISCOUNT: _number(0, nullable=True),
            COUPON_MATCH: _number(0, nullable=True),
            BASKET_ID: _identifier(required=False),
            CHANNEL: _text(),
        },
        checks=[_known_for_purchases(name) for name in (QUANTITY, *PER_UNIT)],
    ),
    "users": _table({USER_ID: _identifier()}, unique=[USER_ID]),
    "items": _table(
        {
            ITEM_ID: _identifier(),
            TITLE: _text(),
            DESCRIPTION: _text(),
            CATEGORY: _text(),
            BRAND: _text(),
            PROVIDER_ID: _identifier(required=False),
            LIST_PRICE: _number(0, nullable=True),
            IMAGE: _text(),
        },
        unique=[ITEM_ID],
    ),
    "reviews": _table(
        {
            USER_ID: _identifier(),
            ITEM_ID: _identifier(),
            TIMESTAMP: _time(),
            RATING: _number(required=True),
            TITLE: _text(),
            TEXT: _text(),
            RECOMMENDED: _flag(),
        }
    ),
    "service": _table(
        {
            USER_ID: _identifier(),
            TIMESTAMP: _time(),
            ITEM_ID: _identifier(required=False),
            ORDER_ID: _identifier(required=False),
            SATISFACTION: _number(1, 5, nullable=True),
            PROMISED_AT: _time(nullable=True, required=False),
            DELIVERED_AT: _time(nullable=True, required=False),
            REVIEWED_AT: _time(nullable=True, required=False),
            RETURNED: _flag(),
            COMPLAINED: _flag(),
            REASON: _text(),
            FREIGHT: _number(0, nullable=True),
            **{name: _number(0, nullable=True) for name in MEASURED_AT_ORDER},
            **{name: _flag() for name in (*FLAGGED_AT_ORDER, *DRAWN_AT_RANDOM)},
        }
    ),
    "offers": _table(
        {
            USER_ID: _identifier(),
            START: _time(),
            END: _time(),
            CAMPAIGN_ID: _identifier(required=False),
            ITEM_ID: _identifier(required=False),
            DISCOUNT: _number(0, nullable=True),
            REDEEMED_AT: _time(nullable=True, required=False),
            REDEMPTIONS: _number(0),
        }
    ),
    "coupons": _table(
        {CAMPAIGN_ID: _identifier(), ITEM_ID: _identifier(), COUPON_ID: _identifier(required=False)},
    ),
    "impressions": _table(
        {
            USER_ID: _identifier(),
            ITEM_ID: _identifier(),
            RANK: _number(1, required=True),
            TIMESTAMP: _time(),
            POLICY: _text(),
            CLICKED: _flag(),
            PURCHASED: _flag(),
            DISMISSED: _flag(),
            REASON: _text(),
            PROPENSITY: _number(0, 1, nullable=True),
        }
    ),
    "recommendations": _table(
        {
            USER_ID: _identifier(),
            ITEM_ID: _identifier(),
            RANK: _number(required=True),  # odd ones are left out where lists are read, and told
            SCORE: _number(nullable=True),
            POLICY: _text(),
        },
        unique=[USER_ID, ITEM_ID],
    ),
    "promotions": _table(
        {ITEM_ID: _identifier(), CHANNEL: _text(), WEEK: _time(), DISPLAY: _text(), MAILER: _text()},
    ),
}

REQUIRED_TABLES = ("events",)


@dataclass(frozen=True)
class Tables:
    """The tables of one shop in the form of the contracts; absent tables are None."""

    events: pd.DataFrame
    users: pd.DataFrame | None = None
    items: pd.DataFrame | None = None
    reviews: pd.DataFrame | None = None
    service: pd.DataFrame | None = None
    offers: pd.DataFrame | None = None
    coupons: pd.DataFrame | None = None
    impressions: pd.DataFrame | None = None
    recommendations: pd.DataFrame | None = None
    promotions: pd.DataFrame | None = None
    judgements: pd.DataFrame | None = None  # of analysts; no source holds it

    def present(self) -> dict[str, pd.DataFrame]:
        """The tables that are there, by name."""
        every = {field.name: getattr(self, field.name) for field in fields(self)}
        return {name: table for name, table in every.items() if table is not None}
