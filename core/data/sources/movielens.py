"""MovieLens: the published forms (ratings with times) and the ordered form of accuracy benchmarks.

Reads, as .dat (fields parted by `::`), .csv or .parquet: `ratings` with user, movie, rating and timestamp, or else
`sequences` with user, movie and position; and, where they are there, `users` and `movies`.
F. M. Harper, J. A. Konstan, "The MovieLens Datasets", ACM TiiS 5(4), 2015.
"""

import csv
import io
from collections.abc import Mapping
from pathlib import Path

import numpy as np
import pandas as pd

from core.data.columns import to_identifier, to_number, to_text, to_time
from core.data.encoding import read_text
from core.data.files import Converter, check_tables, convert_columns, read_columns
from core.data.sources.folder import found, lacks, read_each
from core.data.sources.sequences import ONLY_AN_ORDER, times_in_order
from core.errors import TableError
from core.progress import Progress
from core.schema.settings import DatasetSettings
from core.schema.tables import CATEGORY, DESCRIPTION, ITEM_ID, RATING, TIMESTAMP, TITLE, USER_ID, Tables

PROTECTED = ("gender", "age")
ENDINGS = (".dat", ".csv", ".parquet")
RATINGS, SEQUENCES, USERS, MOVIES = "ratings", "sequences", "users", "movies"
POSITION, GENRES, ZIP = "position", "genres", "zip_code"
# Columns of each table in the order of the .dat files, which have no header.
COLUMNS: dict[str, dict[str, Converter]] = {
    RATINGS: {USER_ID: to_identifier, ITEM_ID: to_identifier, RATING: to_number, TIMESTAMP: to_time},
    SEQUENCES: {USER_ID: to_identifier, ITEM_ID: to_identifier, POSITION: to_number},
    USERS: {
        USER_ID: to_identifier,
        "gender": to_text,
        "age": to_identifier,
        "occupation": to_identifier,
        ZIP: to_text,
    },
    MOVIES: {ITEM_ID: to_identifier, TITLE: to_text, GENRES: to_text},
}
# How the published files and their copies spell the same columns
SPELLINGS = {
    "userID": USER_ID,
    "userId": USER_ID,
    "movieID": ITEM_ID,
    "movieId": ITEM_ID,
    "movie_id": ITEM_ID,
    "zip": ZIP,
    "zip-code": ZIP,
}
NOTES = (
    "MovieLens (GroupLens): for research; not to be passed on or used commercially without permission. Cite Harper "
    "and Konstan, 2015.",
    "Each film that a user rated counts as a purchase; people rated films seen long before, so the order is that of "
    "rating, not of watching.",
)
ORDER_NOTE = (
    "Times are only an order: one day for each film of a user's sequence, and everybody's last film on the same day. "
    "This copy has no rating values, so satisfaction cannot be modelled."
)
RATINGS_NOTE = (
    "Rating values are in `reviews`. Films that a user rated in the same second keep the order of the file. "
    "Published accuracy on MovieLens-1M mostly leaves out films with fewer than five ratings; here all are ranked."
)
AGES = {
    "1": "Under 18",
    "18": "18-24",
    "25": "25-34",
    "35": "35-44",
    "45": "45-49",
    "50": "50-55",
    "56": "56+",
}
OCCUPATIONS = (
    "other",
    "academic or educator",
    "artist",
    "clerical or admin",
    "college or graduate student",
    "customer service",
    "doctor or health care",
    "executive or managerial",
    "farmer",
    "homemaker",
    "K-12 student",
    "lawyer",
    "programmer",
    "retired",
    "sales or marketing",
    "scientist",
    "self-employed",
    "technician or engineer",
    "tradesman or craftsman",
    "unemployed",
    "writer",
)
REGIONS = {  # by the first digit of a US ZIP code
    "0": "New England, New Jersey",
    "1": "New York, Pennsylvania",
    "2": "Maryland to South Carolina",
    "3": "Tennessee to Florida",
    "4": "Michigan to Kentucky",
    "5": "Upper Midwest",
    "6": "Illinois to Kansas",
    "7": "Texas to Arkansas",
    "8": "Mountain states",
    "9": "Pacific states",
}
GENDERS = {"F": "Female", "M": "Male"}
ARTICLE = r"^(.*), (The|A|An|Les|La|Le|L'|Il|El|Das|Der|Die)( \(.*\))?$"


def files(path: Path | None) -> list[Path]:
    """Ratings or sequences and, where they are there, users and movies.

    Raises:
        TableError: neither ratings nor sequences, or a file that cannot be read.
    """
    return list(_found(path).values())


def read(path: Path | None, settings: DatasetSettings, progress: Progress) -> Tables:
    """Events from ratings or sequences, ratings as reviews, attributes of users and films.

    Raises:
        TableError: names the file, column and first rows that break the form.
    """
    there = _found(path)
    tables = read_each(there, _read, progress)
    reviews = tables.get(RATINGS)
    if reviews is None:
        events = _ordered_events(tables[SEQUENCES], there[SEQUENCES].name)
    else:
        events = _timed_events(reviews)
    users = _users(tables[USERS]) if USERS in tables else None
    items = _items(tables[MOVIES]) if MOVIES in tables else None
    return check_tables(Tables(events, users=users, items=items, reviews=reviews), path.resolve().name)


def _found(path: Path | None) -> dict[str, Path]:
    there = found(path, (RATINGS, SEQUENCES, USERS, MOVIES), endings=ENDINGS)
    if RATINGS in there:
        there.pop(SEQUENCES, None)
    elif SEQUENCES not in there:
        raise lacks(path, "ratings.dat, ratings.csv or sequences.parquet")
    return there


def _read(file: Path, table: str) -> pd.DataFrame:
    columns = COLUMNS[table]
    required = [name for name in columns if table in (RATINGS, SEQUENCES) or name in (USER_ID, ITEM_ID)]
    if file.suffix == ".dat":
        return convert_columns(_read_dat(file, list(columns)), columns, file.name, required=required)
    return read_columns(file, columns, required=required, spellings=SPELLINGS)


def _read_dat(file: Path, names: list[str]) -> pd.DataFrame:
    """Lines of fields parted by `::`, all as text."""
    text = read_text(file).replace("\r\n", "\n").rstrip("\n").replace("::", "\x1f")
    if not text.strip():
        raise TableError("is empty", source=file.name)
    rows = pd.Series(text.split("\n"))
    ragged = rows.str.count("\x1f") != len(names) - 1
    if ragged.any():
        problem = f"has lines without exactly {len(names)} fields parted by '::'"
        raise TableError(problem, source=file.name, rows=(np.flatnonzero(ragged) + 1).tolist())
    return pd.read_csv(
        io.StringIO(text), sep="\x1f", header=None, names=names, dtype="str", quoting=csv.QUOTE_NONE
    )


def _ordered_events(sequences: pd.DataFrame, source: str) -> pd.DataFrame:
    times = times_in_order(sequences[USER_ID], sequences[POSITION], source=source, column=POSITION)
    events = sequences[[USER_ID, ITEM_ID]].assign(**{TIMESTAMP: times})
    events.attrs.update(missing=ONLY_AN_ORDER, notes=[ORDER_NOTE])
    return events


def _timed_events(ratings: pd.DataFrame) -> pd.DataFrame:
    """Rated in one second: a microsecond apart in the order of the file, so that each film is an occasion."""
    place = ratings.groupby([USER_ID, TIMESTAMP], sort=False).cumcount()
    times = ratings[TIMESTAMP] + pd.to_timedelta(place, unit="us")
    events = ratings[[USER_ID, ITEM_ID]].assign(**{TIMESTAMP: times.astype("datetime64[us]")})
    events.attrs["notes"] = [RATINGS_NOTE]
    return events


def _users(users: pd.DataFrame) -> pd.DataFrame:
    occupations = {str(code): name for code, name in enumerate(OCCUPATIONS)}
    attributes = {
        "gender": _named(users["gender"], GENDERS),
        "age": _named(users["age"], AGES),
        "occupation": _named(users["occupation"], occupations),
        "region": users[ZIP].str[0].map(REGIONS),
    }
    return pd.DataFrame({USER_ID: users[USER_ID]} | attributes).dropna(axis="columns", how="all")


def _named(codes: pd.Series, names: Mapping[str, str]) -> pd.Series:
    """Codes by their names; a code without one stays as it is."""
    return codes.map(names).fillna(codes)


def _items(movies: pd.DataFrame) -> pd.DataFrame:
    """Title without year, decade, first genre as category and all genres as the description."""
    parts = movies[TITLE].str.extract(r"^(.*?)\s*\((\d{4})[^)]*\)\s*$")
    bare = parts[0].fillna(movies[TITLE]).str.replace(ARTICLE, r"\2 \1\3", regex=True).str.strip()
    dated = bare + (" (" + parts[1] + ")").fillna("")
    genres = movies[GENRES].where(movies[GENRES] != "(no genres listed)")
    described = pd.DataFrame(
        {
            ITEM_ID: movies[ITEM_ID],
            TITLE: bare.where(~bare.duplicated(keep=False), dated),  # remakes keep their year
            DESCRIPTION: genres.str.replace("|", " ", regex=False),
            CATEGORY: genres.str.extract(r"^([^|]+)")[0],
            "decade": parts[1].str[:3] + "0s",
        }
    )
    return described.dropna(axis="columns", how="all")
