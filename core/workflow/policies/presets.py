"""Policies to begin with, each with its aim in plain words; those that a shop's data allow.

All begin mildly, so that nobody pays much unasked: on Complete Journey none costs more than 2 % of validation NDCG@10, and
some next to nothing. What more of an aim costs the knobs tell.
"""

from collections.abc import Sequence
from dataclasses import dataclass

from core.schema.policies import Step
from core.schema.settings import BINS
from core.schema.tables import BRAND, CATEGORY, LIST_PRICE, POPULARITY_BAND, PROVIDER_ID
from core.workflow.policies.ground import PROVIDER_SIZE, Ground


@dataclass(frozen=True)
class Preset:
    """Attributes: aim: what it is for, in plain words."""

    aim: str
    steps: tuple[Step, ...]


def presets(ground: Ground, by: Sequence[str], *, worst: str | None, bins: int = BINS) -> tuple[Preset, ...]:
    """What these data allow.

    Args:
        by: the user attribute that is looked at, none or more than one where groups are crossed. bins: how it is cut.
        worst: the group of it whose lists are least accurate, where there is one.
    """
    dimensions, items = ground.shop.item_dimensions, ground.shop.items
    found = []
    if PROVIDER_ID in items:
        found.append(
            _one("Small sellers get their share", "exposure_limits", items_by=PROVIDER_SIZE, floor=0.5)
        )
    if BRAND in dimensions:
        found.append(_one("Every brand gets its share", "exposure_limits", items_by=BRAND, floor=0.9))
    if POPULARITY_BAND in dimensions:
        found.append(
            _one(
                "Products that few have found are seen",
                "exposure_limits",
                items_by=POPULARITY_BAND,
                floor=0.2,
            )
        )
    told_apart = len(by) == 1 and bool(ground.user_groups(by[0], bins).names)
    groups = {"by": by[0]} | ({} if bins == BINS else {"bins": bins}) if told_apart else {}
    if groups and LIST_PRICE in items:
        found.append(_one("Nobody is steered to dearer goods", "price_guard", **groups, band=0.01))
    if groups and ground.shop.has_prices:
        found.append(_one("Everyone is shown as many offers", "deal_access", **groups, gap=0.05))
    if groups and worst and POPULARITY_BAND in dimensions:
        step = groups | {"user_group": worst, "items": 0.01, "users": 0.6}
        found.append(
            _one(f"Rare products are seen, at the least cost to {worst}", "two_sided_penalty", **step)
        )
    if CATEGORY in dimensions:
        found.append(
            _one("Each list mirrors what its customer buys", "calibrated", items_by=CATEGORY, strength=0.1)
        )
        found.append(_one("More variety in every list", "xquad", strength=0.3))
    return tuple(found)


def _one(aim: str, step: str, **settings: object) -> Preset:
    return Preset(aim, (Step(step=step, settings=settings),))
