"""The checker: which sentences of a text do the reviews support, here and now?

Nothing in a sentence is believed but which reviews it cites. Those that exist, are about the product and by the
customers spoken of are read again, the claim is computed anew from them, and the words are written anew. A sentence
stays if that gives the same; is rewritten if fewer reviews support less; and goes if they support nothing, or if its
words were not those of its claim.
"""

from dataclasses import dataclass

import pandas as pd

from core.opinions.claims import (
    AspectClaim,
    Claim,
    OwnClaim,
    RatingClaim,
    aspect_claim,
    latest_per_user,
    own_claims,
    rating_claim,
)
from core.opinions.likeness import Population
from core.opinions.polarity import Reader
from core.opinions.remarks import COLUMNS, read_remarks
from core.opinions.sentences import full_texts
from core.opinions.words import MachineWritten, Sentence, phrase, sentence
from core.schema.tables import ASPECT, ITEM, POLARITY, REVIEW, USER


@dataclass(frozen=True)
class Grounds:
    """What a text on one product for one customer may rest on.

    Attributes:
        reviews: `user`, `item`, `rating` and, where there are, `title` and `text`; the index names the reviews.
        reader: None where the reviews cannot be read; then only ratings can be cited.
        population: the customers that are spoken of.
        top: the best rating there is.
    """

    reviews: pd.DataFrame
    reader: Reader | None
    population: Population
    user: int
    item: int
    top: float


@dataclass(frozen=True)
class Changed:
    """A sentence that went (`after` is None) or was rewritten, and why."""

    before: str
    after: str | None
    reason: str


@dataclass(frozen=True)
class Checked:
    """What is left of a text, and what became of the rest."""

    text: MachineWritten
    changed: tuple[Changed, ...]


@dataclass(frozen=True)
class _Read:
    """The cited reviews that exist, read again."""

    reviews: pd.DataFrame
    remarks: pd.DataFrame
    texts: dict[int, str]


def check(text: MachineWritten, grounds: Grounds) -> Checked:
    """Keep, rewrite or drop each sentence of a text."""
    read = _read_again(text, grounds)
    kept, changed = [], []
    for before in text.sentences:
        after, reason = _checked(before, grounds, read)
        if after != before:
            changed.append(Changed(before.text, after.text if after else None, reason))
        kept += [after] if after else []
    return Checked(MachineWritten(tuple(kept)), tuple(changed))


def _read_again(text: MachineWritten, grounds: Grounds) -> _Read:
    names = sorted({name for one in text.sentences for name in one.cited})
    reviews = grounds.reviews.loc[grounds.reviews.index.intersection(names).sort_values()]
    remarks = read_remarks(reviews, grounds.reader) if grounds.reader and len(reviews) else None
    empty = pd.DataFrame({name: [] for name in COLUMNS})
    return _Read(
        reviews,
        empty if remarks is None else remarks,
        dict(zip(reviews.index, full_texts(reviews), strict=True)),
    )


def _checked(before: Sentence, grounds: Grounds, read: _Read) -> tuple[Sentence | None, str]:
    if before.text != phrase(before.claim, grounds.population):
        return None, "Its words are not those of its claim."
    cited = _admissible(before.claim, read.reviews, grounds)
    missing = len(set(before.cited)) - len(cited)
    claim = _supported(before.claim, cited, read, grounds)
    lacking = (
        f"{missing:,} of the reviews that it cites may not be cited"
        if missing
        else "All that it cites is there"
    )
    if claim is None:
        return None, f"{lacking}; the rest does not support it."
    remarks = read.remarks[read.remarks[REVIEW].isin(claim.cited)]
    return sentence(claim, grounds.population, remarks, read.texts), f"{lacking}; the rest supports this."


def _admissible(claim: Claim, reviews: pd.DataFrame, grounds: Grounds) -> pd.DataFrame:
    """The cited reviews that exist and that such a claim may rest on, one per customer."""
    cited = reviews[reviews.index.isin(claim.cited)]
    if isinstance(claim, OwnClaim):
        return cited[cited[USER] == grounds.user]
    return latest_per_user(cited[(cited[ITEM] == grounds.item) & grounds.population.holds(cited[USER])])


def _supported(claim: Claim, cited: pd.DataFrame, read: _Read, grounds: Grounds) -> Claim | None:
    """The claim of this kind that these reviews support, if any."""
    if isinstance(claim, RatingClaim):
        return rating_claim(cited, top=grounds.top)
    remarks = read.remarks[read.remarks[REVIEW].isin(cited.index) & (read.remarks[ASPECT] == claim.aspect)]
    if isinstance(claim, AspectClaim):
        return aspect_claim(claim.aspect, remarks[remarks[POLARITY] != 0])
    return next(iter(own_claims(remarks, with_text(cited))), None)


def with_text(reviews: pd.DataFrame) -> list[int]:
    """Index labels of the reviews that have a title or text."""
    return [int(name) for name, text in zip(reviews.index, full_texts(reviews), strict=True) if text.strip()]
