"""Claims about one product that reviews support: each is computed from the reviews that it cites, and from nothing else."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

import numpy as np
import pandas as pd
from scipy import stats

from core.opinions.lexicon import TITLES
from core.opinions.polarity import CRITICISM, PRAISE
from core.schema.documents import Measured
from core.schema.tables import ASPECT, POLARITY, RATING, REVIEW, TIMESTAMP, USER

MINIMUM_REVIEWS = 3  # on the side that a claim takes
Verdict = Literal["praised", "criticised", "divided"]
CONFIDENCE = 0.95


@dataclass(frozen=True)
class RatingClaim:
    """How customers rated the product on average. `cited`: their reviews; `top`: the best rating there is."""

    mean: float
    top: float
    cited: tuple[int, ...]


@dataclass(frozen=True)
class AspectClaim:
    """What customers say of one aspect, counted by review.

    Attributes:
        verdict: praised or criticised, if surely more than half of those who judge it do so; else divided.
        praising, criticising: reviews whose remarks on the aspect all point one way; mixed: both ways.
        share: those on the verdict's side (praising, where divided) of all who judge it, with Wilson's interval.
    """

    aspect: str
    verdict: Verdict
    praising: tuple[int, ...]
    criticising: tuple[int, ...]
    mixed: tuple[int, ...]
    share: Measured

    @property
    def cited(self) -> tuple[int, ...]:
        """All reviews that the claim rests on, in order."""
        return tuple(sorted(self.praising + self.criticising + self.mixed))


@dataclass(frozen=True)
class OwnClaim:
    """An aspect that the customer's own reviews, of any product, speak of.

    `mentioning`: those that do; `cited`: all of them that have text.
    """

    aspect: str
    mentioning: tuple[int, ...]
    cited: tuple[int, ...]


Claim = RatingClaim | AspectClaim | OwnClaim


def latest_per_user(reviews: pd.DataFrame) -> pd.DataFrame:
    """One review per customer: the last one, so that nobody counts twice."""
    order = reviews.sort_values(TIMESTAMP, kind="stable") if TIMESTAMP in reviews else reviews
    return order.drop_duplicates(USER, keep="last").sort_index()


def rating_claim(reviews: pd.DataFrame, *, top: float) -> RatingClaim | None:
    """The mean rating of these reviews; None if fewer than three have one."""
    rated = reviews[RATING].dropna()
    if len(rated) < MINIMUM_REVIEWS:
        return None
    return RatingClaim(float(rated.mean()), top, tuple(int(name) for name in rated.index))


def aspect_claims(remarks: pd.DataFrame) -> list[AspectClaim]:
    """One claim per aspect with enough remarks, in the order of the lexicon.

    Args:
        remarks: of one product, one review per customer.
    """
    judged = remarks[remarks[POLARITY] != 0]
    parts = dict(list(judged.groupby(ASPECT, observed=True)))
    claims = [aspect_claim(name, parts[name]) for name in TITLES if name in parts]
    return [claim for claim in claims if claim]


def aspect_claim(aspect: str, remarks: pd.DataFrame) -> AspectClaim | None:
    """What remarks on one aspect amount to; None if they are too few to say anything.

    Args:
        remarks: on that aspect, none of them unclear.
    """
    names, polarity = remarks[REVIEW].to_numpy(), remarks[POLARITY].to_numpy()
    praise, criticism = np.unique(names[polarity == PRAISE]), np.unique(names[polarity == CRITICISM])
    mixed = np.intersect1d(praise, criticism)
    praising, criticising = np.setdiff1d(praise, mixed), np.setdiff1d(criticism, mixed)
    n = len(praising) + len(criticising) + len(mixed)
    verdict = _verdict(len(praising), len(criticising), n)
    if verdict is None:
        return None
    share = _share(len(criticising if verdict == "criticised" else praising), n)
    return AspectClaim(aspect, verdict, *(_places(found) for found in (praising, criticising, mixed)), share)


def own_claims(remarks: pd.DataFrame, written: Sequence[int]) -> list[OwnClaim]:
    """The aspects that the customer wrote about, in most reviews first.

    Args:
        remarks: of the customer's own reviews.
        written: those of them that have text.
    """
    mentioning = remarks.groupby(ASPECT, observed=True)[REVIEW].unique()
    claims = [
        OwnClaim(name, _places(np.sort(mentioning[name])), _places(written))
        for name in TITLES
        if name in mentioning
    ]
    return sorted(claims, key=lambda claim: -len(claim.mentioning))


def _verdict(praising: int, criticising: int, n: int) -> Verdict | None:
    if praising >= MINIMUM_REVIEWS and _share(praising, n).low > 0.5:
        return "praised"
    if criticising >= MINIMUM_REVIEWS and _share(criticising, n).low > 0.5:
        return "criticised"
    return "divided" if min(praising, criticising) >= MINIMUM_REVIEWS else None


def _share(count: int, n: int) -> Measured:
    interval = stats.binomtest(count, n).proportion_ci(CONFIDENCE, method="wilson")
    return Measured(value=count / n, low=float(interval.low), high=float(interval.high), n=n)


def _places(names: Sequence[int] | np.ndarray) -> tuple[int, ...]:
    return tuple(int(name) for name in names)
