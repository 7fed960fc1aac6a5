"""Feedback in the workspace, and in the next dataset of its line."""

from pathlib import Path

import pandas as pd
import pytest

from core.cli import main
from core.data.dataset import load, table
from core.data.feedback.keeping import feedback_of, keep, load_file, rows_of
from core.data.prepare import prepare
from core.data.support import TIMING
from core.errors import InputError, NotFound, TableError
from core.schema.documents import DATASETS, Dataset
from core.schema.tables import (
    CLICKED,
    DISMISSED,
    ITEM_ID,
    PURCHASED,
    RANK,
    SATISFACTION,
    TIMESTAMP,
    USER_ID,
)
from core.store.trail import read
from core.store.workspace import Workspace
from tests.conftest import SLICE, Slice, copied


@pytest.fixture
def shop(prepared: Slice, tmp_path: Path):
    """A copy of the slice."""
    copied(prepared.workspace.root, tmp_path / "shop")
    workspace = Workspace.open(tmp_path / "shop", f"sqlite:///{tmp_path}/shop/evenhand.db")
    yield workspace, load(workspace, prepared.dataset.id)
    workspace.close()


def lines(workspace: Workspace, dataset: Dataset, n: int = 40) -> pd.DataFrame:
    """Impressions of known users and items, some with reactions, as a file would have them."""
    users = table(workspace, dataset, "users", [USER_ID])[USER_ID].head(n)
    items = table(workspace, dataset, "items", [ITEM_ID])[ITEM_ID].head(n)
    return pd.DataFrame(
        {
            USER_ID: users.to_numpy(),
            ITEM_ID: items.to_numpy(),
            RANK: "1",
            TIMESTAMP: "2017-06-01 12:00",
            CLICKED: ["yes" if place % 4 == 0 else None for place in range(n)],
            PURCHASED: ["yes" if place % 8 == 0 else None for place in range(n)],
        }
    )


def test_a_file_is_kept_with_what_could_not_be_used(shop, tmp_path):
    workspace, dataset = shop
    good = lines(workspace, dataset)
    bad = good.head(2).assign(**{USER_ID: ["nobody", '{"$ne": null}']})
    file = tmp_path / "impressions.csv"
    pd.concat([good, bad]).to_csv(file, index=False)
    found = load_file(workspace, dataset.id, file, who="Ann")
    assert (found.table, found.count, found.reactions) == (
        "impressions",
        40,
        {"shown": 40, "clicked": 10, "bought": 5},
    )
    assert [(count.rule, count.affected) for count in found.aside] == [("Unknown user", 2)]
    aside = workspace.artefacts.read_table(found.kept_aside)
    assert aside[USER_ID].tolist() == ["nobody", '{"$ne": null}']
    assert aside["row"].tolist() == ["41", "42"]
    entry = read(workspace).entries[0]
    assert (entry.did, entry.who, entry.about["feedback"]) == ("collected", "Ann", found.id)


def test_the_same_file_again_adds_nothing_in_whatever_order(shop):
    workspace, dataset = shop
    rows = lines(workspace, dataset)
    first = keep(workspace, dataset, rows, "impressions", origin="file", name="a.csv", who="Ann")
    shuffled = rows.sample(frac=1, random_state=0)[rows.columns[::-1]]
    again = keep(workspace, dataset, shuffled, "impressions", origin="file", name="b.csv", who="Bob")
    assert again == first
    assert len(feedback_of(workspace, dataset)) == 1


def test_reactions_set_aside_for_want_of_an_impression_join_once_that_has_come(shop):
    workspace, dataset = shop
    rows = lines(workspace, dataset, 1)
    click = rows.assign(**{RANK: None, TIMESTAMP: "2017-06-01 12:30", CLICKED: "yes", PURCHASED: None})
    asked = {"origin": "file", "name": "clicks.csv", "who": "Ann"}
    assert keep(workspace, dataset, click, "impressions", **asked).count == 0
    keep(workspace, dataset, rows.assign(**{CLICKED: None}), "impressions", **asked)
    assert keep(workspace, dataset, click, "impressions", **asked).count == 1
    assert keep(workspace, dataset, click, "impressions", **asked).count == 0
    assert len(rows_of(workspace, feedback_of(workspace, dataset), "impressions")) == 2


def test_bad_files_say_one_sentence_and_keep_nothing(shop, tmp_path):
    workspace, dataset = shop
    file = tmp_path / "log.csv"
    file.write_text("user_id,timestamp,rank\n1,2017-06-01,1\n")
    with pytest.raises(TableError, match="item_id"):
        load_file(workspace, dataset.id, file, who="Ann")
    with pytest.raises(NotFound):
        load_file(workspace, "ds-0000000000000000", file, who="Ann")
    with pytest.raises(InputError, match="impressions or service"):
        keep(workspace, dataset, lines(workspace, dataset), "events", origin="file", name="x", who="Ann")
    assert feedback_of(workspace, dataset) == []


def test_reactions_have_no_place_among_times_that_are_only_an_order_but_an_analyst_has_a_say(shop):
    workspace, dataset = shop
    ordered = dataset.model_copy(update={"missing": dataset.missing | {TIMING: "real times"}})
    rows = lines(workspace, dataset).assign(**{DISMISSED: "yes"})
    with pytest.raises(InputError, match="only an order"):
        keep(workspace, ordered, rows, "impressions", origin="file", name="a.csv", who="Ann")
    assert feedback_of(workspace, dataset) == []
    assert (
        keep(workspace, ordered, rows, "impressions", origin="hand", name="list of 1", who="Ann").count == 40
    )


def test_a_bad_file_after_a_good_one_says_from_the_shell_what_was_taken_in(shop, tmp_path, capsys):
    workspace, dataset = shop
    good, bad = tmp_path / "impressions.csv", tmp_path / "service.csv"
    lines(workspace, dataset).to_csv(good, index=False)
    bad.write_text("user_id\n1\n")
    shell = ["--workspace", str(workspace.root), "feedback", dataset.id]
    assert main([*shell, str(good), str(bad)]) == 2
    said = capsys.readouterr().err
    assert said.endswith("The files before it were taken in: impressions.csv.\n")
    assert "Nothing was changed" not in said
    assert [one.name for one in feedback_of(workspace, dataset)] == [good.name]


def test_the_shell_says_that_rows_had_come_before_and_takes_nothing_that_nobody_signs(shop, tmp_path, capsys):
    workspace, dataset = shop
    file = tmp_path / "impressions.csv"
    lines(workspace, dataset).to_csv(file, index=False)
    shell = ["--workspace", str(workspace.root), "feedback", dataset.id, str(file)]
    for author in ("", "x" * 81):
        assert main([*shell, "--author", author]) == 2
        assert "Setting 'author'" in capsys.readouterr().err
        assert feedback_of(workspace, dataset) == []
    for before in (False, True):
        assert main([*shell, "--author", "Ann"]) == 0
        assert ("had been taken in before" in capsys.readouterr().out) is before
    assert [one.who for one in feedback_of(workspace, dataset)] == ["Ann"]


def test_the_next_dataset_holds_the_feedback_and_is_of_the_same_line(shop):
    workspace, dataset = shop
    rows = lines(workspace, dataset)
    keep(workspace, dataset, rows, "impressions", origin="file", name="a.csv", who="Ann")
    ratings = rows.head(4)[[USER_ID, ITEM_ID]].assign(**{TIMESTAMP: "2017-06-04", SATISFACTION: "2"})
    keep(workspace, dataset, ratings, "service", origin="file", name="b.csv", who="Ann")
    flagged = rows.tail(1).assign(**{DISMISSED: "yes", CLICKED: None, PURCHASED: None})
    keep(workspace, dataset, flagged, "impressions", origin="hand", name="by hand", who="Ann")
    found = prepare(workspace, "complete_journey", SLICE, follows=dataset.id)
    assert (found.first, found.line, len(found.feedback)) == (dataset.id, dataset.id, 3)
    assert found.name == f"{dataset.name}, with feedback"
    assert set(found.tables) - set(dataset.tables) == {"impressions", "service", "judgements"}
    assert len(table(workspace, found, "impressions")) == 40
    assert found.counts["events"] == dataset.counts["events"] + 5
    assert {"policy_evaluation", "service"} & dataset.missing.keys() > {"service"} & found.missing.keys()
    # feedback on the new dataset is of the line, too, and the same again is the same dataset
    assert [one.id for one in feedback_of(workspace, found)] == found.feedback
    assert prepare(workspace, "complete_journey", SLICE, follows=found.id).id == found.id


def test_without_feedback_and_news_the_next_dataset_is_the_one_that_there_is(shop):
    workspace, dataset = shop
    before = workspace.documents.count(DATASETS)
    assert prepare(workspace, "complete_journey", SLICE, follows=dataset.id) == dataset
    assert workspace.documents.count(DATASETS) == before
