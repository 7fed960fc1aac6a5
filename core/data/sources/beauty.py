"""Sequences of items per user without times: Amazon Beauty in the form of S3-Rec, and any set in that form.

Reads `interactions` (user_id, item_id, position) and, if there, `item_attributes` (item_id, attribute_id) as Parquet
or CSV; or the published text, a line `user item item ...` for each user in time order, with
`NAME_item2attributes.json` beside NAME.txt if there. Zhou et al., "S3-Rec", CIKM 2020.
"""

import json
from pathlib import Path

import pandas as pd

from core.data.columns import refusal, to_identifier, to_number
from core.data.encoding import read_text
from core.data.files import check_tables, read_columns
from core.data.sources.folder import checked, found, lacks, listed
from core.data.sources.sequences import ONLY_AN_ORDER, times_in_order
from core.errors import TableError
from core.progress import Progress
from core.schema.settings import DatasetSettings
from core.schema.tables import CATEGORY, DESCRIPTION, ITEM_ID, TIMESTAMP, USER_ID, Tables

INTERACTIONS, ATTRIBUTES = "interactions", "item_attributes"
POSITION, ATTRIBUTE, FINEST = "position", "attribute_id", "finest_attribute"
SHARED_BY = 20  # items: rarer attributes would be groups too small to compare or to learn from
NOTES = (
    "Times are only an order: one day for each item of a user's sequence, and everybody's last item on the same day.",
    "Nothing is known of users but what they took; each item taken counts as a purchase.",
)
ATTRIBUTE_NOTE = (
    "Items have several attributes (a17 and the like, without names): all are in the description; category is the "
    f"most common one of the item, {FINEST} the rarest that at least {SHARED_BY} items share."
)


def files(path: Path | None) -> list[Path]:
    """The interactions and, if there, the attributes of items.

    Raises:
        TableError: neither form of interactions is there, or a file cannot be read.
    """
    return list(_found(path).values())


def read(path: Path | None, settings: DatasetSettings, progress: Progress) -> Tables:
    """Sequences as events a day apart, attributes as a text and two categories.

    Raises:
        TableError: names the file, column and first rows that break the form.
    """
    there = _found(path)
    progress("Reading", 0.0, there[INTERACTIONS].name)
    events = _events(there[INTERACTIONS])
    items = None
    if ATTRIBUTES in there:
        progress("Reading", 0.7, there[ATTRIBUTES].name)
        events.attrs["notes"] = [ATTRIBUTE_NOTE]
        items = _items(_attributes(there[ATTRIBUTES]))
    return check_tables(Tables(events, items=items), path.resolve().name)


def _found(path: Path | None) -> dict[str, Path]:
    if path is not None and path.is_file():
        return _text_form(path)
    there = found(path, (INTERACTIONS, ATTRIBUTES))
    if INTERACTIONS in there:
        return there
    texts = [name for name in listed(path) if name.endswith(".txt") and not name.lower().startswith("readme")]
    if len(texts) != 1:
        raise lacks(path, f"{INTERACTIONS}.csv or {INTERACTIONS}.parquet, nor one .txt file of sequences")
    return _text_form(path / texts[0])


def _text_form(file: Path) -> dict[str, Path]:
    there = {INTERACTIONS: checked(file, file.parent)}
    attributes = file.with_name(f"{file.stem}_item2attributes.json")
    return there | ({ATTRIBUTES: checked(attributes, file.parent)} if attributes.exists() else {})


def _events(file: Path) -> pd.DataFrame:
    if file.suffix == ".txt" and file.stem != INTERACTIONS:
        sequences = _read_sequences(file)
    else:
        sequences = read_columns(file, {USER_ID: to_identifier, ITEM_ID: to_identifier, POSITION: to_number})
    times = times_in_order(sequences[USER_ID], sequences[POSITION], source=file.name, column=POSITION)
    events = sequences[[USER_ID, ITEM_ID]].assign(**{TIMESTAMP: times})
    events.attrs["missing"] = ONLY_AN_ORDER
    return events


def _read_sequences(file: Path) -> pd.DataFrame:
    """`user_id`, `item_id`, `position` of lines `user item item ...`."""
    lines = [line.split() for line in read_text(file).splitlines()]
    if not any(lines):
        raise TableError("is empty", source=file.name)
    short = [row for row, words in enumerate(lines, 1) if len(words) == 1]
    if short:
        raise TableError("has lines with a user and no item", source=file.name, rows=short)
    users = pd.Series([words[0] for words in lines if words])
    if users.duplicated().any():
        raise refusal(file.name, USER_ID)("begins two lines", users.duplicated().to_numpy())
    table = pd.DataFrame({USER_ID: users, ITEM_ID: [words[1:] for words in lines if words]})
    table = table.explode(ITEM_ID, ignore_index=True).astype("str")
    return table.assign(**{POSITION: table.groupby(USER_ID).cumcount()})


def _attributes(file: Path) -> pd.DataFrame:
    """`item_id`, `attribute_id`, one row per pair."""
    if file.suffix != ".json":
        pairs = read_columns(file, {ITEM_ID: to_identifier, ATTRIBUTE: to_identifier})
        return pairs.drop_duplicates(ignore_index=True)
    try:
        by_item = json.loads(read_text(file))
        pairs = [(str(item), str(code)) for item, codes in by_item.items() for code in codes]
    except (ValueError, AttributeError, TypeError, RecursionError):
        raise TableError("is no JSON object of lists of attributes by item", source=file.name) from None
    return pd.DataFrame(pairs, columns=[ITEM_ID, ATTRIBUTE], dtype="str").drop_duplicates(ignore_index=True)


def _items(pairs: pd.DataFrame) -> pd.DataFrame:
    """One row per item: all attributes as words, the most common and the finest as categories."""
    spread = pairs.groupby(ATTRIBUTE)[ITEM_ID].transform("size")
    named = pairs.assign(**{ATTRIBUTE: "a" + pairs[ATTRIBUTE], "spread": spread})
    named = named.sort_values([ITEM_ID, "spread", ATTRIBUTE], ignore_index=True)
    by_item, shared = named.groupby(ITEM_ID)[ATTRIBUTE], named[named["spread"] >= SHARED_BY]
    return pd.DataFrame(
        {
            DESCRIPTION: by_item.agg(" ".join),
            CATEGORY: by_item.last(),
            FINEST: shared.groupby(ITEM_ID)[ATTRIBUTE].first(),
        }
    ).reset_index()
