"""The knobs of the Tune page: width, numbers cut into groups, groups too small to be named, and links to what is not here."""

import json
import secrets

import numpy as np
import pandas as pd
import pytest

from core.data.dataset import load, table
from core.data.labels import labels
from core.schema.documents import DATASETS, RUNS, Run
from core.schema.policies import MOST_STEPS, PolicySettings, Step
from core.store.workspace import Workspace
from core.workflow.policies.saved import Label, save_policy
from tests.conftest import copied
from tests.pages.test_tune import answer, button, foot, link, slider, text_of

FLOOR = ("exposure_limits", {"items_by": "brand", "floor": 0.9})
NARROW = {"width": 15, "steps": [FLOOR]}


@pytest.fixture
def shop(trained, tmp_path):
    """A copy of a slice with two runs, and the newest of them."""
    root = tmp_path / "workspace"
    copied(trained[0], root)
    workspace = Workspace.open(root, f"sqlite:///{root}/evenhand.db")
    yield workspace, trained[1][0]
    workspace.close()


def selectbox(app, label: str):
    return next(one for one in app.selectbox if one.label == label)


def test_a_width_stands_in_the_link_and_changes_the_lists(open_page, trained):
    run = trained[1][0].id
    wide = open_page("tune", trained[0], run=run, by="age", policy=link(FLOOR))
    assert slider(wide, "Candidates of each user").value == 200
    narrow = open_page("tune", trained[0], run=run, by="age", policy=json.dumps(NARROW))
    assert not narrow.exception
    assert slider(narrow, "Candidates of each user").value == 15
    assert answer(narrow) != answer(wide)
    assert json.loads(narrow.query_params["policy"]) == {"width": 15, "steps": [list(FLOOR)]}
    slider(narrow, "Candidates of each user").set_value(200).run()
    assert answer(narrow) == answer(wide)
    button(narrow, "Undo").click().run()
    assert slider(narrow, "Candidates of each user").value == 15


def test_a_saved_policy_comes_back_to_the_desk_with_its_width_and_length(open_page, shop):
    workspace, run = shop
    steps = (Step(step=FLOOR[0], settings=FLOOR[1]),)
    label = Label(name="Narrow", aim="Test", author="Ann")
    save_policy(workspace, run.id, PolicySettings(steps=steps, k=5, width=15), label)
    app = open_page("tune", workspace.root, run=run.id, by="age", part="Policies")
    button(app, "Put on the desk").click().run()
    assert not app.exception
    assert slider(app, "Candidates of each user").value == 15
    assert next(one for one in app.radio if one.label == "Length of the list").value == 5
    assert "top 5" in text_of(app)


def test_a_policy_with_as_many_steps_as_it_can_have_takes_no_more(open_page, trained):
    full = [("propensity", {"strength": 0.1})] * MOST_STEPS
    app = open_page("tune", trained[0], run=trained[1][0].id, by="age", policy=link(*full))
    assert not app.exception
    assert not [one for one in app.selectbox if one.label == "Add a step"]
    assert f"at most {MOST_STEPS} steps" in text_of(app)
    app = open_page("tune", trained[0], run=trained[1][0].id, by="age", policy=link(*full, FLOOR))
    assert "which is not here" in text_of(app)
    assert "Nothing moves" in answer(app)


def with_tables(
    workspace: Workspace, run: Run, attributes: tuple[str, ...] = (), **tables: pd.DataFrame
) -> Run:
    """The run on data of which some tables are others; both under ids of their own, as caches go by these."""
    dataset = load(workspace, run.dataset)
    written = {
        name: workspace.artefacts.write_table(f"made/{name}.parquet", made) for name, made in tables.items()
    }
    other = dataset.model_copy(
        update={
            "id": f"ds-{secrets.token_hex(8)}",
            "tables": dataset.tables | written,
            "attributes": [*dataset.attributes, *attributes],
        }
    )
    workspace.documents.put(DATASETS, other.dump())
    moved = run.model_copy(update={"id": f"run-{secrets.token_hex(6)}", "dataset": other.id})
    workspace.documents.put(RUNS, moved.dump())
    return moved


def users_of(workspace: Workspace, run: Run) -> pd.DataFrame:
    return table(workspace, load(workspace, run.dataset), "users")


def test_a_step_on_a_number_names_groups_as_the_page_cuts_them(open_page, shop):
    workspace, run = shop
    users = users_of(workspace, run)
    years = pd.Series(np.arange(len(users)) % 97.0, name="years")
    tables = {"users": users.assign(years=labels(years).to_numpy()), "user_numbers": years.to_frame()}
    run = with_tables(workspace, run, ("years",), **tables)
    app = open_page("tune", workspace.root, run=run.id, by="years", bins="3")
    selectbox(app, "Add a step").set_value("two_sided_penalty").run()
    assert not app.exception
    assert slider(app, "Number of groups").value == 3
    assert len(selectbox(app, "User group").options) == 3
    (step,) = json.loads(app.query_params["policy"])
    assert step[1]["bins"] == 3
    assert step[1]["user_group"] == selectbox(app, "User group").options[0]


def test_attributes_whose_groups_are_all_small_are_not_offered_to_steps(open_page, shop):
    workspace, run = shop
    users = users_of(workspace, run)
    users = users.assign(street=[f"street {row // 8}" for row in range(len(users))])
    run = with_tables(workspace, run, ("street",), users=users)
    app = open_page("tune", workspace.root, run=run.id, by="street")
    assert not app.exception
    for name in ("two_sided_penalty", "price_guard"):
        selectbox(app, "Add a step").set_value(name).run()
        assert not app.exception
    assert "street" not in {option.lower() for option in selectbox(app, "By").options}
    asked = link(("two_sided_penalty", {"by": "street", "user_group": "street 1", "items": 0.05}))
    app = open_page("tune", workspace.root, run=run.id, by="street", policy=asked)
    assert not app.exception
    assert "By “street” is not here" in text_of(app).replace("\\", "")


def test_a_group_that_is_not_here_is_said_beside_its_knob(open_page, trained):
    asked = link(("fa_star_ir", {"items_by": "brand", "protected": "Nobody's", "share": 0.5}))
    app = open_page("tune", trained[0], run=trained[1][0].id, by="age", policy=asked)
    assert not app.exception
    assert "Protected “Nobody's” is not here" in text_of(app).replace("\\", "")


def test_a_step_that_a_shop_without_prices_cannot_take_leads_back(open_page, shop):
    workspace, run = shop
    items = table(workspace, load(workspace, run.dataset), "items").drop(columns="list_price")
    run = with_tables(workspace, run, items=items)
    asked = link(("price_guard", {"by": "age", "band": 0.05}))
    app = open_page("tune", workspace.root, run=run.id, by="age", policy=asked)
    assert not app.exception
    assert "no price" in text_of(app)
    assert foot(app) == []
    button(app, "Begin anew without steps").click().run()
    assert "Nothing moves" in answer(app)
