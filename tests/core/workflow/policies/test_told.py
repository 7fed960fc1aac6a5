"""What is done to policies, and by jobs, enters the audit trail: by whom, about what, and nothing that was not done."""

import pytest

from core.errors import SettingsError
from core.jobs import tasks
from core.jobs.context import JobContext
from core.schema.documents import CONFIRMATIONS, POLICIES, Job, now
from core.schema.settings import AuditSettings, settings_from
from core.store.trail import BY_ITSELF, PAGE, read
from core.store.trail_check import verify
from core.store.workspace import Workspace
from core.workflow.policies.confirmation import confirm
from core.workflow.policies.saved import Label, save_policy
from tests.conftest import copied
from tests.core.workflow.conftest import WINDOWS, made_tables
from tests.core.workflow.policies.made_policies import MOVES, K, policy

SETTINGS = AuditSettings(by=(("age",),), k=K, items_by="brand", draws=200, permutations=200)
FLOORS = policy(("exposure_limits", MOVES["exposure_limits"]))
LABEL = settings_from(Label, {"name": "Floors", "aim": "every brand is seen", "author": "Ann"})


@pytest.fixture
def pressed(made, tmp_path):
    """A workspace of its own, its run and its shop; how many entries its trail has already."""
    root = copied(made[0].root, tmp_path / "workspace")
    workspace = Workspace.open(root, f"sqlite:///{root}/evenhand.db")
    yield workspace, made[1], made[3].shop, len(read(workspace).entries)
    workspace.close()


def test_a_confirmation_on_test_is_told_of_with_what_it_found(pressed):
    workspace, run, shop, _ = pressed
    found = confirm(workspace, run, shop, FLOORS, SETTINGS)
    (told, *_) = read(workspace).entries
    assert (told.did, told.who) == ("confirmed", PAGE)
    assert told.about == {"dataset": run.dataset, "run": run.id, "confirmation": found.id}
    assert told.details["number"] == 1
    assert verify(workspace).damage == ()
    workspace.documents.update(CONFIRMATIONS, found.id, {"rows": found.rows[1:]})
    assert [one.number for one in verify(workspace).damage] == [told.number]


def test_a_policy_that_was_measured_is_the_one_that_was_saved(pressed):
    workspace, run, _, _ = pressed
    measured = {"gain": 3, "change": {"ndcg@10": {"value": -0.1, "low": None, "whole": 2.0}}}
    saved = save_policy(workspace, run.id, FLOORS, LABEL, measured=measured)
    (told, *_) = read(workspace).entries
    assert (told.did, told.who, told.about["policy"]) == ("saved", "Ann", saved.id)
    assert verify(workspace).damage == ()
    workspace.documents.update(POLICIES, saved.id, {"measured": measured | {"gain": 4}})
    assert [one.number for one in verify(workspace).damage] == [told.number]


def test_what_fails_is_not_told_of(pressed):
    workspace, run, shop, before = pressed
    with pytest.raises(SettingsError):
        confirm(workspace, run, shop, policy(("wishful", {})), SETTINGS)
    with pytest.raises(SettingsError):
        save_policy(workspace, run.id, policy(("wishful", {})), LABEL)
    assert len(read(workspace).entries) == before


def test_what_a_page_asked_for_and_what_begins_by_itself_are_told_apart(workspace, tmp_path):
    events, users = made_tables()
    events.to_csv(tmp_path / "events.csv", index=False)
    users.to_csv(tmp_path / "users.csv", index=False)
    source = {"source": "tables", "path": str(tmp_path), "settings": WINDOWS.model_dump(mode="json")}
    train = {"settings": {"width": 16, "layers": 1, "epochs": 1, "ranking": False, "models": []}}

    def context(id: str) -> JobContext:
        return JobContext(workspace, Job(_id=id, kind="x", params={}, created_at=now()))

    first = tasks.prepare_and_train(workspace, {"prepare": source, "train": train}, context("job-first"))
    other = source | {"settings": source["settings"] | {"test_days": 9}}
    tasks.prepare(workspace, {**other}, context("job-second"))
    tasks.train(workspace, {"dataset": first["dataset"], **train}, context("job-third"))
    assert [(one.did, one.who) for one in read(workspace).entries][::-1] == [
        ("prepared", BY_ITSELF),
        ("trained", BY_ITSELF),
        ("prepared", PAGE),
        ("trained", PAGE),
    ]
    assert verify(workspace).untold == ()
