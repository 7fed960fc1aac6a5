"""Workspaces whose documents lie in each engine in turn, with two saved policies and nothing served."""

import multiprocessing
from collections.abc import Iterator
from multiprocessing.context import ForkServerContext
from pathlib import Path

import pytest

from core.store.workspace import Workspace
from tests.core.store.conftest import embedded_url, mongodb_url, url  # noqa: F401  (fixtures)
from tests.core.workflow.policies.publishing.made_publications import save_made_policies

HELPERS = "tests.core.workflow.policies.publishing.made_publications"


@pytest.fixture(scope="package")
def processes() -> ForkServerContext:
    """Processes that start quickly, from a server that has imported everything and opened nothing."""
    context = multiprocessing.get_context("forkserver")
    context.set_forkserver_preload([HELPERS])
    return context


@pytest.fixture
def shelf(url: str, tmp_path: Path) -> Iterator[Workspace]:  # noqa: F811
    """A workspace on each engine in turn."""
    workspace = Workspace.open(tmp_path / "workspace", url)
    save_made_policies(workspace)
    yield workspace
    workspace.close()
