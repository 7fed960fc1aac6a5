"""Feedback among the tables of a shop: one row per impression, purchases that were lacking, what waits."""

from dataclasses import replace

import pandas as pd
import pytest

from core.data.feedback.joining import FED, together, with_feedback
from core.schema.tables import (
    CLICKED,
    COMPLAINED,
    DISMISSED,
    EVENT,
    ITEM_ID,
    LIST_PRICE,
    PURCHASE,
    PURCHASED,
    QUANTITY,
    RANK,
    RATING,
    SATISFACTION,
    TIMESTAMP,
    USER_ID,
    Tables,
)

FLAGS = [CLICKED, PURCHASED, DISMISSED]


def impressions(*lines: tuple) -> pd.DataFrame:
    """User, item, rank, time, and the names of the flags that hold."""
    rows = [
        (user, item, rank, time, *(True if flag in told else None for flag in FLAGS))
        for user, item, rank, time, *told in lines
    ]
    frame = pd.DataFrame(rows, columns=[USER_ID, ITEM_ID, RANK, TIMESTAMP, *FLAGS])
    types = {USER_ID: "str", ITEM_ID: "str", RANK: float, TIMESTAMP: "datetime64[us]"}
    return frame.astype(types | dict.fromkeys(FLAGS, "boolean"))


def service(*lines: tuple) -> pd.DataFrame:
    """User, item, time, rating, whether it is a complaint."""
    frame = pd.DataFrame(lines, columns=[USER_ID, ITEM_ID, TIMESTAMP, SATISFACTION, COMPLAINED])
    types = {
        USER_ID: "str",
        ITEM_ID: "str",
        TIMESTAMP: "datetime64[us]",
        SATISFACTION: float,
        COMPLAINED: "boolean",
    }
    return frame.astype(types)


@pytest.fixture
def shop() -> Tables:
    events = pd.DataFrame(
        {
            USER_ID: ["ann", "bob", "bob"],
            ITEM_ID: ["tea", "tea", "jam"],
            TIMESTAMP: pd.to_datetime(["2026-01-01", "2026-02-03", "2026-03-01"]).astype("datetime64[us]"),
            EVENT: [PURCHASE, PURCHASE, "view"],
            QUANTITY: [2.0, 1.0, None],
            LIST_PRICE: [3.0, 3.0, None],
        }
    ).astype({USER_ID: "category", ITEM_ID: "category", EVENT: "str"})
    return Tables(events)


def joined(shop: Tables, shown=None, rated=None, flagged=None, judged=None):
    nothing, silence = impressions(), service()
    return with_feedback(
        shop,
        nothing if shown is None else shown,
        silence if rated is None else rated,
        judged_impressions=nothing if flagged is None else flagged,
        judged_service=silence if judged is None else judged,
    )


def test_reactions_that_came_on_their_own_go_to_the_last_impression_before_them():
    found = together(
        impressions(
            ("ann", "tea", 1, "2026-01-01"),
            ("ann", "tea", 3, "2026-01-05"),
            ("ann", "tea", None, "2026-01-06", CLICKED),
            ("ann", "tea", None, "2026-01-08", PURCHASED),
            ("bob", "tea", 1, "2026-01-05", DISMISSED),
        )
    ).sort_values([USER_ID, TIMESTAMP], ignore_index=True)
    assert found[RANK].tolist() == [1, 3, 1]
    assert found[FLAGS].fillna(False).values.tolist() == [
        [False, False, False],
        [True, True, False],
        [False, False, True],
    ]


def test_the_same_impression_told_again_is_one_with_everything_that_came_of_it():
    line = ("ann", "tea", 1, "2026-01-01")
    found = together(impressions(line, (*line, CLICKED), (*line, PURCHASED)))
    assert len(found) == 1
    assert found[FLAGS].fillna(False).values.tolist() == [[True, True, False]]


def test_purchases_that_the_events_hold_are_not_added_and_the_others_are_without_a_price(shop):
    tables, counts = joined(
        shop,
        impressions(
            ("bob", "tea", 1, "2026-02-02", PURCHASED),  # the events hold it, a day later
            ("bob", "jam", 2, "2026-02-02", PURCHASED),  # they hold a view alone, and weeks later
            ("ann", "jam", 1, "2026-02-02", CLICKED),
        ),
    )
    added = tables.events.iloc[3:]
    assert added[[USER_ID, ITEM_ID, EVENT]].values.tolist() == [["bob", "jam", PURCHASE]]
    assert added[QUANTITY].tolist() == [1.0]
    assert added[LIST_PRICE].isna().all()
    assert len(tables.impressions) == 3
    said = {count.rule: count.affected for count in counts}
    assert said == {"Feedback": 3, "Bought, and not among the events": 1}


def test_feedback_later_than_the_events_waits_and_is_told_of(shop):
    tables, counts = joined(
        shop,
        impressions(("ann", "tea", 1, "2026-03-02", CLICKED), ("ann", "tea", 1, "2026-02-02")),
        service(("ann", "tea", "2026-03-09", 5, None)),
    )
    assert tables.impressions[TIMESTAMP].max() < shop.events[TIMESTAMP].max()
    assert tables.service is None
    waiting = {count.table: count.affected for count in counts if count.rule == "Feedback that waits"}
    assert waiting == {"impressions": 1, "service": 1}


def test_a_complaint_without_a_rating_counts_as_the_lowest(shop):
    tables, _ = joined(
        shop, rated=service(("ann", "tea", "2026-01-09", None, True), ("bob", "tea", "2026-02-09", 4, True))
    )
    assert tables.service[SATISFACTION].tolist() == [1.0, 4.0]


def test_what_analysts_said_joins_whatever_its_time_and_stays_apart_from_customers(shop):
    tables, _ = joined(
        shop,
        flagged=impressions(("ann", "jam", 4, "2026-09-09", DISMISSED)),
        judged=service(("bob", "jam", "2026-09-09", 2, None), ("bob", "jam", "2026-09-10", 5, None)),
    )
    assert tables.impressions is None
    assert tables.service is None
    assert tables.judgements.values.tolist() == [["ann", "jam", 1.0, True], ["bob", "jam", 5.0, False]]
    assert tables.judgements.columns.tolist() == [USER_ID, ITEM_ID, RATING, DISMISSED]


def test_without_feedback_nothing_changes(shop):
    tables, counts = joined(shop)
    assert tables is shop
    assert counts == []


def test_reactions_to_the_shops_own_impressions_go_to_these_and_a_purchase_of_theirs_alone_is_not_feedback(
    shop,
):
    own = impressions(("ann", "jam", 2, "2026-01-20", PURCHASED), ("bob", "tea", 1, "2026-01-21", PURCHASED))
    own.attrs["notes"] = ["read as they stand"]
    own = own.astype({USER_ID: "category"})
    shown = impressions(
        ("ann", "jam", None, "2026-01-22", CLICKED),  # on its own
        ("ann", "jam", 2, "2026-01-20", DISMISSED),  # the same impression, told again
    )
    tables, counts = joined(replace(shop, impressions=own), shown)
    found = tables.impressions.sort_values(USER_ID)
    assert found[[USER_ID, RANK]].values.tolist() == [["ann", 2], ["bob", 1]]
    assert found[FLAGS].fillna(False).values.tolist() == [[True, True, True], [False, True, False]]
    assert [count.affected for count in counts] == [1, 0]
    assert len(tables.events) == len(shop.events)
    assert tables.impressions.attrs == own.attrs
    assert set(tables.impressions) == set(own)


def test_where_clicks_are_a_log_of_their_own_what_it_does_not_name_was_shown_in_vain():
    found = together(
        impressions(
            ("ann", "tea", 1, "2026-01-01"),  # before the log
            ("ann", "jam", 1, "2026-01-03"),
            ("bob", "jam", 1, "2026-01-04"),
            ("bob", "tea", 2, "2026-01-09"),  # after it
            ("ann", "jam", None, "2026-01-03", CLICKED),
            ("ann", "jam", None, "2026-01-05", CLICKED),
        )
    ).sort_values(TIMESTAMP)
    assert found[CLICKED].astype(object).where(found[CLICKED].notna(), None).tolist() == [
        None,
        True,
        False,
        None,
    ]
    assert found[[PURCHASED, DISMISSED]].isna().all(axis=None)


def test_users_and_products_that_the_shop_no_longer_has_do_not_come_back_with_a_purchase(shop):
    tables, counts = joined(
        shop,
        impressions(
            ("erased", "tea", 1, "2026-01-02", PURCHASED),
            ("ann", "gone", 1, "2026-01-02", PURCHASED),
            ("ann", "jam", 1, "2026-01-02", PURCHASED),
        ),
    )
    added = tables.events.iloc[3:]
    assert added[[USER_ID, ITEM_ID]].values.tolist() == [["ann", "jam"]]
    assert counts[-1].affected == 1


def test_rows_of_service_that_two_pieces_hold_join_once(shop):
    line = ("ann", "tea", "2026-01-09", 4, None)
    tables, _ = joined(shop, rated=service(line, line, ("ann", "tea", "2026-01-09", 5, None)))
    assert tables.service[SATISFACTION].tolist() == [4.0, 5.0]


def test_what_customers_volunteer_is_told_from_the_shops_own_orders(shop):
    own = service(("ann", "tea", "2026-01-03", None, None), ("bob", "tea", "2026-02-05", 4, None))
    own.attrs["notes"] = ["read as they stand"]
    tables, _ = joined(replace(shop, service=own), rated=service(("ann", "tea", "2026-01-09", None, True)))
    assert tables.service[FED].tolist() == [False, False, True]
    assert tables.service.attrs == own.attrs
    alone, _ = joined(shop, rated=service(("ann", "tea", "2026-01-09", 2, None)))
    assert alone.service[FED].tolist() == [True]
