"""The Loop page: nothing simulated yet, a simulation that a worker made, and links that ask for what there is not."""

from core.jobs.queue import jobs as latest_jobs
from core.jobs.worker import run_worker
from core.schema.documents import SIMULATIONS
from tests.pages.test_actions import press
from tests.pages.test_states import words


def test_settings_are_simulated_when_asked_for_and_shown(own, open_page):
    app = open_page("loop", own.root, loop_rounds="5")
    assert not app.exception
    assert "were not simulated yet" in words(app)
    app = press(app, "Simulate")
    (job,) = latest_jobs(own)
    assert (job.kind, job.params["settings"]["rounds"]) == ("simulate", 5)
    run_worker(own, idle_seconds=0.1)
    assert latest_jobs(own)[0].state == "done", latest_jobs(own)[0].error
    app = app.run()
    assert not app.exception
    assert "After 5 rounds newcomers get" in words(app)
    assert len(app.get("plotly_chart")) == 1
    assert app.query_params["loop_rounds"] == "5"
    assert own.documents.count(SIMULATIONS) == 1


def test_a_link_that_asks_for_what_there_is_not_changes_nothing(own, open_page):
    app = open_page("loop", own.root, loop_rounds="-3", loop_floor="<b>")
    assert not app.exception
    assert "which is not here" in "\n".join(note.value for note in app.info)
    assert app.session_state["loop_rounds"] == 20
    assert not latest_jobs(own)
