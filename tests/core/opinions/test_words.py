"""Sentences say what their claim says; quotes are plain and carry no addresses."""

import numpy as np
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st

from core.opinions.claims import AspectClaim, OwnClaim, RatingClaim
from core.opinions.likeness import everyone
from core.opinions.words import QUOTE_LENGTH, MachineWritten, masked, phrase, quotes
from core.schema.documents import Measured

CUSTOMERS = everyone(10, 0)


def claim(verdict: str, praising: int, criticising: int, mixed: int = 0) -> AspectClaim:
    names = np.arange(praising + criticising + mixed)
    sides = [tuple(part.tolist()) for part in np.split(names, [praising, praising + criticising])]
    return AspectClaim("fit", verdict, *sides, Measured(value=0.5, n=len(names)))


@pytest.mark.parametrize(
    ("said", "words"),
    [
        (
            claim("praised", 18, 5, 2),
            "Praised for the fit and size: of the 25 customers who judged it, 18 praise it, 5 criticise it and 2 do both.",
        ),
        (
            claim("criticised", 1, 9),
            "Criticised for the fit and size: of the 10 customers who judged it, 9 criticise it and 1 praises it.",
        ),
        (
            claim("divided", 1_200, 1_100),
            "Opinions differ on the fit and size: of the 2,300 customers who judged it, 1,200 praise it and 1,100 criticise it.",
        ),
        (
            claim("praised", 6, 0),
            "Praised for the fit and size: all of the 6 customers who judged it praise it.",
        ),
        (RatingClaim(4.249, 5.0, (1, 2, 3)), "3 customers gave it 4.2 out of 5 on average."),
        (OwnClaim("fit", (1,), (1,)), "You wrote about the fit and size in your only review."),
        (OwnClaim("fit", (1,), (1, 2, 3)), "You wrote about the fit and size in 1 of your 3 reviews."),
        (OwnClaim("fit", (1, 2), (1, 2)), "You wrote about the fit and size in all of your 2 reviews."),
    ],
)
def test_sentences_read_well_and_count_right(said, words):
    assert phrase(said, CUSTOMERS) == words


def test_the_mark_is_part_of_every_text():
    assert "machine" in MachineWritten(()).mark
    with pytest.raises(TypeError):
        MachineWritten((), mark="")


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("write to Jo.Doe+x@mail.shop.co.uk now", "write to [e-mail] now"),
        ("call +49 (0)30 123456-78 or 555-123-4567", "call [telephone] or [telephone]"),
        ("see https://x.example/a?b=c and www.evil.example", "see [link] and [link]"),
        ("size 34-27-37, 5'4\", 150 lbs, in 2019", "size 34-27-37, 5'4\", 150 lbs, in 2019"),
        ("a\x00b\u202ec\n\n d", "a b c d"),
        ("<b>*soft*</b>", "<b>*soft*</b>"),
    ],
)
def test_addresses_are_masked_and_the_rest_is_as_written(text: str, shown: str):
    assert masked(text) == shown


@given(st.text(max_size=3_000))
def test_a_quote_is_one_printable_short_line(text: str):
    line = masked(text)
    assert len(line) <= QUOTE_LENGTH
    assert all(sign.isprintable() for sign in line)


@given(st.integers(0, 260), st.from_regex(r"[a-z]{1,20}\.[a-z]{1,20}@[a-z]{1,20}\.com", fullmatch=True))
def test_shortening_never_uncovers_part_of_an_address(before: int, address: str):
    assert "@" not in masked("x " * (before // 2) + address + " y" * 50)


def test_quotes_come_from_both_sides_each_from_another_review():
    said = claim("criticised", 1, 3)
    texts = {0: "fit good", 1: "fit bad", 2: "fit awful", 3: "fit so-so"}
    rows = [(0, 1, 0.9), (1, -1, 0.2), (2, -1, 0.05), (2, -1, 0.01), (3, -1, 0.35)]
    remarks = pd.DataFrame(
        [(review, 0, 0, len(texts[review]), "fit", side, p) for review, side, p in rows],
        columns=["review", "sentence", "start", "end", "aspect", "polarity", "probability"],
    )
    assert [quote.review for quote in quotes(said, remarks, texts)] == [2, 1, 0]
    assert quotes(said, remarks, texts)[0].text == "fit awful"
