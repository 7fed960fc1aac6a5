"""The frontier on a trained slice: not yet, under way, failed, and there: picked, loaded, confirmed and counted."""

import pytest
from streamlit.testing.v1 import AppTest

from core.jobs.queue import jobs
from core.schema.documents import JOBS, RUNS
from core.schema.policies import PolicySettings, Step
from core.schema.settings import AuditSettings
from core.store.workspace import Workspace
from core.workflow.policies.confirmation import confirmations
from core.workflow.policies.frontier import find_frontier, frontier
from core.workflow.policies.standing import policy_of
from tests.conftest import copied

SETTINGS = AuditSettings(by=(("age",),), items_by="brand")


@pytest.fixture(scope="module")
def root(trained, tmp_path_factory):
    """A copy of the trained workspace, to which the frontier of its newest run is added."""
    return copied(trained[0], tmp_path_factory.mktemp("frontier") / "workspace")


@pytest.fixture(scope="module")
def computed(root, trained):
    workspace = Workspace.open(root, f"sqlite:///{root}/evenhand.db")
    yield frontier(workspace, trained[1][0].id, SETTINGS)
    workspace.close()


def page(by: tuple[str, ...], run: str, steps: list) -> None:
    import streamlit as st

    from core.schema.policies import PolicySettings
    from core.schema.settings import Scope
    from pages.ui import cached, tune_frontier
    from pages.ui.shell import View

    workspace = cached.workspace()
    runs = cached.runs(workspace)
    shown = next(one for one in runs if one.id == run)
    data = cached.datasets(workspace)
    view = View(workspace, data, runs, data[0], shown, by, 10, Scope(), 5)
    current = st.session_state.get("loaded", PolicySettings(steps=steps, k=10))
    tune_frontier.show(view, current, lambda policy: st.session_state.update(loaded=policy))


@pytest.fixture
def opened(monkeypatch, started):
    def open_(root, run: str, *, by: tuple[str, ...] = ("age",), steps: tuple = ()) -> AppTest:
        monkeypatch.setenv("EVENHAND_WORKSPACE", str(root))
        monkeypatch.delenv("EVENHAND_STORE", raising=False)
        options = {"by": by, "run": run, "steps": list(steps)}
        return AppTest.from_function(page, default_timeout=60, kwargs=options).run()

    return open_


def said(app: AppTest) -> str:
    kinds = ("subheader", "markdown", "caption", "info", "warning", "error")
    return "\n".join(str(one.value) for kind in kinds for one in getattr(app, kind)).replace("\\", "")


def keys(app: AppTest) -> list[str]:
    return [button.key for button in app.button]


def test_without_one_a_button_asks_for_it_and_a_failure_says_why(own, opened, trained, started):
    run = trained[1][1]
    app = opened(own.root, run.id)
    assert not app.exception
    assert "Not computed yet for groups by age, products by brand and top 10" in said(app)
    app.button(key="frontier-compute").click().run()
    assert not app.exception
    assert started
    (job,) = jobs(own, limit=9)
    assert (job.kind, job.params["run"]) == ("frontier", run.id)
    assert "being computed" in said(app)
    assert "frontier-compute" not in keys(app)
    own.documents.update(JOBS, job.id, {"state": "failed", "error": "The candidates are *gone*."})
    app.run()
    assert "The candidates are *gone*." in said(app)
    assert "frontier-compute" in keys(app)


def test_what_a_job_was_asked_for_is_what_the_page_then_finds(own, opened, trained):
    from core.jobs.context import JobContext
    from core.jobs.tasks import TASKS

    run = trained[1][1]
    app = opened(own.root, run.id)
    app.button(key="frontier-compute").click().run()
    (job,) = jobs(own, limit=9)
    TASKS["frontier"](own, job.params, JobContext(own, job))
    app.run()
    assert not app.exception
    assert "settings tried on the **validation split**" in said(app)


def test_the_answer_the_picture_and_the_table(computed, root, opened, trained):
    app = opened(root, trained[1][0].id)
    assert not app.exception
    assert app.markdown[0].value.startswith("**Attention that would have to move to meet the target:")
    assert f"{len(computed.points) - 1} settings tried" in said(app)
    assert "208 changes were corrected for together (Benjamini-Hochberg)" in said(app)
    assert "never been confirmed" in said(app)
    (chart,) = app.get("plotly_chart")
    assert "point for each setting" in chart.proto.alt
    for measure in computed.measures[3:]:
        app.selectbox(key="frontier_measure").set_value(measure).run()
        assert not app.exception
    assert app.markdown[0].value.startswith("**Gap in offers shown:")


def test_a_point_is_picked_and_loaded(computed, root, opened, trained):
    app = opened(root, trained[1][0].id)
    point = next(n for n, one in enumerate(computed.points) if one.step == "exposure_limits")
    app.selectbox(key="frontier-point").set_value(point).run()
    app.button(key="frontier-load").click().run()
    assert not app.exception
    assert app.session_state["loaded"] == policy_of(computed, point)
    assert app.button(key="frontier-load").disabled  # it is the current one now
    app.selectbox(key="frontier_against").set_value("current").run()
    assert "against the current policy" in said(app)  # not computed yet


def test_a_policy_that_is_no_point_is_placed_too(computed, root, opened, trained):
    steps = [Step(step="xquad", settings={"strength": 0.33})]
    app = opened(root, trained[1][0].id, steps=steps)
    assert not app.exception
    assert "settings tried" in said(app)
    assert not app.button(key="frontier-load").disabled


def test_a_confirmation_is_measured_once_logged_and_counted(own, opened, trained):
    run = trained[1][1]
    frontier(own, run.id, SETTINGS)
    app = opened(own.root, run.id)
    point = app.selectbox(key="frontier-point").value
    app.button(key="frontier-confirm").click().run()
    assert not app.exception
    assert "This is confirmation number 1 on this test split; each further one" in said(app)
    app.run()  # looking again is no press
    (logged,) = confirmations(own, run.id)
    found = find_frontier(own, run, SETTINGS)
    assert PolicySettings.model_validate(logged.policy) == policy_of(found, point)
    app.button(key="frontier-confirm").click().run()
    assert "confirmation number 2" in said(app)
    assert [one.number for one in confirmations(own, run.id)] == [2, 1]


def test_where_there_can_be_none_the_page_says_why(own, opened, trained):
    run = trained[1][1]
    assert "name no user attributes" in said(opened(own.root, run.id, by=()))
    kept = {"candidates_test": run.artefacts["candidates_test"]}
    brought = run.model_copy(update={"id": "run-brought", "brought": True, "artefacts": kept})
    own.documents.put(RUNS, brought.dump())
    app = opened(own.root, "run-brought")
    assert not app.exception
    assert "nothing to choose by" in said(app)
