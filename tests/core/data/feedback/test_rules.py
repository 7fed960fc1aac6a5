"""Which rows of feedback are used: each bad one is counted, named and set aside, and nothing else is lost."""

import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st

from core.data.feedback.rules import REASON_ASIDE, ROW, Known, judge, reactions_in
from core.errors import TableError
from core.schema.tables import CLICKED, ITEM_ID, RANK, SATISFACTION, TIMESTAMP, USER_ID

USERS, ITEMS = pd.Index(["ann", "bob"]), pd.Index(["tea", "jam"])
NO_IMPRESSIONS = pd.DataFrame(
    {
        USER_ID: pd.Series(dtype="str"),
        ITEM_ID: pd.Series(dtype="str"),
        RANK: pd.Series(dtype=float),
        TIMESTAMP: pd.Series(dtype="datetime64[us]"),
    }
)
NO_SERVICE = pd.DataFrame({USER_ID: pd.Series(dtype="str"), TIMESTAMP: pd.Series(dtype="datetime64[us]")})
NOTHING_BEFORE = Known(USERS, ITEMS, NO_IMPRESSIONS, NO_SERVICE)


def rows(*lines: tuple) -> pd.DataFrame:
    """User, item, rank, time, clicked."""
    return pd.DataFrame(lines, columns=[USER_ID, ITEM_ID, RANK, TIMESTAMP, CLICKED], dtype="str")


SHOWN = ("ann", "tea", "1", "2026-03-01 10:00", None)
BAD = {
    "No place in a list": ("ann", "jam", "1.5", "2026-03-01 10:00", "yes"),
    "Unknown user": ("eve", "tea", "1", "2026-03-01 10:00", None),
    "Unknown item": ("ann", "ham", "1", "2026-03-01 10:00", None),
    "The same row twice": SHOWN,
    "Says nothing": ("ann", "tea", None, "2026-03-01 11:00", None),
    "Without an impression": ("bob", "jam", None, "2026-03-01 11:00", "yes"),
    "Before the impression": ("ann", "tea", None, "2026-03-01 09:59", "yes"),
    "rank is below 1": ("ann", "jam", "0", "2026-03-01 10:00", None),
    "rank is no number": ("ann", "jam", "first", "2026-03-01 10:00", None),
    "clicked is neither yes nor no": ("ann", "jam", "1", "2026-03-01 10:00", "perhaps"),
    "user_id is blank": (" ", "jam", "1", "2026-03-01 10:00", None),
    "timestamp lies in the future": ("ann", "jam", "1", "2090-03-01 10:00", None),
}


@pytest.mark.parametrize("reason", BAD)
def test_each_bad_row_is_named_and_the_good_one_stays(reason):
    found = judge(rows(SHOWN, BAD[reason]), "impressions", "log.csv", NOTHING_BEFORE)
    assert found.rows[[USER_ID, ITEM_ID, RANK]].values.tolist() == [["ann", "tea", 1.0]]
    assert found.aside[[ROW, REASON_ASIDE]].values.tolist() == [[2, reason]]
    assert [(count.rule, count.affected) for count in found.counts] == [(reason, 1)]


@given(st.lists(st.sampled_from([SHOWN, *BAD.values()]), min_size=1, max_size=20))
def test_usable_and_set_aside_add_up_to_what_came(lines):
    found = judge(rows(*lines), "impressions", "log.csv", NOTHING_BEFORE)
    assert len(found.rows) + len(found.aside) == len(lines)
    assert sum(count.affected for count in found.counts) == len(found.aside)
    assert len(found.rows) <= 1  # only the impression itself, once


def test_a_reaction_on_its_own_belongs_to_an_impression_of_this_file_or_an_earlier_one():
    click = ("ann", "tea", None, "2026-03-01 10:05", "1")
    together = judge(rows(SHOWN, click), "impressions", "log.csv", NOTHING_BEFORE)
    assert len(together.rows) == 2
    assert together.rows[RANK].isna().tolist() == [False, True]
    earlier = judge(rows(SHOWN), "impressions", "log.csv", NOTHING_BEFORE).rows
    later = judge(rows(click), "impressions", "clicks.csv", Known(USERS, ITEMS, earlier, NO_SERVICE))
    assert len(later.rows) == 1
    assert later.aside.empty


def test_a_rank_that_no_list_has_is_set_aside_whatever_else_the_row_says():
    lines = rows(("ann", "tea", "1e19", "2026-03-01", "yes"), ("ann", "jam", "10000", "2026-03-01", "yes"))
    found = judge(lines, "impressions", "log.csv", NOTHING_BEFORE)
    assert found.aside[REASON_ASIDE].tolist() == ["No place in a list"]
    assert found.rows[RANK].tolist() == [10_000]


def test_what_came_before_is_not_taken_twice_but_a_new_reaction_to_it_is():
    earlier = judge(rows(SHOWN), "impressions", "log.csv", NOTHING_BEFORE).rows
    known = Known(USERS, ITEMS, earlier, NO_SERVICE)
    again = judge(rows(SHOWN, (*SHOWN[:4], "yes")), "impressions", "log2.csv", known)
    assert again.aside[REASON_ASIDE].tolist() == ["The same row twice"]
    assert again.rows[CLICKED].tolist() == [True]


def test_ratings_before_the_impression_are_set_aside_and_others_kept():
    shown = judge(rows(SHOWN), "impressions", "log.csv", NOTHING_BEFORE).rows
    lines = pd.DataFrame(
        {
            USER_ID: ["ann", "ann", "bob", "bob", "ann", "bob"],
            ITEM_ID: ["tea", "tea", "jam", None, "ham", "jam"],
            TIMESTAMP: ["2026-02-28", "2026-03-04", "2026-03-04", "2026-03-05", "2026-03-05", "2026-03-06"],
            SATISFACTION: ["4", "5", "1", "2", "3", None],
            "comment_of_shop": "",
        }
    )
    found = judge(lines, "service", "ratings.csv", Known(USERS, ITEMS, shown, NO_SERVICE))
    assert found.rows[SATISFACTION].tolist() == [5.0, 1.0, 2.0]
    assert found.aside[REASON_ASIDE].tolist() == ["Before the impression", "Unknown item", "Says nothing"]


def test_operators_and_markup_are_text():
    lines = rows(
        ('{"$ne": null}', "tea", "1", "2026-03-01", None), ("ann", "<b>tea</b>", "1", "2026-03-01", None)
    )
    found = judge(lines, "impressions", "log.csv", NOTHING_BEFORE)
    assert found.rows.empty
    assert found.aside[USER_ID].tolist() == ['{"$ne": null}', "ann"]


def test_a_file_without_a_required_column_is_refused():
    with pytest.raises(TableError, match=r"item_id.*missing"):
        judge(rows(SHOWN).drop(columns=ITEM_ID), "impressions", "log.csv", NOTHING_BEFORE)
    with pytest.raises(TableError, match=r"the columns are user_id, timestamp, clicked[ .]"):
        judge(rows(SHOWN).drop(columns=[ITEM_ID, RANK]), "impressions", "log.csv", NOTHING_BEFORE)


def test_ratings_with_the_place_beside_them_are_no_impressions():
    shown = judge(rows(SHOWN), "impressions", "log.csv", NOTHING_BEFORE).rows
    told = pd.DataFrame(
        {USER_ID: "ann", ITEM_ID: "tea", RANK: 1, TIMESTAMP: "2026-03-01 10:00", SATISFACTION: [5, 2, 2]}
    )
    told.loc[3] = ["ann", "tea", 1, "2026-03-01 09:00", 4]
    found = judge(told, "service", "ratings.parquet", Known(USERS, ITEMS, shown, NO_SERVICE))
    assert found.rows[SATISFACTION].tolist() == [5.0, 2.0]
    assert found.aside[REASON_ASIDE].tolist() == ["The same row twice", "Before the impression"]


def test_reactions_are_counted_from_their_columns():
    found = judge(rows(SHOWN, (*SHOWN[:3], "2026-03-02", "yes")), "impressions", "log.csv", NOTHING_BEFORE)
    assert reactions_in(found.rows, "impressions") == {"shown": 2, "clicked": 1}
