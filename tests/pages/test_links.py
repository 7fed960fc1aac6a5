"""A view is a link, and no link can break a page."""

import ast
from pathlib import Path

import pytest

from core.schema.documents import JOBS
from core.store.workspace import Workspace
from pages.ui.shell import PAGES

FOLDER = Path(__file__).parents[2] / "pages"

HOSTILE = {
    "run": "run-nowhere",
    "by": "<script>alert(1)</script>",
    "k": "-1",
    "metric": "[x](javascript:alert(1))",
    "a": "$$\\frac$$",
    "user": "{'$ne': null}",
}


@pytest.mark.parametrize("name", PAGES)
def test_every_page_begins_by_making_itself_safe_to_open(name):
    """Before anything else: in a fresh server a link runs the page without the entry script."""
    body = ast.parse((FOLDER / f"{name}.py").read_text()).body
    first = next(line for line in body[1:] if not isinstance(line, ast.Import | ast.ImportFrom))
    assert ast.unparse(first) == f"view = begin_page('{name}')"


def shown(app) -> dict[str, object]:
    return {key: app.session_state[key] for key in ("run", "by", "cross", "k")}


@pytest.mark.parametrize("page", ["overview", "data", "train", "recommendations"])
def test_a_link_restores_run_groups_and_list_length(page, trained, open_page):
    root, (newest, older) = trained
    app = open_page(page, root, run=older.id, by="income*age", k="20")
    assert not app.exception
    assert shown(app) == {"run": older.id, "by": "income", "cross": "age", "k": 20}
    assert app.query_params["run"] == older.id != newest.id
    assert app.query_params["by"] == "income*age"
    assert app.query_params["k"] == "20"
    assert not app.info


def test_a_page_without_parameters_writes_its_view_into_the_link(trained, open_page):
    root, (newest, _) = trained
    app = open_page("overview", root)
    assert app.query_params["run"] == newest.id
    assert app.query_params["by"] == "age"
    assert app.query_params["k"] == "10"
    assert "metric" not in app.query_params  # the default of one page


def test_a_choice_changes_the_link_and_stays_on_the_next_page(trained, open_page):
    app = open_page("overview", trained[0])
    app.selectbox(key="by").select("household_size").run()
    app.radio(key="k").set_value(5).run()
    assert app.query_params["by"] == "household_size"
    app.switch_page("pages/recommendations.py").run()
    assert not app.exception
    assert shown(app)["by"] == "household_size"
    assert shown(app)["k"] == 5


@pytest.mark.parametrize("page", ["overview", "recommendations"])
def test_hostile_values_give_a_note_each_and_the_defaults(page, trained, open_page):
    root, (newest, _) = trained
    app = open_page(page, root, **HOSTILE)
    assert not app.exception
    assert shown(app) == {"run": newest.id, "by": "age", "cross": "", "k": 10}
    notes = [note.value for note in app.info]
    assert sum("is not here" in note for note in notes) >= 4
    assert not any("<script>" in note or "](javascript" in note for note in notes)


def test_a_note_is_told_once(trained, open_page):
    app = open_page("overview", trained[0], k="-1")
    assert app.info
    app.run()
    assert not app.info


def test_repeated_and_overlong_parameters_are_survived(trained, open_page):
    app = open_page("overview", trained[0], k=["5", "20"], by="x" * 100_000)
    assert not app.exception
    assert shown(app)["k"] == 20
    assert any("more than once" in note.value for note in app.info)
    assert all(len(note.value) < 300 for note in app.info)


@pytest.mark.parametrize("by", ["age*age", "age*income*household_size", "*", "age*", "", "AGE"])
def test_a_grouping_that_is_none_falls_back(by, trained, open_page):
    app = open_page("overview", trained[0], by=by)
    assert not app.exception
    assert shown(app)["by"] == "age"
    assert shown(app)["cross"] == ""


def test_a_link_is_kept_while_the_first_job_runs(workspace: Workspace, open_page):
    app = open_page("overview", workspace.root, run="run-later", by="income", k="20")
    assert app.query_params["by"] == "income"
    assert app.query_params["run"] == "run-later"
    assert workspace.documents.count(JOBS) == 1
