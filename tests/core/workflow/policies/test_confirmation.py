"""The confirmation on test: what it finds, that it is kept, and that it is counted whoever presses."""

import multiprocessing

import pytest

from core.errors import SettingsError
from core.schema.documents import CONFIRMATIONS
from core.schema.policies import PolicySettings
from core.schema.settings import AuditSettings
from core.store.workspace import Workspace
from core.workflow.policies.confirmation import confirm, confirmations, log
from core.workflow.policies.trade_off import trade_off
from tests.conftest import copied
from tests.core.workflow.policies.made_policies import MOVES, K, policy

SETTINGS = AuditSettings(by=(("age",),), k=K, items_by="brand", draws=200, permutations=200)
FLOORS = policy(("exposure_limits", MOVES["exposure_limits"]))


@pytest.fixture
def pressed(made, tmp_path):
    """A workspace of its own, its run and its shop."""
    root = copied(made[0].root, tmp_path / "workspace")
    workspace = Workspace.open(root, f"sqlite:///{root}/evenhand.db")
    yield workspace, made[1], made[3].shop
    workspace.close()


def test_it_finds_what_a_trade_off_on_test_finds(pressed):
    workspace, run, shop = pressed
    found = confirm(workspace, run, shop, FLOORS, SETTINGS)
    rows = {row["measure"]: row for row in found.rows}
    own = trade_off(workspace, run.id, FLOORS, split="test")
    for metric in (f"ndcg@{K}",):
        assert rows[metric]["value"] == pytest.approx(own.after[metric]["value"])
        assert rows[metric]["change"] == pytest.approx(own.change[metric]["value"])
    assert rows[f"ndcg@{K}"]["n"] == own.users
    assert rows[f"attention_to_move@{K}"]["change_high"] < 0
    assert rows[f"attention_to_move@{K}"]["null"] is None


def test_every_press_is_kept_and_counted_by_run(pressed):
    workspace, run, shop = pressed
    first = confirm(workspace, run, shop, FLOORS, SETTINGS)
    second = confirm(workspace, run, shop, policy(("xquad", MOVES["xquad"])), SETTINGS, FLOORS)
    assert (first.number, second.number) == (1, 2)
    assert confirmations(workspace, run.id) == [second, first]
    assert PolicySettings.model_validate(second.against) == FLOORS
    other = run.model_copy(update={"id": "run-other"})
    assert confirm(workspace, other, shop, FLOORS, SETTINGS).number == 1
    assert workspace.documents.count(CONFIRMATIONS) == 3


def test_a_policy_that_cannot_be_is_not_counted(pressed):
    workspace, run, shop = pressed
    with pytest.raises(SettingsError, match="no re-ranker"):
        confirm(workspace, run, shop, policy(("wishful", {})), SETTINGS)
    assert confirmations(workspace, run.id) == []


def press(root: str, times: int) -> list[int]:
    workspace = Workspace.open(root, f"sqlite:///{root}/evenhand.db")
    described = {
        "run": "run-shared",
        "created_at": "",
        "policy": {},
        "against": {},
        "settings": {},
        "rows": [],
    }
    numbers = [log(workspace, described).number for _ in range(times)]
    workspace.close()
    return numbers


def test_presses_in_several_processes_are_all_counted(workspace):
    with multiprocessing.get_context("spawn").Pool(3) as pool:
        numbers = pool.starmap(press, [(str(workspace.root), 6)] * 3)
    assert sorted(number for some in numbers for number in some) == list(range(1, 19))
    assert [one.number for one in confirmations(workspace, "run-shared")] == list(range(18, 0, -1))
