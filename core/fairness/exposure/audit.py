"""The audit of exposure: what share of attention each item group gets, against a target, and who sees what."""

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np
import pandas as pd

from core.errors import InputError
from core.fairness.audit import MAXIMUM_PERMUTATIONS, enough_permutations
from core.fairness.correction import needed_permutations
from core.fairness.exposure.attention import (
    Attention,
    ListCounts,
    place_items,
    place_shares,
    position_weights,
)
from core.fairness.exposure.engine import Engine
from core.fairness.exposure.everyone import everyone_rows
from core.fairness.exposure.item_groups import ItemGroups
from core.fairness.exposure.matrix import ExposureMatrix, exposure_matrix, joint_exposure
from core.fairness.exposure.measures import Bought, Shown, buyers_of, lift_contributions, shown
from core.fairness.exposure.notes import exposure_notes
from core.fairness.exposure.pooled import seen_groups
from core.fairness.exposure.popularity import popularity_lift
from core.fairness.exposure.rows import lift_rows, matrix_rows
from core.fairness.exposure.targets import Target
from core.fairness.group_rows import among
from core.fairness.groups import Groups
from core.fairness.partition import Partition, everybody, partition
from core.fairness.rows import AuditRow
from core.metrics import NOTHING
from core.schema.settings import AuditSettings


@dataclass(frozen=True)
class ExposureAudit:
    """What an audit of exposure found.

    Attributes:
        rows: not yet judged (`core.fairness.judging.judged`). matrices: of each grouping of users; None where it has
            no group to show. joint: metrics of joint multisided exposure by name, of each grouping of users, or of all
            users as one group where there is none. attention: (I,) share of all attention that each item gets.
            users: with a list. counts: of rows left out.
    """

    rows: list[AuditRow]
    matrices: tuple[ExposureMatrix | None, ...]
    joint: tuple[dict[str, float], ...]
    attention: np.ndarray
    users: int
    counts: ListCounts
    notes: tuple[str, ...]


def audit_exposure(
    lists: pd.DataFrame,
    users: np.ndarray,
    item_groups: ItemGroups,
    target: Target,
    settings: AuditSettings,
    *,
    user_groups: Sequence[Groups] = (),
    attention: Attention | None = None,
    bought: Bought | None = None,
) -> ExposureAudit:
    """Hold the attention that lists give to item groups against a target, and user groups against each other.

    Everything is conditional on the catalogue, its groups and the target: users alone are drawn again.

    Args:
        lists: `user`, `item`, `rank`. users: (U,) distinct codes of the audited users.
        user_groups: groupings of all users; only users with a list are split and shown.
        bought: for popularity, merit and relevance; None: metrics that need them have no row.

    Raises:
        InputError: fewer users with a list than `minimum_group`. SettingsError: the reference group is hidden.
    """
    placed = place_items(lists, users, k=settings.k, n_catalogue=len(item_groups.codes))
    least = settings.minimum_group
    if len(placed.users) < least:
        raise InputError(
            f"Fewer than {least} users have a list with items of the catalogue; nothing can be shown."
        )
    weights = position_weights(settings.k, attention)
    found = shown(placed.users, placed.items, weights, item_groups, target.shares)
    parts = [
        partition(groups, found.users, minimum=least, reference=settings.reference) for groups in user_groups
    ]
    matrices, rows = _by_users(found, target, parts, bought, settings)
    return ExposureAudit(
        rows=rows,
        matrices=matrices,
        joint=tuple(_joint(found, part) for part in parts or [everybody(len(found.users))]),
        attention=_attention(found),
        users=len(found.users),
        counts=placed.counts,
        notes=exposure_notes(
            placed.counts,
            item_groups,
            target.name,
            unseen=[
                name for name, seen in zip(item_groups.names, seen_groups(found), strict=True) if not seen
            ],
            with_purchases=bought is not None,
            k=settings.k,
        ),
    )


def _by_users(
    lists: Shown, target: Target, parts: list[Partition], bought: Bought | None, settings: AuditSettings
) -> tuple[tuple[ExposureMatrix | None, ...], list[AuditRow]]:
    """The matrices, and all rows: over all users, then by user group."""
    tests = lists.n_groups * (1 + sum(part.comparisons for part in parts)) + 2
    enough = min(2 * needed_permutations(tests, settings), MAXIMUM_PERMUTATIONS)
    engine = Engine(settings, max(settings.draws, enough), f"{lists.item_groups.attribute} {target.name}")
    rows = everyone_rows(lists, target.name, bought, engine)
    matrices = tuple(_matrix(lists, part, tests, engine) for part in parts)
    for part, matrix in zip(parts, matrices, strict=True):
        rows += matrix_rows(lists, part, matrix, settings) + _lift_rows(lists, part, bought, engine)
    return matrices, rows


def _matrix(lists: Shown, part: Partition, tests: int, engine: Engine) -> ExposureMatrix | None:
    return exposure_matrix(
        lists.shares,
        part,
        lists.item_groups,
        lists.target,
        draws=engine.settings.draws,
        permutations=enough_permutations(tests, engine.settings),
        confidence=engine.settings.confidence,
        rng=engine.rng(f"matrix {part.attribute}"),
    )


def _lift_rows(lists: Shown, part: Partition, bought: Bought | None, engine: Engine) -> list[AuditRow]:
    """Popularity lift of each user group, among users who bought before."""
    if bought is None:
        return []
    rows, contributions = lift_contributions(lists, bought, buyers_of(bought, lists.n_items))
    there = np.isin(np.arange(len(lists.users)), rows)
    own = among(replace(part, reference=None), there, minimum=engine.settings.minimum_group)
    if own is None:
        return []
    found = engine.totals(f"lift {part.attribute}", contributions, popularity_lift, own.strata)
    return lift_rows(own, found.within(-1, np.inf), engine.settings)


def _joint(lists: Shown, part: Partition) -> dict[str, float]:
    """Without user groups to show, all users are one."""
    strata = np.zeros(len(lists.users), int)
    if part.n_shown:
        strata = np.where(part.strata < part.n_shown, part.strata, -1)
    amount = place_shares(lists.items, lists.weights)
    return joint_exposure(lists.items, amount, strata, lists.item_groups, lists.target)


def _attention(lists: Shown) -> np.ndarray:
    """Each list's attention counts as one."""
    there = lists.items != NOTHING
    amount = place_shares(lists.items, lists.weights)[there]
    return np.bincount(lists.items[there], amount, minlength=lists.n_items) / len(lists.users)
