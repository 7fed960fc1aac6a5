"""The mapping assistant on the data page: proposed, corrected, looked through, saved, prepared; and collections."""

import secrets
from collections.abc import Iterator
from pathlib import Path

import pandas as pd
import pymongo
import pytest

from core.data.dataset import table
from core.data.mapping_store import find_mapping, list_mappings
from core.data.prepare import prepare
from core.data.sources import mongodb
from core.jobs.queue import enqueue, jobs
from core.schema.documents import JOBS
from core.schema.settings import DatasetSettings
from core.store import collections
from core.store.workspace import Workspace
from tests.core.data.conftest import SMALL, made_shop
from tests.core.data.test_mongodb import orders, people
from tests.mongodb_engine.engine import with_database

HOSTILE = "<b>$ne</b> [x](javascript:1)"


def till() -> pd.DataFrame:
    """The made shop's events as a till writes them, with a column whose name is markup."""
    events = made_shop().events
    comma = lambda amounts: amounts.map("{:.2f} €".format).str.replace(".", ",")  # noqa: E731
    return pd.DataFrame(
        {
            "Kundennummer": events["user_id"],
            "Artikel-Nr.": events["item_id"],
            "Bestelldatum": events["timestamp"].dt.strftime("%d.%m.%Y %H:%M"),
            "Menge": events["quantity"].astype(int),
            "UVP": comma(events["list_price"]),
            "Einzelpreis": comma(events["paid_price"]),
            "Bon-Nr.": events["basket_id"],
            HOSTILE: events["channel"],
        }
    ).astype(str)


def content(frame: pd.DataFrame) -> bytes:
    return frame.to_csv(sep=";", index=False).encode()


@pytest.fixture
def data_page(workspace, open_page):
    """The data page of a workspace whose first job was cancelled, so that nothing is under way."""
    enqueue(workspace, "prepare", {}, id="job-first-open")
    workspace.documents.update(JOBS, "job-first-open", {"state": "cancelled"})
    return open_page("data", workspace.root)


def upload(app, *files: tuple[str, bytes]):
    app.segmented_control(key="source").set_value("Upload files").run()
    for name, given in files:
        app.file_uploader(key="prepare-files").upload(name, given)
    return app.run()


def choice(app, column: str):
    return next(box for box in app.selectbox if box.label.replace("\\", "").removesuffix(" *") == column)


def press(app, label: str):
    return next(button for button in app.button if button.label == label).click().run()


def said(app) -> str:
    parts = [*app.caption, *app.markdown, *app.warning, *app.success, *app.info, *app.error]
    return "\n".join(str(part.value) for part in parts).replace("\\", "")


def asked(workspace: Workspace) -> dict:
    (job,) = [job for job in jobs(workspace, limit=9) if job.id != "job-first-open"]
    return job.params


def test_a_file_of_any_form_is_matched_corrected_saved_and_prepared(data_page, workspace):
    app = upload(data_page, ("kasse 2024.csv", content(till())))
    assert not app.exception
    assert choice(app, "Which table is it?").value == "events"
    assert choice(app, "user_id").value == "Kundennummer"
    assert choice(app, "timestamp").value == "Bestelldatum"
    assert choice(app, "paid_price").value == "Einzelpreis"
    assert "% · its name means this; its values are times" in said(app)
    assert f"{len(till()):,} rows looked through: all can be used." in said(app)
    choice(app, "channel").set_value(HOSTILE).run()
    app.text_input(
        key=next(box.key for box in app.text_input if box.label == "Name of this mapping")
    ).set_value("Till")
    app = press(app, "Save mapping")
    assert find_mapping(workspace, "events", list(till().columns)).columns["channel"] == HOSTILE
    app = press(app, "Prepare")
    assert not app.exception
    assert not app.error
    params = asked(workspace)
    dataset = prepare(workspace, "tables", SMALL, path=Path(params["path"]))
    assert dataset.counts["events"] == len(till())
    assert table(workspace, dataset, "events")["paid_price"].sum() == pytest.approx(
        made_shop().events["paid_price"].sum()
    )


def test_the_next_file_with_these_columns_takes_the_saved_mapping(data_page, workspace, open_page):
    app = upload(data_page, ("a.csv", content(till())))
    choice(app, "channel").set_value(HOSTILE).run()
    choice(app, "quantity").set_value(None).run()
    next(box for box in app.text_input if box.label == "Name of this mapping").set_value("Till <b>x</b>")
    press(app, "Save mapping")
    later = upload(open_page("data", workspace.root), ("b.csv", content(till().iloc[::-1, ::-1])))
    assert not later.exception
    assert "Mapping **Till <b>x</b>** was saved for a file like this one." in said(later)
    assert choice(later, "channel").value == HOSTILE
    assert choice(later, "quantity").value is None


def test_bad_rows_are_shown_and_left_out_only_where_that_is_asked_for(data_page, workspace):
    frame = till()
    frame.loc[[3, 8], "Bestelldatum"] = "<i>gestern</i>"
    app = upload(data_page, ("a.csv", content(frame)))
    assert not app.exception
    assert f"{len(frame):,} rows looked through, 2 cannot be used." in said(app)
    shown = app.dataframe[0].value
    assert shown["Row"].tolist() == [4, 9]
    assert shown["In the file"].tolist() == ["Bestelldatum", "Bestelldatum"]
    assert shown["Value"].tolist() == ["<i>gestern</i>"] * 2
    app = press(app, "Prepare")
    assert "is no date" in said(app)
    assert len(jobs(workspace, limit=9)) == 1
    assert list((workspace.root / "uploads").glob("*")) == []
    app.selectbox(key="prepare-bad_rows").set_value("set_aside")
    app = press(app, "Prepare")
    assert not app.error
    params = asked(workspace)
    assert params["settings"] == {"bad_rows": "set_aside"}
    settings = DatasetSettings(**SMALL.model_dump(exclude_unset=True), bad_rows="set_aside")
    dataset = prepare(workspace, "tables", settings, path=Path(params["path"]))
    assert dataset.counts["events"] == len(frame) - 2


def test_a_file_that_lacks_what_a_table_needs_says_so_and_nothing_is_kept(data_page, workspace):
    app = upload(data_page, ("a.csv", b"colour,size\nred,5\nblue,6\n"), ("b.csv", b""))
    assert not app.exception
    app = press(app, "Prepare")
    assert not app.exception
    assert "Choose a column for" in said(app)
    assert "b.csv: is empty" in said(app)
    assert len(jobs(workspace, limit=9)) == 1
    assert list((workspace.root / "uploads").glob("*")) == []


@pytest.mark.parametrize(
    "header",
    [
        "a;a;b",
        ";".join(f"c{number}" for number in range(10_000)),
        "$ne;{'$gt': ''};=1+1",
        ";;",
        "<script>alert(1)</script>;../../etc/passwd;%s%n",
    ],
)
def test_hostile_headers_do_no_harm(data_page, workspace, header):
    cells = ";".join(["1"] * (header.count(";") + 1))
    app = upload(data_page, ("x.csv", f"{header}\n{cells}\n{cells}\n".encode()))
    assert not app.exception
    app = press(app, "Prepare")
    assert not app.exception
    assert app.error
    assert len(jobs(workspace, limit=9)) == 1
    assert list_mappings(workspace) == []


def test_what_an_upload_brings_beside_the_shown_tables_is_told(workspace, open_page, tmp_path, started):
    folder = tmp_path / "shop"
    folder.mkdir()
    shop = made_shop()
    shop.events.head(1000).to_csv(folder / "events.csv", index=False)
    dataset = prepare(workspace, "tables", SMALL, path=folder)
    app = open_page("data", workspace.root, run=dataset.id)
    app = upload(app, ("events.csv", shop.events.to_csv(index=False).encode()))
    app = press(app, "Prepare")
    assert f"events.csv has changed, {len(shop.events) - 1000} rows more." in said(app)
    assert "Beside **shop**" in said(app)


def test_a_folder_that_grew_is_told_and_prepared_again(workspace, open_page, tmp_path, started):
    folder = tmp_path / "shop"
    folder.mkdir()
    shop = made_shop()
    shop.events.head(1000).to_csv(folder / "events.csv", index=False)
    dataset = prepare(workspace, "tables", SMALL, path=folder)
    app = press(open_page("data", workspace.root, run=dataset.id), "Look for new data")
    assert "Nothing has come since this dataset was prepared." in said(app)
    shop.events.to_csv(folder / "events.csv", index=False)
    app = press(app, "Look for new data")
    assert f"events.csv has changed, {len(shop.events) - 1000} rows more." in said(app)
    press(app, "Prepare again")
    (job,) = jobs(workspace, limit=9)
    assert (job.params["source"], job.params["path"]) == ("tables", str(folder))
    assert job.params["settings"]["validation_days"] == SMALL.validation_days


@pytest.fixture
def shop_database(mongodb_address, monkeypatch) -> Iterator[pymongo.database.Database]:
    """The made shop as collections; the environment names it."""
    name = f"shop_{secrets.token_hex(6)}"
    monkeypatch.setenv(mongodb.ADDRESS, with_database(mongodb_address, name))
    with pymongo.MongoClient(mongodb_address) as client:
        client[name].orders.insert_many(orders(made_shop()))
        client[name].people.insert_many(people(made_shop()))
        yield client[name]
        client.drop_database(name)


def test_without_an_address_the_page_says_how_to_give_one(data_page, monkeypatch):
    monkeypatch.delenv(mongodb.ADDRESS, raising=False)
    app = data_page.segmented_control(key="source").set_value("MongoDB").run()
    assert not app.exception
    assert mongodb.ADDRESS in said(app)


def test_an_address_that_does_not_answer_is_one_sentence_without_it(data_page, monkeypatch):
    monkeypatch.setenv(mongodb.ADDRESS, "mongodb://ann:s3cret@127.0.0.1:1/shop")
    monkeypatch.setattr(collections, "ANSWER_SECONDS", 0.1)
    app = data_page.segmented_control(key="source").set_value("MongoDB").run()
    app = press(app, "Look at the database")
    assert not app.exception
    assert len(app.error) == 1
    assert "s3cret" not in said(app)
    assert "127.0.0.1" not in said(app)


def test_collections_are_matched_prepared_and_watched(
    shop_database, workspace, open_page, data_page, mongodb_address
):
    app = data_page.segmented_control(key="source").set_value("MongoDB").run()
    app = press(app, "Look at the database")
    app.pills(key="mongodb-tables").set_value(["events", "users"]).run()
    choice(app, "Collection of events").set_value("orders").run()
    choice(app, "Collection of users").set_value("people").run()
    assert not app.exception
    found = {
        column: choice(app, column).value for column in ("item_id", "timestamp", "list_price", "paid_price")
    }
    assert found == {
        "item_id": "sku",
        "timestamp": "at",
        "list_price": "price.shelf",
        "paid_price": "price.paid",
    }
    app = press(app, "Prepare")
    assert not app.exception
    assert not app.error
    params = asked(workspace)
    assert mongodb_address not in str(params)
    tables = params["settings"]["mongodb"]["tables"]
    assert tables["events"]["fields"]["user_id"] == "customer.id"
    assert tables["users"]["fields"] == {
        "user_id": "_id",
        "profile_gender": "profile.gender",
        "profile_age": "profile.age",
    }
    settings = DatasetSettings.model_validate(SMALL.model_dump(exclude_unset=True) | params["settings"])
    dataset = prepare(workspace, "mongodb", settings)
    assert dataset.counts["events"] == len(made_shop().events)
    assert dataset.attributes == ["profile_gender", "profile_age"]
    workspace.documents.delete_many(JOBS, field="kind", value="prepare")
    shop_database.orders.insert_many(orders(made_shop(n_users=2)))
    app = press(open_page("data", workspace.root, run=dataset.id), "Look for new data")
    assert not app.exception
    assert f"events: {len(made_shop(n_users=2).events)} new." in said(app)
