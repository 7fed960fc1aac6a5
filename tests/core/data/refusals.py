"""Bad input is one clear line and changes nothing: the one check that all sources are held to."""

from pathlib import Path

import pytest

from core.data.prepare import prepare
from core.errors import TableError
from core.schema.settings import DatasetSettings
from core.store.workspace import Workspace
from tests.core.data.test_prepare import snapshot


def folder_of(folder: Path, files: dict[str, str]) -> Path:
    """A folder of text files."""
    folder.mkdir()
    for name, content in files.items():
        (folder / name).write_text(content)
    return folder


def assert_refused(workspace: Workspace, source: str, folder: Path, message: str) -> str:
    """What is said when a folder is refused."""
    before = snapshot(workspace)
    with pytest.raises(TableError, match=message) as caught:
        prepare(workspace, source, DatasetSettings(), path=folder)
    assert "\n" not in str(caught.value)
    assert snapshot(workspace) == before
    return str(caught.value)
