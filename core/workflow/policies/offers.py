"""A plan of offers: who gets one of a limited number of coupons, with groups of users treated alike or not."""

from dataclasses import dataclass

import numpy as np

from core.data.dataset import table
from core.fairness.partition import Partition
from core.fairness.pricing.offer_plan import plan_rows, value_lost
from core.fairness.stats import Interval
from core.metrics import NOTHING
from core.recommend.offers import (
    Allocation,
    Decisions,
    Method,
    OfferSettings,
    allocate_offers,
    offer_classifier,
)
from core.schema.documents import Dataset
from core.schema.settings import AuditSettings, Statistics
from core.schema.tables import CAMPAIGN_ID, ITEM
from core.store.workspace import Workspace
from core.workflow.audits.section import Section, section, with_permutations
from core.workflow.audits.shop import Shop, partitions
from core.workflow.policies.redemption import Redemption, redemption

COUPONS = "coupons"
MEASURES = 2  # that a plan is judged by


@dataclass(frozen=True)
class Plan:
    """Offers of one kind, and what the groups get of them.

    Attributes:
        allocation: of the users of `Redemption`, by the groups of `OfferPlan`. section: rows of `plan_rows`, judged.
    """

    allocation: Allocation
    section: Section

    @property
    def offered(self) -> np.ndarray:
        """bool (U,)."""
        return self.allocation.offers != NOTHING


@dataclass(frozen=True)
class OfferPlan:
    """Coupons where they are worth most, and with parity.

    Attributes:
        part: groups of the users. free: without parity. even: with it; None where none is asked for.
        lost: (2,) expected value that parity gives up, in total and as a share; None without parity.
    """

    settings: OfferSettings
    part: Partition
    free: Plan
    even: Plan | None
    lost: Interval | None

    @property
    def chosen(self) -> Plan:
        """The plan that was asked for."""
        return self.even or self.free


def redemption_of(
    workspace: Workspace, dataset: Dataset, shop: Shop, *, protected_inputs: bool = False
) -> Redemption:
    """`redemption` on the eve of the validation window; see there for errors."""
    coupons = None
    if COUPONS in dataset.tables:
        coupons = table(workspace, dataset, COUPONS, [CAMPAIGN_ID, ITEM])
    return redemption(shop, coupons, protected_inputs=protected_inputs, settings=Statistics())


def offer_plan(shop: Shop, expected: Redemption, settings: OfferSettings, audit: AuditSettings) -> OfferPlan:
    """Allocate coupons, each of the same cost, so that the budget is their number.

    Groups too small to be shown do not count for parity; their users get coupons by their worth.

    Args:
        audit: its first grouping is that of the plan.

    Raises:
        InputError: fewer users than `minimum_group`. NotFound: no such attribute. SettingsError: no coupon at all.
    """
    part = partitions(shop.users, expected.users, audit)[0]
    groups = _groups(part)
    judged = with_permutations(audit, [part], MEASURES)

    def plan(parity: str | None) -> Plan:
        found = allocate_offers(
            expected.value,
            np.ones(len(groups)),
            groups,
            budget=settings.budget,
            parity=parity,
            tolerance=settings.gap,
        )
        worth = worth_of(found, expected)
        rows = plan_rows(found.offers != NOTHING, worth, part, judged, tolerance=audit.tolerance)
        return Plan(found, section(rows, judged, users=len(groups)))

    free = plan(None)
    even = plan(settings.parity) if settings.parity else None
    lost = None
    if even is not None:
        lost = value_lost(*(worth_of(one.allocation, expected) for one in (free, even)), audit)
    return OfferPlan(settings, part, free, even, lost)


def worth_of(allocation: Allocation, expected: Redemption) -> np.ndarray:
    """(U,) expected value of the offer that each user gets; 0 without one."""
    return np.where(allocation.offers != NOTHING, expected.value, 0.0)


def offer_rule(
    shop: Shop, expected: Redemption, audit: AuditSettings, *, method: Method, tolerance: float
) -> Decisions:
    """A rule of who gets an offer, learnt from the past offers; see `offer_classifier`. It knows no budget.

    Raises:
        InputError: a group in which all past offers were redeemed, or none; else as `offer_plan`.
    """
    groups = _groups(partitions(shop.users, expected.users, audit)[0])
    place = np.searchsorted(expected.users, expected.past.users).clip(max=len(groups) - 1)
    known = expected.users[place] == expected.past.users
    return offer_classifier(
        expected.past.inputs[known],
        expected.past.redeemed[known],
        groups[place[known]],
        asked_features=expected.inputs,
        asked_groups=groups,
        method=method,
        tolerance=tolerance,
        seed=audit.seed,
    )


def _groups(part: Partition) -> np.ndarray:
    """(U,) the shown group of each user; NOTHING in a hidden one."""
    return np.where(part.strata < part.n_shown, part.strata, NOTHING)
