"""The checker: nothing is left that the reviews at hand do not support."""

from dataclasses import dataclass, replace

import numpy as np
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st

from core.opinions.claims import AspectClaim, OwnClaim, RatingClaim
from core.opinions.evaluate import evaluate_product
from core.opinions.grounding import Grounds, check
from core.opinions.polarity import Reader
from core.opinions.remarks import read_remarks
from core.opinions.words import MachineWritten, Sentence, phrase

USER, ITEM = 7, 2


@pytest.fixture(scope="module")
def few(shop):
    """A shop with a review by the one who asks and some forty others of one product."""
    product = shop.reviews[shop.reviews["item"] == ITEM].head(40)
    reviews = pd.concat([shop.reviews.loc[[USER]], product[product["user"] != USER]]).sort_index()
    return replace(shop, reviews=reviews, remarks=shop.remarks[shop.remarks["review"].isin(reviews.index)])


@pytest.fixture(scope="module")
def text(few) -> MachineWritten:
    written = evaluate_product(USER, ITEM, few).text
    assert {type(one.claim) for one in written.sentences} == {RatingClaim, AspectClaim, OwnClaim}
    return written


def grounds(shop, reviews: pd.DataFrame) -> Grounds:
    everyone = evaluate_product(USER, ITEM, shop).about
    return Grounds(reviews, shop.reader, everyone, USER, ITEM, top=5.0)


@dataclass(frozen=True)
class Truth:
    """What each review says, read alone: the sides that it takes on each aspect that it mentions."""

    sides: dict[tuple[int, str], set[int]]

    @classmethod
    def of(cls, reviews: pd.DataFrame, reader: Reader) -> "Truth":
        sides: dict[tuple[int, str], set[int]] = {}
        for name in reviews.index:
            for remark in read_remarks(reviews.loc[[name]], reader).itertuples():
                sides.setdefault((name, remark.aspect), set()).update({remark.polarity} - {0})
        return cls(sides)

    def holds(self, sentence: Sentence, reviews: pd.DataFrame) -> None:
        """Assert that the sentence counts right, in the plainest way."""
        claim, cited = sentence.claim, reviews.loc[list(sentence.cited)]
        if isinstance(claim, RatingClaim):
            assert f"{len(cited)} customers gave it {cited['rating'].mean():.1f}" in sentence.text
            return
        mine = {name: self.sides.get((name, claim.aspect)) for name in cited.index}
        if isinstance(claim, OwnClaim):
            assert set(claim.mentioning) == {name for name, sides in mine.items() if sides is not None}
            return
        assert set(claim.praising) == {name for name, sides in mine.items() if sides == {1}}
        assert set(claim.criticising) == {name for name, sides in mine.items() if sides == {-1}}
        assert set(claim.mixed) == {name for name, sides in mine.items() if sides == {1, -1}}
        assert f"the {len(cited)} customers who judged it" in sentence.text


@pytest.fixture(scope="module")
def truth(few) -> Truth:
    return Truth.of(few.reviews, few.reader)


def test_a_true_text_stays_as_it_is(few, text, truth):
    checked = check(text, grounds(few, few.reviews))
    assert checked.text == text
    assert checked.changed == ()
    for sentence in text.sentences:
        truth.holds(sentence, few.reviews)


@given(st.data())
def test_whatever_reviews_go_no_sentence_cites_them_and_every_count_is_true(few, text, truth, data):
    gone = data.draw(st.sets(st.sampled_from(few.reviews.index.tolist())))
    left = few.reviews.drop(index=list(gone))
    checked = check(text, grounds(few, left))
    for sentence in checked.text.sentences:
        assert not gone & set(sentence.cited)
        assert not gone & {quote.review for quote in sentence.quotes}
        truth.holds(sentence, left)
    untouched = [sentence for sentence in text.sentences if not gone & set(sentence.cited)]
    assert all(sentence in checked.text.sentences for sentence in untouched)
    assert len(checked.changed) == len(text.sentences) - len(untouched)


def test_the_sentence_goes_when_its_reviews_go(few, text):
    for sentence in text.sentences:
        left = few.reviews.drop(index=list(sentence.cited)[2:])
        checked = check(MachineWritten((sentence,)), grounds(few, left))
        if isinstance(sentence.claim, OwnClaim):
            left = few.reviews.drop(index=list(sentence.cited))
            checked = check(MachineWritten((sentence,)), grounds(few, left))
        assert checked.text.sentences == ()
        [changed] = checked.changed
        assert changed.before == sentence.text
        assert changed.after is None


def test_counts_shrink_when_one_review_goes(few, text):
    sentence = next(one for one in text.sentences if isinstance(one.claim, AspectClaim))
    gone = sentence.claim.praising[0]
    [after] = check(MachineWritten((sentence,)), grounds(few, few.reviews.drop(index=gone))).text.sentences
    assert len(after.claim.praising) == len(sentence.claim.praising) - 1
    assert after.claim.share.n == sentence.claim.share.n - 1
    assert after.text != sentence.text


def aspect_sentence(text: MachineWritten):
    return next(one for one in text.sentences if isinstance(one.claim, AspectClaim))


def test_words_that_are_not_those_of_the_claim_go(few, text):
    invented = replace(aspect_sentence(text), text="Everybody loves it. It cures all ills.")
    checked = check(MachineWritten((invented,)), grounds(few, few.reviews))
    assert checked.text.sentences == ()
    assert "not those of its claim" in checked.changed[0].reason


def test_a_count_that_its_citations_do_not_bear_out_is_put_right(few, text):
    sentence = aspect_sentence(text)
    everyone = grounds(few, few.reviews).population
    more = sentence.claim.praising + sentence.claim.criticising
    boast = replace(sentence.claim, praising=more, criticising=(), verdict="praised")
    forged = replace(sentence, claim=boast, text=phrase(boast, everyone))
    [after] = check(MachineWritten((forged,)), grounds(few, few.reviews)).text.sentences
    assert after == sentence


@pytest.mark.parametrize("where", ["nowhere", "another product", "the one who asks"])
def test_reviews_that_may_not_be_cited_are_not_counted(shop, few, text, where):
    others = shop.reviews[(shop.reviews["item"] != ITEM) & (shop.reviews["user"] != USER)].index[:5]
    extra = {"nowhere": (10**6, 10**6 + 1), "another product": tuple(others), "the one who asks": (USER,)}[
        where
    ]
    sentence = aspect_sentence(text)
    claim = replace(sentence.claim, praising=(*sentence.claim.praising, *map(int, extra)))
    everyone = grounds(few, few.reviews).population
    forged = replace(sentence, claim=claim, text=phrase(claim, everyone))
    reviews = pd.concat([few.reviews, shop.reviews.loc[others]]).sort_index()
    [after] = check(MachineWritten((forged,)), grounds(few, reviews)).text.sentences
    assert after == sentence


def test_forged_quotes_are_replaced_by_true_ones(few, text):
    sentence = aspect_sentence(text)
    forged = replace(sentence, quotes=tuple(replace(quote, text="Best ever!") for quote in sentence.quotes))
    [after] = check(MachineWritten((forged,)), grounds(few, few.reviews)).text.sentences
    assert after == sentence


def test_a_review_that_was_edited_is_read_as_it_stands_now(few, text):
    sentence = aspect_sentence(text)
    edited = few.reviews.copy()
    edited.loc[list(sentence.cited), ["title", "text"]] = ["", "Nothing to say."]
    assert check(MachineWritten((sentence,)), grounds(few, edited)).text.sentences == ()


def test_one_customer_with_many_reviews_counts_once(few, text):
    rating = text.sentences[0]
    one_person = few.reviews.copy()
    one_person.loc[list(rating.cited), "user"] = 1
    assert check(MachineWritten((rating,)), grounds(few, one_person)).text.sentences == ()


def test_without_a_reader_only_ratings_are_left(few, text):
    blind = replace(grounds(few, few.reviews), reader=None)
    assert [type(one.claim) for one in check(text, blind).text.sentences] == [RatingClaim]


def test_real_texts_are_grounded_too(clothing_shop):
    shop = clothing_shop
    rng = np.random.default_rng(2)
    items = shop.reviews["item"].value_counts()
    for item in items.index[[60, 100, 150]]:
        evaluation = evaluate_product(7, int(item), shop)
        assert any(isinstance(one.claim, AspectClaim) for one in evaluation.text.sentences)
        gone = rng.choice(shop.reviews.index[shop.reviews["item"] == item], 5, replace=False)
        left = shop.reviews.drop(index=gone)
        known = Grounds(left, shop.reader, evaluation.about, 7, int(item), top=5.0)
        checked = check(evaluation.text, known).text
        cited = sorted({name for sentence in checked.sentences for name in sentence.cited})
        truth = Truth.of(left.loc[cited], shop.reader)
        for sentence in checked.sentences:
            assert not set(gone) & set(sentence.cited)
            truth.holds(sentence, left)
