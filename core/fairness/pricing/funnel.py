"""Offered, redeemed, saved: who gets campaigns and what comes of them, by group."""

from dataclasses import dataclass

import numpy as np
import pandas as pd

from core.fairness.group_rows import total_rows
from core.fairness.partition import Partition
from core.fairness.pricing.overlap import cells
from core.fairness.pricing.purchases import DAY, Purchases
from core.fairness.pricing.same_product import WithinStrata, within_strata
from core.fairness.pricing.sides import SECTION
from core.fairness.rows import AuditRow
from core.schema.settings import Statistics
from core.schema.tables import (
    COUPON_DISCOUNT,
    COUPON_MATCH,
    QUANTITY,
    REDEEMED_AT,
    REDEMPTIONS,
    USER,
)

SPENDING_BANDS = 10
OFFERED, OFFERS, REDEEMED, REDEEMERS, SAVED = "offered", "offers", "redeemed", "redeemers", "saved"
AMOUNTS = (OFFERS, SAVED)  # the other stages are shares


@dataclass(frozen=True)
class Funnel:
    """Each stage as sums of users: (U, 2), its ratio is that of the totals.

    Attributes:
        stages: of campaigns `offered` (share of users with an offer), `offers` (per user), `redeemed` (share of offers),
            `redeemers` (share of users with an offer who redeemed one), `saved` (coupon money per user with an offer);
            of impressions those of `core.fairness.pricing.shown`.
    """

    stages: dict[str, np.ndarray]


def funnel(offers: pd.DataFrame, purchases: Purchases) -> Funnel:
    """Stages from offers to money saved, of the users who buy.

    `saved` is money taken off by coupons and their match in all purchases of users with an offer: the data do not say
    which offer a coupon came with, so it may hold coupons from elsewhere. Absent without coupon discounts.

    Args:
        offers: of a prepared dataset: `user`, `redeemed_at` or `redemptions`, one row per user and campaign.
        purchases: with what was free, which coupons often made so.
    """
    users = purchases.users
    place = pd.Index(users).get_indexer(offers[USER])
    known = place >= 0
    place, redeemed = place[known], _redeemed(offers)
    n_offers = np.bincount(place, minlength=len(users)).astype(float)
    offered = (n_offers > 0).astype(float)
    everyone = np.ones(len(users))
    stages = {OFFERED: (offered, everyone), OFFERS: (n_offers, everyone)}
    if redeemed is not None:
        taken = np.bincount(place, redeemed[known], minlength=len(users))
        stages |= {REDEEMED: (taken, n_offers), REDEEMERS: ((taken > 0).astype(float), offered)}
    saved = [purchases.lines[name] for name in (COUPON_DISCOUNT, COUPON_MATCH) if name in purchases.lines]
    if saved:
        money = (sum(each.fillna(0.0) for each in saved) * purchases.lines[QUANTITY]).to_numpy()
        stages[SAVED] = (
            np.bincount(purchases.place, money, minlength=len(users)) * offered,
            offered,
        )
    return Funnel({name: np.column_stack(two) for name, two in stages.items()})


def _redeemed(offers: pd.DataFrame) -> np.ndarray | None:
    """Whether each offer was redeemed at least once; None where the data do not say."""
    if REDEMPTIONS in offers:
        return (offers[REDEMPTIONS].fillna(0) > 0).to_numpy(float)
    return offers[REDEEMED_AT].notna().to_numpy(float) if REDEEMED_AT in offers else None


def funnel_rows(found: Funnel, part: Partition, settings: Statistics, *, tolerance: float) -> list[AuditRow]:
    """Each stage by group, as a ratio of totals over the users who have anything below its line.

    Args:
        tolerance: as a share of the stage over all users.
    """
    rows: list[AuditRow] = []
    for name, totals in found.stages.items():
        there = np.where(totals[:, 1:] > 0, totals, np.nan)
        of_all = np.nansum(there, axis=0)
        level = of_all[0] / of_all[1] if of_all[1] > 0 else 0.0
        rows += total_rows(
            there,
            share_of_totals,
            [name],
            part,
            settings,
            section=SECTION,
            tolerances={name: tolerance * level} if level > 0 else {},
            bounds={name: (0.0, np.inf if name in AMOUNTS else 1.0)},
        )
    return rows


def share_of_totals(totals: np.ndarray) -> np.ndarray:
    """(..., 2) -> (..., 1): the first over the second."""
    return totals[..., :1] / np.where(totals[..., 1:] > 0, totals[..., 1:], np.nan)


def spending_before(purchases: Purchases, begins: int) -> np.ndarray:
    """(U,) what each user spent before a day, such as that of the first campaign: offers change what is spent after them.

    Where nothing was bought before it, or the data know no days, all spending counts.

    Args:
        begins: day, counted from 1970.
    """
    money = purchases.revenue
    if DAY in purchases.lines:
        before = purchases.lines[DAY].to_numpy() < begins
        money = np.where(before, money, 0.0) if before.any() else money
    return np.bincount(purchases.place, money, minlength=len(purchases.users))


def spending_bands(spending: np.ndarray) -> np.ndarray:
    """(U,) band of each user: tenths of the users by spending; equal spending is in one band."""
    edges = np.quantile(spending, np.arange(1, SPENDING_BANDS) / SPENDING_BANDS)
    return np.searchsorted(np.unique(edges), spending, side="right")


def offered_given_spending(
    found: Funnel,
    spending: np.ndarray,
    part: Partition,
    *,
    settings: Statistics,
    permutations: int,
    rng: np.random.Generator,
) -> WithinStrata:
    """Is a group offered a campaign as often as others who spend as much? The overlap-weighted gap within tenths of spending:

        gap = sum_s w_s (offered_sa - offered_sb) / sum_s w_s,  w_s = n_sa n_sb / (n_sa + n_sb), n users

    p-values from labels shuffled within tenths. Within a tenth spending still differs; coverage is of the spending.

    Args:
        spending: (U,), of `spending_before`. part: of the users of the funnel.
    """
    band = spending_bands(spending)
    table = cells([found.stages[OFFERED][:, 0]], np.arange(len(band)), band, spending, n_users=len(band))
    options = {"settings": settings, "permutations": permutations, "rng": rng}
    (gaps,) = within_strata(table, part, strata=band, **options)
    return gaps
