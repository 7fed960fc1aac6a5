"""The recommender's score of one entry as the exact sum of its terms."""

import numpy as np
import pandas as pd
import torch
from torch import Tensor

from core.explain.pairs import Pairs, first_stage_again
from core.models.recommender import AttentionRecommender

POPULARITY, BUYERS, TEXT, IMAGE, PRICE = (
    "popularity of the product",
    "who else buys it",
    "its title and description",
    "its picture",
    "its price",
)
COUNTS, CURVE, SECOND = (
    "how often and how lately it was bought",
    "how these and the latest baskets go together",
    "second look at the best candidates",
)


@torch.no_grad()
def score_parts(model: AttentionRecommender, pairs: Pairs) -> pd.DataFrame:
    """What each term adds to the score of one entry; they add up to it exactly, up to rounding.

    Of a product that is new to the user: the user's state times each thing that describes the product (its attributes,
    title, picture, price), times what its buyers alone tell, and its popularity. Of one bought before: the repeat term's
    line through counts and recency, and what its network makes of these together with the state. Then what the second
    stage adds, where there is one.

    Args:
        pairs: one entry.

    Returns:
        `part`, `value`, in the order of the sum.
    """
    told = _again(model, pairs) if pairs.again[0] else _new(model, pairs)
    if model.ranker is not None:
        told.append((SECOND, float(pairs.scores[0] - pairs.first[0])))
    return pd.DataFrame(told, columns=["part", "value"])


def _again(model: AttentionRecommender, pairs: Pairs) -> list[tuple[str, float]]:
    term = model.repeat
    line = float(term.direct((pairs.repeats - term.mean) / term.spread))
    whole = float(first_stage_again(model, pairs.repeats, pairs.states))
    return [(COUNTS, line), (CURVE, whole - line)]


def _new(model: AttentionRecommender, pairs: Pairs) -> list[tuple[str, float]]:
    state = pairs.states[0]
    told = [(POPULARITY, float(pairs.bias)), (BUYERS, float(state @ pairs.own[0]))]
    return told + [(name, float(state @ vector)) for name, vector in _described(model, int(pairs.items[0]))]


def _described(model: AttentionRecommender, item: int) -> list[tuple[str, Tensor]]:
    """What a product's content vector is the sum of."""
    product, shape = model.product, model.product.shape
    begin, end = product.parts.offsets[item : item + 2].tolist()
    rows = product.parts.index[begin:end].tolist()
    parts = [part() for part in (product.text, product.image, product.prices) if part is not None]
    table = torch.cat([product.attributes.weight, *parts])
    names = {**shape.attributes, TEXT: shape.texts, IMAGE: shape.images, PRICE: shape.prices}
    ends = np.cumsum(list(names.values()))
    return [(list(names)[int(np.searchsorted(ends, row, side="right"))], table[row]) for row in rows]
