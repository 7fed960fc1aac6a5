"""Where data come from. A new source is one module and one line in SOURCES."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from core.data.sources import beauty, complete_journey, mongodb, movielens, olist, reviews, tables
from core.data.sources.sequences import ALL_ITEMS
from core.progress import Progress
from core.schema.settings import DatasetSettings
from core.schema.tables import Tables
from core.store.workspace import Workspace


@dataclass(frozen=True)
class Source:
    """A place that tables are read from.

    Attributes:
        name: what the command line calls it.
        title: what people call it.
        read: path, settings and progress to tables in the form of the contracts; raises InputError.
        files: the files that `read` reads, by which a change of the data is noticed; raises InputError.
        protected: user attributes that name protected groups unless the settings say otherwise.
        needs_path: whether the user must say where the data lie.
        timezone: IANA zone whose calendar days and weeks count, unless the settings say otherwise.
        defaults: dataset settings that suit the data, where nobody has set them.
        notes: what everyone who draws conclusions from these data should know.
        collect: for data that lie in no files: brings a folder of files in the workspace up to date, which is then the
            path. `read` and `files` find it there.
    """

    name: str
    title: str
    read: Callable[[Path | None, DatasetSettings, Progress], Tables]
    files: Callable[[Path | None], list[Path]]
    protected: tuple[str, ...] = ()
    needs_path: bool = False
    timezone: str = "UTC"
    defaults: Mapping[str, Any] = field(default_factory=dict)
    notes: tuple[str, ...] = ()
    collect: Callable[[Workspace, DatasetSettings, Progress], Path] | None = None


SOURCES: dict[str, Source] = {
    source.name: source
    for source in (
        Source(
            "complete_journey",
            "Complete Journey",
            complete_journey.read,
            complete_journey.files,
            protected=complete_journey.PROTECTED,
            timezone=complete_journey.TIMEZONE,
            notes=complete_journey.NOTES,
        ),
        Source("tables", "Your own tables", tables.read, tables.files, needs_path=True),
        Source("mongodb", "MongoDB", mongodb.read, mongodb.files, collect=mongodb.collected),
        Source(
            "movielens",
            "MovieLens",
            movielens.read,
            movielens.files,
            protected=movielens.PROTECTED,
            needs_path=True,
            defaults=ALL_ITEMS,
            notes=movielens.NOTES,
        ),
        Source(
            "beauty",
            "Sequences of items, such as Amazon Beauty",
            beauty.read,
            beauty.files,
            needs_path=True,
            defaults=ALL_ITEMS,
            notes=beauty.NOTES,
        ),
        Source(
            "reviews",
            "Women's Clothing Reviews",
            reviews.read,
            reviews.files,
            protected=reviews.PROTECTED,
            needs_path=True,
            defaults=reviews.DEFAULTS,
            notes=reviews.NOTES,
        ),
        Source(
            "olist",
            "Olist",
            olist.read,
            olist.files,
            protected=olist.PROTECTED,
            needs_path=True,
            defaults=olist.DEFAULTS,
            notes=olist.NOTES,
        ),
    )
}
