"""Artefacts: Parquet tables, safetensors and JSON files that documents refer to by content hash.

A file appears under its real name only when complete, and is never changed afterwards: its name carries the
beginning of its hash. Whoever holds an older document still reads the older file, and two processes that
write "the same" artefact cannot spoil each other's.
"""

import hashlib
import json
import os
import re
import secrets
import shutil
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from pathlib import Path, PurePosixPath
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd
from safetensors import SafetensorError, safe_open

from core.errors import CorruptArtefact, InputError, StoreError
from core.schema.documents import Artefact
from core.store.documents import checked_id

if TYPE_CHECKING:
    import torch

PATH_PATTERN = re.compile(r"^[a-z0-9][a-z0-9_-]*(/[a-z0-9][a-z0-9_-]*)*(\.[a-z0-9]+)*$")
STALE_SECONDS = 3600.0
FORGOTTEN_SECONDS = 7 * 86400.0
REMEDY = "Prepare or train again to replace it."

# Files verified by this process: path -> (modification time, size, hash).
_verified: dict[Path, tuple[int, int, str]] = {}


class ArtefactStore:
    """Artefacts and the scratch folders of jobs, under one root folder.

    Raises: `InputError` for a path that is not plain or leaves the root, `StoreError` when writing fails
    (nothing is left under the real name), `CorruptArtefact` when a file is missing or differs from its
    reference.
    """

    def __init__(self, root: Path, *, before_write: Callable[[], None] = lambda: None):
        """`before_write` is called ahead of each write and may raise to prevent it."""
        self._root = root.resolve()
        self._artefacts = self._root / "artefacts"
        self._temporary = self._root / "temporary"
        self._scratch = self._root / "scratch"
        self._before_write = before_write

    def guarded(self, before_write: Callable[[], None]) -> "ArtefactStore":
        """The same store whose writes first ask `before_write`."""
        return ArtefactStore(self._root, before_write=before_write)

    def write_table(self, path: str, frame: pd.DataFrame) -> Artefact:
        """Write a table as Parquet (zstd); the index is not kept."""
        return self._write(path, lambda file: frame.to_parquet(file, compression="zstd", index=False))

    def read_table(self, artefact: Artefact, columns: Sequence[str] | None = None) -> pd.DataFrame:
        """Read a table, or only some of its columns (in the order asked for)."""
        return pd.read_parquet(self.file(artefact), columns=None if columns is None else list(columns))

    def write_tensors(
        self, path: str, tensors: "Mapping[str, np.ndarray | torch.Tensor]", metadata: Mapping[str, str]
    ) -> Artefact:
        """Write named tensors and a few texts as safetensors."""
        import torch  # not at the top: whoever only looks at jobs should not wait for it
        from safetensors.torch import save_file

        plain = {
            name: torch.as_tensor(tensor).detach().cpu().contiguous() for name, tensor in tensors.items()
        }
        return self._write(path, lambda file: save_file(plain, file, dict(metadata)))

    def read_tensors(self, artefact: Artefact) -> "dict[str, torch.Tensor]":
        """Read named tensors, on the CPU."""
        from safetensors.torch import load_file

        return load_file(self.file(artefact))

    def read_metadata(self, artefact: Artefact) -> dict[str, str]:
        """Read the texts that were written beside tensors."""
        with safe_open(self.file(artefact), framework="numpy") as file:
            return file.metadata() or {}

    def write_json(self, path: str, value: Any) -> Artefact:
        """Write a JSON value; ValueError if it holds NaN or infinity."""
        return self.write_text(path, json.dumps(value, ensure_ascii=False, allow_nan=False))

    def write_text(self, path: str, text: str) -> Artefact:
        """Write a text as UTF-8."""
        return self._write(path, lambda file: file.write_text(text, encoding="utf-8"))

    def read_json(self, artefact: Artefact) -> Any:
        """Read a JSON value."""
        return json.loads(self.file(artefact).read_text(encoding="utf-8"))

    def file(self, artefact: Artefact) -> Path:
        """Where the artefact lies, verified against its hash (once per process while it stays the same)."""
        path = self._inside(artefact.path)
        try:
            stat = path.stat()
            expected = (stat.st_mtime_ns, stat.st_size, artefact.sha256)
            if stat.st_size != artefact.bytes:
                raise CorruptArtefact(
                    f"{artefact.path} has {stat.st_size} of {artefact.bytes} bytes. {REMEDY}"
                )
            if _verified.get(path) != expected:
                if sha256(path) != artefact.sha256:
                    raise CorruptArtefact(f"{artefact.path} differs from what was written. {REMEDY}")
                _verified[path] = expected
        except OSError as error:
            raise CorruptArtefact(f"{artefact.path} cannot be read ({error.strerror}). {REMEDY}") from error
        return path

    def scratch(self, id: str) -> Path:
        """Working folder of a job: survives a crash, is no artefact."""
        folder = self._scratch / checked_id(id)
        try:
            folder.mkdir(parents=True, exist_ok=True)
        except OSError as error:
            raise StoreError(f"Cannot write to the workspace: {error.strerror}.") from error
        return folder

    def discard_scratch(self, id: str) -> None:
        """Remove a job's working folder, if there is one."""
        shutil.rmtree(self._scratch / checked_id(id), ignore_errors=True)

    def sweep(self) -> None:
        """Remove what writers that died left half written, and scratch that nobody came back to."""
        for file in self._temporary.glob("*"):
            with suppress(FileNotFoundError):  # its writer has just finished
                if time.time() - file.stat().st_mtime > STALE_SECONDS:
                    file.unlink()
        for folder in self._scratch.glob("*"):
            if time.time() - folder.stat().st_mtime > FORGOTTEN_SECONDS:
                shutil.rmtree(folder, ignore_errors=True)

    def _write(self, path: str, write: Callable[[Path], object]) -> Artefact:
        requested = PurePosixPath(path)
        self._inside(path)
        with self._temporary_file() as file:
            write(file)
            _sync(file)
            digest, size = sha256(file), file.stat().st_size
            kept = str(requested.with_name(f"{requested.stem}.{digest[:16]}{requested.suffix}"))
            target = self._inside(kept)
            target.parent.mkdir(parents=True, exist_ok=True)
            self._before_write()
            os.replace(file, target)
            for folder in target.relative_to(self._root).parents:
                _sync(self._root / folder)
        return Artefact(path=kept, sha256=digest, bytes=size)

    @contextmanager
    def _temporary_file(self) -> Iterator[Path]:
        file = self._temporary / secrets.token_hex(8)
        try:
            self._temporary.mkdir(parents=True, exist_ok=True)
            yield file
        except (OSError, SafetensorError) as error:
            reason = getattr(error, "strerror", None) or error
            raise StoreError(f"Cannot write to the workspace: {reason}. Nothing was changed.") from error
        finally:
            file.unlink(missing_ok=True)

    def _inside(self, path: str) -> Path:
        """The absolute path; refuses anything that is not a plain relative path below the root."""
        target = (self._artefacts / path).resolve() if PATH_PATTERN.fullmatch(path) else None
        if target is None or not target.is_relative_to(self._artefacts):
            raise InputError(f"{path!r} is no valid artefact path.")
        return target


def sha256(file: Path) -> str:
    """Content hash of a file, in hexadecimal digits."""
    with file.open("rb") as stream:
        return hashlib.file_digest(stream, "sha256").hexdigest()


def _sync(path: Path) -> None:
    """Force a file's content, or a folder's entries, to the disk."""
    descriptor = os.open(path, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
