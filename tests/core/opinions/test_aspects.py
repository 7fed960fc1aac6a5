"""What is taken for a remark on which aspect."""

import pytest

from core.opinions.aspects import mentions
from core.opinions.lexicon import ASPECTS, TITLES, Aspect
from core.opinions.sentences import cut


def aspects_of(text: str) -> list[str]:
    return mentions(cut([text]))["aspect"].tolist()


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("It fits me", ["fit"]),
        ("FIT!", ["fit"]),
        ("true to size", ["fit"]),
        ("my fitness outfit benefits", []),
        ("cheap material", ["quality"]),
        ("it is too short", ["length"]),
        ("I am short", []),
        ("too. Short", []),
        ("the arm holes are narrow", []),
        ("it had a hole", ["durability"]),
        ("worth the price, lovely colors", ["colour", "price"]),
        ("o prazo de entrega", ["delivery"]),
        ("", []),
    ],
)
def test_whole_words_and_phrases_within_a_sentence_count(text: str, expected: list[str]):
    assert aspects_of(text) == expected


def test_an_aspect_is_remarked_on_once_per_sentence():
    found = mentions(cut(["the fit, the fit, the fit. The fit"]))
    assert found["sentence"].tolist() == [0, 1]


def test_an_aspect_can_be_added():
    smell = Aspect("smell", "the smell", ("smell(s|ed)?",), ("nose of",))
    texts = ["It smelled of roses and has a nose of wine. Fit"]
    found = mentions(cut(texts), (*ASPECTS, smell))
    assert found["aspect"].tolist() == ["smell", "fit"]


def test_names_are_distinct_and_have_titles():
    assert len(TITLES) == len(ASPECTS)
    assert all(title.startswith(("the ", "how ")) for title in TITLES.values())
