"""One product for one user, in words and tables for the screen."""

import pandas as pd

from core.figures.about_lists import titles
from core.figures.numbers import decimal, interval, sample, share
from core.figures.scorecard import Card
from core.figures.text import plain
from core.opinions.evaluate import ProductEvaluation

BASIS = {"service model": "where the rating will lie", "ratings": "means of the product and the user, shrunk"}


def products(shown: pd.DataFrame, history: pd.DataFrame) -> pd.DataFrame:
    """What a user may be told of: the products of the list, then of the history. Index: item code; `item_id`, `label`.

    Args:
        shown, history: as in `OneUser`.
    """
    listed = pd.DataFrame(
        {
            "item_id": shown["item_id"].astype(str),
            "label": _labels(shown, shown["rank"], "on the list, no. {}"),
        }
    )
    bought = pd.DataFrame(
        {
            "item_id": history["item_id"].astype(str),
            "label": _labels(history, history["times"], "bought {} ×"),
        }
    )
    both = pd.concat([listed, bought])
    return both[~both.index.duplicated()]


def _labels(items: pd.DataFrame, numbers: pd.Series, words: str) -> list[str]:
    names = titles(items)
    return [
        f"{plain(name, limit=60)} · {words.format(number)}"
        for name, number in zip(names, numbers, strict=True)
    ]


def evaluation_cards(found: ProductEvaluation) -> list[Card]:
    """What to expect, and whose words are counted."""
    cards = []
    if found.expected is not None:
        rating = found.expected
        cards.append(
            Card(
                "Expected rating",
                f"{decimal(rating.measured.value)} of {rating.top:g}",
                f"{interval(rating.measured.low, rating.measured.high, form=decimal)} · "
                f"{sample(rating.measured.n)} ratings of it · {BASIS[rating.basis]}",
            )
        )
    people = f"{found.like.n:,} {found.like.words}"
    cards.append(Card("People like this one", f"{found.like.n:,}", people))
    if found.reviewers:
        about = found.about.words
        cards.append(Card("Reviews counted", f"{found.reviewers:,}", f"of {about}, one each"))
    return cards


def aspect_table(aspects: pd.DataFrame) -> pd.DataFrame:
    """How much each aspect matters: rows as in `ShownEvaluation.aspects`."""
    return pd.DataFrame(
        {
            "Aspect": aspects["title"].map(plain),
            "Expected of this user": aspects["weight"].map(share),
            "Own reviews": [f"{row.own} of {row.own_reviews}" for row in aspects.itertuples()],
            "People like this one": [
                f"{share(row.value)} {interval(row.low, row.high, form=share)} · {sample(row.n)}"
                for row in aspects.itertuples()
            ],
        }
    )


def citation_table(citations: pd.DataFrame) -> pd.DataFrame:
    """The reviews that a sentence cites, with the words it rests on; nothing of them is interpreted."""
    return pd.DataFrame(
        {
            "Review": citations["review"],
            "Rating": citations["rating"].map(lambda rating: "–" if pd.isna(rating) else f"{rating:g}"),
            "Says": citations["says"],
            "In its words": citations["passage"].map(lambda text: plain(text, limit=600)),
        }
    )
