"""The table contracts themselves."""

import pandas as pd
import pandera.errors
import pytest

from core.schema import tables
from core.schema.tables import CONTRACTS, JUDGEMENTS, Tables

TIME = pd.Timestamp("2024-03-01")
MINIMAL = {
    "events": {"user_id": "u", "item_id": "i", "timestamp": TIME},
    "users": {"user_id": "u"},
    "items": {"item_id": "i"},
    "reviews": {"user_id": "u", "item_id": "i", "timestamp": TIME, "rating": 4.0},
    "service": {"user_id": "u", "timestamp": TIME},
    "offers": {"user_id": "u", "start": TIME, "end": TIME},
    "coupons": {"campaign_id": "c", "item_id": "i"},
    "impressions": {"user_id": "u", "item_id": "i", "rank": 1.0, "timestamp": TIME},
    "recommendations": {"user_id": "u", "item_id": "i", "rank": 1.0},
    "promotions": {"item_id": "i", "channel": "s", "week": TIME, "display": "d", "mailer": "m"},
}


def test_every_table_that_a_shop_can_have_has_a_contract():
    assert set(CONTRACTS) == set(Tables.__dataclass_fields__) - {JUDGEMENTS} == set(MINIMAL)


@pytest.mark.parametrize("name", CONTRACTS)
def test_the_required_columns_are_enough_and_each_is_needed(name):
    row = pd.DataFrame([MINIMAL[name]])
    CONTRACTS[name].validate(row)
    for column, rule in CONTRACTS[name].columns.items():
        if rule.required:
            with pytest.raises(pandera.errors.SchemaError):
                CONTRACTS[name].validate(row.drop(columns=column))


@pytest.mark.parametrize(
    ("name", "bad"),
    [
        ("service", {"satisfaction": 6.0}),
        ("service", {"satisfaction": 0.0}),
        ("impressions", {"propensity": 1.2}),
        ("impressions", {"rank": 0.0}),
        ("offers", {"discount": -1.0}),
        ("items", {"title": "x" * 100_001}),
        ("events", {"quantity": None}),
        ("events", {"event": "purchase", "list_price": None}),
        ("events", {"event": None, "list_price": None}),
    ],
)
def test_values_out_of_bounds_break_a_contract(name, bad):
    row = pd.DataFrame([MINIMAL[name] | bad])
    with pytest.raises(pandera.errors.SchemaErrors):
        CONTRACTS[name].validate(row, lazy=True)


def test_only_the_tables_that_are_there_are_present():
    frame = pd.DataFrame()
    assert list(Tables(frame, items=frame).present()) == ["events", "items"]


def test_no_column_name_is_spelled_twice():
    names = [value for key, value in vars(tables).items() if key.isupper() and isinstance(value, str)]
    assert len(names) == len(set(names))
