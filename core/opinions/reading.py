"""Reading all reviews of a dataset: learn from four fifths, find every remark, measure on reviews never learnt from."""

from dataclasses import dataclass

import numpy as np
import pandas as pd
from sklearn.metrics import roc_auc_score

from core.opinions.polarity import Reader, fit_reader, goodness
from core.opinions.remarks import remarks_of
from core.opinions.sentences import Sentences, cut, full_texts
from core.progress import Progress, quiet
from core.schema.documents import Measured
from core.schema.tables import RATING, USER

CALIBRATED_ON, TESTED_ON = 0.1, 0.1  # of the users; the rest is learnt from
DRAWS = 100
BINS = 10
AUC, SENTENCE_AUC, ACCURACY, CALIBRATION = "auc", "sentence_auc", "balanced_accuracy", "calibration_error"
METRICS = (AUC, SENTENCE_AUC, ACCURACY, CALIBRATION)


@dataclass(frozen=True)
class Opinions:
    """What was read.

    Attributes:
        reader: the reader that was learnt.
        remarks: all remarks that it found (`read_remarks`).
        metrics: on reviews of users held out of the learning, with 95 % bootstrap intervals over users.
            `auc`, `balanced_accuracy`: of telling good reviews from bad ones by the sum over their sentences;
            `sentence_auc`: by single sentences; `calibration_error`: mean distance between a sentence's probability
            and the share of good reviews, in tenths of the probability.
    """

    reader: Reader
    remarks: pd.DataFrame
    metrics: dict[str, Measured]


def read_opinions(reviews: pd.DataFrame, *, seed: int = 7, progress: Progress = quiet) -> Opinions:
    """Learn from these reviews and read them.

    Args:
        reviews: `user`, `rating`, and `title` or `text`.

    Raises:
        TooFewReviews: too few good or bad reviews with text.
    """
    progress("Reading reviews", 0.0, f"{len(reviews):,} reviews")
    sentences = cut(full_texts(reviews))
    good = goodness(reviews[RATING].to_numpy(dtype=float))
    rng = np.random.default_rng(seed)
    users = reviews[USER].to_numpy()
    fold = rng.random(int(users.max(initial=-1)) + 1)[users]
    tested = fold < TESTED_ON
    calibrated = ~tested & (fold < TESTED_ON + CALIBRATED_ON)
    progress("Reading reviews", 0.3, "learning praise from criticism")
    reader = fit_reader(sentences, good, learn=~tested & ~calibrated, calibrate=calibrated)
    progress("Reading reviews", 0.8, "measuring")
    remarks = remarks_of(sentences, reader, reviews.index.to_numpy())
    return Opinions(reader, remarks, _measured(reader, sentences, good, tested, users, rng))


@dataclass(frozen=True)
class _Tested:
    """Held-out reviews and their sentences: whether good, whose, the sums, and of which review each sentence is."""

    good: np.ndarray
    person: np.ndarray
    review_sums: np.ndarray
    review: np.ndarray
    sentence_sums: np.ndarray
    probabilities: np.ndarray

    def metrics(self, weights: np.ndarray) -> list[float]:
        """METRICS with each person drawn `weights` times; NaN where that leaves one side without any."""
        at_review = weights[self.person]
        at_sentence, of_good = at_review[self.review], self.good[self.review]
        if not at_review[self.good].sum() or not at_review[~self.good].sum():
            return [np.nan] * len(METRICS)
        return [
            roc_auc_score(self.good, self.review_sums, sample_weight=at_review),
            roc_auc_score(of_good, self.sentence_sums, sample_weight=at_sentence),
            _balanced(self.good == (self.review_sums > 0), self.good, at_review),
            _calibration_error(self.probabilities, of_good, at_sentence),
        ]


def _measured(
    reader: Reader,
    sentences: Sentences,
    good: np.ndarray,
    tested: np.ndarray,
    users: np.ndarray,
    rng: np.random.Generator,
) -> dict[str, Measured]:
    """Metrics on the tested reviews with text that are good or bad; none if they are all of one kind."""
    sums = reader.sums(sentences)
    with_text = np.bincount(sentences.text, minlength=len(good)) > 0
    reviews = np.flatnonzero(tested & (good != 0) & with_text)
    if len(np.unique(good[reviews])) < 2:
        return {}
    places = np.flatnonzero(np.isin(sentences.text, reviews))
    people, person = np.unique(users[reviews], return_inverse=True)
    held_out = _Tested(
        good[reviews] > 0,
        person,
        np.bincount(sentences.text, weights=sums, minlength=len(good))[reviews],
        np.searchsorted(reviews, sentences.text[places]),
        sums[places],
        reader.probabilities(sentences)[places],
    )
    n = len(people)
    point = held_out.metrics(np.ones(n))
    drawn = rng.multinomial(n, np.full(n, 1 / n), size=DRAWS)
    low, high = np.nanquantile([held_out.metrics(weights) for weights in drawn], [0.025, 0.975], axis=0)
    return {
        name: Measured(value=float(point[place]), low=float(low[place]), high=float(high[place]), n=n)
        for place, name in enumerate(METRICS)
    }


def _balanced(right: np.ndarray, sides: np.ndarray, weights: np.ndarray) -> float:
    return float(
        np.mean([np.average(right[sides == side], weights=weights[sides == side]) for side in (True, False)])
    )


def _calibration_error(probabilities: np.ndarray, sides: np.ndarray, weights: np.ndarray) -> float:
    """Expected calibration error with both sides weighing the same, as the probabilities have it."""
    share = np.average(sides, weights=weights)
    balanced = weights * np.where(sides, 0.5 / share, 0.5 / (1 - share))
    bins = np.minimum((probabilities * BINS).astype(int), BINS - 1)
    gaps = np.bincount(bins, weights=balanced * (sides - probabilities), minlength=BINS)
    return float(np.abs(gaps).sum() / balanced.sum())
