"""Every page in every state of a workspace: nothing there, a job under way, data only, a failed job, trained."""

import pytest
from streamlit.testing.v1 import AppTest

from core.jobs.queue import enqueue, get, jobs
from core.schema.documents import JOBS, now
from core.store.workspace import Workspace
from tests.conftest import copied

PAGES = ("overview", "data", "train", "recommendations", "behaviour", "service")
FILLED = PAGES[:-1]  # the built-in data tell nothing of service


def words(app: AppTest) -> str:
    """All text of a page, without the escapes of its Markdown."""
    kinds = ("title", "subheader", "markdown", "caption", "info", "error", "warning")
    text = "\n".join(element.value for kind in kinds for element in getattr(app, kind))
    return text.replace("\\", "")


def failed_job(
    workspace: Workspace, *, state: str = "failed", error: str | None = "The data are gone."
) -> str:
    job = enqueue(workspace, "train", {"dataset": "ds-x"})
    changes = {"state": state, "error": error, "log": ["12:00:00 Reading", "12:00:01 <b>bold</b>"]}
    workspace.documents.update(JOBS, job.id, changes)
    return job.id


@pytest.mark.parametrize("page", PAGES)
def test_a_fresh_workspace_starts_the_first_job_once_and_says_what_it_waits_for(
    page, workspace, open_page, started
):
    app = open_page(page, workspace.root)
    app.run()
    assert not app.exception
    assert [job.id for job in jobs(workspace, limit=9)] == ["job-first-open"]
    assert jobs(workspace, limit=1)[0].params["prepare"]["source"] == "complete_journey"
    assert started
    assert "as soon as" in words(app)
    assert app.get("progress")


def test_the_quick_look_variable_limits_the_first_job_to_a_sample(workspace, open_page, monkeypatch):
    monkeypatch.setenv("EVENHAND_SAMPLE_USERS", "300")
    open_page("overview", workspace.root)
    assert get(workspace, "job-first-open").params["prepare"]["settings"] == {"sample_users": 300}


def test_progress_shows_stage_estimate_and_log_as_plain_text(workspace, open_page):
    enqueue(workspace, "train", {"dataset": "ds-x"}, id="job-shown")
    progress = {"stage": "Training :red[x]", "fraction": 0.42, "message": "epoch 2", "seconds_left": 65.0}
    changes = {"state": "running", "progress": progress, "log": ["12:00:00 Reading"]}
    workspace.documents.update(JOBS, "job-shown", changes)
    app = open_page("train", workspace.root)
    assert not app.exception
    assert app.get("progress")[0].value == 42
    assert "\\:red" in app.get("progress")[0].text
    assert "42 % · about 1 min 5 s left · epoch 2" in words(app)
    assert "12:00:00 Reading" in app.code[0].value


def test_cancel_asks_the_job_to_stop(workspace, open_page):
    job = enqueue(workspace, "train", {"dataset": "ds-x"})
    app = open_page("train", workspace.root)
    app.button(key=f"cancel-{job.id}").click().run()
    assert not app.exception
    assert get(workspace, job.id).state == "cancelled"
    assert "was cancelled" in words(app)


@pytest.mark.parametrize("page", PAGES)
def test_a_failed_job_shows_its_cause_and_can_be_resumed(page, workspace, open_page, started):
    job = failed_job(workspace)
    app = open_page(page, workspace.root)
    assert not app.exception
    assert "The data are gone" in app.error[0].value
    assert "kept" in words(app)
    app.button(key="resume").click().run()
    assert get(workspace, job).state == "queued"
    assert started
    assert not app.error


def test_a_failed_job_can_be_dismissed(workspace, open_page):
    failed_job(workspace)
    app = open_page("overview", workspace.root)
    app.button(key="dismiss").click().run()
    assert not app.exception
    assert not app.error


@pytest.mark.parametrize("page", PAGES)
def test_with_data_only_the_data_page_is_full_and_the_others_say_what_they_wait_for(
    page, prepared, tmp_path, open_page
):
    root = copied(prepared.workspace.root, tmp_path / "copy")
    app = open_page(page, root)
    assert not app.exception
    assert "Complete Journey, 300 users" in words(app)
    if page == "data":
        assert len(app.get("plotly_chart")) == 2
        assert "What cleaning did" in words(app)
    else:
        assert "trained" in words(app) or "Train again" in words(app)


@pytest.mark.parametrize("page", FILLED)
def test_a_trained_workspace_fills_every_page(page, trained, open_page):
    app = open_page(page, trained[0])
    assert not app.exception
    assert not app.error
    assert app.get("plotly_chart")
    assert app.dataframe
    assert "How to read this" in words(app)


@pytest.mark.parametrize("page", [page for page in PAGES if page != "data"])
def test_with_nothing_prepared_and_nothing_under_way_a_page_leads_to_where_data_are_prepared(
    page, workspace, open_page
):
    failed_job(workspace, state="cancelled", error=None)
    app = open_page(page, workspace.root)
    assert not app.exception
    (link,) = app.get("page_link")
    assert link.proto.label == "Prepare data"


def test_a_failed_job_says_when_it_failed(workspace, open_page):
    job = failed_job(workspace)
    workspace.documents.update(JOBS, job, {"finished_at": "2026-11-24T20:41:00+00:00"})
    app = open_page("data", workspace.root)
    assert "failed** on 24 Nov 2026, 20:41. The data are gone" in app.error[0].value


def test_a_running_job_whose_worker_is_silent_says_that_another_takes_over(workspace, open_page):
    enqueue(workspace, "train", {"dataset": "ds-x"}, id="job-silent")
    changes = {"state": "running", "progress": {"stage": "Training", "fraction": 0.4}}
    for heartbeat, silent in ((now(), False), ("2024-01-01T00:00:00+00:00", True)):
        workspace.documents.update(JOBS, "job-silent", changes | {"heartbeat": heartbeat})
        app = open_page("overview", workspace.root)
        assert ("another takes over" in words(app)) is silent
