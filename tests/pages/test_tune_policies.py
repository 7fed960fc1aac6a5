"""Signing a policy on the Tune page, letting the shop read it, and going back: with a real store and worker."""

import json
import shutil

import pytest

from core.jobs.queue import jobs as latest_jobs
from core.jobs.worker import run_worker
from core.store.workspace import Workspace
from core.workflow.policies.saved import list_policies
from core.workflow.policies.serving import served, servings
from tests.pages.test_tune import FLOOR, button, text_of


@pytest.fixture
def shop(open_page, trained, tmp_path):
    """A copy of the trained slice to write to, and how its page is opened."""
    root = tmp_path / "workspace"
    shutil.copytree(trained[0], root)
    workspace = Workspace.open(root, f"sqlite:///{root}/evenhand.db")
    run = trained[1][0]

    def open_(**link):
        return open_page("tune", root, run=run.id, by="age", part="Policies", **link)

    yield workspace, run, open_
    workspace.close()


def sign(app, name: str, author: str = "Ada"):
    for key, text in (
        ("policy-name", name),
        ("policy-author", author),
        ("policy-aim", "every brand is seen"),
    ):
        app.text_input(key=key).set_value(text)
    return button(app, "Save this version").click().run()


def work(workspace):
    """Let a worker do what the page asked for."""
    run_worker(workspace, idle_seconds=0.1)
    job = latest_jobs(workspace)[0]
    assert job.state == "done", job.error
    return job.result


def test_nothing_is_served_before_somebody_signs(shop):
    _, _, open_ = shop
    app = open_()
    assert not app.exception
    assert "Nothing is published yet" in text_of(app)


def test_a_policy_is_saved_published_and_rolled_back(shop):
    workspace, run, open_ = shop
    app = sign(open_(policy=json.dumps([FLOOR])), "Brands")
    assert "Brands@1" in app.success[0].value.replace("\\", "")
    (policy,) = list_policies(workspace, dataset=run.dataset)
    assert policy.settings["steps"][0]["settings"]["floor"] == 0.9
    assert policy.measured["split"] == "validation"
    app.text_input(key="publish-author").set_value("Bo").run()
    button(app, "Publish its lists").click().run()
    first = work(workspace)["publication"]
    app = open_()
    assert "The shop reads Brands@1" in text_of(app).replace("\\", "")
    lists = {user: served(workspace, run.dataset, user) for user in ("1", "17", "100")}
    app = sign(open_(), "As the model has it")
    app.text_input(key="publish-author").set_value("Bo").run()
    button(app, "Publish its lists").click().run()
    work(workspace)
    app = open_()
    app.text_input(key="publish-author").set_value("Cy").run()
    button(app, "Roll back").click().run()
    work(workspace)
    assert servings(workspace, run.dataset)[0].publication == first
    assert {user: served(workspace, run.dataset, user) for user in lists} == lists
    assert servings(workspace, run.dataset)[0].author == "Cy"


def test_bad_names_are_one_clear_sentence_and_save_nothing(shop):
    workspace, run, open_ = shop
    app = sign(open_(), "with@mark")
    assert not app.exception
    assert "stands before a version" in text_of(app)
    app = sign(open_(), "No author", author=" ")
    assert "author" in text_of(app)
    assert list_policies(workspace, dataset=run.dataset) == []


def test_a_published_policy_can_be_compared_with_on_the_desk(shop, open_page):
    workspace, run, open_ = shop
    app = sign(open_(policy=json.dumps([FLOOR])), "Brands")
    app.text_input(key="publish-author").set_value("Bo").run()
    button(app, "Publish its lists").click().run()
    work(workspace)
    desk = open_page("tune", workspace.root, run=run.id, by="age", policy=json.dumps([FLOOR]))
    against = next(one for one in desk.selectbox if one.label == "Compare with")
    against.set_value("published: Brands@1").run()
    assert "Nothing moves" in next(one.value for one in desk.markdown if one.value.startswith("####"))
