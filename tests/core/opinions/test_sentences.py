"""Cutting texts: places in the text, where sentences end, what is negated."""

import pandas as pd
from hypothesis import given
from hypothesis import strategies as st

from core.opinions.sentences import cut, full_texts


def sentences_of(text: str) -> list[str]:
    found = cut([text])
    return [text[start:end] for start, end in zip(found.start, found.end, strict=True)]


def negated(text: str) -> set[str]:
    found = cut([text])
    return {found.words[word] for word, flag in zip(found.word, found.negated, strict=True) if flag}


def test_a_sentence_ends_at_marks_and_before_a_turn():
    assert sentences_of("Lovely colour but scratchy. Too big!  Sent back\nsad") == [
        "Lovely colour",
        "but scratchy",
        "Too big",
        "Sent back",
        "sad",
    ]


def test_points_within_numbers_and_addresses_end_nothing():
    assert sentences_of("I am 5.5 feet, write to jo.doe@shop.com please. Bye") == [
        "I am 5.5 feet, write to jo.doe@shop.com please",
        "Bye",
    ]


def test_a_negation_reaches_to_the_end_of_its_clause():
    assert negated("it is not very soft, I like it") == {"very", "soft"}
    assert negated("I don’t love it. Great") == {"love", "it"}
    assert negated("no flaws but great") == {"flaws"}


def test_a_title_is_the_first_sentence_and_missing_parts_are_nothing():
    reviews = pd.DataFrame({"title": ["Nice", None, None], "text": ["It fits", "It fits", None]})
    texts = full_texts(reviews)
    assert texts == ["Nice\nIt fits", "\nIt fits", "\n"]
    found = cut(texts)
    assert found.text.tolist() == [0, 0, 1]
    assert found.number.tolist() == [0, 1, 0]
    assert full_texts(pd.DataFrame({"rating": [1.0]})) == [""]


def test_nothing_to_cut_gives_nothing():
    for texts in ([], [""], ["", " .!? "]):
        assert len(cut(texts)) == 0


def test_a_text_of_a_hundred_thousand_characters_is_one_of_many():
    hostile = ["a" * 100_000, "." * 100_000, "'" * 99_999 + "x", "\u202e" * 100_000, "<b>**fit**</b>" * 7_000]
    found = cut([*hostile, "soft fabric"])
    assert found.text[-1] == 5
    assert found.end[-1] - found.start[-1] == len("soft fabric")


@given(st.lists(st.text(max_size=60), max_size=5))
def test_sentences_lie_in_their_texts_in_order_and_never_overlap(texts: list[str]):
    found = cut(texts)
    for number, text in enumerate(texts):
        mine = found.text == number
        assert found.number[mine].tolist() == list(range(mine.sum()))
        places = [place for pair in zip(found.start[mine], found.end[mine], strict=True) for place in pair]
        assert places == sorted(places)
        assert all(0 <= place <= len(text) for place in places)
    for sentence, (first, last) in enumerate(zip(found.first, found.first[1:], strict=False)):
        words = [found.words[word] for word in found.word[first:last]]
        quoted = texts[found.text[sentence]][found.start[sentence] : found.end[sentence]]
        assert quoted.lower().replace("’", "'").startswith(words[0])
        assert quoted.lower().replace("’", "'").endswith(words[-1])
