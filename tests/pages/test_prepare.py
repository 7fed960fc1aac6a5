"""Preparing another dataset from the data page: built-in, a folder, uploads; bad input changes nothing."""

import os

import pytest

from core.data.prepare import prepare
from core.data.sources import SOURCES
from core.errors import TableError
from core.jobs.queue import enqueue, jobs
from core.schema.documents import JOBS
from core.schema.settings import DatasetSettings
from core.store.workspace import Workspace
from pages.ui import uploads

GOOD = b"user_id,item_id,timestamp\nu1,i1,2024-01-02\nu2,i1,2024-01-03\n"


class File:
    """An upload as Streamlit hands it over."""

    def __init__(self, name: str, content: bytes):
        self.name, self.content = name, content

    def getbuffer(self) -> memoryview:
        return memoryview(self.content)


@pytest.fixture
def data_page(workspace, open_page):
    """The data page of a workspace whose first job was cancelled, so that nothing is under way."""
    enqueue(workspace, "prepare", {}, id="job-first-open")
    workspace.documents.update(JOBS, "job-first-open", {"state": "cancelled"})
    return open_page("data", workspace.root)


def submit(app):
    return next(b for b in app.button if b.label == "Prepare").click().run()


def new_jobs(workspace: Workspace) -> list:
    return [job for job in jobs(workspace, limit=9) if job.id != "job-first-open"]


def test_the_built_in_data_can_be_prepared_with_other_settings(data_page, workspace, started):
    data_page.number_input(key="prepare-sample_users").set_value(300)
    data_page.text_input(key="prepare-protected").set_value("age, income")
    app = submit(data_page)
    assert not app.exception
    (job,) = new_jobs(workspace)
    assert job.kind == "prepare"
    assert job.params["source"] == "complete_journey"
    assert job.params["settings"] == {"sample_users": 300, "protected": ["age", "income"]}
    assert started


def test_a_folder_without_events_is_refused_with_one_message(data_page, workspace, tmp_path):
    data_page.segmented_control(key="source").set_value("A folder on the server").run()
    data_page.text_input(key="prepare-path").set_value(str(tmp_path / "nowhere"))
    app = submit(data_page)
    assert not app.exception
    assert len(app.error) == 1
    assert "there is no such folder" in app.error[0].value
    assert new_jobs(workspace) == []


def test_a_data_set_in_its_published_form_brings_its_settings(data_page, workspace, tmp_path):
    (tmp_path / "Made.txt").write_text("u1 a b c\nu2 a c b\n")
    data_page.segmented_control(key="source").set_value("A folder on the server").run()
    assert data_page.selectbox(key="prepare-form").options == [
        source.title for source in SOURCES.values() if source.needs_path
    ]
    data_page.selectbox(key="prepare-form").select("beauty").run()
    assert data_page.selectbox(key="prepare-split").value == "leave_one_out"
    assert data_page.number_input(key="prepare-minimum_item_users").value == 0
    data_page.number_input(key="prepare-minimum_item_users").set_value(5)
    data_page.text_input(key="prepare-path").set_value(str(tmp_path))
    app = submit(data_page)
    assert not app.exception
    assert not app.error
    (job,) = new_jobs(workspace)
    assert (job.params["source"], job.params["path"]) == ("beauty", str(tmp_path))
    assert job.params["settings"] == {"minimum_item_users": 5}


def test_data_without_dates_show_no_calendar_and_say_so(workspace, open_page, tmp_path):
    (tmp_path / "Made.txt").write_text("".join(f"u{user} a b c\n" for user in range(30)))
    dataset = prepare(workspace, "beauty", DatasetSettings(), path=tmp_path)
    app = open_page("data", workspace.root, dataset=dataset.id)
    assert not app.exception
    text = "\n".join(str(block.value) for block in app.markdown)
    assert "90 events of 30 users in an order without dates" in text
    assert "Each user's last purchases are held out" in text
    assert "2020" not in text
    assert "2019" not in text


def test_uploaded_tables_are_checked_and_queued_under_our_names(data_page, workspace):
    data_page.segmented_control(key="source").set_value("Upload files").run()
    data_page.file_uploader(key="prepare-files").upload("events.csv", GOOD)
    app = submit(data_page)
    assert not app.exception
    assert not app.error
    (job,) = new_jobs(workspace)
    assert job.params["source"] == "tables"
    folder = workspace.root / "uploads"
    assert [file.name for file in folder.glob("*/*/*")] == ["events.csv"]
    assert job.params["path"].startswith(str(folder))


def test_every_bad_upload_gives_its_one_message_and_nothing_is_kept(data_page, workspace):
    data_page.segmented_control(key="source").set_value("Upload files").run()
    uploader = data_page.file_uploader(key="prepare-files")
    uploader.upload("events.csv", b"user_id,timestamp\nu1,2024-01-01\n")
    uploader.upload("items.csv", b"")
    app = submit(data_page)
    assert not app.exception
    assert len(app.error) == 2
    messages = "\n".join(error.value for error in app.error).replace("\\", "")
    assert "item_id" in messages
    assert "items.csv" in messages
    assert new_jobs(workspace) == []
    assert list((workspace.root / "uploads").glob("*")) == []


@pytest.mark.parametrize(
    "name",
    [
        "../../events.csv",
        "..\\events.csv",
        "/etc/events.csv",
        "events.csv\0.csv",
        "orders.csv",
        "events.zip",
        "events",
    ],
)
def test_an_uploads_name_never_reaches_a_path(name, workspace):
    folder, errors = uploads.keep(workspace, [File(name, GOOD)])
    if folder:
        assert [file.name for file in folder.iterdir()] == ["events.csv"]
        assert folder.is_relative_to(workspace.root / "uploads")
    else:
        assert errors
    outside = [path for path in workspace.root.parent.rglob("events.csv") if "uploads" not in path.parts]
    assert outside == []


def test_two_files_for_one_table_are_refused(workspace):
    folder, errors = uploads.keep(workspace, [File("events.csv", GOOD), File("EVENTS.CSV", GOOD)])
    assert folder is None
    assert "second file" in str(errors[0])


def test_uploads_without_events_are_refused(workspace):
    folder, errors = uploads.keep(workspace, [File("users.csv", b"user_id,age\nu1,30\n")])
    assert folder is None
    assert isinstance(errors[0], TableError)
    assert "events.csv" in str(errors[0])


def test_forgotten_uploads_are_swept_and_those_of_waiting_jobs_are_not(workspace):
    needed, _ = uploads.keep(workspace, [File("events.csv", GOOD)])
    forgotten, _ = uploads.keep(workspace, [File("events.csv", GOOD)])
    fresh, _ = uploads.keep(workspace, [File("events.csv", GOOD)])
    enqueue(workspace, "prepare", {"source": "tables", "path": str(needed)})
    for folder in (needed, forgotten):
        os.utime(folder.parent, (1, 1))
    uploads.sweep(workspace)
    assert needed.is_dir()
    assert fresh.is_dir()
    assert not forgotten.exists()
