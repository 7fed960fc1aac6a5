"""Publishing and rolling back as jobs: whenever a worker is killed, the next attempt leaves one switch, and tells which."""

import multiprocessing
import os
import signal
from collections.abc import Callable

import pytest

from core.errors import SettingsError
from core.jobs import queue
from core.jobs.context import JobContext
from core.jobs.tasks import TASKS
from core.schema.documents import COMPARISONS, PUBLICATIONS, RUNS, SERVINGS
from core.schema.policies import PolicySettings, Step
from core.schema.settings import settings_from
from core.store.trail import read
from core.store.trail_check import verify
from core.store.workspace import Workspace
from core.workflow.policies.published_lists import publications
from core.workflow.policies.saved import Label, save_policy
from core.workflow.policies.serving import servings
from tests.core.workflow.conftest import made_tables, trained_shop
from tests.core.workflow.policies.made_line import made_comparison

TURNED = PolicySettings(steps=(Step(step="propensity", settings={"strength": 0.9}),))


@pytest.fixture(scope="module")
def made(tmp_path_factory):
    shop = trained_shop(tmp_path_factory.mktemp("publishing"), *made_tables())
    yield shop
    shop.workspace.close()


@pytest.fixture
def policy(made) -> str:
    label = settings_from(Label, {"name": "Rare goods", "aim": "Rare goods are seen", "author": "Ann"})
    return save_policy(made.workspace, made.run.id, TURNED, label).id


def attempt(workspace: Workspace, job: str) -> dict:
    """Do a job in this process."""
    told = queue.get(workspace, job)
    return TASKS[told.kind](workspace, told.params, JobContext(workspace, told))


def switched(workspace: Workspace) -> int:
    """How many switches are logged."""
    return workspace.documents.count(SERVINGS)


def stored(workspace: Workspace) -> int:
    """How many publications have all of their rows."""
    return workspace.documents.count(PUBLICATIONS, field="state", value="stored")


def attempt_and_die(root: str, url: str, job: str, count: Callable[[Workspace], int]) -> None:
    """Do a job in this process, and be killed (-9) ahead of its first write after the count has risen."""
    workspace = Workspace.open(root, url)
    before = count(workspace)

    def look() -> None:
        if count(workspace) > before:
            os.kill(os.getpid(), signal.SIGKILL)

    attempt(workspace.guarded(look), job)


@pytest.fixture
def killed(made) -> Callable[[str, Callable[[Workspace], int]], None]:
    """Let a process begin a job and be killed once a count has risen."""

    def kill(job: str, count: Callable[[Workspace], int]) -> None:
        given = (str(made.workspace.root), made.workspace.store_url, job, count)
        process = multiprocessing.get_context("spawn").Process(target=attempt_and_die, args=given)
        process.start()
        process.join(timeout=120)
        assert process.exitcode == -signal.SIGKILL

    return kill


def asked(made, kind: str, **params) -> str:
    return queue.enqueue(made.workspace, kind, {"author": "Bo", **params}).id


def switches(made) -> list[str]:
    """The publications that the trail says were switched to, newest first."""
    entries = read(made.workspace).entries
    deeds = ("published", "rolled_back")
    return [str(one.details["publication"]) for one in entries if one.did in deeds]


def test_killed_after_the_switch_it_is_found_done(made, policy, killed):
    log, told = servings(made.workspace, made.dataset.id), switches(made)
    job = asked(made, "publish", policy=policy)
    killed(job, switched)
    (serving,) = servings(made.workspace, made.dataset.id)[: -len(log) or None]
    assert switches(made) == told  # killed before its entry
    for _ in range(2):
        assert attempt(made.workspace, job) == {"publication": serving.publication}
    assert servings(made.workspace, made.dataset.id) == [serving, *log]
    assert switches(made) == [serving.publication, *told]
    assert [one for one in verify(made.workspace).untold if one.what == "serving"] == []


def test_killed_before_the_switch_it_is_done_by_the_next_attempt(made, policy, killed):
    attempt(made.workspace, asked(made, "publish", policy=policy))
    log = servings(made.workspace, made.dataset.id)
    job = asked(made, "publish", policy=policy)
    killed(job, stored)
    assert servings(made.workspace, made.dataset.id) == log
    found = attempt(made.workspace, job)["publication"]
    assert [one.publication for one in servings(made.workspace, made.dataset.id)] == [
        found,
        *(one.publication for one in log),
    ]


def test_rolling_back_is_done_once_whoever_published_meanwhile(made, policy, killed):
    first, second = (
        attempt(made.workspace, asked(made, "publish", policy=policy))["publication"] for _ in range(2)
    )
    job = asked(made, "rollback", dataset=made.dataset.id, to=None)
    killed(job, switched)
    assert servings(made.workspace, made.dataset.id, limit=1)[0].publication == first
    third = attempt(made.workspace, asked(made, "publish", policy=policy))["publication"]
    assert attempt(made.workspace, job) == {"publication": first}
    log = servings(made.workspace, made.dataset.id)
    assert [one.publication for one in log][:4] == [third, first, second, first]
    assert [one.job for one in log].count(job) == 1


def test_lists_of_a_run_that_follows_another_wait_for_their_comparison(made, policy):
    run, count = made.run.id, len(publications(made.workspace, made.dataset.id))
    made.workspace.documents.update(RUNS, run, {"follows": "run-former"})
    job = asked(made, "publish", policy=policy)
    for other in (None, ("run-another", run), ("run-former", "run-later")):
        if other:
            made.workspace.documents.insert(COMPARISONS, made_comparison(*other).dump())
        with pytest.raises(SettingsError, match=f"`compare run-former {run}` or the Train page"):
            attempt(made.workspace, job)
    assert len(publications(made.workspace, made.dataset.id)) == count
    made.workspace.documents.insert(COMPARISONS, made_comparison("run-former", run).dump())
    found = attempt(made.workspace, job)["publication"]
    assert servings(made.workspace, made.dataset.id, limit=1)[0].publication == found
    made.workspace.documents.update(RUNS, run, {"follows": None})
