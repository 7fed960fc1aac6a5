"""The evaluation as a whole: what matters to whom, what others say, and what is said without reviews."""

from dataclasses import replace

import numpy as np
import pandas as pd
import pytest

from core.opinions.claims import AspectClaim, OwnClaim, RatingClaim
from core.opinions.evaluate import evaluate_product, personal_aspects
from core.opinions.likeness import everyone, same_attribute
from core.opinions.ratings import ExpectedRating
from core.opinions.words import MARK
from core.schema.documents import Measured
from tests.core.opinions.made import PLANTED, made_items, made_users

USER, ITEM = 7, 2
USERS = made_users()


def like(user: int) -> dict:
    group = same_attribute(USERS, user, "age")
    return {"like": [group], "reviewing": [group]}


def aspect_claims(evaluation) -> dict[str, AspectClaim]:
    claims = (one.claim for one in evaluation.text.sentences)
    return {claim.aspect: claim for claim in claims if isinstance(claim, AspectClaim)}


def test_planted_opinions_are_told_of_the_customers_age_group(shop):
    evaluation = evaluate_product(USER, ITEM, shop, **like(USER))
    verdicts = {aspect: claim.verdict for aspect, claim in aspect_claims(evaluation).items()}
    assert verdicts == {"fit": "praised", "price": "praised", "quality": "criticised", "colour": "divided"}
    assert (
        aspect_claims(evaluation)["fit"].share.low
        < PLANTED["fit"]
        < aspect_claims(evaluation)["fit"].share.high
    )
    members = set(np.flatnonzero(USERS["age"] == USERS["age"][USER])) - {USER}
    for sentence in evaluation.text.sentences:
        if not isinstance(sentence.claim, OwnClaim):
            assert "customers in your age group (30-44)" in sentence.text
            assert set(shop.reviews["user"].loc[list(sentence.cited)]) <= members
            assert set(shop.reviews["item"].loc[list(sentence.cited)]) == {ITEM}
    assert evaluation.fallback is None
    assert evaluation.facts == ()
    assert evaluation.mark == evaluation.text.mark == MARK


def test_a_group_with_under_ten_reviewers_is_not_spoken_of(shop):
    group = same_attribute(USERS, USER, "age")
    mine = shop.reviews["user"].isin(np.flatnonzero(group.members)) & (shop.reviews["item"] == ITEM)
    fewer = shop.reviews.drop(index=shop.reviews.index[mine][9:])
    evaluation = evaluate_product(USER, ITEM, replace(shop, reviews=fewer), **like(USER))
    assert evaluation.about.basis == "everyone"
    assert evaluation.like.basis == "age"
    assert "age group" not in str(evaluation.text)


def test_ones_own_review_is_no_other_customers_opinion(shop):
    user = int(shop.reviews.loc[shop.reviews["item"] == ITEM, "user"].iloc[3])
    evaluation = evaluate_product(user, ITEM, shop)
    own = set(shop.reviews.index[shop.reviews["user"] == user])
    for sentence in evaluation.text.sentences:
        assert (
            (own == set(sentence.cited))
            if isinstance(sentence.claim, OwnClaim)
            else not own & set(sentence.cited)
        )


def test_own_reviews_weigh_more_the_more_there_are(shop):
    mine = pd.DataFrame(
        {"user": 3, "item": 0, "rating": 4.0, "title": None, "text": "the price is lovely"},
        index=range(9_000, 9_008),
    )
    weights = {}
    for count in (0, 1, 8):
        reviews = pd.concat([shop.reviews[shop.reviews["user"] != 3], mine[:count]])
        remarks = shop.remarks[shop.remarks["review"].isin(reviews.index)]
        added = remarks.iloc[[0] * count].assign(review=mine.index[:count], aspect="price")
        known = replace(shop, reviews=reviews, remarks=pd.concat([remarks, added]))
        aspects = personal_aspects(3, known, everyone(shop.n_users, 3))
        weights[count] = {one.aspect: one for one in aspects}
    price = [weights[count]["price"].weight for count in (0, 1, 8)]
    assert price[0] == pytest.approx(weights[0]["price"].others)
    assert price[0] < price[1] < price[2] < 1
    assert weights[8]["fit"].weight < weights[0]["fit"].weight
    assert (weights[8]["price"].own, weights[8]["price"].own_reviews) == (8, 8)


def test_the_service_models_prediction_goes_before_shrunken_means(shop):
    predicted = ExpectedRating(Measured(value=3.0, low=2.0, high=4.0, n=5), "service model", 1.0, 5.0)
    assert evaluate_product(USER, ITEM, shop, expected=predicted).expected is predicted
    own = evaluate_product(USER, ITEM, shop).expected
    assert own.basis == "ratings"
    assert (
        own.measured.low < shop.reviews.loc[shop.reviews["item"] == ITEM, "rating"].mean() < own.measured.high
    )


def test_ratings_without_text_fall_back_and_say_so(shop):
    silent = replace(
        shop,
        reviews=shop.reviews[["user", "item", "rating"]],
        remarks=None,
        reader=None,
        unread="The reviews have no text",
    )
    evaluation = evaluate_product(USER, ITEM, silent, **like(USER))
    assert [type(one.claim) for one in evaluation.text.sentences] == [RatingClaim]
    assert evaluation.fallback.startswith("The reviews have no text")
    assert evaluation.aspects == ()
    told = [fact.text for fact in evaluation.facts]
    buyers = evaluation.like.holds(shop.reviews.loc[shop.reviews["item"] == ITEM, "user"]).sum()
    assert f"{buyers} of the {evaluation.like.n} customers in your age group (30-44) bought it." in told


def test_without_reviews_nothing_is_claimed_or_expected(shop):
    bare = replace(shop, reviews=None, remarks=None, reader=None, unread="The data have no reviews")
    evaluation = evaluate_product(USER, ITEM, bare)
    assert evaluation.text.sentences == ()
    assert evaluation.expected is None
    assert evaluation.fallback.startswith("The data have no reviews")
    assert evaluation.facts


def test_too_few_reviews_of_the_product_fall_back(shop):
    lone = shop.reviews.drop(index=shop.reviews.index[shop.reviews["item"] == ITEM][2:])
    remarks = shop.remarks[shop.remarks["review"].isin(lone.index)]
    evaluation = evaluate_product(USER, ITEM, replace(shop, reviews=lone, remarks=remarks))
    assert aspect_claims(evaluation) == {}
    assert evaluation.fallback.startswith("Too few customers wrote about this product")
    assert evaluation.expected.measured.n == 2


def test_stale_remarks_cannot_put_words_into_a_text(shop):
    turned = replace(shop, remarks=shop.remarks.assign(polarity=-shop.remarks["polarity"]))
    honest, stale = (aspect_claims(evaluate_product(USER, ITEM, one)) for one in (shop, turned))
    for aspect, claim in stale.items():
        assert claim == honest[aspect]


def test_hostile_reviews_stay_text(shop):
    hostile = "# fit <script>alert(1)</script> [fit](javascript:x) \u202e\x00 superb " + "A" * 90_000
    reviews = shop.reviews.copy()
    places = reviews.index[reviews["item"] == ITEM][:5]
    reviews.loc[places, "title"] = hostile
    evaluation = evaluate_product(USER, ITEM, replace(shop, reviews=reviews))
    for sentence in evaluation.text.sentences:
        assert "script" not in sentence.text
        assert all(len(quote.text) <= 200 and quote.text.isprintable() for quote in sentence.quotes)


def test_facts_on_price_brand_and_history_are_counted_right(shop):
    items = made_items()
    times = pd.to_datetime(["2024-01-03", "2024-02-03", "2024-03-03"])
    more = pd.DataFrame({"user": USER, "item": [ITEM, ITEM, 0], "timestamp": times})
    bought = pd.concat([shop.bought[shop.bought["user"] != USER], more])
    items = pd.concat([items] * 2, ignore_index=True)  # ten products of one category, eight with a price
    bare = replace(shop, items=items, bought=bought, reviews=None, remarks=None, reader=None)
    told = [fact.text for fact in evaluate_product(USER, ITEM, bare).facts]
    assert "Its usual price is 30.00 EUR; 4 of the 7 other products of its category (Tops) cost less." in told
    assert "You bought it twice, last on 2024-02-03." in told
    assert "2 of your 3 purchases were of its brand (Other)." in told
    assert "3 of your 3 purchases were of its category (Tops)." in told


def test_dates_that_are_not_real_are_not_told(shop):
    bare = replace(
        shop, bought=shop.bought.drop(columns="timestamp"), reviews=None, remarks=None, reader=None
    )
    user, item = (int(code) for code in shop.bought[["user", "item"]].iloc[0])
    assert "You bought it once." in [fact.text for fact in evaluate_product(user, item, bare).facts]


def test_real_customers_are_told_of_real_reviews(clothing, clothing_shop):
    users = clothing[["age"]]
    item = int(clothing["item"].value_counts().index[20])
    group = same_attribute(users, 100, "age")
    evaluation = evaluate_product(100, item, clothing_shop, like=[group], reviewing=[group])
    assert evaluation.about.basis == "age"
    assert evaluation.reviewers >= 10
    assert len(aspect_claims(evaluation)) >= 2
    for sentence in evaluation.text.sentences:
        print(sentence.text)
        for quote in sentence.quotes:
            row = clothing.loc[quote.review]
            assert quote.text[:20] in f"{row['title']}\n{row['text']}".replace("\n", " ")
