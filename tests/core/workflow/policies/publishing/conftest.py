"""Workspaces whose documents lie in each engine in turn, with two saved policies and nothing served."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from core.store.workspace import Workspace
from tests.core.store.conftest import embedded_url, mongodb_address, mongodb_url, url  # noqa: F401  (fixtures)
from tests.core.workflow.policies.publishing.made_publications import save_made_policies


@pytest.fixture
def shelf(url: str, tmp_path: Path) -> Iterator[Workspace]:  # noqa: F811
    """A workspace on each engine in turn."""
    workspace = Workspace.open(tmp_path / "workspace", url)
    save_made_policies(workspace)
    yield workspace
    workspace.close()
