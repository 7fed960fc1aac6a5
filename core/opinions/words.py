"""Claims as short English sentences that cite their reviews; marked as written by a machine."""

import re
from dataclasses import dataclass, field

import numpy as np
import pandas as pd

from core.opinions.claims import AspectClaim, Claim, OwnClaim, RatingClaim
from core.opinions.lexicon import TITLES
from core.opinions.likeness import Population
from core.schema.tables import ASPECT, END, POLARITY, PROBABILITY, REVIEW, START

MARK = "Written by a machine: it counts and quotes what customers wrote, and can misread them."
QUOTE_LENGTH = 200  # characters
SHORT = 100  # characters of a sentence that says little else
_E_MAIL = re.compile(r"[\w.+-]{1,64}@[\w-]{1,64}(?:\.[\w-]{1,64}){1,4}")
_LINK = re.compile(r"(?i)\b(?:https?://|www\.)\S{1,500}")
_PHONE = re.compile(r"(?<!\w)\+?\(?\d(?:[\s().-]{0,2}\d){6,14}(?!\w)")
_PREFIX = {"praised": "Praised for", "criticised": "Criticised for", "divided": "Opinions differ on"}


@dataclass(frozen=True)
class Quote:
    """Words of one review: plain text to be escaped by whoever shows it, with addresses and telephone numbers masked.

    `start` and `end` are the characters of the review's title and text that it was taken from.
    """

    review: int
    start: int
    end: int
    text: str


@dataclass(frozen=True)
class Sentence:
    """A sentence and what it rests on: its text is what `phrase` makes of the claim, never anything else."""

    text: str
    claim: Claim
    quotes: tuple[Quote, ...] = ()

    @property
    def cited(self) -> tuple[int, ...]:
        """Index labels of the reviews."""
        return self.claim.cited


@dataclass(frozen=True)
class MachineWritten:
    """A text, sentence by sentence. `mark` must be shown beside it."""

    sentences: tuple[Sentence, ...]
    mark: str = field(init=False, default=MARK)

    def __str__(self) -> str:
        return " ".join(sentence.text for sentence in self.sentences)


def sentence(claim: Claim, population: Population, remarks: pd.DataFrame, texts: dict[int, str]) -> Sentence:
    """The claim in words, with quotes.

    Args:
        remarks: of the reviews that the claim cites; texts: their `full_texts`.
    """
    return Sentence(phrase(claim, population), claim, quotes(claim, remarks, texts))


def phrase(claim: Claim, population: Population) -> str:
    """One sentence that says what the claim says and no more."""
    if isinstance(claim, RatingClaim):
        n = f"{len(claim.cited):,} {population.words}"
        return f"{n} gave it {claim.mean:.1f} out of {claim.top:g} on average."
    if isinstance(claim, OwnClaim):
        return f"You wrote about {TITLES[claim.aspect]} in {_of_reviews(len(claim.mentioning), len(claim.cited))}."
    return f"{_PREFIX[claim.verdict]} {TITLES[claim.aspect]}: {_counts(claim, population)}."


def _of_reviews(count: int, n: int) -> str:
    if n == 1:
        return "your only review"
    return f"{'all' if count == n else count} of your {n:,} reviews"


def _counts(claim: AspectClaim, population: Population) -> str:
    n, praise, criticism, mixed = claim.share.n, *map(len, (claim.praising, claim.criticising, claim.mixed))
    sides = [
        (praise, "praise it", "praises it"),
        (criticism, "criticise it", "criticises it"),
        (mixed, "do both", "does both"),
    ]
    if claim.verdict == "criticised":
        sides[:2] = sides[1::-1]
    said = [f"{count:,} {one if count == 1 else many}" for count, many, one in sides if count]
    who = f"the {n:,} {population.words} who judged it"
    if len(said) == 1:
        return f"all of {who} {sides[0][1]}"
    return f"of {who}, {', '.join(said[:-1])} and {said[-1]}"


def quotes(claim: Claim, remarks: pd.DataFrame, texts: dict[int, str]) -> tuple[Quote, ...]:
    """The plainest remarks on the claim's side, and one of the other side where there is one."""
    if not isinstance(claim, AspectClaim):
        return ()
    on_aspect = remarks[remarks[ASPECT] == claim.aspect]
    sides = {1: claim.praising, -1: claim.criticising}
    order = ((-1, 2), (1, 1)) if claim.verdict == "criticised" else ((1, 2), (-1, 1))
    chosen = []
    for side, most in order:
        rows = on_aspect[on_aspect[REVIEW].isin(sides[side]) & (on_aspect[POLARITY] == side)]
        chosen += [_quote(row, texts) for row in _plainest(rows, most).to_dict("records")]
    return tuple(chosen)


def _plainest(rows: pd.DataFrame, most: int) -> pd.DataFrame:
    """The surest remarks of different reviews, short ones first."""
    long = (rows[END] - rows[START]).to_numpy() > SHORT
    sure = np.abs(rows[PROBABILITY].to_numpy() - 0.5)
    order = np.lexsort([rows[START], rows[REVIEW], -sure, long])
    return rows.iloc[order].drop_duplicates(REVIEW).head(most)


def _quote(row: dict, texts: dict[int, str]) -> Quote:
    start, end = int(row[START]), int(row[END])
    return Quote(int(row[REVIEW]), start, end, masked(texts[row[REVIEW]][start:end]))


def masked(text: str) -> str:
    """One printable line without e-mail addresses, links and telephone numbers, shortened beyond QUOTE_LENGTH.

    Names of people are not recognised and stay.
    """
    line = " ".join("".join(sign if sign.isprintable() else " " for sign in text).split())
    for pattern, instead in ((_E_MAIL, "[e-mail]"), (_LINK, "[link]"), (_PHONE, "[telephone]")):
        line = pattern.sub(instead, line)
    return line if len(line) <= QUOTE_LENGTH else line[: QUOTE_LENGTH - 1].rstrip() + "…"
