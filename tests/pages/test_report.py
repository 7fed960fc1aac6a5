"""The Report page: nothing to report, nothing made yet, a report that a worker made, and several."""

import json

import pytest

from core.jobs.queue import jobs as latest_jobs
from core.jobs.worker import run_worker
from core.report.keeping import kept_reports
from core.schema.documents import RUNS
from core.store.artefacts import sha256
from core.store.trail import read as read_trail
from core.workflow.runs import load_run
from tests.pages.test_actions import press
from tests.pages.test_models import UNESCAPED, every_markdown
from tests.pages.test_states import words

BUTTON = "Make the report"


@pytest.fixture
def quick(own):
    """The copy of the trained slice with its quickest run alone."""
    own.documents.delete(RUNS, "run-second")
    return own


def make(app, workspace, *attributes: str):
    """Ask for a report, and let a worker make it."""
    app.multiselect[0].set_value(list(attributes))
    app = press(app, BUTTON)
    assert not app.exception
    (job, *_) = latest_jobs(workspace)
    assert job.kind == "report"
    run_worker(workspace, idle_seconds=0.1)
    (job, *_) = latest_jobs(workspace)
    assert job.state == "done", job.error
    return app.run(), job


def test_data_without_a_model_say_what_comes_first(prepared, own, open_page):
    for run in ("run-first", "run-second"):
        own.documents.delete(RUNS, run)
    app = open_page("report", own.root)
    assert not app.exception
    assert "once a model is trained" in words(app)
    assert not [button for button in app.button if button.label == BUTTON]


def test_a_report_is_asked_for_made_kept_and_told_of(quick, open_page):
    app = open_page("report", quick.root, by="age*income", k="5")
    assert "No report of this model yet" in words(app)
    assert app.multiselect[0].value == ["age", "income", "home_ownership"]
    assert "Lists of 5, users also by age × income" in words(app)
    app, job = make(app, quick, "age")
    (kept,) = kept_reports(quick, "run-first")
    assert kept.id == job.result["report"]
    assert (kept.groupings, kept.k, kept.policy) == ([["age"], ["age", "income"]], 5, None)
    assert kept.headline in words(app)
    assert [button.label for button in app.get("download_button")] == ["Page", "JSON", "JSON Schema"]
    content = json.loads(quick.artefacts.file(kept.content).read_text())
    assert content["model"]["run"] == "run-first"
    assert quick.artefacts.file(kept.page).read_text().startswith("<!DOCTYPE html>")
    entry = read_trail(quick, limit=1).entries[0]
    assert (entry.did, entry.about["report"]) == ("exported", kept.id)
    assert entry.details["page"] == sha256(quick.artefacts.file(kept.page))
    assert not [text for text in every_markdown(app) if UNESCAPED.search(text)]


def test_of_several_reports_the_newest_stands_first_and_any_can_be_read(quick, open_page):
    app, _ = make(open_page("report", quick.root, by="age"), quick, "kids_count")
    app, _ = make(app, quick, "age")
    newest, older = kept_reports(quick, "run-first")
    assert (newest.groupings, older.groupings) == ([["age"]], [["kids_count"]])
    assert app.selectbox(key="report-chosen").value == newest.id
    app = app.selectbox(key="report-chosen").set_value(older.id).run()
    assert "Users by kids count" in words(app)
    assert not app.exception


def test_nothing_to_compare_by_is_said_and_nothing_is_begun(quick, open_page):
    app = open_page("report", quick.root)
    app.multiselect[0].set_value([])
    app = press(app, BUTTON)
    assert "Choose at least one attribute" in app.warning[0].value
    assert not latest_jobs(quick)
    assert load_run(quick, "run-first")
