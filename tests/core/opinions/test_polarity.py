"""What reads as praise: learnt from ratings alone, measured on reviews never learnt from."""

from dataclasses import replace

import numpy as np
import pandas as pd
import pytest
from sklearn.metrics import roc_auc_score

from core.opinions.polarity import Reader, TooFewReviews, fit_reader, goodness, polarity
from core.opinions.reading import read_opinions
from core.opinions.remarks import read_remarks, remarks_of
from core.opinions.sentences import Sentences, cut, full_texts
from tests.core.opinions.hand_labels import CRITICISING, PRAISING, REMARKS
from tests.core.opinions.made import BAD, GOOD, made_reviews


def read(shop, text: str) -> list[tuple[str, int]]:
    remarks = read_remarks(pd.DataFrame({"text": [text]}), shop.reader)
    return list(zip(remarks["aspect"], remarks["polarity"], strict=True))


def test_planted_words_are_learnt(shop):
    assert read(shop, f"the fit is {GOOD[0]}. the fabric is {BAD[0]}") == [("fit", 1), ("quality", -1)]
    assert read(shop, f"the fit is {BAD[1]} but the fabric is {GOOD[1]}") == [("fit", -1), ("quality", 1)]


def test_words_never_seen_are_unclear(shop):
    reader = replace(shop.reader, intercept=0.0)
    sentences = cut(["zarquon blorb"])
    assert reader.probabilities(sentences) == pytest.approx(0.5, abs=0.02)


def test_a_remark_depends_on_its_sentence_alone(shop):
    some = shop.reviews.sample(40, random_state=1).sort_index()
    again = read_remarks(some, shop.reader)
    before = shop.remarks[shop.remarks["review"].isin(some.index)]
    pd.testing.assert_frame_equal(again.reset_index(drop=True), before.reset_index(drop=True))


def test_learning_twice_gives_the_same():
    reviews = made_reviews(400)
    one, other = (read_opinions(reviews, seed=5) for _ in range(2))
    np.testing.assert_array_equal(one.reader.weights, other.reader.weights)
    assert one.metrics == other.metrics


def test_ratings_without_a_relation_to_the_text_teach_nothing():
    reviews = made_reviews(1500)
    shuffled = reviews.assign(rating=np.random.default_rng(1).permutation(reviews["rating"]))
    measured = read_opinions(shuffled).metrics["auc"]
    assert measured.low < 0.5 < measured.high
    assert read_opinions(reviews).metrics["auc"].low > 0.8


@pytest.mark.parametrize("rating", [1.0, 5.0])
def test_reviews_that_are_all_good_or_all_bad_cannot_be_learnt_from(rating: float):
    with pytest.raises(TooFewReviews, match="50 of each"):
        read_opinions(made_reviews(300).assign(rating=rating))


def test_reviews_without_text_cannot_be_learnt_from():
    with pytest.raises(TooFewReviews):
        read_opinions(made_reviews(300).assign(title=None, text=None))


def test_goodness_is_the_side_of_the_scale():
    ratings = np.array([1, 2, 3, 4, 5, np.nan])
    assert goodness(ratings).tolist() == [-1, -1, 0, 1, 1, 0]
    assert goodness(np.array([0.5, 5.0, 3.0])).tolist() == [-1, 1, 1]
    assert goodness(np.array([np.nan])).tolist() == [0]


def test_near_one_half_is_unclear():
    assert polarity(np.array([0.0, 0.39, 0.41, 0.5, 0.59, 0.61, 1.0])).tolist() == [-1, -1, 0, 0, 0, 1, 1]


@pytest.fixture(scope="module")
def held_out(clothing: pd.DataFrame) -> tuple[Reader, Sentences, np.ndarray]:
    """A reader of the real reviews that never saw those that were judged by hand, nor a further tenth."""
    sentences = cut(full_texts(clothing))
    fold = np.random.default_rng(0).random(len(clothing))
    judged = np.zeros(len(clothing), dtype=bool)
    judged[[place[0] for place in (*PRAISING, *CRITICISING, *REMARKS)]] = True
    tested = (fold < 0.1) | judged
    good = goodness(clothing["rating"].to_numpy())
    reader = fit_reader(sentences, good, learn=~tested & (fold < 0.9), calibrate=~tested & (fold >= 0.9))
    return reader, sentences, tested


def test_held_out_reviews_are_told_apart(held_out, clothing):
    reader, sentences, tested = held_out
    sums = np.bincount(sentences.text, weights=reader.sums(sentences), minlength=len(clothing))
    good = goodness(clothing["rating"].to_numpy())
    asked = tested & (good != 0)
    assert roc_auc_score(good[asked] > 0, sums[asked]) > 0.95


def test_sentences_judged_by_hand_are_read_right(held_out):
    reader, sentences, _ = held_out
    places = {place: row for row, place in enumerate(zip(sentences.text, sentences.number, strict=True))}
    rows = [places[place] for place in (*PRAISING, *CRITICISING)]
    truth = np.repeat([1, -1], [len(PRAISING), len(CRITICISING)])
    probability = reader.probabilities(sentences)[rows]
    print(f"judged by hand: {np.mean(np.where(probability > 0.5, 1, -1) == truth):.3f} of {len(truth)} right")
    assert np.mean(np.where(probability > 0.5, 1, -1) == truth) > 0.8
    assert roc_auc_score(truth > 0, probability) > 0.87
    clear = polarity(probability) != 0
    assert clear.mean() > 0.65
    assert np.mean(polarity(probability)[clear] == truth[clear]) > 0.85


def test_most_of_what_is_counted_is_what_a_person_would_count(held_out, clothing):
    reader, sentences, _ = held_out
    remarks = remarks_of(sentences, reader, clothing.index.to_numpy())
    read = remarks.set_index(["review", "sentence", "aspect"])["polarity"]
    counted = {place[:3]: place[3] for place in REMARKS if read.get(place[:3], 0) != 0}
    right = np.mean([read[place] == label for place, label in counted.items()])
    print(f"counted remarks: {right:.3f} of {len(counted)} right")
    assert len(counted) > 80
    assert right > 0.75


def test_what_is_measured_at_training_is_good_and_calibrated(clothing_opinions, clothing):
    metrics = clothing_opinions.metrics
    print(metrics)
    assert metrics["auc"].low > 0.94
    assert metrics["balanced_accuracy"].low > 0.85
    assert metrics["calibration_error"].high < 0.06
    assert metrics["auc"].n < 0.12 * len(clothing)
