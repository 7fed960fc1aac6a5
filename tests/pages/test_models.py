"""Pages of the further models: forecasts, model cards, service, and what to expect of a product."""

import json
import re

import pytest
from streamlit.testing.v1 import AppTest

from core.jobs.queue import jobs
from core.schema.documents import RUNS
from core.schema.settings import TrainSettings
from core.store.workspace import Workspace
from pages.ui.retrain import FIELDS, SECTIONS
from tests.conftest import copied
from tests.pages.test_states import words

UNESCAPED = re.compile(r"(?<!\\)(<b>|:red\[|\]\(javascript)")


def every_markdown(app: AppTest) -> list[str]:
    kinds = ("markdown", "caption", "info", "subheader")
    return [element.value for kind in kinds for element in getattr(app, kind)]


def test_the_behaviour_page_answers_with_an_interval_and_a_rule_beside_each_forecast(trained, open_page):
    app = open_page("behaviour", trained[0])
    assert not app.exception
    said = words(app)
    assert re.search(r"Forecast to buy within 7 days: highest for \*\*.+\*\*, \d+\.\d % \[.+\] · n=\d+", said)
    for metric in ("AUC · 7 days is", "Log loss · 7 days is", "Hit rate@1 is", "Whole path hit@10 is"):
        assert metric in said
    assert said.count("best plain rule (") >= 4
    forecasts = next(table.value for table in app.dataframe if "Forecast less bought" in table.value)
    assert forecasts["Forecast"].str.contains(r"\[").all()
    assert (forecasts["Users"] >= 10).all()


def test_another_horizon_is_in_the_link_and_changes_the_answer(trained, open_page):
    app = open_page("behaviour", trained[0])
    before = words(app)
    app.segmented_control(key="days").set_value(28).run()
    assert not app.exception
    assert app.query_params["days"] == "28"
    assert "within 28 days" in words(app) != before
    again = open_page("behaviour", trained[0], days="28")
    assert again.segmented_control(key="days").value == 28


def test_hidden_groups_have_no_forecast_and_no_path(trained, open_page):
    app = open_page("behaviour", trained[0], by="age*income")
    assert not app.exception
    assert "hidden: too few users" in words(app)
    shown = {
        group for table in app.dataframe if "Users" in table.value for group in table.value["Group"].tolist()
    }
    paths = next(table.value for table in app.dataframe if "and then" in table.value)
    assert set(paths["Group"]) <= set(app.selectbox(key="a").options) <= shown | set(paths["Group"])
    assert paths["Probability"].str.contains(r"n=\d\d").all()


def test_one_user_has_forecasts_categories_and_paths_and_an_unknown_one_a_note(trained, open_page):
    app = open_page("behaviour", trained[0])
    heads = [set(table.value) for table in app.dataframe]
    assert {"#", "Next category", "Probability"} in heads
    assert any("Forecasts like it came true" in head for head in heads)
    app.text_input(key="user").set_value("nobody").run()
    assert not app.exception
    assert "There is no user" in app.info[0].value


def test_a_run_trained_without_a_model_says_so(trained, open_page):
    older = min(trained[1], key=lambda run: run.created_at)
    for page, model in (("behaviour", "behaviour"), ("service", "service")):
        app = open_page(page, trained[0], run=older.id)
        assert not app.exception
        assert f"trained without the model *{model}*" in words(app)


def test_data_that_tell_nothing_of_service_say_what_is_missing(trained, open_page):
    app = open_page("service", trained[0])
    assert not app.exception
    assert "service table with satisfaction" in words(app)
    assert app.get("page_link")


@pytest.fixture
def before_reports(trained, tmp_path):
    """The newest run as it would have been kept before there were further models and objectives."""
    root = copied(trained[0], tmp_path / "old")
    workspace = Workspace.open(root, f"sqlite:///{root}/evenhand.db")
    run = trained[1][0]
    document = run.dump()
    del document["reports"], document["settings"]["models"], document["settings"]["intent_weight"]
    for epoch in document["history"]:
        del epoch["losses"]
    kept = ("weights", "baselines_test")
    document["artefacts"] = {
        name: artefact
        for name, artefact in document["artefacts"].items()
        if name in kept or name.startswith(("candidates", "per_user"))
    }
    workspace.documents.put(RUNS, document)
    yield root, run
    workspace.close()


@pytest.mark.parametrize("page", ["train", "behaviour", "service", "recommendations", "overview"])
def test_a_run_from_before_the_further_models_opens_on_every_page(page, before_reports, open_page):
    app = open_page(page, before_reports[0], run=before_reports[1].id)
    assert not app.exception
    assert not app.error
    if page in ("behaviour", "service"):
        assert "made before there were such models" in words(app)
    if page == "train":
        assert "keeps no reports of further models" in words(app)


def test_the_model_card_shows_each_model_beside_its_rules_with_calibration(trained, open_page):
    app = open_page("train", trained[0])
    assert [tab.label for tab in app.tabs if tab.label in ("Recommender", "Purchase intent", "Next category")]
    tables = [table.value for table in app.dataframe if "Best plain rule" in table.value]
    assert len(tables) == 4
    for table in tables:
        assert table["This model"].str.contains(r"\[.+\] · n=").all()
    said = words(app)
    assert "Calibration, 7 days" in said
    assert "were not shown to the model" in said
    assert "next item × 1" in said
    assert "Cannot support: Service" in said


def test_the_form_offers_every_setting_once_and_the_further_models_to_choose(trained, open_page):
    names = [name for section in SECTIONS.values() for name in section]
    assert sorted(names) == sorted(FIELDS)
    app = open_page("train", trained[0])
    assert app.pills(key="train-models").value == ["behaviour", "service", "opinions"]


def test_the_chosen_models_are_queued(trained, tmp_path, open_page):
    root = copied(trained[0], tmp_path / "copy")
    app = open_page("train", root)
    app.pills(key="train-models").set_value([])
    next(button for button in app.button if button.label == "Train").click().run()
    workspace = Workspace.open(root, f"sqlite:///{root}/evenhand.db")
    (job,) = jobs(workspace, limit=9)
    workspace.close()
    assert TrainSettings.model_validate(job.params["settings"]) == TrainSettings(models=())
    json.dumps(job.params)


def test_the_service_page_shows_two_claims_and_how_far_predictions_can_be_relied_on(reviewed, open_page):
    app = open_page("service", reviewed[0])
    assert not app.exception
    assert not [table for table in app.dataframe if "Inside the 90 % interval" in table.value]  # folded away
    app.session_state["fold-claims"] = True
    app.run()
    assert not app.exception
    said = words(app)
    assert re.search(r"Mean rating of all users \([\d,]+ users, [\d,]+ test rows", said)
    assert "Observed: highest for" in said
    assert "Predicted: highest for" in said
    assert "Mean absolute error is" in said
    error = next(table.value for table in app.dataframe if "Inside the 90 % interval" in table.value)
    assert "90+" not in set(error["Group"])
    assert error["Mean absolute error"].str.contains(r"\[").all()
    assert "hidden: too few users" in said


def test_every_sentence_of_an_evaluation_can_be_opened_to_the_reviews_it_cites(reviewed, open_page):
    app = open_page("recommendations", reviewed[0])
    assert not app.exception
    said = words(app)
    assert "Written by a machine" in said
    assert app.metric[-3].label == "Expected rating"
    labels = [expander.label for expander in app.expander if "rests on" in expander.label]
    citations = [table.value for table in app.dataframe if "In its words" in table.value]
    assert len(labels) == len(citations) > 1
    for label, table in zip(labels, citations, strict=True):
        assert label in ("The review it rests on", f"The {len(table):,} reviews it rests on")
        assert table["In its words"].str.len().gt(0).all()


def test_nothing_in_a_review_is_interpreted(reviewed, open_page):
    app = open_page("recommendations", reviewed[0])
    quotes = [text for text in every_markdown(app) if text.startswith("> ")]
    assert any("javascript" in quote for quote in quotes)
    assert not [text for text in every_markdown(app) if UNESCAPED.search(text)]


def test_another_product_is_in_the_link_and_an_unknown_one_gets_a_note(reviewed, open_page):
    app = open_page("recommendations", reviewed[0])
    product = app.selectbox(key="product")
    first = product.value
    product.set_value(next(code for code in range(5) if code != first)).run()  # all five are on the list
    assert not app.exception
    assert app.selectbox(key="product").value != first
    assert app.query_params["product"].startswith("i")
    again = open_page("recommendations", reviewed[0], product="<b>no</b>")
    assert "which is not here" in words(again)
    assert again.selectbox(key="product").value == first


def test_without_reviews_the_evaluation_says_why_and_rests_on_tables(trained, open_page):
    app = open_page("recommendations", trained[0])
    said = words(app)
    assert "The data have no reviews" in said
    assert "rows of the table" in said
    assert "Written by a machine" in said
