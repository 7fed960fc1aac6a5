"""What came since a dataset was prepared: new, changed and gone files by their content, or documents of a database."""

from dataclasses import dataclass, field
from pathlib import Path
from typing import Literal

import pyarrow.parquet as pq

from core.data.collecting import News
from core.data.files import PARQUET, check_file
from core.data.sources import SOURCES, Source, mongodb
from core.errors import InputError, TableError
from core.schema.documents import ORIGINS, Dataset, Origin, SourceFile
from core.schema.settings import DatasetSettings, settings_from
from core.store.artefacts import sha256
from core.store.workspace import Workspace


@dataclass(frozen=True)
class FileNews:
    """A file that is not as it was; `lines` are those of now less those of then, None where they cannot be counted."""

    name: str
    state: Literal["new", "changed", "gone"]
    lines: int | None


@dataclass(frozen=True)
class WhatsNew:
    """Everything that is new; false where nothing is.

    Attributes:
        files: of sources that are files, by name. documents: of MongoDB, by table.
    """

    files: list[FileNews] = field(default_factory=list)
    documents: dict[str, News] = field(default_factory=dict)

    def __bool__(self) -> bool:
        return bool(self.files) or any(self.documents.values())


def remember(
    workspace: Workspace, dataset_id: str, source: Source, path: Path | None, files: list[SourceFile]
) -> None:
    """Keep where a dataset came from and what its files were like, unless that is known."""
    where = None if path is None or source.collect else str(path.resolve())
    document = Origin(_id=dataset_id, path=where, files=files).dump()
    if workspace.documents.get(ORIGINS, dataset_id) != document:
        workspace.documents.put(ORIGINS, document)


def described(source: Source, path: Path | None) -> list[SourceFile]:
    """Each file that a source reads, by its content; InputError where they cannot be found."""
    return [
        SourceFile(name=_name_within(file, path), sha256=sha256(file), lines=_lines(file))
        for file in source.files(path)
    ]


def _name_within(file: Path, path: Path | None) -> str:
    """The name of a file without the folder that the source was given."""
    inside = path is not None and path.is_dir() and file.is_relative_to(path)
    return str(file.relative_to(path)) if inside else file.name


def known_origin(workspace: Workspace, dataset: Dataset) -> Origin | None:
    """Where a dataset came from; None for one that was prepared before this was kept."""
    document = workspace.documents.get(ORIGINS, dataset.id)
    return None if document is None else Origin.model_validate(document)


def whats_new(workspace: Workspace, dataset: Dataset, path: Path | None = None) -> WhatsNew:
    """What came since a dataset was prepared; nothing is read into the workspace.

    Args:
        path: where the files lie now; unset: where they lay then.

    Raises:
        InputError: the files are not there, or the dataset was prepared before its files were remembered.
        SettingsError, SourceUnavailable: as for the source `mongodb`.
    """
    source = SOURCES[dataset.source]
    if source.collect is not None:
        return WhatsNew(
            documents=mongodb.whats_new(workspace, settings_from(DatasetSettings, dataset.settings))
        )
    origin = known_origin(workspace, dataset)
    if origin is None:
        raise InputError(f"It is not known which files {dataset.id} was prepared from; prepare it again.")
    where = path or (Path(origin.path) if origin.path else None)
    return WhatsNew(files=compare(origin.files, described(source, where)))


def compare(before: list[SourceFile], now: list[SourceFile]) -> list[FileNews]:
    """The files that differ, by name."""
    then, there = ({file.name: file for file in files} for files in (before, now))
    found = []
    for name in sorted(then.keys() | there.keys()):
        old, new = then.get(name), there.get(name)
        if old and new and old.sha256 == new.sha256:
            continue
        state = "changed" if old and new else "new" if new else "gone"
        counts = [file.lines for file in (old, new) if file is not None]
        known = None not in counts
        lines = (new.lines if new else 0) - (old.lines if old else 0) if known else None
        found.append(FileNews(name, state, lines))
    return found


def _lines(file: Path) -> int | None:
    """Rows of a Parquet file, lines of any other without its header; None where they cannot be counted."""
    try:
        if check_file(file).startswith(PARQUET):
            return pq.read_metadata(file).num_rows
        with file.open("rb") as stream:
            return max(sum(chunk.count(b"\n") for chunk in iter(lambda: stream.read(1 << 20), b"")) - 1, 0)
    except (TableError, OSError, ValueError):
        return None
