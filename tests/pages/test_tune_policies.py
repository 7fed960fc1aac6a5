"""Signing a policy on the Tune page, letting the shop read it, and going back: with a real store and worker."""

import json

import pytest

from core.data.dataset import load
from core.jobs.queue import jobs as latest_jobs
from core.jobs.worker import run_worker
from core.schema.documents import COMPARISONS, DATASETS, RUNS
from core.schema.policies import PolicySettings, Step
from core.schema.settings import settings_from
from core.store.workspace import Workspace
from core.workflow.policies.published_lists import publications
from core.workflow.policies.publishing import publish
from core.workflow.policies.saved import Label, list_policies, save_policy
from core.workflow.policies.serving import served, servings
from tests.conftest import copied
from tests.core.workflow.policies.made_line import made_comparison
from tests.pages.test_tune import FLOOR, button, text_of


@pytest.fixture
def shop(open_page, trained, tmp_path):
    """A copy of the trained slice to write to, and how its page is opened."""
    root = tmp_path / "workspace"
    copied(trained[0], root)
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


def test_a_shop_may_be_served_lists_that_know_everything(shop):
    workspace, run, open_ = shop
    app = sign(open_(policy=json.dumps([FLOOR])), "Brands")
    app.text_input(key="publish-author").set_value("Bo").run()
    button(app, "Publish its lists").click().run()
    judged = work(workspace)["publication"]
    app = open_()
    assert "These lists know all but the last window, as they were judged" in text_of(app)
    app.text_input(key="publish-author").set_value("Bo").run()
    assert button(app, "Publish its lists").disabled  # these lists are served
    app.segmented_control(key="policy-moment").set_value("now").run()
    button(app, "Publish its lists").click().run()
    latest = work(workspace)["publication"]
    app = open_()
    assert "These lists know everything by the end of the data" in text_of(app)
    assert [one.split for one in publications(workspace, run.dataset) if one.id == latest] == ["now"]
    app.text_input(key="publish-author").set_value("Cy").run()
    button(app, "Roll back").click().run()
    work(workspace)
    assert servings(workspace, run.dataset)[0].publication == judged


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


@pytest.fixture
def line(shop, trained):
    """The shop with the newest run on a dataset prepared later from the same shop, following the first run."""
    workspace, newer, open_ = shop
    dataset = load(workspace, newer.dataset)
    workspace.documents.insert(DATASETS, dataset.dump() | {"_id": "ds-newer", "first": dataset.id})
    former = trained[1][1].id
    workspace.documents.update(RUNS, newer.id, {"dataset": "ds-newer", "follows": former})
    return workspace, former, newer.id, open_


def kept(workspace, run: str, *steps, name: str = "Brands"):
    label = settings_from(Label, {"name": name, "aim": "every brand is seen", "author": "Ada"})
    made = PolicySettings(steps=tuple(Step(step=step, settings=settings) for step, settings in steps))
    return save_policy(workspace, run, made, label)


def test_a_policy_of_the_run_before_is_carried_over_as_its_next_version(line):
    workspace, former, newer, open_ = line
    first = kept(workspace, former, FLOOR)
    publish(workspace, first.id, author="Bo")
    app = open_()
    assert "The shop reads Brands@1" in text_of(app).replace("\\", "")
    assert "lists of the model “first”, not of this model" in text_of(app)
    button(app, "Put on the desk").click().run()
    assert not app.exception
    (said,) = [one.value for one in app.info if "it was saved for the model “first”" in one.value]
    assert "that makes the next version" in said
    app.session_state["part"] = "Policies"
    app.run()
    assert (app.text_input(key="policy-name").value, app.text_input(key="policy-aim").value) == (
        "Brands",
        "every brand is seen",
    )
    app.text_input(key="policy-author").set_value("Cy")
    button(app, "Save this version").click().run()
    second, found = list_policies(workspace, dataset=first.dataset)
    assert found == first
    assert (second.reference, second.run, second.dataset) == ("Brands@2", newer, first.dataset)
    assert second.settings["steps"] == first.settings["steps"]
    app.session_state["part"] = "Desk"
    app.run()
    assert not [one for one in app.info if "it was saved for" in one.value]


def test_the_report_page_says_whose_lists_the_shop_reads(line, open_page):
    workspace, former, newer, _ = line
    publish(workspace, kept(workspace, former, FLOOR).id, author="Bo")
    said = "The shop reads Brands@1, lists of the model “first”"
    assert said in text_of(open_page("report", workspace.root, run=newer, by="age")).replace("\\", "")
    assert said not in text_of(open_page("report", workspace.root, run=former, by="age")).replace("\\", "")


def test_what_the_newer_data_lack_of_a_policy_is_said(line):
    workspace, former, _, open_ = line
    kept(workspace, former, ("fa_star_ir", {"items_by": "brand", "protected": "Gone"}), FLOOR)
    app = open_()
    button(app, "Put on the desk").click().run()
    (said,) = [one.value.replace("\\", "") for one in app.warning]
    assert "These data do not have all that it names." in said
    assert "There is no group 'Gone' of brand; there are: " in said


def test_lists_of_a_run_that_follows_another_wait_for_their_comparison(line):
    workspace, former, newer, open_ = line
    kept(workspace, newer, FLOOR)
    app = open_()
    app.text_input(key="publish-author").set_value("Bo").run()
    assert button(app, "Publish its lists").disabled
    assert f"compare {former} {newer}" in text_of(app).replace("\\", "")
    told = {"metric": "ndcg@10", "old": 0.4, "new": 0.3, "p_adjusted": 0.001}
    rows = [
        {"group": "all", "change": -0.1, "low": -0.2, "high": -0.05, "verdict": "worse", "n": 200},
        {"group": "45-54", "change": -0.1, "low": -0.2, "high": -0.05, "verdict": "worse", "n": 60},
        {"group": "65+", "change": None, "low": None, "high": None, "verdict": None, "n": "<10"},
    ]
    found = made_comparison(former, newer, *(told | row | {"attribute": "age"} for row in rows))
    workspace.documents.insert(COMPARISONS, found.dump())
    app = open_()
    app.text_input(key="publish-author").set_value("Bo").run()
    said = text_of(app).replace("\\", "")
    assert (
        "Worse than the model before**: NDCG@10 went from 0.400 to 0.300, a change of −0.1000 [−0.2000, −0.0500]"
        in said
    )
    assert "Worse than before for everyone together and 45-54 (age)." in [
        one.value.replace("\\", "") for one in app.warning
    ]
    button(app, "Publish its lists").click().run()
    assert work(workspace)["publication"] == servings(workspace, "ds-newer")[0].publication
