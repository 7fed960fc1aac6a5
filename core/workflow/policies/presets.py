"""Policies to begin with, each with its aim in plain words; those that a shop's data allow."""

from collections.abc import Sequence
from dataclasses import dataclass

from core.schema.policies import Step
from core.schema.tables import BRAND, CATEGORY, LIST_PRICE, POPULARITY_BAND, PROVIDER_ID
from core.workflow.policies.ground import PROVIDER_SIZE, Ground


@dataclass(frozen=True)
class Preset:
    """Attributes: aim: what it is for, in plain words."""

    aim: str
    steps: tuple[Step, ...]


def presets(ground: Ground, by: Sequence[str], *, worst: str | None) -> tuple[Preset, ...]:
    """What these data allow.

    Args:
        by: the user attribute that is looked at, none or more than one where groups are crossed.
        worst: the group of it whose lists are least accurate, where there is one.
    """
    dimensions, items = ground.shop.item_dimensions, ground.shop.items
    found = []
    if PROVIDER_ID in items:
        found.append(
            _one("Small sellers get their share", "exposure_limits", items_by=PROVIDER_SIZE, floor=0.7)
        )
    if BRAND in dimensions:
        found.append(_one("Every brand gets its share", "exposure_limits", items_by=BRAND, floor=0.9))
    if POPULARITY_BAND in dimensions:
        found.append(
            _one(
                "Products that few have found are seen",
                "exposure_limits",
                items_by=POPULARITY_BAND,
                floor=0.5,
            )
        )
    alone = by[0] if len(by) == 1 else None
    if alone and LIST_PRICE in items:
        found.append(_one("Nobody is steered to dearer goods", "price_guard", by=alone, band=0.01))
    if alone and ground.shop.has_prices:
        found.append(_one("Everyone is shown as many offers", "deal_access", by=alone, gap=0.02))
    if alone and worst and POPULARITY_BAND in dimensions:
        step = {"by": alone, "user_group": worst, "items": 0.05, "users": 0.6}
        found.append(
            _one(f"Rare products are seen, at the least cost to {worst}", "two_sided_penalty", **step)
        )
    if CATEGORY in dimensions:
        found.append(
            _one("Each list mirrors what its customer buys", "calibrated", items_by=CATEGORY, strength=0.5)
        )
        found.append(_one("More variety in every list", "xquad", strength=0.3))
    return tuple(found)


def _one(aim: str, step: str, **settings: object) -> Preset:
    return Preset(aim, (Step(step=step, settings=settings),))
