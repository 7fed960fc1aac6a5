"""Same product, same time, same store: who pays more?"""

from dataclasses import dataclass

import numpy as np

from core.fairness.partition import Partition
from core.fairness.pricing.overlap import Cells, cells, judged_overlaps, overlap_gaps
from core.fairness.pricing.purchases import Purchases
from core.fairness.pricing.sides import Gaps, stacked
from core.schema.settings import Statistics
from core.schema.tables import PAID_PRICE

SAME_PRODUCT = "same_product_price"


@dataclass(frozen=True)
class WithinStrata:
    """Gaps within strata of the compared groups; arrays (C,).

    Attributes:
        coverage: share of the money of both sides in strata where both bought. strata: how many those are.
    """

    gaps: Gaps
    coverage: np.ndarray
    strata: np.ndarray


def same_product_gap(
    purchases: Purchases,
    part: Partition,
    *,
    settings: Statistics,
    permutations: int,
    rng: np.random.Generator,
    stratum: str | None = None,
    price: str = PAID_PRICE,
) -> WithinStrata:
    """How much more a group pays for the same than the others do, as a share of what the others pay:

        gap(a, b) = sum_s w_s (p_sa - p_sb) / p_s / sum_s w_s p_sb / p_s,  w_s = n_sa n_sb / (n_sa + n_sb)

    with p_sa the mean unit price of the group's lines in stratum s, p_s that of everybody's, and n lines. Overlap weights;
    our definition. p_s makes strata of dear and cheap products count alike; it counts as known in intervals.

    Args:
        part: of `purchases.users`. stratum: a name of `STRATA`; None: the finest that the data know.
        price: `paid_price`, or `list_price`: whether the shelf itself is dearer.
    """
    code = purchases.stratum(stratum or purchases.finest)
    prices = purchases.lines[price].to_numpy()
    level = np.bincount(code, prices) / np.bincount(code)
    relative = prices / level[code]
    table = cells([relative], purchases.place, code, purchases.revenue, n_users=len(purchases.users))
    options = {"settings": settings, "permutations": permutations, "rng": rng}
    (found,) = within_strata(table, part, relative=True, **options)
    return found


def within_strata(
    table: Cells,
    part: Partition,
    *,
    settings: Statistics,
    permutations: int,
    rng: np.random.Generator,
    strata: np.ndarray | None = None,
    relative: bool = False,
) -> list[WithinStrata]:
    """The overlap-weighted gaps of each compared group, for each outcome of the table.

    Args:
        strata: (U,) control strata of users within which labels are shuffled; None: among all.
        relative: as a share of the reference's mean.
    """
    options = {"settings": settings, "permutations": permutations, "rng": rng, "strata": strata}
    overlaps, gaps = [], []
    for group in part.compared:
        sides = part.sides(group)
        overlaps.append(overlap_gaps(table, *sides, relative=relative))
        gaps.append(judged_overlaps(overlaps[-1], *sides, **options))
    coverage = np.array([found[0].coverage for found in overlaps], float)
    usable = np.array([found[0].strata for found in overlaps], int)
    return [
        WithinStrata(stacked([of_group[outcome] for of_group in gaps]), coverage, usable)
        for outcome in range(len(table.totals))
    ]
