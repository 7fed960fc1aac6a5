"""Why one product stands in one user's list: the exact parts of its score, the history it rests on, similar customers."""

from collections.abc import Sequence
from dataclasses import dataclass
from functools import partial

import numpy as np
import pandas as pd

from core.errors import NotFound
from core.explain.counterfactual import Removal, smallest_removal
from core.explain.pairs import read_pairs
from core.explain.score_parts import score_parts
from core.explain.similar import Similar, similar_buyers
from core.explain.without import Asked
from core.schema.tables import ITEM, ITEM_ID, RANK, SCORE, TITLE, USER
from core.workflow.explaining.asking import Asking
from core.workflow.runs import run_table

LOOKED_AT = 60  # products of the history


@dataclass(frozen=True)
class WhyItem:
    """Why a product stands where it stands in a user's list of k.

    Attributes:
        place: from 1. again: the user bought it before.
        parts: `part`, `value`, which add up to the score.
        history: `product`, `item` (code), `times` bought, `effect`: what its absence from the history would take from the
            score (negative: would add; NaN: all of it, the product would be no candidate), `place` of the explained product
            then; the most telling first. Of LOOKED_AT products at most.
        products: in the history; looked_at: of them.
        itself: how it stands without its own purchases, if it was bought: its place then.
        removal: the fewest other products without which it leaves the first k; None where none was found.
    """

    user: int
    item: int
    title: str
    place: int
    score: float
    k: int
    again: bool
    parts: pd.DataFrame
    history: pd.DataFrame
    products: int
    looked_at: int
    itself: int | None
    removal: Removal | None
    removed: tuple[str, ...]
    similar: Similar | None


def why_item(asking: Asking, user: int, item: int, *, k: int) -> WhyItem:
    """Explain an entry of a user's list of test candidates as the model made it, before any policy.

    Raises:
        NotFound: the item is no candidate of the user, or the user has no history, so that no model made the list.
    """
    known = asking.recommender
    place, score = _standing(asking, user, item)
    pairs = read_pairs(
        known.model, known.history, np.array([user]), np.array([item]), task=known.task, demand=known.demand
    )
    asked = Asked(known.model, known.history, known.task, known.demand, user, item, k, known.dismissed)
    leading = [int(one) for one in asked.leading(LOOKED_AT)]
    memory: dict[frozenset[int], tuple[float, float, int]] = {}
    ask = partial(_asked, asked, memory)
    alone = ask([frozenset(), *(frozenset([one]) for one in leading)])
    others = [one for one in leading if one != item]
    removal = None
    if place <= k:
        removal = smallest_removal(lambda sets: np.array([told[0] for told in ask(sets)]), others)
    names = _names(asking)
    history = pd.DataFrame(
        {
            "product": [names(one) for one in leading],
            "item": leading,
            "times": _times(asked, leading),
            "effect": [alone[0][1] - told[1] if told[1] > -np.inf else np.nan for told in alone[1:]],
            "place": [told[2] for told in alone[1:]],
        }
    )
    itself = history.loc[history["item"] == item, "place"]
    order = history["effect"].abs().sort_values(ascending=False, kind="stable", na_position="first").index
    return WhyItem(
        user=user,
        item=item,
        title=names(item),
        place=place,
        score=score,
        k=k,
        again=bool(pairs.again[0]),
        parts=score_parts(known.model, pairs),
        history=history.loc[order].reset_index(drop=True),
        products=len(asked.products),
        looked_at=len(leading),
        itself=int(itself.iloc[0]) if len(itself) else None,
        removal=removal,
        removed=() if removal is None else tuple(names(one) for one in removal.parts),
        similar=_similar(asking, user, item),
    )


def _standing(asking: Asking, user: int, item: int) -> tuple[int, float]:
    lists = run_table(asking.workspace, asking.run, "candidates_test", [USER, ITEM, RANK, SCORE])
    lists = lists[lists[USER] == user]
    row = lists[lists[ITEM] == item]
    if row.empty:
        raise NotFound(f"This product is none of the user's {len(lists)} candidates.")
    if asking.recommender.history.tokens[user] == 0:
        raise NotFound(
            "This user bought nothing before the test window: the list holds what is most popular."
        )
    return int(row[RANK].iloc[0]), float(row[SCORE].iloc[0])


def _asked(
    asked: Asked, memory: dict[frozenset[int], tuple[float, float, int]], sets: Sequence[frozenset[int]]
) -> list[tuple[float, float, int]]:
    """Margin, score and place without each set; every set is asked about once."""
    new = [one for one in dict.fromkeys(sets) if one not in memory]
    if new:
        found = asked.without(new)
        told = zip(found.margin.tolist(), found.score.tolist(), found.place.tolist(), strict=True)
        memory.update(zip(new, told, strict=True))
    return [memory[one] for one in sets]


def _names(asking: Asking):
    items = asking.items
    named = items[TITLE] if TITLE in items else items[ITEM_ID]
    return lambda item: str(named.iloc[item])


def _times(asked: Asked, products: list[int]) -> list[int]:
    items = asked.history.items[slice(*asked.history.line_offsets[asked.user : asked.user + 2])]
    return [int((items == product).sum()) for product in products]


def _similar(asking: Asking, user: int, item: int) -> Similar | None:
    history = asking.recommender.history
    bought = np.zeros(history.n_users, bool)
    bought[history.owners[history.items == item]] = True
    return similar_buyers(asking.user_vectors, user, bought, known=history.tokens > 0)
