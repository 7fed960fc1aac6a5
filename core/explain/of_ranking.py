"""The recommender's score of a user and a product as something to be explained."""

from collections.abc import Callable

import numpy as np
import torch
from torch import Tensor

from core.explain.pairs import Pairs, first_stage_again, second_stage
from core.explain.subject import Block, Subject, split
from core.models.batch import REPEAT_FEATURES
from core.models.recommender import AttentionRecommender

AGAIN, NEW = "ranking_again", "ranking_new"
TITLES = {
    AGAIN: "score of a product that the user bought before",
    NEW: "score of a product that is new to the user",
}
STATE, CONTENT, OWN, POPULARITY = (
    "recent baskets (vector)",
    "what describes the product (vector)",
    "who else buys the product (vector)",
    "popularity of the product",
)
USER_VECTOR, PRODUCT, ATTENDED, PRICE, BEST = (
    "all that the user bought (vector)",
    "the product (vector)",
    "baskets like the product (vector)",
    "price of the product",
    "best score in the list",
)
_PLAIN = ("days since taken against usual",)
_FROM_ZERO = ("days since taken", "usual days between", "days known", "days since last basket")  # log(1 + x)


def ranking_subject(model: AttentionRecommender, pairs: Pairs, kind: str) -> Subject:
    """The scores of entries of one kind.

    Args:
        pairs: all of them bought before (AGAIN), or none (NEW).
    """
    blocks, first = (_again if kind == AGAIN else _new)(model, pairs)
    if model.ranker is not None:
        blocks += [
            Block(USER_VECTOR, pairs.vectors),
            Block(ATTENDED, pairs.attended),
            Block(PRICE, pairs.prices),
        ]
        blocks.append(Block(BEST, pairs.best))
    sizes = [block.columns.shape[1] for block in blocks]

    def score(x: Tensor) -> Tensor:
        parts = list(split(x, sizes))
        if model.ranker is None:
            return first(*parts)[0]
        *inputs, users, attended, prices, best = parts
        found, products = first(*inputs)
        return second_stage(model, users, products, attended, prices, found[:, None], best)

    return Subject(kind, TITLES[kind], "score", score, pairs.users, tuple(blocks))


First = Callable[..., tuple[Tensor, Tensor]]  # parts -> scores (M,) and product vectors (M, D)


def _again(model: AttentionRecommender, pairs: Pairs) -> tuple[list[Block], First]:
    """Counts and recency, one feature each, and what the baskets say of repeating."""
    told = pairs.repeats
    blocks = [
        Block(name, told[:, [place]], _as_known(name, told[:, place].double().numpy()))
        for place, name in enumerate(REPEAT_FEATURES)
    ]
    blocks.append(Block(STATE, pairs.states))
    if model.ranker is not None:
        blocks.append(Block(PRODUCT, pairs.content + pairs.own))
    width = len(REPEAT_FEATURES)

    def first(*parts: Tensor) -> tuple[Tensor, Tensor]:
        found = first_stage_again(model, torch.cat(parts[:width], dim=1), parts[width])
        return found, parts[-1]

    return blocks, first


def _new(_model: AttentionRecommender, pairs: Pairs) -> tuple[list[Block], First]:
    """h . (c + v) + b: the baskets against what describes the item and who buys it, and its popularity."""
    bias = pairs.bias.squeeze(1).double().numpy()
    blocks = [Block(STATE, pairs.states), Block(CONTENT, pairs.content), Block(OWN, pairs.own)]
    blocks.append(Block(POPULARITY, pairs.bias, bias))

    def first(*parts: Tensor) -> tuple[Tensor, Tensor]:
        states, content, own, popularity = parts
        products = content + own
        return (states * products).sum(dim=1) + popularity.squeeze(1), products

    return blocks, first


def _as_known(name: str, values: np.ndarray) -> np.ndarray:
    """Counts, days and shares in place of their logarithms."""
    if name in _PLAIN:
        return values
    return np.expm1(values) if name in _FROM_ZERO else np.exp(values)
