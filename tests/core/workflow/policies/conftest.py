"""A quick run on a copy of the slice of a real shop, for everything that re-ranks its lists."""

import shutil

import pytest

from core.store.workspace import Workspace
from core.workflow.audits.shop import read_shop
from core.workflow.policies.rerank import batch_of_run, ground_of_run
from core.workflow.training import train
from tests.core.workflow.policies.made_policies import QUICK, K


@pytest.fixture(scope="module")
def made(prepared, tmp_path_factory):
    """Its workspace, run, and candidates and ground of the test split."""
    root = tmp_path_factory.mktemp("policies") / "workspace"
    shutil.copytree(prepared.workspace.root, root)
    workspace = Workspace.open(root, f"sqlite:///{root}/evenhand.db")
    run = train(workspace, prepared.dataset.id, QUICK, run_id="run-policies", name="policies")
    shop = read_shop(workspace, prepared.dataset)
    batch = batch_of_run(workspace, run, prepared.dataset, split="test")
    yield workspace, run, batch, ground_of_run(workspace, run, shop, split="test", k=K)
    workspace.close()
