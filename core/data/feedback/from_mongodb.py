"""Feedback from collections of the shop's MongoDB database: each time what is new since the last."""

from pathlib import Path

import numpy as np
import pandas as pd

from core.data.dataset import load
from core.data.feedback.keeping import TABLES, keep
from core.data.parquet import read_parquet
from core.data.sources.mongodb import collected_tables
from core.errors import SettingsError
from core.progress import Progress, part_of, quiet
from core.schema.documents import Feedback
from core.schema.settings import MongoSettings
from core.store.workspace import Workspace

SEEN = "seen.npy"  # beside a table: the hash of each row that was looked at


def load_collections(
    workspace: Workspace, dataset_id: str, settings: MongoSettings, *, who: str, progress: Progress = quiet
) -> list[Feedback]:
    """Bring in what is new in the collections of impressions and service; nothing where nothing is.

    Documents that were changed come again, if the settings name the field that tells of changes.

    Raises:
        NotFound: no such dataset. SettingsError: other tables are named, or no address. TableError: a collection is empty,
        or has no value of a required column. SourceUnavailable: the database does not answer.
    """
    dataset = load(workspace, dataset_id)
    if others := settings.tables.keys() - set(TABLES):
        raise SettingsError(
            f"Feedback is in impressions and service; {', '.join(sorted(others))} belong to the dataset."
        )
    folder, found = collected_tables(workspace, settings, part_of(progress, 0.0, 0.6)), []
    for place, table in enumerate(name for name in TABLES if name in settings.tables):
        seen = folder / f"{table}-{dataset.line}-{SEEN}"
        new, hashes = _unseen(folder / f"{table}.parquet", seen)
        if new.empty:
            continue
        asked = {"origin": "mongodb", "name": settings.tables[table].collection, "who": who}
        part = part_of(progress, 0.6 + 0.2 * place, 0.8 + 0.2 * place)
        found.append(keep(workspace, dataset, new, table, **asked, progress=part))
        _write(seen, hashes)  # last: killed before it, the same rows are looked at again
    return found


def _unseen(file: Path, seen: Path) -> tuple[pd.DataFrame, np.ndarray]:
    """Rows of a collected table that were not looked at yet, and the hash of every row, uint64 (rows,)."""
    frame = read_parquet(file)
    frame = frame.drop(columns=[name for name in frame if frame[name].isna().all()])
    hashes = pd.util.hash_pandas_object(frame.astype("str").fillna(""), index=False).to_numpy()
    before = np.load(seen, allow_pickle=False) if seen.exists() else hashes[:0]
    return frame[~np.isin(hashes, before)].reset_index(drop=True), hashes


def _write(seen: Path, hashes: np.ndarray) -> None:
    unfinished = seen.with_suffix(".unfinished")
    with unfinished.open("wb") as stream:
        np.save(stream, hashes, allow_pickle=False)
    unfinished.rename(seen)
