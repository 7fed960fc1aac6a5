"""The search for settings on the Train page, in each of its states."""

import pytest

from core.jobs.queue import enqueue, jobs
from core.schema.documents import JOBS, SEARCHES
from core.schema.settings import TrainSettings
from tests.core.figures.test_search import made_search


@pytest.fixture
def keep(own, trained):
    """Put a search on the data into the workspace."""

    def keep_(*values, **changes):
        given = {"dataset": trained[1][0].dataset, "base": TrainSettings().model_dump(mode="json")}
        made = made_search(*values, **given | changes)
        own.documents.put(SEARCHES, made.dump())
        return made

    return keep_


def press(app, label: str):
    return next(button for button in app.button if button.label == label).click().run()


def words(app) -> str:
    kinds = ("subheader", "markdown", "caption", "info")
    text = "\n".join(element.value for kind in kinds for element in getattr(app, kind))
    return text.replace("\\", "")


def labels(app) -> list[str]:
    return [button.label for button in app.button]


def charts(app) -> list[str]:
    """Descriptions of the charts of the search."""
    return [chart.proto.alt for chart in app.get("plotly_chart")]


def test_without_a_search_the_section_says_what_one_does(own, open_page):
    app = open_page("train", own.root)
    assert not app.exception
    assert "No search on these data yet" in words(app)
    assert "Train with the best settings" not in labels(app)


def test_searching_queues_what_was_asked_for_from_the_settings_of_the_run(own, open_page, started, trained):
    run = trained[1][0]
    app = open_page("train", own.root, run=run.id)
    app.number_input(key="search-trials").set_value(5)
    app.number_input(key="search-minutes").set_value(30)
    app = press(app, "Search")
    assert not app.exception
    (job,) = jobs(own, limit=9)
    assert job.kind == "search"
    assert job.params["dataset"] == run.dataset
    assert job.params["settings"] == {"trials": 5, "minutes": 30}
    assert TrainSettings.model_validate(job.params["base"]) == TrainSettings.model_validate(run.settings)
    assert started
    assert "A search is under way" in words(app)
    assert "Searching settings" in app.get("progress")[0].text


def test_a_search_may_start_from_the_standard_settings(own, open_page):
    app = open_page("train", own.root)
    app.selectbox(key="search-start").set_value("standard")
    press(app, "Search")
    (job,) = jobs(own, limit=9)
    assert TrainSettings.model_validate(job.params["base"]) == TrainSettings()
    assert job.params["settings"] == {"trials": 12, "minutes": None}


def test_settings_of_a_run_that_are_none_any_more_give_one_message_and_no_job(own, open_page, trained):
    run = trained[1][0]
    own.documents.update("runs", run.id, {"settings": run.settings | {"gone": 1}})
    app = open_page("train", own.root, run=run.id)
    app = press(app, "Search")
    assert not app.exception
    assert "'gone' is no setting" in app.error[0].value.replace("\\", "")
    assert jobs(own, limit=9) == []


def test_a_finished_search_shows_both_plots_and_their_tables_and_trains_with_the_best(own, keep, open_page):
    made = keep()
    app = open_page("train", own.root)
    assert not app.exception
    assert "Trial 3 is best" in words(app)
    assert any("Trial 3 is best" in alt for alt in charts(app))
    assert any("Mask explains most, 50.0 %" in alt for alt in charts(app))
    tables = [set(table.value) for table in app.dataframe]
    assert any({"Trial", "Ended"} <= columns for columns in tables)
    assert {"setting", "share"} in tables
    assert {"Setting", "Started from", "Best"} in tables
    press(app, "Train with the best settings")
    (job,) = jobs(own, limit=9)
    assert job.kind == "train"
    assert job.params["name"] == "Best of 8 trials"
    settings = TrainSettings.model_validate(job.params["settings"])
    assert settings == TrainSettings.model_validate(made.best_settings)
    assert settings != TrainSettings()


def test_one_trial_alone_has_no_plot_and_nothing_to_train_with(own, keep, open_page):
    before = len(charts(open_page("train", own.root)))
    keep((0.4,), best=1, importances={})
    app = open_page("train", own.root)
    assert not app.exception
    assert "Others have not been tried yet" in words(app)
    assert len(charts(app)) == before
    assert "Train with the best settings" not in labels(app)


def test_when_nothing_better_was_found_the_trials_are_shown_and_no_training_is_offered(own, keep, open_page):
    keep((0.4, 0.3, 0.2), best=1, importances={})
    app = open_page("train", own.root)
    assert not app.exception
    assert "No better settings were found" in words(app)
    assert "from eight trials on" in words(app)
    assert "Train with the best settings" not in labels(app)


def test_a_search_that_failed_shows_what_it_found_until_then(own, keep, open_page):
    keep((0.4, 0.3, 0.5), best=3, finished=False, importances={})
    job = enqueue(own, "search", {})
    own.documents.update(JOBS, job.id, {"state": "failed", "error": "The disk is full."})
    app = open_page("train", own.root)
    assert not app.exception
    assert "The disk is full" in app.error[0].value
    assert "Searching settings failed" in app.error[0].value
    assert "ended after 3 of 8 trials" in words(app)
    assert "Train with the best settings" in labels(app)


def test_a_running_search_is_not_called_ended(own, keep, open_page):
    keep((0.4, 0.3, 0.5), best=3, finished=False, importances={})
    enqueue(own, "search", {})
    app = open_page("train", own.root)
    assert not app.exception
    assert "A search is under way" in words(app)
    assert "ended after" not in words(app)
    assert "Trial 3 is best" in words(app)


def test_an_earlier_search_can_be_looked_at(own, keep, open_page):
    keep(created_at="2026-11-25T20:41:00+00:00", _id="search-newer")
    keep((0.4, 0.3), best=1, _id="search-older", importances={})
    app = open_page("train", own.root)
    assert "Trial 3 is best" in words(app)
    app.selectbox(key="search-shown").set_value("search-older").run()
    assert not app.exception
    assert "No better settings were found" in words(app)


def test_searches_on_other_data_are_not_shown(own, keep, open_page):
    keep(dataset="ds-other")
    app = open_page("train", own.root)
    assert "No search on these data yet" in words(app)
