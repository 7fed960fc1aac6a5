"""Models of a trained run explained as a whole and one by one, kept once, and refused where there is nothing."""

import numpy as np
import pytest
import shap

from core.errors import Cancelled, NotFound
from core.explain.as_shap import as_shap
from core.jobs.context import JobContext
from core.jobs.tasks import TASKS
from core.schema.documents import EXPLANATIONS, Job, now
from core.workflow.behaviour_intent import INTENT
from core.workflow.explaining import kept
from core.workflow.explaining.asking import Asking, subjects_of
from core.workflow.explaining.case import explain_case, rows_of_user
from core.workflow.explaining.kept import explain_model, explanation_table, find_explanation
from core.workflow.runs import run_table


@pytest.fixture(scope="module")
def asking(shop):
    return Asking(shop.workspace, shop.run)


def test_what_can_be_explained(shop, asking):
    told = subjects_of(shop.run)
    assert list(told)[:2] == ["ranking_again", "ranking_new"]
    assert {name for name in told if name.startswith("intent_")} <= {"intent_7", "intent_28"}
    with pytest.raises(NotFound, match="no model 'intent_99' to explain; there are: ranking_again"):
        asking.rows("intent_99")
    brought = Asking(shop.workspace, shop.run.model_copy(update={"brought": True}))
    with pytest.raises(NotFound, match="another system"):
        brought.rows("ranking_again")


@pytest.mark.parametrize("name", ["ranking_again", "ranking_new", "intent_7"])
def test_a_model_as_a_whole_is_computed_once(shop, asking, name):
    found = explain_model(shop.workspace, shop.run.id, name)
    values, shown = (explanation_table(shop.workspace, found, table) for table in ("values", "shown"))
    assert len(values) == len(shown) == found.users == values["user"].nunique()
    assert list(values)[3:] == found.features == list(shown)
    sums = found.expected + values[found.features].sum(axis=1)
    np.testing.assert_allclose(sums, values["output"] - values["error"], atol=1e-9)
    assert found.incomplete == (values["error"].abs() > found.allowed).sum() == 0
    assert find_explanation(shop.workspace, shop.run, name) == found

    def never(*_) -> None:
        raise Cancelled("computed again")

    assert explain_model(shop.workspace, shop.run.id, name, progress=never).id == found.id


def test_a_case_says_what_the_run_kept(shop, asking):
    told = run_table(shop.workspace, shop.run, INTENT)
    told = told[told["horizon_days"] == 7]
    user = int(told["user"].iloc[0])
    rows = rows_of_user(asking, "intent_7", user)
    case = explain_case(asking, "intent_7", rows.iloc[[0]])
    assert case.output == pytest.approx(float(told["probability"].iloc[0]), abs=1e-5)
    assert case.complete
    assert case.expected + case.parts["value"].sum() == pytest.approx(case.output, abs=case.allowed)
    assert case.parts["value"].abs().is_monotonic_decreasing
    of_all = explanation_table(
        shop.workspace, explain_model(shop.workspace, shop.run.id, "intent_7"), "values"
    )
    assert case.expected == pytest.approx(
        of_all["output"].sum() / len(of_all) - of_all.iloc[:, 2:].sum(axis=1).mean(), abs=0.01
    )


def test_a_case_of_the_list_is_the_kept_score(shop, asking):
    lists = run_table(shop.workspace, shop.run, "candidates_test")
    for name in ("ranking_again", "ranking_new"):
        row = asking.rows(name).iloc[[3]]
        case = explain_case(asking, name, row)
        same = (lists["user"] == case.user) & (lists["item"] == int(row["item"].iloc[0]))
        assert case.output == pytest.approx(float(lists.loc[same, "score"].iloc[0]), abs=1e-3)
        assert case.complete


def test_a_user_of_whom_nothing_was_asked(asking):
    with pytest.raises(NotFound, match="nothing about this user"):
        rows_of_user(asking, "ranking_again", 10_000)


def test_shap_draws_it(shop):
    found = explain_model(shop.workspace, shop.run.id, "intent_7")
    values, shown = (explanation_table(shop.workspace, found, table) for table in ("values", "shown"))
    given = as_shap(values[found.features], shown, expected=found.expected)
    assert given.shape == (found.users, len(found.features))
    order = np.argsort(-np.abs(given.values).mean(axis=0))
    assert list(given.abs.mean(0).values[order]) == sorted(given.abs.mean(0).values, reverse=True)
    axes = shap.plots.bar(given, show=False, max_display=5)
    assert given.feature_names[order[0]] in {label.get_text() for label in axes.get_yticklabels()}


def test_it_is_a_job(shop, tmp_path):
    job = Job(_id="job-explain", kind="explain", params={}, created_at=now())
    params = {"run": shop.run.id, "subject": "intent_7"}
    result = TASKS["explain"](shop.workspace, params, JobContext(shop.workspace, job))
    assert shop.workspace.documents.get(EXPLANATIONS, result["explanation"])["subject"] == "intent_7"
    with pytest.raises(NotFound):
        TASKS["explain"](shop.workspace, params | {"run": "run-none"}, JobContext(shop.workspace, job))


def test_nothing_is_kept_of_what_was_cancelled(shop, monkeypatch):
    monkeypatch.setattr(kept, "SEED", 8)  # another question, so that nothing is there yet
    before = shop.workspace.documents.count(EXPLANATIONS)

    def stop(stage: str, fraction: float, message: str = "") -> None:
        if stage == "Explaining":
            raise Cancelled("Stopped.")

    with pytest.raises(Cancelled):
        explain_model(shop.workspace, shop.run.id, "intent_7", progress=stop)
    assert shop.workspace.documents.count(EXPLANATIONS) == before
