"""From a source to a prepared dataset in the workspace."""

import hashlib
import json
from dataclasses import replace
from pathlib import Path
from typing import Any

import pandas as pd

from core.data.build import Prepared, build
from core.data.dataset import load
from core.data.feedback.keeping import feedback_of, joined_by
from core.data.images import pictures_in, read_images
from core.data.sources import SOURCES, Source
from core.data.watching import described, remember
from core.errors import CorruptArtefact, NotFound, SettingsError
from core.progress import Progress, part_of, quiet
from core.schema.documents import DATASETS, Artefact, Dataset, Feedback, SourceFile, now
from core.schema.settings import SPLITS, DatasetSettings
from core.schema.tables import BASKET, IN_CATALOGUE, ITEM, SPLIT, USER, Tables
from core.store.artefacts import sha256
from core.store.trail import PROGRAM, record
from core.store.workspace import Workspace

COLLECTED = 0.3  # fraction of the work that is done once a source without files has collected its own
YOUNGER = ("mongodb", "bad_rows")  # settings that came later: left at their default they change no id
FORMAT = 2  # rises when the same source and settings would give other tables than before


def prepare(
    workspace: Workspace,
    source: str,
    settings: DatasetSettings,
    *,
    path: Path | None = None,
    follows: str | None = None,
    who: str = PROGRAM,
    progress: Progress = quiet,
) -> Dataset:
    """Prepare a dataset and commit it to the workspace.

    The id follows from the data and the settings: preparing the same again returns what is there at once.
    Nothing is written before the data are known to be sound, and the document is written last.

    Args:
        source: a name in SOURCES.
        path: where the source's files lie, if it needs to be told.
        follows: a dataset of the same shop: the new one is of its line, and holds the feedback that came on it.
        who: asked for it, for the audit trail.

    Raises:
        NotFound: no such source or dataset. TableError: the data break a contract. SettingsError: the settings do not
        fit the data. Cancelled: `progress` said so.
    """
    origin, resolved = _resolve(source, settings, path)
    progress("Reading", 0.0, origin.title)
    begun = 0.01
    if origin.collect is not None:
        path, begun = origin.collect(workspace, resolved, part_of(progress, 0.0, COLLECTED)), COLLECTED
    files = described(origin, path)
    before = None if follows is None else load(workspace, follows)
    feedback = [] if before is None else [one for one in feedback_of(workspace, before) if one.count]
    dataset_id = _identity(origin, resolved, files, _folder(origin, path), before=before, feedback=feedback)
    if known := _intact(workspace, dataset_id):
        remember(workspace, dataset_id, origin, path, files)
        return known
    tables = origin.read(path, resolved, part_of(progress, begun, 0.45))
    settings = _with_known_groups(resolved, settings, tables)
    tables, joined = joined_by(workspace, tables, feedback)
    prepared = build(tables, settings, progress=part_of(progress, 0.45, 0.8))
    prepared = replace(prepared, quality=joined + prepared.quality)
    prepared = _with_images(prepared, _folder(origin, path), part_of(progress, 0.8, 0.85))
    artefacts = _write(workspace, dataset_id, prepared, part_of(progress, 0.85, 0.99))
    dataset = Dataset(
        _id=dataset_id,
        name=_name(origin, settings, path) + (", with feedback" if feedback else ""),
        source=source,
        created_at=now(),
        tables=artefacts,
        notes=[*origin.notes, *prepared.notes],
        first=None if before is None or before.line == dataset_id else before.line,
        feedback=[one.id for one in feedback],
        **_described(prepared, settings),
    )
    remember(workspace, dataset_id, origin, path, files)
    workspace.documents.put(DATASETS, dataset.dump())
    record(workspace, "prepared", who=who, about={"dataset": dataset.id}, details={"source": source})
    return dataset


def _described(prepared: Prepared, settings: DatasetSettings) -> dict[str, Any]:
    """The fields of the document that follow from the tables and the settings."""
    return {
        "settings": settings.model_dump(mode="json"),
        "quality": prepared.quality,
        "counts": _counts(prepared.tables),
        "period": prepared.period,
        "attributes": prepared.attributes,
        "protected": list(settings.protected or ()),
        "missing": prepared.missing,
    }


def _resolve(source: str, settings: DatasetSettings, path: Path | None) -> tuple[Source, DatasetSettings]:
    """The source, and the settings with everything that it decides where nobody has set them."""
    if source not in SOURCES:
        raise NotFound(f"There is no source '{source[:80]}'; there are {', '.join(SOURCES)}.")
    origin = SOURCES[source]
    if origin.needs_path and path is None:
        raise SettingsError(f"Source '{source}' needs a path: the folder in which its files lie.")
    defaults = {
        name: value for name, value in origin.defaults.items() if name not in settings.model_fields_set
    }
    protected = origin.protected if settings.protected is None else settings.protected
    decided = {"protected": protected, "timezone": settings.timezone or origin.timezone}
    return origin, settings.model_copy(update=defaults | decided)


def _with_known_groups(settings: DatasetSettings, asked: DatasetSettings, tables: Tables) -> DatasetSettings:
    """Of the protected attributes that the source names by itself, those that these data hold."""
    if asked.protected is not None:
        return settings
    known = () if tables.users is None else tables.users.columns
    kept = tuple(name for name in settings.protected or () if name in known)
    return settings.model_copy(update={"protected": kept})


def _identity(
    origin: Source,
    settings: DatasetSettings,
    files: list[SourceFile],
    pictures: Path | None,
    *,
    before: Dataset | None,
    feedback: list[Feedback],
) -> str:
    """An id that is the same for the same files, settings and feedback, wherever the files lie.

    With nothing new it is that of the dataset that began the line.
    """
    content = [(file.name, file.sha256) for file in files]
    if pictures:
        content += [(str(file.relative_to(pictures)), sha256(file)) for file in pictures_in(pictures)]
    unset = {
        name for name in YOUNGER if getattr(settings, name) == DatasetSettings.model_fields[name].default
    }
    dumped = settings.model_dump(mode="json", exclude=unset)
    decisive = [FORMAT, origin.name, content, dumped]
    id = _hashed(decisive)
    if before is None or (id == before.line and not feedback):
        return id
    return _hashed([*decisive, before.line, sorted(one.id for one in feedback)])


def _hashed(decisive: list[Any]) -> str:
    return "ds-" + hashlib.sha256(json.dumps(decisive, sort_keys=True).encode()).hexdigest()[:16]


def _folder(origin: Source, path: Path | None) -> Path | None:
    """Where the pictures that items name would lie."""
    return path if origin.needs_path and path is not None and path.is_dir() else None


def _with_images(prepared: Prepared, folder: Path | None, progress: Progress) -> Prepared:
    """Add the table `images` where items name pictures that are there."""
    if folder is None:
        return prepared
    images, notes = read_images(prepared.tables["items"], folder, progress=progress)
    tables = prepared.tables if images is None else prepared.tables | {"images": images}
    return replace(prepared, tables=tables, notes=prepared.notes + notes)


def _intact(workspace: Workspace, dataset_id: str) -> Dataset | None:
    """The dataset of that id, if it is there with all its files."""
    document = workspace.documents.get(DATASETS, dataset_id)
    if document is None:
        return None
    dataset = Dataset.model_validate(document)
    try:
        for artefact in dataset.tables.values():
            workspace.artefacts.file(artefact)
    except CorruptArtefact:
        return None
    return dataset


def _write(
    workspace: Workspace, dataset_id: str, prepared: Prepared, progress: Progress
) -> dict[str, Artefact]:
    written = {}
    for number, (name, frame) in enumerate(prepared.tables.items()):
        progress("Writing", number / len(prepared.tables), name)
        written[name] = workspace.artefacts.write_table(f"datasets/{dataset_id}/{name}.parquet", frame)
    progress("Writing", 1.0)
    return written


def _name(origin: Source, settings: DatasetSettings, path: Path | None) -> str:
    title = origin.title
    if origin.needs_path and path:
        title = path.resolve().name.encode(errors="replace").decode()
    if origin.collect and settings.mongodb:
        title = f"{title}, {settings.mongodb.tables['events'].collection[:60]}"
    return title if settings.sample_users is None else f"{title}, {settings.sample_users:,} users"


def _counts(tables: dict[str, pd.DataFrame]) -> dict[str, int]:
    events, catalogue = tables["events"], int(tables["items"][IN_CATALOGUE].sum())
    by_split = events[SPLIT].value_counts()
    counts = {
        "users": len(tables["users"]),
        "items": len(tables["items"]),
        "items_bought": int(events[ITEM].nunique()),
        "catalogue": catalogue,
        "events": len(events),
        "catalogue_events": int((events[ITEM] < catalogue).sum()),
        "baskets": int(events[BASKET].nunique()),
    }
    for code, split in enumerate(SPLITS):
        counts[f"events_{split}"] = int(by_split.get(code, 0))
        counts[f"users_{split}"] = int(events.loc[events[SPLIT] == code, USER].nunique())
    return counts
