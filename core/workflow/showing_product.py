"""A product evaluation with everything that a reader may want to check: each sentence's passages, each share's interval."""

from dataclasses import dataclass

import numpy as np
import pandas as pd
from scipy import stats

from core.data.dataset import load, table
from core.opinions.claims import AspectClaim, OwnClaim, RatingClaim
from core.opinions.evaluate import ProductEvaluation
from core.opinions.sentences import full_texts
from core.opinions.words import Sentence, masked
from core.schema.documents import Run
from core.schema.settings import Statistics
from core.schema.tables import ASPECT, END, RATING, REVIEW, START, TEXT, TITLE, USER
from core.store.workspace import Workspace
from core.workflow.evaluating import REMARKS, REVIEWS, product_evaluation
from core.workflow.runs import run_table

CONFIDENCE = Statistics().confidence
CITATION = (REVIEW, RATING, "says", "passage")
GAP = " … "


@dataclass(frozen=True)
class ShownEvaluation:
    """An evaluation and what it rests on.

    Attributes:
        citations: one table per sentence of the text, a row per review that it cites: `review` (its row), `rating`,
            `says` (which side it takes), `passage` (its words, addresses and telephone numbers masked).
        aspects: `title`, `weight` (expected share of this user's reviews that speak of it), `own` of `own_reviews`,
            and the share among people like this one: `value`, `low`, `high` (Wilson) of `n` reviews.
    """

    evaluation: ProductEvaluation
    citations: tuple[pd.DataFrame, ...]
    aspects: pd.DataFrame


def shown_evaluation(workspace: Workspace, run: Run, *, user: int, item: int) -> ShownEvaluation:
    """The evaluation of a product (item code) for a user (user code).

    Raises:
        NotFound: no such user or item.
    """
    found = product_evaluation(workspace, run, user=user, item=item)
    dataset = load(workspace, run.dataset)
    if REVIEWS not in dataset.tables:
        return ShownEvaluation(found, (), _aspects(found, 0))
    reviews = table(workspace, dataset, REVIEWS)
    named = {name for one in found.text.sentences for name in one.cited}
    cited = reviews.loc[sorted(named)]
    remarks = run_table(workspace, run, REMARKS) if REMARKS in run.artefacts else None
    citations = tuple(_cited(one, cited, remarks) for one in found.text.sentences)
    return ShownEvaluation(found, citations, _aspects(found, _written_by_alike(found, reviews)))


def _written_by_alike(found: ProductEvaluation, reviews: pd.DataFrame) -> int:
    """Reviews with text by people like the user."""
    told = [reviews[name].notna().to_numpy() for name in (TITLE, TEXT) if name in reviews]
    return int((found.like.holds(reviews[USER]) & np.logical_or.reduce(told)).sum()) if told else 0


def _cited(sentence: Sentence, reviews: pd.DataFrame, remarks: pd.DataFrame | None) -> pd.DataFrame:
    """The reviews of one sentence; those quoted in it first."""
    names = list(dict.fromkeys([*(quote.review for quote in sentence.quotes), *sentence.cited]))
    own = reviews.loc[names]
    texts = dict(zip(names, full_texts(own), strict=True))
    spans = _spans(sentence, remarks)
    rows = [
        (name, float(rating), _side(sentence.claim, name), _passage(texts[name], spans.get(name, [])))
        for name, rating in zip(names, own[RATING], strict=True)
    ]
    return pd.DataFrame(rows, columns=list(CITATION))


def _spans(sentence: Sentence, remarks: pd.DataFrame | None) -> dict[int, list[tuple[int, int]]]:
    """The characters of each cited review that speak of the sentence's aspect."""
    spans: dict[int, list[tuple[int, int]]] = {}
    if remarks is not None and not isinstance(sentence.claim, RatingClaim):
        about = remarks[ASPECT].astype(str) == sentence.claim.aspect
        for row in remarks[about & remarks[REVIEW].isin(sentence.cited)].itertuples():
            spans.setdefault(getattr(row, REVIEW), []).append((getattr(row, START), getattr(row, END)))
    return spans


def _passage(text: str, spans: list[tuple[int, int]]) -> str:
    return GAP.join(masked(text[start:end]) for start, end in sorted(spans)) if spans else masked(text)


def _side(claim: RatingClaim | AspectClaim | OwnClaim, review: int) -> str:
    if isinstance(claim, RatingClaim):
        return "rates it"
    if isinstance(claim, OwnClaim):
        return "speaks of it" if review in claim.mentioning else "does not"
    sides = {"praises it": claim.praising, "criticises it": claim.criticising, "does both": claim.mixed}
    return next(side for side, reviews in sides.items() if review in reviews)


def _aspects(found: ProductEvaluation, n: int) -> pd.DataFrame:
    rows = []
    for aspect in found.aspects:
        low, high = _wilson(round(aspect.others * n), n)
        rows.append(
            (aspect.title, aspect.weight, aspect.own, aspect.own_reviews, aspect.others, low, high, n)
        )
    names = ("title", "weight", "own", "own_reviews", "value", "low", "high", "n")
    return pd.DataFrame(rows, columns=list(names))


def _wilson(count: int, n: int) -> tuple[float, float]:
    if not n:
        return np.nan, np.nan
    interval = stats.binomtest(count, n).proportion_ci(CONFIDENCE, method="wilson")
    return float(interval.low), float(interval.high)
