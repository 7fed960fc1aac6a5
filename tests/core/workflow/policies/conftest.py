"""A quick run on a copy of the slice of a real shop, for everything that re-ranks its lists."""

from pathlib import Path

import pytest

from core.store.workspace import Workspace
from core.workflow.audits.shop import read_shop
from core.workflow.policies.rerank import batch_of_run, ground_of_run
from core.workflow.runs import load_run
from core.workflow.training import train
from tests.conftest import copied, made_once, shared_folder
from tests.core.workflow.policies.made_policies import QUICK, K

RUN = "run-policies"


@pytest.fixture(scope="session")
def ranked(prepared, tmp_path_factory):
    """The folder of a copy of the slice with one run, trained once for all tests; read it, do not write to it."""

    def make(unfinished: Path) -> None:
        copied(prepared.workspace.root, unfinished)
        workspace = Workspace.open(unfinished, f"sqlite:///{unfinished}/evenhand.db")
        train(workspace, prepared.dataset.id, QUICK, run_id=RUN, name="policies")
        workspace.close()

    return made_once(shared_folder(tmp_path_factory), "ranked", make)


@pytest.fixture(scope="module")
def made(prepared, ranked, tmp_path_factory):
    """Its workspace, run, and candidates and ground of the test split."""
    root = copied(ranked, tmp_path_factory.mktemp("policies") / "workspace")
    workspace = Workspace.open(root, f"sqlite:///{root}/evenhand.db")
    run, shop = load_run(workspace, RUN), read_shop(workspace, prepared.dataset)
    batch = batch_of_run(workspace, run, prepared.dataset, split="test")
    yield workspace, run, batch, ground_of_run(workspace, run, shop, split="test", k=K)
    workspace.close()
