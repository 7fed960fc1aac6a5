"""Rows that break a contract are set aside, each with its reason; the others are as they would be without them."""

from itertools import pairwise

import pandas as pd
import pytest

from core.data.dataset import table
from core.data.files import read_file
from core.data.prepare import prepare
from core.data.sifting import counted, read_sound, sift
from core.errors import TableError
from core.schema.settings import DatasetSettings
from tests.core.data.conftest import SMALL

BAD = [  # cell, value, why
    ("user_id", "", "is blank"),
    ("item_id", None, "is blank"),
    ("timestamp", "soon", "is no date"),
    ("timestamp", "2099-01-01", "lies in the future"),
    ("timestamp", "1813-01-01", "lies outside of the years"),
    ("list_price", "-1", "is below 0"),
    ("list_price", "two", "is no number"),
    ("list_price", "12,5", "is written with a decimal comma where most rows have a decimal point"),
    ("paid_price", None, "a purchase lacks its paid_price"),
    ("quantity", "inf", "is infinite or too large"),
    ("user_id", "x" * 300, "is longer than 200 characters"),
]


def spoilt(shop) -> pd.DataFrame:
    """The made shop's events as text, every 20th with one of BAD."""
    events = shop.events.astype(str)
    for place, (column, value, _) in enumerate(BAD):
        events.loc[20 * place, column] = value
    return events


def test_every_bad_row_is_set_aside_once_with_its_reason(shop):
    sound, problems = sift(spoilt(shop), "events", "lines")
    assert sorted(row for problem in problems for row in problem.rows) == [
        20 * place for place in range(len(BAD))
    ]
    for place, (column, _, why) in enumerate(BAD):
        (problem,) = [one for one in problems if 20 * place in one.rows]
        assert problem.problem.startswith(why)
        assert problem.column in (column, None)
    expected = shop.events.drop(index=[20 * place for place in range(len(BAD))]).reset_index(drop=True)
    pd.testing.assert_frame_equal(sound[expected.columns], expected, check_dtype=False)


def test_counts_add_up(shop):
    sound, problems = sift(spoilt(shop), "events", "lines")
    counts = counted(problems, "events")
    assert counts[0].read == len(shop.events)
    assert all(later.read == count.read - count.affected for count, later in pairwise(counts))
    assert counts[-1].read - counts[-1].affected == len(sound)


def test_the_later_of_two_rows_with_one_key_goes():
    users = pd.DataFrame({"user_id": ["a", "b", "a", "c"], "age": ["1", "2", "3", "4"]})
    sound, (problem,) = sift(users, "users", "people")
    assert sound["age"].tolist() == ["1", "2", "4"]
    assert (problem.problem, problem.rows.tolist()) == ("stands more than once", [2])


def test_a_column_that_is_wrong_as_a_whole_is_refused(shop):
    events = shop.events.astype(str)
    with pytest.raises(TableError, match="column 'timestamp': is no date"):
        sift(events.assign(timestamp=events["channel"]), "events", "lines")
    with pytest.raises(TableError, match="column 'item_id': is missing"):
        sift(events.drop(columns="item_id"), "events", "lines")


def test_sound_rows_are_as_read_file_gives_them(folder):
    one, other = read_sound(folder / "events.csv", "events"), read_file(folder / "events.csv", "events")
    pd.testing.assert_frame_equal(one, other)
    assert one.attrs["quality"] == []


def test_a_folder_with_bad_rows_is_prepared_where_the_settings_say_so(workspace, folder, shop):
    spoilt(shop).to_csv(folder / "events.csv", index=False)
    with pytest.raises(TableError):
        prepare(workspace, "tables", SMALL, path=folder)
    asked = DatasetSettings(**SMALL.model_dump(exclude_unset=True), bad_rows="set_aside")
    dataset = prepare(workspace, "tables", asked, path=folder)
    assert len(table(workspace, dataset, "events")) == len(shop.events) - len(BAD)
    dropped = [count for count in dataset.quality if count.table == "events" and count.action == "dropped"]
    assert dropped[0].read == len(shop.events)
    assert sum(count.affected for count in dropped) == len(BAD)
    assert "timestamp is no date; write 2024-03-31 or 2024-03-31T18:05:00+01:00" in [
        one.rule for one in dropped
    ]


def test_settings_that_came_later_change_no_id(workspace, folder):
    dataset = prepare(workspace, "tables", SMALL, path=folder)
    again = DatasetSettings(**SMALL.model_dump(exclude_unset=True), bad_rows="refuse", mongodb=None)
    assert prepare(workspace, "tables", again, path=folder).id == dataset.id
