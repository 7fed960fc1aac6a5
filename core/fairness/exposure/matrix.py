"""Who sees what: exposure of item groups to user groups, and the family of joint multisided exposure metrics."""

from dataclasses import dataclass

import numpy as np

from core.fairness.comparison import Comparison, compare_groups
from core.fairness.exposure.item_groups import ItemGroups
from core.fairness.partition import Partition
from core.metrics import NOTHING

JOINT_METRICS = ("II-F", "IG-F", "GI-F", "GG-F", "AI-F", "AG-F")


@dataclass(frozen=True)
class ExposureMatrix:
    """Mean shares of attention, user groups in rows, item groups in columns.

    Attributes:
        attribute: of the users. user_groups: (S,) shown groups. item_groups: (H,). target: (H,) beside the cells.
        found: means (S, H) with intervals, each compared with the reference or the rest, labels permuted.
    """

    attribute: str
    user_groups: tuple[str, ...]
    item_groups: tuple[str, ...]
    target: np.ndarray
    found: Comparison

    @property
    def off_target(self) -> np.ndarray:
        """Mean share minus target, (S, H); the interval of the mean, moved by the target, is its interval."""
        return self.found.mean.value - self.target


def exposure_matrix(
    shares: np.ndarray,
    part: Partition,
    groups: ItemGroups,
    target: np.ndarray,
    *,
    draws: int,
    permutations: int,
    confidence: float,
    rng: np.random.Generator,
) -> ExposureMatrix | None:
    """The matrix with intervals of each cell; None where every user group is hidden.

    Cells are means over the users of a group of their lists' shares, so the studentised bootstrap of means serves.
    Hidden groups have no row; their users count among the rest.

    Args:
        shares: (U, H) of the users of `part`.
    """
    if not part.n_shown:
        return None
    found = compare_groups(
        shares,
        part.strata,
        n_shown=part.n_shown,
        reference=part.reference,
        draws=draws,
        permutations=permutations,
        confidence=confidence,
        rng=rng,
    )
    return ExposureMatrix(part.attribute, tuple(part.shown_names), groups.names, target, found)


def joint_exposure(
    items: np.ndarray, shares: np.ndarray, strata: np.ndarray, groups: ItemGroups, target: np.ndarray
) -> dict[str, float]:
    """The six metrics of joint multisided exposure: mean squares of (exposure - target) over blocks of cells.

    E_ui is item i's share of the attention in u's list, the target of every user T_i = target(h(i)) / |h(i)|. Blocks
    are averaged before squaring: II-F over single users and items, IG-F users and item groups, GI-F user groups and
    items, GG-F both groups, AI-F and AG-F all users together. GG-F = 1/(GH) sum_gh (mean over g and h of E - T)^2.
    Means run over the items of a group as well (as in the authors' code), so numbers are small: of the size of
    1 / I^2. Differences that cancel within a block vanish; small user groups make GI-F and GG-F larger by chance.
    The authors' target comes from relevance; this one is the chosen target, the same for every user.
    Source: Wu, Mitra, Ma, Diaz & Liu, SIGIR 2022, arXiv 2205.00048.

    Args:
        items: (U, k). shares: (U, k) share of the list's attention at each place, 0 where there is no item.
        strata: (U,) user groups 0..G-1; users of -1 count in II-F, IG-F, AI-F and AG-F alone.
        target: (H,) sums to 1.
    """
    n_items, sizes = len(groups.codes), groups.sizes
    wanted = (target / sizes)[groups.codes]  # (I,)
    users, places = np.nonzero(items != NOTHING)
    listed, amount = items[users, places], shares[users, places]
    square = (amount**2).sum() - 2 * (amount * wanted[listed]).sum() + len(items) * (wanted**2).sum()
    everyone = np.zeros(len(items), dtype=int)
    by_user = _means(users, groups.codes[listed], amount, np.arange(len(items)), len(sizes))  # (U, H)
    by_item = _means(strata[users], listed, amount, strata, n_items)  # (G, I)
    overall = _means(everyone[users], listed, amount, everyone, n_items)  # (1, I)
    to_groups = np.eye(len(sizes))[groups.codes]  # (I, H)
    values = (
        square / (len(items) * n_items),
        (((by_user - target) / sizes) ** 2).mean(),
        ((by_item - wanted) ** 2).mean(),
        (((by_item @ to_groups - target) / sizes) ** 2).mean(),
        ((overall - wanted) ** 2).mean(),
        (((overall @ to_groups - target) / sizes) ** 2).mean(),
    )
    return dict(zip(JOINT_METRICS, map(float, values), strict=True))


def _means(
    rows: np.ndarray, columns: np.ndarray, amount: np.ndarray, row_of_user: np.ndarray, width: int
) -> np.ndarray:
    """Sums of amounts by row and column over the users of the row, (R, width); rows of -1 are left out.

    Args:
        rows, columns, amount: (L,) of what is listed. row_of_user: (U,).
    """
    n, kept = np.bincount(row_of_user[row_of_user >= 0]), rows >= 0
    sums = np.bincount(
        rows[kept] * width + columns[kept], weights=amount[kept], minlength=len(n) * width
    ).reshape(len(n), width)
    return sums / np.maximum(n, 1)[:, None]
