"""The personal evaluation of a product: what to expect, what matters to this customer, what others say of it."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import pandas as pd

from core.opinions.claims import aspect_claims, latest_per_user, own_claims, rating_claim
from core.opinions.facts import Fact, facts
from core.opinions.grounding import Grounds, check, with_text
from core.opinions.lexicon import TITLES
from core.opinions.likeness import Population, everyone, nearest_with_reviews
from core.opinions.polarity import Reader
from core.opinions.ratings import ExpectedRating, scale, shrunken_rating
from core.opinions.remarks import COLUMNS
from core.opinions.sentences import full_texts
from core.opinions.words import MARK, MachineWritten, sentence
from core.schema.tables import ASPECT, ITEM, RATING, REVIEW, TEXT, TITLE, USER

MOST_OF_A_KIND = {"praised": 3, "criticised": 3, "divided": 2}
MOST_OWN = 2
PRIOR_REVIEWS = 5  # how many own reviews weigh as much as what people like this one write about


@dataclass(frozen=True)
class PersonalAspect:
    """How much an aspect matters to the customer.

    Attributes:
        weight: expected share of this customer's reviews that speak of it, in [0, 1].
        own, own_reviews: own reviews that speak of it, of how many.
        others: share among people like this one.
    """

    aspect: str
    title: str
    weight: float
    own: int
    own_reviews: int
    others: float


@dataclass(frozen=True)
class Shop:
    """What is known of a shop's customers, products and reviews.

    Attributes:
        n_users: number of customers; items: row r is item code r.
        bought: `user`, `item` and, if they are real, `timestamp` of the purchases that may be known.
        reviews: index names the reviews, or None. remarks: those that `reader` found in them.
        reader: None where nothing could be learnt; `unread` says why.
        currency: of prices.
    """

    n_users: int
    items: pd.DataFrame
    bought: pd.DataFrame
    reviews: pd.DataFrame | None = None
    remarks: pd.DataFrame | None = None
    reader: Reader | None = None
    unread: str = "The data have no reviews"
    currency: str = ""


@dataclass(frozen=True)
class ProductEvaluation:
    """What to tell a customer of a product.

    Attributes:
        like: people like this one; about: the customers whose reviews the text counts (`like` where at least ten of
            them reviewed the product, else everyone), and `reviewers`, how many of those did.
        aspects: what matters to the customer, most first; empty where no review was read.
        text: sentences that cite reviews. facts: what else the tables say, where `fallback` says why it is needed.
        mark: must be shown beside both.
    """

    user: int
    item: int
    like: Population
    about: Population
    reviewers: int
    expected: ExpectedRating | None
    aspects: tuple[PersonalAspect, ...]
    text: MachineWritten
    facts: tuple[Fact, ...]
    fallback: str | None
    mark: str = MARK


def evaluate_product(
    user: int,
    item: int,
    shop: Shop,
    *,
    like: Sequence[Population | None] = (),
    reviewing: Sequence[Population | None] = (),
    expected: ExpectedRating | None = None,
) -> ProductEvaluation:
    """Evaluate a product for a customer.

    Args:
        like: groups of people like this one that may be spoken of, the best first; None is passed over.
        reviewing: those that may be spoken of where the reviews of this product are counted.
        expected: what the service model predicts; unset: shrunken means of the ratings.
    """
    all_others = everyone(shop.n_users, user)
    alike = next((group for group in like if group is not None), all_others)
    product = _reviews_of(shop, item, all_others)
    about = nearest_with_reviews(reviewing, product[USER].to_numpy()) or all_others
    product = product[about.holds(product[USER])]
    aspects = personal_aspects(user, shop, alike)
    text = _text(user, item, shop, about, product, {one.aspect: one.weight for one in aspects})
    fallback = _fallback(shop, text)
    return ProductEvaluation(
        user,
        item,
        alike,
        about,
        len(product),
        expected or (None if shop.reviews is None else shrunken_rating(shop.reviews, user=user, item=item)),
        aspects,
        text,
        facts(user, item, items=shop.items, bought=shop.bought, like=alike, currency=shop.currency)
        if fallback
        else (),
        fallback,
    )


def personal_aspects(user: int, shop: Shop, like: Population) -> tuple[PersonalAspect, ...]:
    """What this customer's reviews speak of, shrunk towards what those of people like this one do."""
    if shop.reader is None:
        return ()
    writers = shop.reviews[USER].to_numpy()
    texts = _has_text(shop.reviews)
    mentioned = shop.remarks[[REVIEW, ASPECT]].drop_duplicates()
    by = writers[shop.reviews.index.get_indexer(mentioned[REVIEW])]
    n_own, n_others = int(texts[writers == user].sum()), int(texts[like.holds(writers)].sum())
    own = mentioned[ASPECT][by == user].value_counts()
    others = mentioned[ASPECT][like.holds(by)].value_counts()
    found = []
    for name, title in TITLES.items():
        share = others.get(name, 0) / max(n_others, 1)
        weight = (own.get(name, 0) + PRIOR_REVIEWS * share) / (n_own + PRIOR_REVIEWS)
        found.append(PersonalAspect(name, title, float(weight), int(own.get(name, 0)), n_own, float(share)))
    return tuple(sorted(found, key=lambda aspect: -aspect.weight))


def _reviews_of(shop: Shop, item: int, others: Population) -> pd.DataFrame:
    if shop.reviews is None:
        return pd.DataFrame({name: [] for name in (USER, ITEM, RATING)}).astype({USER: int, ITEM: int})
    reviews = shop.reviews[shop.reviews[ITEM].to_numpy() == item]
    return latest_per_user(reviews[others.holds(reviews[USER])])


def _text(
    user: int, item: int, shop: Shop, about: Population, product: pd.DataFrame, weights: dict[str, float]
) -> MachineWritten:
    """Sentences on the product, then on the customer; each checked against the reviews themselves."""
    if shop.reviews is None:
        return MachineWritten(())
    top = scale(shop.reviews)[1]
    own = shop.reviews[shop.reviews[USER].to_numpy() == user]
    claims = [rating_claim(product, top=top)]
    remarks = pd.DataFrame(columns=list(COLUMNS))
    if shop.reader is not None:
        places = shop.remarks[REVIEW].to_numpy()
        remarks = shop.remarks[np.isin(places, [*product.index, *own.index])]
        claims += _chosen(aspect_claims(remarks[remarks[REVIEW].isin(product.index)]), weights)
        claims += own_claims(remarks[remarks[REVIEW].isin(own.index)], with_text(own))[:MOST_OWN]
    cited = shop.reviews.loc[product.index.union(own.index)]
    texts = dict(zip(cited.index, full_texts(cited), strict=True))
    sentences = (
        sentence(claim, about, remarks[remarks[REVIEW].isin(claim.cited)], texts) for claim in claims if claim
    )
    return check(MachineWritten(tuple(sentences)), Grounds(cited, shop.reader, about, user, item, top)).text


def _chosen(claims: list, weights: dict[str, float]) -> list:
    """The claims on what matters most to the customer, a few of each verdict."""
    order = sorted(claims, key=lambda claim: -weights.get(claim.aspect, 0.0))
    return [
        claim
        for verdict, most in MOST_OF_A_KIND.items()
        for claim in [one for one in order if one.verdict == verdict][:most]
    ]


def _fallback(shop: Shop, text: MachineWritten) -> str | None:
    """Why the text says nothing of aspects; None where it does."""
    rest = "so this tells what is known of the product and of who bought it."
    if shop.reader is None:
        return f"{shop.unread}, {rest}"
    if any(hasattr(one.claim, "verdict") for one in text.sentences):
        return None
    return f"Too few customers wrote about this product for any claim on its aspects, {rest}"


def _has_text(reviews: pd.DataFrame) -> np.ndarray:
    return np.logical_or.reduce(
        [reviews[name].notna().to_numpy() for name in (TITLE, TEXT) if name in reviews]
    )
