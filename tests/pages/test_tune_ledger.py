"""The ledger on a trained slice: the answer, its waterfall and table, and the states with less than a whole chain."""

import pytest
from streamlit.testing.v1 import AppTest

from core.jobs.queue import jobs
from core.schema.settings import TrainSettings, settings_from
from core.workflow.policies.chain import find_chain
from core.workflow.runs import list_runs, load_run
from core.workflow.training import train

FLOOR = ("exposure_limits", {"items_by": "popularity_band", "floor": 0.6})
FAIR = {"exposure_weight": 2.0, "item_weights": "popularity_balanced"}


def opened(root, monkeypatch, *, run: str, steps=(), by=("age",), busy=False, brought=False) -> AppTest:
    monkeypatch.setenv("EVENHAND_WORKSPACE", str(root))
    monkeypatch.delenv("EVENHAND_STORE", raising=False)

    def page(run: str, steps: tuple, by: tuple[str, ...], busy: bool, brought: bool) -> None:
        from core.schema.policies import PolicySettings, Step
        from core.schema.settings import Scope
        from pages.ui import cached, tune_ledger
        from pages.ui.shell import View

        workspace = cached.workspace()
        datasets, runs = cached.datasets(workspace), cached.runs(workspace)
        shown = next(one for one in runs if one.id == run)
        if brought:
            kept = {name: one for name, one in shown.artefacts.items() if not name.endswith("validation")}
            shown = shown.model_copy(update={"brought": True, "settings": {}, "artefacts": kept})
        view = View(workspace, datasets, runs, datasets[0], shown, by, 10, Scope(), 5, busy)
        policy = PolicySettings(steps=[Step(step=name, settings=values) for name, values in steps], k=10)
        tune_ledger.show(view, policy)

    asked = {"run": run, "steps": steps, "by": by, "busy": busy, "brought": brought}
    return AppTest.from_function(page, default_timeout=60, kwargs=asked).run()


def said(app: AppTest) -> str:
    assert not app.exception
    kinds = ("markdown", "caption", "info", "warning", "error")
    return "\n".join(str(one.value) for kind in kinds for one in getattr(app, kind)).replace("\\", "")


@pytest.fixture
def fair(own):
    """A copy of the trained workspace with a run that has a data and a training step, and the plain one beside it."""
    plain = TrainSettings.model_validate(load_run(own, "run-first").settings)
    settings = settings_from(TrainSettings, plain.model_dump() | FAIR)
    train(own, load_run(own, "run-first").dataset, settings, run_id="run-fair", name="fair")
    return own


def test_a_plain_run_without_a_policy_has_a_gap_and_nothing_against_it(trained, monkeypatch):
    app = opened(trained[0], monkeypatch, run="run-first")
    assert "no step has been taken yet" in said(app)
    assert "This run is plain" in said(app)
    assert "The policy has no steps" in said(app)
    assert not app.get("plotly_chart")
    assert not app.dataframe


def test_re_ranking_of_a_plain_run_is_a_ledger_of_one_step(trained, monkeypatch):
    app = opened(trained[0], monkeypatch, run="run-first", steps=(FLOOR,))
    assert "re-ranking" in app.markdown[0].value
    assert "Left is" in said(app)
    assert "In all, " in said(app)
    assert "one training with one seed" in said(app)
    assert len(app.get("plotly_chart")) == 1
    table = app.dataframe[0].value
    assert list(table["Step"]) == ["Re-ranking"]
    assert "Floors and ceilings" in table["What was done"][0]
    app.selectbox(key="ledger_gap").set_value("attention_to_move").run()
    assert "Of the attention that would have to move for groups by" in said(app)
    assert "re-ranking closed" in said(app)


def test_steps_without_a_sibling_between_are_told_together_and_the_sibling_is_offered(
    fair, monkeypatch, started
):
    app = opened(fair.root, monkeypatch, run="run-fair", steps=(FLOOR,))
    assert "the data and training step together" in said(app)
    assert list(app.dataframe[0].value["Step"]) == [
        "Data and training step together",
        "Re-ranking",
        "All steps together",
    ]
    assert (
        "Not here: a run with the data step alone, trained like **fair** but for exposure weight 0"
        in said(app)
    )
    (button,) = app.button
    button.click().run()
    assert started
    (job,) = jobs(fair, limit=1)
    assert job.kind == "train"
    wanted = settings_from(TrainSettings, job.params["settings"])
    assert wanted.item_weights == "popularity_balanced"
    assert not wanted.fairness_in_training
    train(fair, job.params["dataset"], wanted, run_id="run-between", name=job.params["name"])
    chain = find_chain(list_runs(fair), load_run(fair, "run-fair"))
    assert [link.steps for link in chain.links] == [("data",), ("training",)]
    app = opened(fair.root, monkeypatch, run="run-fair")
    assert "the data step" in said(app)
    assert "the training step" in said(app)
    assert not app.button


def test_what_nothing_tells_apart_is_said(fair, monkeypatch):
    fair.documents.delete("runs", "run-first")
    app = opened(fair.root, monkeypatch, run="run-fair", busy=True)
    assert "The data and training step together of this run cannot be told apart" in said(app)
    assert "no step has been taken yet" in said(app)
    assert "a run without fairness before or in training" in said(app)
    assert len(app.button) == 2
    assert all(button.disabled for button in app.button)


def test_of_lists_of_another_system_and_without_groups_there_is_no_ledger(trained, monkeypatch):
    app = opened(trained[0], monkeypatch, run="run-first", brought=True)
    assert "Another system made these lists" in said(app)
    assert not app.dataframe
    app = opened(trained[0], monkeypatch, run="run-first", by=())
    assert "no user attributes" in said(app)
