"""Opening a workspace."""

from pathlib import Path

import pytest

from core.errors import StoreError
from core.store.workspace import Workspace


def test_a_new_workspace_is_created_with_an_embedded_store(tmp_path: Path, monkeypatch):
    monkeypatch.delenv("EVENHAND_STORE", raising=False)
    root = tmp_path / "new" / "workspace"
    workspace = Workspace.open(root)
    workspace.documents.insert("runs", {"_id": "run-a"})
    workspace.close()
    assert (root / "evenhand.db").is_file()
    assert Workspace.open(str(root)).documents.get("runs", "run-a") == {"_id": "run-a"}


def test_the_environment_names_folder_and_store(tmp_path: Path, monkeypatch):
    monkeypatch.setenv("EVENHAND_WORKSPACE", str(tmp_path / "here"))
    monkeypatch.setenv("EVENHAND_STORE", f"sqlite:///{tmp_path}/elsewhere.db")
    workspace = Workspace.open()
    assert workspace.root == tmp_path / "here"
    workspace.documents.insert("runs", {"_id": "run-a"})
    assert (tmp_path / "elsewhere.db").is_file()


def test_the_default_folder_is_var(tmp_path: Path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    monkeypatch.delenv("EVENHAND_WORKSPACE", raising=False)
    monkeypatch.delenv("EVENHAND_STORE", raising=False)
    assert Workspace.open().root == tmp_path / "var"


def test_a_folder_that_cannot_be_made_is_one_clear_error(tmp_path: Path):
    (tmp_path / "file").write_text("")
    with pytest.raises(StoreError, match="Cannot open the workspace"):
        Workspace.open(tmp_path / "file" / "workspace")


def test_a_guarded_workspace_asks_before_writes_of_both_kinds(tmp_path: Path):
    workspace, asked = Workspace.open(tmp_path), []
    guarded = workspace.guarded(lambda: asked.append(1))
    guarded.documents.put("runs", {"_id": "run-a"})
    guarded.artefacts.write_json("runs/run-a/notes.json", 1)
    workspace.documents.put("runs", {"_id": "run-b"})
    assert len(asked) == 2
