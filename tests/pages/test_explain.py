"""The Explain page in every state: nothing there, not computed, computed, a user without anything, brought lists, bad links."""

import numpy as np
import pytest

from core.jobs.queue import jobs
from core.schema.documents import RUNS
from core.store.workspace import Workspace
from core.workflow.explaining.asking import Asking
from core.workflow.explaining.case import explain_case
from core.workflow.explaining.kept import explain_model
from core.workflow.runs import run_table
from core.workflow.service import PREDICTIONS
from tests.conftest import copied
from tests.pages.test_states import words


@pytest.fixture(scope="module")
def explained(trained, tmp_path_factory):
    """A copy of the trained workspace in which one model was explained."""
    root = copied(trained[0], tmp_path_factory.mktemp("explained") / "workspace")
    workspace = Workspace.open(root, f"sqlite:///{root}/evenhand.db")
    explain_model(workspace, trained[1][0].id, "intent_28")
    workspace.close()
    return root, trained[1]


def test_an_empty_workspace_says_what_it_waits_for(workspace, open_page):
    app = open_page("explain", workspace.root)
    assert not app.exception
    assert "as soon as a first model is trained" in words(app)


def test_why_a_gap(explained, open_page):
    app = open_page("explain", explained[0], run=explained[1][0].id, by="age")
    assert not app.exception
    said = words(app)
    assert "Why NDCG@10 differs for" in said
    assert "the causes below make" in said
    assert "A cause is no excuse" in said
    group = app.selectbox(key="of").value
    assert group != "Unknown"
    other = next(one for one in app.selectbox(key="of").options if one != group)
    app.selectbox(key="of").select(other).run()
    assert not app.exception
    assert app.query_params["of"] == other
    again = open_page(
        "explain", explained[0], run=explained[1][0].id, by="age", of=other, measure="recall", k="5"
    )
    assert "Why recall@5 differs for" in words(again)


def test_why_a_product(explained, open_page):
    app = open_page("explain", explained[0], run=explained[1][0].id, why="item", by="age")
    assert not app.exception
    said = words(app)
    assert "stands at place 1 with a score of" in said
    assert "What the score is the sum of" in said
    assert "most similar customers" in said or "too few other customers" in said
    lists = lists_of(explained)
    third = lists[(lists["user"] == 0) & (lists["rank"] == 3)].iloc[0]
    link = {"why": "item", "product": str(int(third["item"]))}
    app = open_page("explain", explained[0], run=explained[1][0].id, by="age", **link)
    assert not app.exception
    assert "stands at place 3" in words(app)


def lists_of(explained):
    workspace = Workspace.open(explained[0], f"sqlite:///{explained[0]}/evenhand.db")
    found = run_table(workspace, explained[1][0], "candidates_test")
    workspace.close()
    return found


def test_a_model_that_nobody_asked_about_is_offered_as_a_job(explained, open_page, started):
    app = open_page("explain", explained[0], run=explained[1][0].id, why="model", by="age", model="intent_7")
    assert not app.exception
    assert "Nobody has asked yet" in words(app)
    assert "The model says" in words(app)  # one prediction needs no job
    app.button(key="explain-model").click().run()
    assert not app.exception
    workspace = Workspace.open(explained[0], f"sqlite:///{explained[0]}/evenhand.db")
    job = jobs(workspace, limit=1)[0]
    assert (job.kind, job.params) == ("explain", {"run": explained[1][0].id, "subject": "intent_7"})
    workspace.documents.delete("jobs", job.id)
    workspace.close()


def test_a_model_as_a_whole_by_group_and_in_one_case(explained, open_page):
    app = open_page("explain", explained[0], run=explained[1][0].id, why="model", by="age", model="intent_28")
    assert not app.exception
    said = words(app)
    assert "probability to buy within 28 days goes most by" in said
    assert "add up to their prediction" in said
    assert "Another reason for another group?" in said
    app.segmented_control(key="family").set_value("push").run()
    assert not app.exception
    assert app.query_params["family"] == "push"


@pytest.mark.parametrize("name", ["ranking_again", "ranking_new"])
def test_one_score_of_the_list(explained, open_page, name):
    app = open_page("explain", explained[0], run=explained[1][0].id, why="model", by="age", model=name)
    assert not app.exception
    assert "The model says" in words(app) or "asked nothing about this user" in words(app)


def test_lists_of_another_system_have_gaps_alone(own, open_page, trained):
    run = trained[1][1]
    brought = run.model_copy(
        update={"id": "run-brought", "brought": True, "created_at": "2030-01-01T00:00:00+00:00"}
    )
    own.documents.put(RUNS, brought.dump())
    assert "Why NDCG@10 differs" in words(open_page("explain", own.root, run="run-brought", by="age"))
    for why in ("item", "model"):
        app = open_page("explain", own.root, run="run-brought", by="age", why=why)
        assert not app.exception
        assert "Another system made these lists" in words(app)


def test_links_that_ask_for_what_is_not_here(explained, open_page):
    link = {"why": "<b>x</b>", "of": "nobody", "measure": "profit"}
    app = open_page("explain", explained[0], run=explained[1][0].id, by="age", **link)
    assert not app.exception
    assert "which is not here" in words(app)
    link = {"why": "model", "model": "../../etc", "user": '{"$ne": null}', "which": "-1"}
    app = open_page("explain", explained[0], run=explained[1][0].id, by="age", **link)
    assert not app.exception
    assert "There is no user" in words(app)


def test_a_service_model_says_what_the_run_kept(reviewed, open_page):
    root, run = reviewed
    workspace = Workspace.open(root, f"sqlite:///{root}/evenhand.db")
    asking, told = Asking(workspace, run), run_table(workspace, run, PREDICTIONS)
    row = asking.rows("service_rating").iloc[[0]]
    case = explain_case(asking, "service_rating", row)
    kept = told[told["outcome"] == "rating"].reset_index(drop=True).loc[int(row["place"].iloc[0])]
    low, high = told["observed"].min(), told["observed"].max()
    assert np.clip(case.output, low, high) == pytest.approx(float(kept["expected"]), abs=1e-4)
    assert case.complete
    user = workspace.artefacts.read_table(asking.dataset.tables["users"])["user_id"].iloc[case.user]
    workspace.close()
    app = open_page("explain", root, why="model", model="service_rating", user=user)
    assert not app.exception
    assert "The model says" in words(app)
