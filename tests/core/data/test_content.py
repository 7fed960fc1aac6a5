"""What is known of items besides who took them."""

import subprocess
import sys

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from core.data.content import MOST_WORDS, NGRAM_BUCKETS, PRICE_STEP, ItemContent, item_content, item_texts


def table(titles, **columns) -> pd.DataFrame:
    items = pd.DataFrame({"item_id": [f"i{n}" for n in range(len(titles))], "title": titles})
    return items.assign(**columns)


def words_of(content: ItemContent, row: int) -> list[tuple[int, ...]]:
    """The n-grams of each word of an item, in the order of its text."""
    return [
        tuple(content.ngrams[content.ngram_offsets[w] : content.ngram_offsets[w + 1]].tolist())
        for w in content.words[row]
        if w >= 0
    ]


def test_an_item_whose_title_is_its_id_has_no_text():
    content = item_content(table(["i0", "Red shoe", "i7"]))
    assert (content.words >= 0).sum(axis=1).tolist() == [0, 2, 1]
    assert item_content(table(["i0", "i1"])).words.shape == (2, 0)


def test_a_description_counts_even_where_the_title_is_the_id():
    content = item_content(table(["i0", "Shoe"], description=["red SHOE", None]))
    assert words_of(content, 0)[1] == words_of(content, 1)[0]


def test_letters_typed_in_another_way_make_the_same_word():
    content = item_content(table(["Café STRASSE", "cafe\u0301 straße", "cafe strasse"]))
    assert words_of(content, 0) == words_of(content, 1) != words_of(content, 2)


def test_words_of_one_stem_share_ngrams_and_numbers_share_none():
    content = item_content(table(["running runner 1994 1995"]))
    running, runner, year, next_year = map(set, words_of(content, 0))
    assert len(running & runner) >= 5
    assert len(year) == len(next_year) == 1
    assert year != next_year


def test_marks_emoji_and_scripts_from_right_to_left_are_words():
    content = item_content(table(["हिन्दी किताब", "🔥 sale 🔥", "كتاب جديد", "日本語の本"]))
    assert (content.words >= 0).sum(axis=1).tolist() == [2, 3, 2, 1]


def test_a_text_without_end_costs_no_more_than_one_of_32_words():
    long = ["x" * 100_000, "word " * 20_000, "", " \t\n", "!?"]
    content = item_content(table(long))
    assert content.words.shape == (5, MOST_WORDS)
    assert (content.words >= 0).sum(axis=1).tolist() == [1, MOST_WORDS, 0, 0, 0]
    assert len(content.ngrams) < 200


@settings(max_examples=60, deadline=None)
@given(st.lists(st.text(max_size=40), min_size=1, max_size=8))
def test_any_text_gives_places_in_the_vocabulary_and_ngrams_in_the_table(titles):
    content = item_content(table(titles))
    sizes = np.diff(content.ngram_offsets)
    assert content.words.max(initial=-1) == len(sizes) - 1
    assert (sizes > 0).all()
    assert content.ngram_offsets[-1] == len(content.ngrams)
    assert ((content.ngrams >= 0) & (content.ngrams < NGRAM_BUCKETS)).all()
    padding = content.words < 0
    assert (padding[:, :-1] <= padding[:, 1:]).all()  # behind the last word only


def test_the_same_words_whatever_the_order_of_the_items():
    titles = ["red shoe", "blue shoe", "i2", "green hat with a feather"]
    items = table(titles, description=["a", None, "b c", ""])
    order = [2, 0, 3, 1]
    straight, turned = item_content(items), item_content(items.iloc[order].reset_index(drop=True))
    np.testing.assert_array_equal(straight.words[order], turned.words)
    np.testing.assert_array_equal(straight.ngrams, turned.ngrams)


def test_hashes_are_the_same_in_another_process():
    code = (
        "import pandas as pd; from core.data.content import item_content;"
        "print(item_content(pd.DataFrame({'item_id': ['1'], 'title': ['Grüne Äpfel 🔥']})).ngrams.tolist())"
    )
    other = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert other.stdout.strip() == str(item_content(table(["Grüne Äpfel 🔥"])).ngrams.tolist())


def test_the_first_items_keep_their_content_and_no_other_word():
    items = table(
        ["red shoe", "i1", "blue hat"],
        category=pd.Categorical(["a", "Unknown", "b"]),
        list_price=[1.0, np.nan, 3.0],
    )
    content = item_content(items)
    some = content.first(2)
    assert len(some) == 2
    assert words_of(some, 0) == words_of(content, 0)
    assert words_of(some, 1) == []
    assert len(some.ngram_offsets) == 3  # red, shoe
    assert some.attributes["category"].tolist() == [1, 0]
    np.testing.assert_array_equal(some.prices, content.prices[:2])
    everything = content.first(3)
    np.testing.assert_array_equal(everything.words, content.words)
    np.testing.assert_array_equal(everything.ngrams, content.ngrams)
    assert len(content.first(0)) == 0


def test_popularity_is_no_content():
    items = table(
        ["a", "b"], category=pd.Categorical(["x", "y"]), popularity_band=pd.Categorical(["head", "tail"])
    )
    assert list(item_content(items).attributes) == ["category"]


def test_prices_are_standardised_and_missing_ones_flagged():
    items = table(
        list("abcde"), category=pd.Categorical(list("xxyyy")), list_price=[1.0, 100.0, 5.0, np.nan, 10.0]
    )
    prices = item_content(items).prices
    known = prices[:, 2] == 0
    assert known.tolist() == [True, True, True, False, True]
    np.testing.assert_allclose(prices[known, :2].mean(axis=0), 0, atol=PRICE_STEP)
    np.testing.assert_allclose(prices[known, :2].std(axis=0), 1, atol=PRICE_STEP)
    assert prices[3].tolist() == [0, 0, 1]
    assert prices[0, 1] == prices[2, 1] < prices[1, 1] == prices[4, 1]  # the cheaper of each category


@pytest.mark.parametrize("price", [0.0, 7.0, np.inf])
def test_prices_without_spread_are_finite(price):
    prices = item_content(table(["a", "b"], list_price=[price, price])).prices
    assert np.isfinite(prices).all()


def test_nearly_equal_prices_are_one():
    rng = np.random.default_rng(3)
    prices = item_content(table(["x"] * 5_000, list_price=rng.lognormal(1, 1, 5_000))).prices
    assert len(np.unique(prices, axis=0)) < 250
    assert np.corrcoef(prices[:, 0], prices[:, 1])[0, 1] > 0.9


def test_no_prices_no_features():
    assert item_content(table(["a"])).prices is None
    assert item_content(table(["a"], list_price=[np.nan])).prices is None


def test_texts_say_title_then_description():
    assert item_texts(table(["Red", "i1"], description=["Shoe", "Hat"])) == ["red shoe", "hat"]
