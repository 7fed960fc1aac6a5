"""What a person can do on the pages: retrain, choose groups, look up a user, compare runs."""

import pytest

from core.data.dataset import load
from core.jobs.queue import enqueue, jobs
from core.schema.documents import DATASETS, JOBS, RUNS, now
from core.schema.settings import TrainSettings
from core.store.workspace import Workspace
from pages.ui.retrain import PRESETS


def press(app, label: str):
    return next(button for button in app.button if button.label == label).click().run()


def text(app) -> str:
    return "\n".join(
        element.value for kind in ("markdown", "caption", "info") for element in getattr(app, kind)
    )


def test_training_again_queues_the_chosen_settings_under_the_chosen_name(own, open_page, started):
    app = open_page("train", own.root)
    app.text_input(key="train-name").set_value(" Wider ")
    app.number_input(key="train-width").set_value(96)
    app.number_input(key="train-epochs").set_value(3)
    app = press(app, "Train")
    assert not app.exception
    (job,) = jobs(own, limit=9)
    assert job.kind == "train"
    assert job.params["name"] == "Wider"
    assert TrainSettings.model_validate(job.params["settings"]) == TrainSettings(width=96, epochs=3)
    assert started
    assert app.get("progress")


@pytest.mark.parametrize("preset", PRESETS)
def test_a_preset_fills_the_form_and_is_a_valid_setting(preset, own, open_page):
    app = open_page("train", own.root)
    app.segmented_control(key="preset").set_value(preset).run()
    app = press(app, "Train")
    (job,) = jobs(own, limit=9)
    assert TrainSettings.model_validate(job.params["settings"]) == TrainSettings(**PRESETS[preset])
    assert job.params["name"] == preset


def test_settings_that_do_not_fit_together_give_one_message_and_no_job(own, open_page):
    app = open_page("train", own.root)
    app.number_input(key="train-width").set_value(32)
    app.number_input(key="train-heads").set_value(5)
    app = press(app, "Train")
    assert not app.exception
    assert [error.value.replace("\\", "") for error in app.error] == [
        "Setting 'heads': heads must divide width."
    ]
    assert jobs(own, limit=9) == []


def test_two_runs_are_compared_and_their_differing_settings_named(trained, open_page):
    app = open_page("train", trained[0])
    assert "B minus A is" in text(app)
    assert "They differ in epochs, models." in text(app)
    settings = next(table.value for table in app.dataframe if "Run A" in table.value)
    assert settings.to_dict("records") == [
        {"Setting": "Epochs", "Run A": "1", "Run B": "2"},
        {"Setting": "Models", "Run A": "none", "Run B": "behaviour, service, opinions"},
    ]


def test_choosing_another_group_changes_what_is_shown_and_the_link(trained, open_page):
    app = open_page("recommendations", trained[0], by="household_size")
    before = text(app)
    groups = app.selectbox(key="a").options
    app.selectbox(key="a").select(groups[2]).run()
    assert not app.exception
    assert text(app) != before
    assert app.query_params["a"] == groups[2]


def test_one_group_alone_can_be_shown(trained, open_page):
    app = open_page("recommendations", trained[0], by="household_size")
    app.selectbox(key="b").select("").run()
    assert not app.exception
    assert len([metric for metric in app.metric if metric.label.startswith("Bought before")]) == 1


def test_another_metric_and_list_length_change_the_numbers(trained, open_page):
    app = open_page("overview", trained[0])
    first = app.metric[0].value
    app.segmented_control(key="metric").set_value("recall").run()
    second = app.metric[0].value
    app.radio(key="k").set_value(50).run()
    assert not app.exception
    assert app.metric[0].label.replace("\\", "") == "Recall@50, all users"
    assert len({first, second, app.metric[0].value}) == 3


def test_a_users_list_stands_beside_the_users_history(trained, open_page):
    app = open_page("recommendations", trained[0])
    known = app.text_input(key="user").value
    tables = [set(table.value) for table in app.dataframe]
    assert tables[-2:] == [
        {"#", "Product", "Category", "Price", "Before", "Next"},
        {"Product", "Category", "Times", "Last"},
    ]
    app.text_input(key="user").set_value("nobody' OR 1=1").run()
    assert not app.exception
    (note,) = app.info
    assert "There is no user" in note.value
    assert known in note.value


def test_no_number_of_a_hidden_group_is_on_any_page(trained, open_page):
    app = open_page("overview", trained[0])
    audit = next(table.value for table in app.dataframe if "Verdict" in table.value)
    hidden = audit[audit["Users"] == "hidden"]
    assert len(hidden)
    assert (hidden[["NDCG@10", "Gap"]] == "hidden").all(axis=None)
    app.switch_page("pages/recommendations.py").run()
    assert not set(hidden["Group"]) & set(app.selectbox(key="a").options)


def test_groups_can_be_held_against_one_of_them(trained, open_page):
    app = open_page("overview", trained[0], by="household_size")
    everyone = app.dataframe[0].value
    assert app.selectbox(key="reference").value == "rest"
    app.selectbox(key="reference").set_value("2").run()
    assert not app.exception
    against_two = app.dataframe[0].value.set_index("Group")
    assert against_two.loc["2", "Gap"] == "compared with" != everyone.set_index("Group").loc["2", "Gap"]
    assert against_two.loc["1", "Gap"] != everyone.set_index("Group").loc["1", "Gap"]
    assert any("lies from that of 2" in caption.value for caption in app.caption)
    assert app.query_params["reference"] == "2"


def finished(workspace: Workspace, app, kind: str, result: dict):
    """The page sees a job under way, and then done."""
    job = enqueue(workspace, kind, {"dataset": "ds-x"})
    app.run()
    workspace.documents.update(JOBS, job.id, {"state": "done", "result": result})
    return app.run()


def test_a_job_that_was_watched_tells_what_it_made_and_leads_there(own, trained, open_page):
    older, newer = sorted(trained[1], key=lambda run: run.created_at)
    app = open_page("overview", own.root, run=older.id)
    app = finished(own, app, "train", {"dataset": newer.dataset, "run": newer.id})
    assert app.success[0].value == f"**{newer.name}** is trained."
    app.button(key="show-made").click().run()
    assert not app.exception
    assert app.session_state["run"] == newer.id
    assert app.query_params["run"] == newer.id
    assert not app.success


def test_data_that_were_prepared_meanwhile_can_be_left_for_later(own, trained, open_page):
    dataset = load(own, trained[1][0].dataset)
    copy = dataset.model_copy(update={"id": "ds-other", "name": "Other [shop](x)"})
    own.documents.insert(DATASETS, copy.dump())
    app = finished(own, open_page("data", own.root, run=trained[1][0].id), "prepare", {"dataset": "ds-other"})
    assert app.success[0].value == r"**Other \[shop\]\(x\)** is prepared."
    app.button(key="stay").click().run()
    assert not app.success
    assert app.session_state["run"] == trained[1][0].id


def test_nothing_is_announced_that_is_shown_already_or_that_was_not_watched(own, trained, open_page):
    run = trained[1][0]
    app = open_page("overview", own.root, run=run.id)
    app = finished(own, app, "train", {"dataset": run.dataset, "run": run.id})
    assert not app.success
    assert not open_page("overview", own.root, run=trained[1][1].id).success


def test_with_several_datasets_each_run_is_listed_with_its_data(own, trained, open_page):
    dataset = load(own, trained[1][0].dataset)
    app = open_page("overview", own.root)
    assert not any(dataset.name in option for option in app.selectbox(key="run").options)
    own.documents.insert(DATASETS, dataset.model_copy(update={"id": "ds-other", "name": "Other"}).dump())
    options = open_page("overview", own.root).selectbox(key="run").options
    assert sum(dataset.name in option for option in options) == 2
    assert "Other · not trained yet" in options


def test_a_run_that_has_come_about_is_compared_with_the_one_before_it(own, trained, open_page):
    older, newer = sorted(trained[1], key=lambda run: run.created_at)
    app = open_page("train", own.root)
    assert (app.selectbox(key="first").value, app.selectbox(key="second").value) == (older.id, newer.id)
    third = newer.model_copy(update={"id": "run-third", "created_at": now()})
    own.documents.insert(RUNS, third.dump())
    app.run()
    assert not app.exception
    assert (app.selectbox(key="first").value, app.selectbox(key="second").value) == (newer.id, "run-third")
