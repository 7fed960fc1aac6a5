"""Fairness on the training form: attributes of the data to choose from, and what is chosen is queued."""

from core.jobs.queue import jobs
from core.schema.settings import TrainSettings
from core.store.workspace import Workspace
from tests.conftest import copied


def test_an_attribute_of_the_data_and_a_weight_are_queued(trained, tmp_path, open_page):
    root = copied(trained[0], tmp_path / "copy")
    app = open_page("train", root)
    chosen = app.selectbox(key="train-fair_attribute")
    assert chosen.options[0] == "not set"
    assert chosen.help == TrainSettings.model_fields["fair_attribute"].description
    chosen.select_index(1)
    app.number_input(key="train-adversary_weight").set_value(1.5)
    app.selectbox(key="train-user_weights").select("reweighing")
    next(button for button in app.button if button.label == "Train").click().run()
    assert not app.exception
    workspace = Workspace.open(root, f"sqlite:///{root}/evenhand.db")
    (job,) = jobs(workspace, limit=9)
    workspace.close()
    settings = TrainSettings.model_validate(job.params["settings"])
    assert settings.fair_attribute is not None
    assert (settings.adversary_weight, settings.user_weights) == (1.5, "reweighing")


def test_a_preset_puts_the_attribute_back(trained, open_page):
    app = open_page("train", trained[0])
    app.selectbox(key="train-fair_attribute").select_index(1).run()
    app.segmented_control(key="preset").set_value("Quick").run()
    assert not app.exception
    assert app.selectbox(key="train-fair_attribute").value is None


def test_settings_that_do_not_go_together_are_refused_in_one_line(trained, open_page):
    app = open_page("train", trained[0])
    app.number_input(key="train-counterfactual").set_value(0.5)
    next(button for button in app.button if button.label == "Train").click().run()
    assert not app.exception
    assert any("does not read the group" in error.value for error in app.error)
