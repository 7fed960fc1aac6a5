"""A workspace: one folder with everything that Evenhand keeps."""

import os
from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path

from core.errors import StoreError
from core.store.artefacts import ArtefactStore
from core.store.documents import DocumentStore


@dataclass(frozen=True)
class Workspace:
    """An open workspace.

    Attributes:
        root: its folder.
        store_url: address of its document store.
        documents: datasets, runs and jobs.
        artefacts: tables and weights that documents refer to.
    """

    root: Path
    store_url: str
    documents: DocumentStore
    artefacts: ArtefactStore

    @classmethod
    def open(cls, root: Path | str | None = None, store_url: str | None = None) -> "Workspace":
        """Open a workspace, creating it if it is new; cheap.

        Args:
            root: its folder; unset: EVENHAND_WORKSPACE, else `var`.
            store_url: `sqlite:///path` or `mongodb://...`; unset: EVENHAND_STORE, else a file in the folder.
        """
        root = Path(root or os.environ.get("EVENHAND_WORKSPACE") or "var").resolve()
        url = store_url or os.environ.get("EVENHAND_STORE") or f"sqlite:///{root}/evenhand.db"
        try:
            root.mkdir(parents=True, exist_ok=True)
        except OSError as error:
            raise StoreError(f"Cannot open the workspace {root.name}: {error.strerror}.") from error
        artefacts = ArtefactStore(root)
        artefacts.sweep()
        return cls(root, url, DocumentStore.open(url), artefacts)

    def guarded(self, before_write: Callable[[], None]) -> "Workspace":
        """The same workspace whose writes first ask `before_write`, which may raise to prevent them."""
        documents, artefacts = self.documents.guarded(before_write), self.artefacts.guarded(before_write)
        return replace(self, documents=documents, artefacts=artefacts)

    def close(self) -> None:
        """Release the document store."""
        self.documents.close()
