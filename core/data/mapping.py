"""Which column of a file is which column of a table: proposed by name and by content, with a reason for each."""

import difflib
import re
import unicodedata
from dataclasses import dataclass

import numpy as np
import pandas as pd
from pandera.pandas import Column
from scipy.optimize import linear_sum_assignment

from core.data.labels import MOST_GROUPS
from core.data.mapping_content import Look, look_at
from core.data.mapping_words import WORDS
from core.data.parquet import MOST_COLUMNS
from core.errors import TableError
from core.schema.tables import (
    CATEGORY,
    CHANNEL,
    CONTRACTS,
    DESCRIPTION,
    EVENT,
    ITEM_ID,
    PAID_PRICE,
    QUANTITY,
    RANK,
    RATING,
    SATISFACTION,
    TEXT,
    TITLE,
    USER_ID,
)

LEAST_SCORE = 0.35  # a guess below it is none
NAME_WEIGHT, CONTENT_WEIGHT = 0.75, 0.25
CONTENT_ALONE = 0.45  # content without a name that speaks for it
AGAINST = 0.3  # a name whose values say otherwise
LONGER = 3  # letters that a misspelling may add or lose
CLOSE = 0.84  # likeness of names from which one is taken for a misspelling of the other
LONG_LENGTH, TITLE_LENGTH = 40, 8  # characters of a text that somebody wrote, and of a title
KEYS = {"users": USER_ID, "items": ITEM_ID}
OWN_ATTRIBUTES = tuple(KEYS)  # tables whose other columns are attributes
MOST_KEPT, LONGEST_NAME = 30, 60
LIKELY = ("events", "reviews", "service", "impressions", "recommendations", "users", "items", "offers")


Looks = dict[str, Look]  # by name of the column


@dataclass(frozen=True)
class Proposal:
    """A column of the table, the column of the file that it is taken for (None: none), how sure, and why."""

    column: str
    source: str | None
    score: float
    reason: str


@dataclass(frozen=True)
class Evidence:
    """How much speaks for one pair of columns, from 0 to 1."""

    score: float
    reason: str


def normalised(name: str) -> str:
    """Small letters without accents, words apart by single spaces: 'KundenNr.' and 'kunden_nr' are 'kunden nr'."""
    text = re.sub(r"(?<=[a-z\d])(?=[A-Z])", " ", name[:200])
    text = unicodedata.normalize("NFKD", text.replace("ß", "ss"))
    text = "".join(letter for letter in text.casefold() if not unicodedata.combining(letter))
    return " ".join(re.findall(r"[^\W_]+", text))


def propose(looks: Looks, table: str) -> list[Proposal]:
    """For each column of a table the column of the file that it most likely is; each of the file's at most once."""
    contract = CONTRACTS[table].columns
    evidence = [
        [weigh(column, _called(name, table), look) for name, look in looks.items()]
        for column in contract.values()
    ]
    scores = np.array([[one.score for one in row] for row in evidence]).reshape(len(evidence), len(looks))
    # Required columns first: a little more weight decides where two columns of the table want the same one.
    needed = np.array([column.required for column in contract.values()])
    chosen = dict(zip(*linear_sum_assignment(-(scores + 0.05 * needed[:, None])), strict=True))
    names, proposals = list(looks), []
    for place, column in enumerate(contract):
        found = chosen.get(place)
        if found is None or scores[place, found] < LEAST_SCORE:
            proposals.append(Proposal(column, None, 0.0, "no column looks like it"))
        else:
            one = evidence[place][found]
            proposals.append(Proposal(column, names[found], round(one.score, 2), one.reason))
    return proposals


def looks_of(frame: pd.DataFrame) -> Looks:
    """The look of each column of a file.

    Columns without a name, and all of one name, are left out: nobody could say which is meant.

    Raises:
        TableError: more columns than are read anywhere.
    """
    if frame.shape[1] > MOST_COLUMNS:
        problem = f"has {frame.shape[1]:,} columns; at most {MOST_COLUMNS} are read"
        raise TableError(problem, source="the file")
    single = [name for name in frame.columns.drop_duplicates(keep=False) if str(name).strip()]
    return {str(name): look_at(frame[name]) for name in single}


def likely_table(looks: Looks) -> str:
    """The table that a file most likely is: the one whose required columns are found best."""

    def found(table: str) -> tuple[float, float]:
        proposals = {one.column: one.score for one in propose(looks, table)}
        needed = [name for name, column in CONTRACTS[table].columns.items() if column.required]
        scores = [proposals[name] for name in needed]
        further = sum(score for name, score in proposals.items() if name not in needed)
        return (min(scores) > 0) * float(np.mean(scores)) * (1 + 0.1 * len(needed)), further

    return max(LIKELY, key=found)


def attributes(looks: Looks, table: str, used: set[str]) -> list[str]:
    """Columns that nothing of the contract uses and that may be attributes of users or items."""
    if table not in OWN_ATTRIBUTES:
        return []
    fitting = [
        name
        for name, look in looks.items()
        if name not in used
        and name not in CONTRACTS[table].columns
        and len(name) <= LONGEST_NAME
        and name.isprintable()
        and (2 <= look.values <= MOST_GROUPS or look.numbers)
    ]
    return fitting[:MOST_KEPT]


def _called(name: str, table: str) -> str:
    """The name, but that the mere 'id' of a table of users or items is theirs."""
    return WORDS[KEYS[table]][0] if table in KEYS and normalised(name) == "id" else name


def weigh(column: Column, name: str, look: Look) -> Evidence:
    """How much speaks for a column of a file being a column of a contract."""
    called, reason = _by_name(column.name, normalised(name))
    seen, remark = _by_content(column, look)
    if not look.filled:
        return Evidence(AGAINST * called, f"{reason}, but it is empty")
    if called and seen is None:
        return Evidence(AGAINST * called, f"{reason}, but {remark}")
    if called:
        reasons = "; ".join(part for part in (reason, remark) if part)
        return Evidence(NAME_WEIGHT * called + CONTENT_WEIGHT * seen, reasons)
    # Many things have a time: alone it speaks for a column that has to be there, and for no other.
    alone = 0.0 if seen is None or (_is_time(column) and not column.required) else CONTENT_ALONE * seen
    return Evidence(alone, remark)


def _is_time(column: Column) -> bool:
    return str(column.dtype).startswith("datetime")


def _by_name(column: str, name: str) -> tuple[float, str]:
    """How well a name fits, from 0 to 1, and how."""
    own = normalised(column)
    if name == own:
        return 1.0, "it has this very name"
    words = WORDS.get(column, ())
    if name in words:
        return 0.95, "its name means this"
    alike = [word for word in (own, *words) if abs(len(word) - len(name)) <= LONGER]
    if close := difflib.get_close_matches(name, alike, n=1, cutoff=CLOSE):
        likeness = difflib.SequenceMatcher(None, name, close[0]).ratio()
        return 0.8 * likeness, f"its name is close to '{close[0]}'"
    inside = [word for word in (own, *words) if len(word) > 2 and set(word.split()) <= set(name.split())]
    if inside:
        longest = max(inside, key=len)
        share = len(longest) / len(name)
        return 0.45 + 0.3 * share, f"its name holds '{longest}'"
    return 0.0, ""


def _by_content(column: Column, look: Look) -> tuple[float | None, str]:
    """How well values fit, from 0 to 1, and what they are; None where they cannot be what the column holds."""
    kind = str(column.dtype)
    if _is_time(column):
        return (1.0, "its values are times") if look.times else (None, "its values are no times")
    if kind == "boolean":
        return (0.7, "its values are yes or no") if look.flags else (None, "its values are not yes or no")
    if kind == "float64":
        return _number(column.name, look)
    return _text(column.name, look)


def _number(column: str, look: Look) -> tuple[float | None, str]:
    if not look.numbers:
        return None, "its values are no numbers"
    if look.low < 0:
        return None, "some of its values are below 0"
    if column in (RATING, SATISFACTION):
        inside = look.low >= 1 and look.high <= 5
        return (
            (0.9, "its values lie between 1 and 5")
            if inside and look.few
            else (0.1, "its values are numbers")
        )
    if column == QUANTITY:
        small = look.whole and look.high <= 1000
        return (0.6, "its values are small whole numbers") if small else (0.2, "its values are numbers")
    if column == RANK:
        return (
            (0.8, "its values are whole numbers from 1 on")
            if look.whole and look.low >= 1
            else (None, "its values are no ranks")
        )
    if column == PAID_PRICE and not look.whole:
        return 0.8, "its values are amounts that are not whole"
    return (0.6 if not look.whole else 0.3), "its values are numbers"


def _text(column: str, look: Look) -> tuple[float | None, str]:
    if column.endswith("_id"):
        if look.times and not look.numbers:
            return None, "its values are times"
        if look.numbers and not look.whole:
            return None, "its values are fractions"
        identifying = column in (USER_ID, ITEM_ID) and look.filled > 0.99
        if look.repeats and identifying:
            return 0.7, "its values are identifiers that come again"
        return (0.4 if look.distinct >= 0.95 else 0.2), "its values could be identifiers"
    if column in (EVENT, CHANNEL, CATEGORY):
        if look.few and not look.times:
            return 0.5, f"it has {look.values} different values"
        return 0.1, "it has many different values"
    if column in (TEXT, DESCRIPTION, TITLE):
        if look.numbers or look.times:
            return None, "its values are no texts"
        wordy = look.length > (TITLE_LENGTH if column == TITLE else LONG_LENGTH) and not look.few
        return (0.6, "its values are texts") if wordy else (0.1, "its values are short")
    return 0.3, ""
