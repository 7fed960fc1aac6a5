"""The Monitor page on a real slice: windows, drift, runs side by side, and alerts that somebody acknowledges."""

import pytest

from core.schema.alerts import ALERTS, Alert, Finding
from core.schema.documents import RUNS, now
from core.store.trail import read as read_trail
from core.workflow.alerts import alerts
from tests.pages.test_actions import press
from tests.pages.test_models import UNESCAPED, every_markdown
from tests.pages.test_states import words

EVIL = "<b>rule</b> [x](javascript:y) $$z$$"


def alert_of(workspace, run, number: int) -> Alert:
    found = [Finding(group=EVIL, value=-0.1, low=-0.2, high=-0.05, n=40, outcome="broken", why="below")]
    made = Alert(
        _id=f"alert-{number}",
        rule=f"{EVIL} {number}",
        owner="ann",
        run=run.id,
        dataset=run.dataset,
        recommendations=None,
        split="test",
        number="ndcg@10, gap, by age (users)",
        limits="surely at least -0.05",
        found=found,
        at=now(),
    )
    workspace.documents.insert(ALERTS, made.dump())
    return made


def test_the_page_tells_windows_drift_and_runs(trained, open_page):
    root, runs = trained
    app = open_page("monitor", root, run=runs[0].id, by="age", window="14")
    assert not app.exception
    assert not app.error
    said = words(app)
    assert "That holds however often one looks" in said or "not the same as equal" in said
    assert "What has changed in the data" in said
    assert "Do the forecasts still hold" in said
    assert "Run after run" in said
    assert "No rule was found broken" in said
    assert len(app.get("plotly_chart")) == 3  # windows, forecasts, and the two runs
    assert app.query_params["window"] == "14"
    assert not [text for text in every_markdown(app) if UNESCAPED.search(text)]


@pytest.mark.parametrize("window", ["0", "<b>", "7000"])
def test_a_window_that_there_is_not_is_told_and_left(window, trained, open_page):
    app = open_page("monitor", trained[0], by="age", window=window)
    assert not app.exception
    assert "which is not here" in "\n".join(note.value for note in app.info)


def test_an_alert_waits_until_somebody_says_what_is_done_about_it(own, trained, open_page):
    run = trained[1][0]
    for number in (1, 2):
        alert_of(own, run, number)
    app = open_page("monitor", own.root, run=run.id, by="age", window="28")
    assert "2 of 2 alerts wait for somebody" in words(app)
    app = press(app, "Acknowledge")
    assert len(app.error) == 1  # nobody signs
    assert not any(one.acknowledged for one in alerts(own))
    app.text_input(key="alert-author").set_value("Ann <b>x</b>")
    app.text_area(key="alert-comment").set_value("retrained with a floor")
    app = press(app, "Acknowledge")
    assert not app.exception
    assert "Acknowledged by" in app.success[0].value
    assert "1 of 2 alerts wait for somebody" in words(app)
    (made,) = next(one.acknowledged for one in alerts(own) if one.acknowledged)
    assert (made.author, made.comment) == ("Ann <b>x</b>", "retrained with a floor")
    assert read_trail(own, limit=1).entries[0].did == "acknowledged"
    assert not [text for text in every_markdown(app) if UNESCAPED.search(text)]


def test_without_a_model_it_says_what_comes_first(own, open_page):
    for run in ("run-first", "run-second"):
        own.documents.delete(RUNS, run)
    app = open_page("monitor", own.root)
    assert not app.exception
    assert "once a model is trained" in words(app)
