"""The Tune page on a trained slice: knobs, undo, snapshots, presets, one user's reasons, and links that ask for nonsense."""

import json

import pandas as pd
import pytest

from core.data.dataset import table
from core.figures.about_policy import STEP_WORDS
from core.store.workspace import Workspace
from core.workflow.importing import import_lists
from core.workflow.policies.steps import RERANKERS
from tests.conftest import copied


def text_of(app) -> str:
    """Everything that is written on the page."""
    kinds = ("title", "subheader", "markdown", "caption", "info", "warning", "error")
    return "\n".join(str(one.value) for kind in kinds for one in getattr(app, kind))


def link(*steps: tuple[str, dict]) -> str:
    return json.dumps(steps)


def answer(app) -> str:
    return next(one.value for one in app.markdown if one.value.startswith("####")).replace("\\", "")


def slider(app, label: str):
    return next(one for one in app.select_slider if one.label == label)


def button(app, label: str):
    return next(one for one in app.button if one.label == label)


FLOOR = ("exposure_limits", {"items_by": "brand", "floor": 0.9})


@pytest.fixture
def tune(open_page, trained):
    def open_(**parameters):
        return open_page("tune", trained[0], run=trained[1][0].id, by="age", **parameters)

    return open_


def test_nothing_moves_before_a_step_is_chosen(tune):
    app = tune()
    assert not app.exception
    assert "Nothing moves" in answer(app)
    assert "policy" not in app.query_params
    assert not [one for one in app.select_slider if one.label == "Floor"]


def test_a_moved_knob_changes_the_answer_and_the_link_and_can_be_undone(tune):
    app = tune(policy=link(FLOOR))
    first = answer(app)
    assert "95 % interval" in first
    assert "of all places hold another product" in first
    slider(app, "Floor").set_value(0.2).run()
    second = answer(app)
    assert second != first
    assert json.loads(app.query_params["policy"]) == [
        ["exposure_limits", {"items_by": "brand", "floor": 0.2}]
    ]
    button(app, "Undo").click().run()
    assert answer(app) == first
    assert slider(app, "Floor").value == 0.9
    button(app, "Redo").click().run()
    assert answer(app) == second
    button(app, "Reset").click().run()
    assert "Nothing moves" in answer(app)
    button(app, "Undo").click().run()
    assert answer(app) == second
    assert not app.exception


def foot(app) -> list[str]:
    """What stands at the foot of the window."""
    begun = ("**NDCG@10", "**Nothing moves.**")
    return [one.value.replace("\\", "") for one in app.markdown if one.value.startswith(begun)]


def test_the_answer_stays_in_sight_in_one_line_while_a_knob_is_moved(tune):
    app = tune(policy=link(FLOOR))
    (first,) = foot(app)
    assert " served better, " in first
    slider(app, "Floor").set_value(0.2).run()
    assert foot(app) == ["**Nothing moves.**"]
    app.session_state["part"] = "Policies"
    app.run()
    assert foot(app) == []


def test_a_knob_at_rest_moves_nothing(tune):
    app = tune(policy=link(FLOOR))
    slider(app, "Floor").set_value(0.0).run()
    assert "Nothing moves" in answer(app)


def test_every_step_can_be_added_from_rest(tune):
    for name in RERANKERS:
        app = tune()
        add = next(one for one in app.selectbox if one.label == "Add a step")
        assert STEP_WORDS[name] in add.options
        add.set_value(name).run()
        assert not app.exception, name
        assert "Nothing moves" in answer(app), name
        assert f"**{STEP_WORDS[name]}**" in text_of(app)
        button(app, "Remove").click().run()
        assert f"**{STEP_WORDS[name]}**" not in text_of(app)


def test_presets_begin_with_an_aim(tune):
    app = tune()
    aims = next(one for one in app.selectbox if one.label == "Begin with an aim")
    assert "Every brand gets its share" in aims.options
    aims.set_value("Every brand gets its share").run()
    assert "Nothing moves" not in answer(app)
    assert slider(app, "Floor").value == 0.9


def test_snapshots_stand_side_by_side_and_come_back(tune):
    app = tune(policy=link(FLOOR))
    first = answer(app)
    button(app, "Keep as A").click().run()
    slider(app, "Floor").set_value(0.3).run()
    button(app, "Keep as B").click().run()
    table = app.dataframe[-1].value
    assert {"A", "B", "now"} <= set(table.columns)
    assert json.loads(app.query_params["policy_a"])[0][1]["floor"] == 0.9
    button(app, "Load A").click().run()
    assert answer(app) == first
    against = next(one for one in app.selectbox if one.label == "Compare with")
    against.set_value("snapshot A").run()
    assert "Nothing moves" in answer(app)
    assert not app.exception


@pytest.mark.parametrize(
    ("look", "said"),
    [
        ("Gaps", "gap does not matter"),
        ("Who gains", "A user gains where NDCG"),
        ("Attention", "share of everybody's attention"),
        ("Cost", "not a forecast"),
        ("One user", "products shown before or after change places"),
        ("Numbers", "All gaps, before and after"),
    ],
)
def test_every_look_shows_what_it_promises(tune, look, said):
    app = tune(policy=link(FLOOR, ("xquad", {"strength": 0.4})), look=look)
    assert not app.exception
    assert said in text_of(app)


def test_reasons_of_one_user_are_sums(tune):
    app = tune(policy=link(FLOOR), look="One user")
    table = app.dataframe[0].value
    told = table["Why"].str.extract(r"^([\d.]+) ([+−]) ([\d.]+) \((.+)\) = (−?[\d.]+)$")
    assert told.notna().all(axis=None)
    score, price, after = (told[column].str.replace("−", "-").astype(float) for column in (0, 2, 4))
    sign = told[1].map({"+": 1, "−": -1})
    assert (score + sign * price - after).abs().max() < 0.0016  # three printed numbers
    assert set(told[3]) <= {"National", "Private", "Unknown"}


@pytest.mark.parametrize(
    "asked",
    [
        "<script>alert(1)</script>",
        '[["exposure_limits",{"floor":7}]]',
        '[["no_such_step",{}]]',
        '[["exposure_limits",{"floor":NaN}]]',
        "[[[[[[",
        '{"$ne":null}',
        "[" * 3000,
    ],
)
def test_links_that_ask_for_nonsense_change_nothing_and_say_so(tune, asked):
    app = tune(policy=asked)
    assert not app.exception
    assert "Nothing moves" in answer(app)
    assert "which is not here" in text_of(app)


def test_a_step_that_the_data_do_not_allow_is_one_clear_sentence(tune):
    app = tune(policy=link(("fa_star_ir", {"items_by": "brand", "protected": "Nobody's", "share": 0.5})))
    assert not app.exception
    assert slider(app, "Share").value == 0.5


def test_every_part_opens_after_any_other(tune):
    app = tune(policy=link(FLOOR))
    for part in ("Ledger", "Frontier", "Policies", "Coupons", "Price caps", "Desk"):
        app.session_state["part"] = part
        app.run()
        assert not app.exception, part
    assert "95 % interval" in answer(app)


def test_lists_of_another_system_cannot_be_tuned(open_page, prepared, tmp_path):
    root = tmp_path / "workspace"
    copied(prepared.workspace.root, root)
    workspace = Workspace.open(root, f"sqlite:///{root}/evenhand.db")
    items = table(workspace, prepared.dataset, "items", ["item_id"])["item_id"][:20]
    users = table(workspace, prepared.dataset, "users", ["user_id"])["user_id"][:60]
    rows = [(user, item, rank + 1) for user in users for rank, item in enumerate(items)]
    pd.DataFrame(rows, columns=["user_id", "item_id", "rank"]).to_csv(tmp_path / "lists.csv", index=False)
    run = import_lists(workspace, prepared.dataset.id, tmp_path / "lists.csv", run_id="run-brought")
    workspace.close()
    app = open_page("tune", root, run=run.id, by="age")
    assert not app.exception
    assert "nothing to tune it by" in text_of(app)
