"""What came since a dataset was prepared is told by content; a table may lie in a folder of files that grows."""

import json

import pandas as pd
import pytest

from core.cli import main
from core.data.dataset import table
from core.data.prepare import prepare
from core.data.watching import FileNews, whats_new
from core.errors import InputError, TableError
from core.figures.about_news import NOTHING, news_sentences
from core.schema.documents import ORIGINS
from tests.core.data.conftest import SMALL
from tests.core.data.test_prepare import snapshot


@pytest.fixture
def growing(folder, shop):
    """The made shop's folder, its events in a folder with a file for each month but the last."""
    (folder / "events.csv").unlink()
    (folder / "events").mkdir()
    for month, lines in months(shop).items():
        if month != "2024-04":
            lines.to_csv(folder / "events" / f"{month}.csv", index=False)
    first, later = months(shop)["2024-03"], months(shop)["2024-04"]
    days = later["timestamp"].dt.day
    later[days < 20].to_parquet(folder / "events" / "2024-04-01.parquet")
    assert len(first) > 100
    return folder


def months(shop) -> dict[str, pd.DataFrame]:
    return {
        str(month): lines
        for month, lines in shop.events.groupby(shop.events["timestamp"].dt.strftime("%Y-%m"))
    }


def test_files_of_one_table_are_read_as_one(growing, workspace, shop, tmp_path):
    dataset = prepare(workspace, "tables", SMALL, path=growing)
    expected = shop.events[shop.events["timestamp"] < "2024-04-20"]
    assert dataset.counts["events"] == len(expected)
    assert table(workspace, dataset, "events")["paid_price"].sum() == pytest.approx(
        expected["paid_price"].sum()
    )


def test_a_new_file_is_told_and_then_read(growing, workspace, shop):
    first = prepare(workspace, "tables", SMALL, path=growing)
    assert not whats_new(workspace, first)
    late = months(shop)["2024-04"]
    late = late[late["timestamp"].dt.day >= 20]
    late.to_csv(growing / "events" / "2024-04-20.csv", index=False)
    before = snapshot(workspace)
    assert whats_new(workspace, first).files == [FileNews("events/2024-04-20.csv", "new", len(late))]
    assert snapshot(workspace) == before
    second = prepare(workspace, "tables", SMALL, path=growing)
    assert second.id != first.id
    assert second.counts["events"] == len(shop.events)
    assert not whats_new(workspace, second)
    assert whats_new(workspace, first)


def test_changed_and_gone_files_are_told_by_content_and_not_by_time(folder, workspace, shop):
    dataset = prepare(workspace, "tables", SMALL, path=folder)
    (folder / "users.csv").touch()
    assert not whats_new(workspace, dataset)
    with (folder / "events.csv").open("a") as file:
        file.write("u001,i01,2024-04-29T10:00:00,1,2.0,1.8,99999,web\n")
    (folder / "items.csv").unlink()
    found = whats_new(workspace, dataset)
    assert found.files == [FileNews("events.csv", "changed", 1), FileNews("items.csv", "gone", -15)]
    assert news_sentences(found) == ["events.csv has changed, 1 row more.", "items.csv is gone, 15 rows."]
    (folder / "events.csv").unlink()
    with pytest.raises(TableError, match="holds no events"):
        whats_new(workspace, dataset)


def test_files_may_have_moved(folder, workspace):
    dataset = prepare(workspace, "tables", SMALL, path=folder)
    moved = folder.rename(folder.with_name("moved"))
    with pytest.raises(TableError, match="there is no such folder"):
        whats_new(workspace, dataset)
    assert not whats_new(workspace, dataset, moved)
    assert prepare(workspace, "tables", SMALL, path=moved) == dataset
    assert not whats_new(workspace, dataset)


def test_a_dataset_of_which_no_files_are_known_says_so(folder, workspace):
    dataset = prepare(workspace, "tables", SMALL, path=folder)
    workspace.documents.delete(ORIGINS, dataset.id)
    with pytest.raises(InputError, match="prepare it again"):
        whats_new(workspace, dataset)
    prepare(workspace, "tables", SMALL, path=folder)
    assert news_sentences(whats_new(workspace, dataset)) == [NOTHING]


def test_a_key_in_two_files_breaks_the_contract_or_is_set_aside(folder, workspace, shop):
    (folder / "users.csv").unlink()
    (folder / "users").mkdir()
    shop.users.to_csv(folder / "users" / "a.csv", index=False)
    shop.users.head(3).to_csv(folder / "users" / "b.csv", index=False)
    with pytest.raises(
        TableError, match=r"users/, column 'user_id': stands more than once \(row 41, 42, 43\)"
    ):
        prepare(workspace, "tables", SMALL, path=folder)
    dataset = prepare(workspace, "tables", SMALL.model_copy(update={"bad_rows": "set_aside"}), path=folder)
    assert [count.affected for count in dataset.quality if count.rule == "user_id stands more than once"] == [
        3
    ]
    assert dataset.counts["users"] == 40


def test_a_folder_and_a_file_of_one_table_or_an_empty_folder_are_refused(folder, workspace, tmp_path):
    (folder / "events").mkdir()
    with pytest.raises(TableError, match="both a file and a folder for table events"):
        prepare(workspace, "tables", SMALL, path=folder)
    (folder / "events.csv").rename(tmp_path / "outside.csv")
    with pytest.raises(TableError, match="events/: the folder holds no CSV or Parquet file"):
        prepare(workspace, "tables", SMALL, path=folder)
    (folder / "events" / "link.csv").symlink_to(tmp_path / "outside.csv")
    with pytest.raises(TableError, match="is a link to somewhere outside of the folder"):
        prepare(workspace, "tables", SMALL, path=folder)


def test_the_shell_tells_it_too(folder, workspace, capsys):
    shell = ["--workspace", str(workspace.root), "news"]
    dataset = prepare(workspace, "tables", SMALL, path=folder)
    (folder / "items.csv").unlink()
    assert main([*shell, dataset.id]) == 0
    assert capsys.readouterr().out == "items.csv is gone, 15 rows.\n"
    assert main([*shell, dataset.id, "--json"]) == 0
    told = json.loads(capsys.readouterr().out)
    assert (told["new"], told["documents"]) == (True, {})
    assert told["files"] == [{"name": "items.csv", "state": "gone", "lines": -15}]
    assert main([*shell, "ds-absent"]) == 2
