"""Whether a sentence praises or criticises, learnt from the data's own ratings: no list of good and bad words.

A review's log odds of being a good one (rated above the middle of the scale) are the sum over its sentences of what
their words and pairs of words contribute, so that a logistic regression on whole reviews gives each sentence its own
part: what is praised in a bad review still reads as praise. This is multiple-instance learning with a linear model
(Kotzias et al., "From Group to Individual Labels using Deep Features", KDD 2015; the sum in place of their mean).
Words after a negation in the same clause count as other words than without it.
"""

import zlib
from dataclasses import dataclass

import numpy as np
import scipy.sparse as sp
from sklearn.linear_model import LogisticRegression

from core.errors import InputError
from core.opinions.sentences import Sentences

BUCKET_BITS = 18
BUCKETS = 2**BUCKET_BITS  # of hashed words and pairs
PRAISE, UNCLEAR, CRITICISM = np.int8(1), np.int8(0), np.int8(-1)
UNCLEAR_WITHIN = 0.1  # of a probability of one half
FEWEST = 50  # good reviews and bad ones with text, below which nothing is learnt
INVERSE_PENALTY = 0.03  # chosen by AUC on held-out reviews; anything from .01 to .1 is about as good
_ODD, _SHIFT = np.uint64(0x9E3779B97F4A7C15), np.uint64(64 - BUCKET_BITS)


class TooFewReviews(InputError):
    """Not enough reviews on both sides of the rating scale to learn from."""


@dataclass(frozen=True)
class Reader:
    """Reads sentences.

    Attributes:
        weights: (BUCKETS,) float32, what each word or pair adds to the log odds of a good review.
        slope, intercept: from the sum over a sentence to the log odds that a review with this sentence is a good one,
            were good and bad ones equally many.
    """

    weights: np.ndarray
    slope: float = 1.0
    intercept: float = 0.0

    def sums(self, sentences: Sentences) -> np.ndarray:
        """(S,) float64: what the words of each sentence add up to."""
        rows, columns = _terms(sentences)
        return np.bincount(rows, weights=self.weights[columns], minlength=len(sentences))

    def probabilities(self, sentences: Sentences) -> np.ndarray:
        """(S,) float64 in [0, 1]: how likely a review with this sentence is a good one, prior one half."""
        return 1 / (1 + np.exp(-(self.slope * self.sums(sentences) + self.intercept)))


def polarity(probabilities: np.ndarray) -> np.ndarray:
    """PRAISE, CRITICISM or UNCLEAR, int8 of the same shape."""
    unclear = np.abs(probabilities - 0.5) < UNCLEAR_WITHIN
    return np.where(unclear, UNCLEAR, np.where(probabilities > 0.5, PRAISE, CRITICISM))


def goodness(ratings: np.ndarray) -> np.ndarray:
    """1 above the middle of the scale seen in the data, -1 below it, 0 in the middle or without a rating."""
    known = ratings[np.isfinite(ratings)]
    middle = (known.min() + known.max()) / 2 if len(known) else 0.0
    return np.nan_to_num(np.sign(ratings - middle)).astype(np.int8)


def fit_reader(sentences: Sentences, good: np.ndarray, *, learn: np.ndarray, calibrate: np.ndarray) -> Reader:
    """Learn what praise and criticism read like.

    Args:
        sentences: of all reviews.
        good: (R,) goodness of each review; those in the middle teach nothing.
        learn, calibrate: (R,) bool, which reviews the words are weighed on and, others, the probabilities scaled on.

    Raises:
        TooFewReviews: fewer than FEWEST good or bad reviews with text to learn from.
    """
    with_text = np.bincount(sentences.text, minlength=len(good)) > 0
    chosen = np.flatnonzero(learn & (good != 0) & with_text)
    counts = np.bincount(good[chosen] > 0, minlength=2)
    if counts.min() < FEWEST:
        raise TooFewReviews(
            f"Only {counts[1]:,} good and {counts[0]:,} bad reviews have text; {FEWEST} of each are needed to learn "
            "what praise and criticism read like."
        )
    rows, columns = _terms(sentences)
    used, places = np.unique(columns, return_inverse=True)
    shape = (len(good), len(used))
    terms = sp.csr_array((np.ones(len(rows)), (sentences.text[rows], places)), shape=shape)  # (R, terms)
    model = LogisticRegression(C=INVERSE_PENALTY, class_weight="balanced", max_iter=200, tol=1e-3)
    model.fit(terms[chosen], good[chosen] > 0)
    weights = np.zeros(BUCKETS, dtype=np.float32)
    weights[used] = model.coef_[0]
    return _calibrated(Reader(weights), sentences, good, calibrate)


def _calibrated(reader: Reader, sentences: Sentences, good: np.ndarray, calibrate: np.ndarray) -> Reader:
    """Platt scaling on single sentences, which take the goodness of their reviews."""
    known = (calibrate & (good != 0))[sentences.text]
    sides = good[sentences.text[known]] > 0
    if len(np.unique(sides)) < 2:
        return reader
    sums = reader.sums(sentences)[known, None]
    scaled = LogisticRegression(C=1e6, class_weight="balanced").fit(sums, sides)
    return Reader(reader.weights, float(scaled.coef_[0, 0]), float(scaled.intercept_[0]))


def _terms(sentences: Sentences) -> tuple[np.ndarray, np.ndarray]:
    """Words and pairs of words within a sentence: (sentence, bucket) of each."""
    hashes = np.array([zlib.crc32(word.encode(errors="replace")) for word in sentences.words], np.uint64)
    word, negated = hashes[sentences.word], sentences.negated.astype(np.uint64)
    place = sentences.sentence
    paired = place[1:] == place[:-1]
    single = word * np.uint64(2) + negated
    pair = ((word[:-1] * np.uint64(1_000_003) + word[1:]) * np.uint64(2) + negated[1:] + np.uint64(7))[paired]
    buckets = ((np.concatenate([single, pair]) * _ODD) >> _SHIFT).astype(np.int64)  # Fibonacci hashing
    return np.concatenate([place, place[1:][paired]]), buckets
