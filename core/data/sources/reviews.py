"""Women's E-Commerce Clothing Reviews (N. Brooks): what customers wrote and how they rated, by age.

Reads the table of reviews as Parquet or CSV. There is no customer and no time in it: each review stands for a
customer of its own, at one and the same moment, so all of a tenth of the reviews each is held out (split by_user).
"""

from pathlib import Path

import numpy as np
import pandas as pd

from core.data.columns import to_flag, to_identifier, to_number, to_text
from core.data.files import Converter, check_tables, read_columns
from core.data.sources.folder import checked, found, lacks, listed
from core.data.sources.sequences import LAST_DAY
from core.errors import TableError
from core.progress import Progress
from core.schema.settings import DatasetSettings
from core.schema.tables import (
    CATEGORY,
    ITEM_ID,
    RATING,
    RECOMMENDED,
    TEXT,
    TIMESTAMP,
    TITLE,
    USER_ID,
    Tables,
)

PROTECTED = ("age",)
DEFAULTS = {"split": "by_user", "minimum_item_users": 1, "minimum_user_events": 1}
REVIEWS, ENDINGS = "reviews", (".parquet", ".csv")
FEEDBACK = "positive_feedback"  # how many other customers found the review good
ITEM, AGE, SCORE = "Clothing ID", "Age", "Rating"
DIVISION, DEPARTMENT, CLASS = "Division Name", "Department Name", "Class Name"
COLUMNS: dict[str, Converter] = {
    ITEM: to_identifier,
    SCORE: to_number,
    AGE: to_number,
    "Title": to_text,
    "Review Text": to_text,
    "Recommended IND": to_flag,
    "Positive Feedback Count": to_number,
    DIVISION: to_text,
    DEPARTMENT: to_text,
    CLASS: to_text,
}
AGES = {0: "Under 25", 25: "25-34", 35: "35-44", 45: "45-54", 55: "55-64", 65: "65+"}  # by the lower end
LOWEST, HIGHEST = 1, 5  # rating
MISSING = {
    "timing": "events.timestamp with real times; there are none",
    "histories": "events.user_id of customers with several purchases; each review is its own customer",
}
NOTES = (
    "Neither customers nor times are known: each review counts as a customer of its own with one purchase, all at the "
    "same moment. So nothing personal can be learnt from what somebody had before.",
    "Ages are in bands of ten years. All customers bought women's wear; the retailer's name was replaced by the "
    "publisher. Ratings are skewed: more than half are the best one.",
    "A product's class, department and division are the ones that most of its reviews name.",
)


def files(path: Path | None) -> list[Path]:
    """The one table of reviews; TableError if it is not there or cannot be read."""
    if path is not None and path.is_file():
        return [checked(path, path.parent)]
    if there := found(path, (REVIEWS,), endings=ENDINGS):
        return list(there.values())
    tables = [name for name in listed(path) if name.endswith(ENDINGS)]
    if len(tables) != 1:
        raise lacks(path, f"{REVIEWS}.csv or {REVIEWS}.parquet")
    return [checked(path / tables[0], path)]


def read(path: Path | None, settings: DatasetSettings, progress: Progress) -> Tables:
    """Reviews, an event and a user for each, and the items that they are about.

    Raises:
        TableError: names the column and first rows that break the form.
    """
    [file] = files(path)
    progress("Reading", 0.0, file.name)
    lines = read_columns(file, COLUMNS, required=(ITEM, SCORE))
    outside = ~lines[SCORE].between(LOWEST, HIGHEST)
    if outside.any():
        rows = (np.flatnonzero(outside) + 1).tolist()
        raise TableError(f"lies outside of {LOWEST} to {HIGHEST}", source=file.name, column=SCORE, rows=rows)
    digits = len(str(len(lines)))
    reviewers = pd.Series([f"review-{row:0{digits}d}" for row in range(1, len(lines) + 1)])
    events = pd.DataFrame({USER_ID: reviewers, ITEM_ID: lines[ITEM]})
    events[TIMESTAMP] = pd.Series(LAST_DAY, events.index, dtype="datetime64[us]")
    events.attrs["missing"] = MISSING
    users = pd.DataFrame({USER_ID: reviewers, "age": _age_bands(lines[AGE])})
    tables = Tables(events, users=users, items=_items(lines), reviews=_reviews(events, lines))
    return check_tables(tables, path.resolve().name)


def _age_bands(years: pd.Series) -> pd.Series:
    return pd.cut(years, [*AGES, np.inf], right=False, labels=list(AGES.values()))


def _reviews(events: pd.DataFrame, lines: pd.DataFrame) -> pd.DataFrame:
    return pd.DataFrame(
        {
            **events[[USER_ID, ITEM_ID, TIMESTAMP]],
            RATING: lines[SCORE],
            TITLE: lines["Title"],
            TEXT: lines["Review Text"],
            RECOMMENDED: lines["Recommended IND"].astype("boolean"),
            FEEDBACK: lines["Positive Feedback Count"].astype(float),
        }
    )


def _items(lines: pd.DataFrame) -> pd.DataFrame:
    """One row per item, with what most of its reviews call its class, department and division."""
    ids = pd.Index(np.sort(lines[ITEM].unique()), name=ITEM_ID)
    kind, department, division = (
        _most_named(lines, name).reindex(ids) for name in (CLASS, DEPARTMENT, DIVISION)
    )
    return pd.DataFrame(
        {
            TITLE: kind.fillna("Item") + " " + ids.astype("str"),
            CATEGORY: kind,
            "department": department,
            "division": division.replace("Initmates", "Intimates"),  # as the publisher spells it
        }
    ).reset_index()


def _most_named(lines: pd.DataFrame, name: str) -> pd.Series:
    """The value that most lines of an item have, by item; of equally many the first in alphabetical order."""
    counts = lines.groupby([ITEM, name]).size().rename("lines").reset_index()
    first = counts.sort_values([ITEM, "lines", name], ascending=[True, False, True]).drop_duplicates(ITEM)
    return first.set_index(ITEM)[name]
