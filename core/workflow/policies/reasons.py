"""Why each item of one user's list stands where it stands: exactly what every step did to it."""

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from core.recommend.rerank.batch import Candidates
from core.schema.settings import Settings
from core.workflow.policies.ground import Ground
from core.workflow.policies.rerank import Applied
from core.workflow.policies.steps import RERANKERS


@dataclass(frozen=True)
class Move:
    """What one step did to an item.

    Attributes:
        before, after: relevance, to which prices are added; of a step that works by place they say nothing of the item.
        place_before, place_after: from 1. kind: what the item is to the step, such as its group; None where that is unknown.
    """

    step: str
    works_by: str
    before: float
    after: float
    place_before: int
    place_after: int
    kind: str | None

    @property
    def price(self) -> float:
        """What the step added to the relevance."""
        return self.after - self.before


@dataclass(frozen=True)
class Reason:
    """An item of the list before the policy, after it, or of both.

    Attributes:
        place_before, place_after: from 1 among the candidates. score: relevance before the policy.
    """

    item: int
    place_before: int
    place_after: int
    score: float
    moves: tuple[Move, ...]


def reasons(applied: Applied, ground: Ground, user: int) -> tuple[Reason, ...]:
    """The items of a user's list after the policy, then those that are no longer in it.

    Args:
        user: code.
    """
    k = ground.k
    after, before = (part.lists(k)[user] for part in (applied.candidates, applied.start))
    listed = [int(item) for item in dict.fromkeys([*after, *before]) if item >= 0]
    return tuple(_reason(applied, ground, user, item) for item in listed)


def _reason(applied: Applied, ground: Ground, user: int, item: int) -> Reason:
    place, score = _standing(applied.start, user, item)
    first, moves = place, []
    relevance = score
    for stage in applied.stages:
        place_after, found = _standing(stage.candidates, user, item)
        moves.append(
            Move(
                step=stage.step,
                works_by=RERANKERS[stage.step].works_by,
                before=relevance,
                after=found,
                place_before=place,
                place_after=place_after,
                kind=_kind(stage.step, stage.settings, ground, item),
            )
        )
        place, relevance = place_after, found
    return Reason(item, first, place, score, tuple(moves))


def _standing(candidates: Candidates, user: int, item: int) -> tuple[int, float]:
    """Place from 1, and relevance."""
    at = int(np.flatnonzero(candidates.items[user] == item)[0])
    return at + 1, float(candidates.relevance[user, at])


def _kind(step: str, settings: Settings, ground: Ground, item: int) -> str | None:
    """What the item is to the step, in words."""
    special: dict[str, Callable[[], str]] = {
        "price_guard": lambda: f"price percentile {100 * ground.price_percentiles[item]:.0f}",
        "deal_access": lambda: "on offer" if ground.deals[item] else "not on offer",
    }
    if step in special:
        return special[step]()
    if step in ("propensity", "marginal_relevance"):
        return None
    groups = ground.item_groups(getattr(settings, "items_by", "category"))
    return groups.names[groups.codes[item]]
