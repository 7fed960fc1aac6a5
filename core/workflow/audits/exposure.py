"""Who is seen: the attention that lists give to groups of items, and what each group of users is shown of them."""

from dataclasses import dataclass

import numpy as np
import pandas as pd

from core.errors import SettingsError
from core.fairness.exposure.attention import Attention
from core.fairness.exposure.audit import audit_exposure
from core.fairness.exposure.item_groups import AGE, ItemGroups, item_groups
from core.fairness.exposure.matrix import ExposureMatrix
from core.fairness.exposure.measures import Bought
from core.fairness.exposure.notes import disagreement, view_verdicts
from core.fairness.exposure.targets import Target, target_shares
from core.fairness.groups import group_labels
from core.fairness.judging import judged
from core.schema.settings import SPLITS, AuditSettings, Split
from core.schema.tables import IN_CATALOGUE, ITEM, RANK, SPLIT, USER
from core.workflow.audits.section import Section, of_judged
from core.workflow.audits.shop import Shop, catalogue_within, lists_within


@dataclass(frozen=True)
class Exposure:
    """What was found of one grouping of items.

    Attributes:
        section: rows of item groups over all users, and of cells `user group × item group`.
        matrices, joint: of each grouping of users; see `core.fairness.exposure.audit.ExposureAudit`.
        attention: (I,) share of all attention that each item of the catalogue gets.
        views: verdicts on single lists, and on all lists together. disagree: a sentence where these differ.
    """

    section: Section
    matrices: tuple[ExposureMatrix | None, ...]
    joint: tuple[dict[str, float], ...]
    item_groups: ItemGroups
    target: Target
    attention: np.ndarray
    views: tuple[str, str] | None
    disagree: str | None


def exposure(shop: Shop, lists: pd.DataFrame, settings: AuditSettings, *, split: Split = "test") -> Exposure:
    """The audit of exposure of a shop's lists.

    Merit and popularity count the purchases before the split, relevance those in it, of the whole shop: the scope
    chooses whose lists are judged, and on which items.

    Args:
        lists: `user`, `item`, `rank`, made for the split.

    Raises:
        SettingsError: the items cannot be grouped, or there is no such target. InputError: too few users with a list.
        NotFound: no such group, category or store.
    """
    known = shop.item_dimensions
    if not known:
        raise SettingsError(
            "The items of these data have nothing to group them by: no brand, provider or category."
        )
    by = settings.items_by or known[0]
    kept = np.flatnonzero(catalogue_within(shop, settings.scope)[IN_CATALOGUE].to_numpy())
    code = np.full(len(shop.items), len(kept))  # what is no part of the catalogue has a code beyond it
    code[kept] = np.arange(len(kept))
    bought = _coded(shop.bought[[USER, ITEM, SPLIT]], code)
    inside = bought[bought[ITEM] < len(kept)]
    judged_on = SPLITS.index(split)
    before, after = inside[inside[SPLIT] < judged_on], inside[inside[SPLIT] == judged_on]
    groups = item_groups(shop.items.iloc[kept], by, events=_coded(shop.events, code) if by == AGE else None)
    target = target_shares(
        groups,
        settings.target,
        purchases=np.bincount(before[ITEM], minlength=len(kept)),
        weight=settings.purchase_weight,
    )
    shown = _coded(lists_within(lists, shop, settings.scope), code)
    users = np.unique(shown.loc[shown[RANK] <= settings.k, USER].to_numpy())
    found = audit_exposure(
        shown,
        users,
        groups,
        target,
        settings,
        user_groups=[group_labels(shop.users, one, bins=settings.bins) for one in settings.by],
        attention=Attention(settings.attention, settings.going_on),
        bought=Bought(before[[USER, ITEM]], after[[USER, ITEM]]),
    )
    rows = judged(found.rows, settings)
    views = view_verdicts(rows, groups.attribute)
    return Exposure(
        section=of_judged(rows, users=found.users, notes=found.notes),
        matrices=found.matrices,
        joint=found.joint,
        item_groups=groups,
        target=target,
        attention=found.attention,
        views=views,
        disagree=disagreement(views),
    )


def _coded(frame: pd.DataFrame, code: np.ndarray) -> pd.DataFrame:
    """With other codes of the items."""
    return frame.assign(**{ITEM: code[frame[ITEM].to_numpy()]})
