"""The lists of one audit brought to columns per user: what each metric of exposure is a mean or a function of."""

from dataclasses import dataclass

import numpy as np
import pandas as pd
from scipy.sparse import csr_array

from core.data.catalogue import POPULARITY_BANDS, popularity_bands
from core.fairness.exposure.attention import by_group, exposure, exposure_shares, place_shares, placed_groups
from core.fairness.exposure.concentration import entropy, entropy_slopes, gini, gini_slopes
from core.fairness.exposure.divergence import list_divergences, pooled_ndkl, pooled_ndkl_slopes
from core.fairness.exposure.expected import (
    expected_exposure,
    group_expected_exposure,
    group_target_exposure,
)
from core.fairness.exposure.inequity import inequity_values
from core.fairness.exposure.inference import covering_values, influence_values
from core.fairness.exposure.item_groups import ItemGroups
from core.fairness.exposure.popularity import average_popularity, profile_popularity, tail_count, tail_share
from core.metrics import NOTHING
from core.schema.tables import ITEM, USER


@dataclass(frozen=True)
class Bought:
    """What users bought of the catalogue, `user` and `item` codes: before the split, and afterwards (the truth)."""

    before: pd.DataFrame
    after: pd.DataFrame | None = None


@dataclass(frozen=True)
class Shown:
    """What is shown to U users at k places, of I items in H groups.

    Attributes:
        users: (U,) codes. items, groups: (U, k), NOTHING where a place is empty. weights: (k,) sum to 1.
        shares: (U, H) of each list's attention.
    """

    users: np.ndarray
    items: np.ndarray
    groups: np.ndarray
    weights: np.ndarray
    item_groups: ItemGroups
    target: np.ndarray
    shares: np.ndarray

    @property
    def n_items(self) -> int:
        return len(self.item_groups.codes)

    @property
    def n_groups(self) -> int:
        return len(self.target)


def shown(
    users: np.ndarray, items: np.ndarray, weights: np.ndarray, item_groups: ItemGroups, target: np.ndarray
) -> Shown:
    groups = placed_groups(items, item_groups.codes)
    shares = exposure_shares(groups, weights, len(target))
    return Shown(users, items, groups, weights, item_groups, target, shares)


def buyers_of(bought: Bought, n_items: int) -> np.ndarray:
    """Users who bought each catalogue item before, (I,)."""
    user, item = (bought.before[name].to_numpy(np.int64) for name in (USER, ITEM))
    inside = item < n_items
    pairs = pd.unique(user[inside] * n_items + item[inside])
    return np.bincount(pairs % n_items, minlength=n_items)


def purchases_of(bought: Bought, n_items: int) -> np.ndarray:
    """Purchases of each catalogue item before, (I,)."""
    items = bought.before[ITEM].to_numpy()
    return np.bincount(items[items < n_items], minlength=n_items)


def list_columns(lists: Shown, popularity: np.ndarray | None) -> dict[str, np.ndarray]:
    """Metrics of each list, (U,) each: their means over users are reported."""
    awrf, ndkl = list_divergences(lists.groups, lists.weights, lists.target).T
    columns = {"awrf_js_user": awrf, "ndkl_user": ndkl}
    if popularity is not None:
        tail = popularity_bands(popularity, np.ones(lists.n_items, bool)) == POPULARITY_BANDS[-1]
        columns |= {
            "arp": average_popularity(lists.items, popularity),
            "aplt": tail_share(lists.items, tail),
            "aclt": tail_count(lists.items, tail).astype(float),
        }
    return columns


def pooled_columns(lists: Shown) -> dict[str, np.ndarray]:
    """Pooled metrics over single items or prefixes as per-user values, (U,) each: the mean is the metric."""
    amount = place_shares(lists.items, lists.weights)
    filled = lists.items != NOTHING
    mean = np.bincount(lists.items[filled], weights=amount[filled], minlength=lists.n_items) / len(amount)

    def values(statistic, slopes) -> np.ndarray:
        each = np.where(filled, amount * slopes(mean)[lists.items], 0.0).sum(axis=1)
        return influence_values(float(statistic(mean)), each)

    found = {
        "gini_items": values(gini, gini_slopes),
        "entropy_items": values(entropy, entropy_slopes),
        "coverage": covering_values(lists.items, lists.n_items),
    }
    ndkl = pooled_ndkl(lists.groups, lists.target)
    if np.isfinite(ndkl):
        found["ndkl_pooled"] = influence_values(ndkl, pooled_ndkl_slopes(lists.groups, lists.target))
    return found


def _distinct_pairs(lists: Shown, bought: pd.DataFrame) -> np.ndarray:
    """What the users of the lists bought of the catalogue, each pair once, ascending: row of the user * I + item."""
    row = pd.Index(lists.users).get_indexer(bought[USER])
    item = bought[ITEM].to_numpy(dtype=np.int64)
    inside = (row >= 0) & (item < lists.n_items)
    return np.sort(pd.unique(row[inside].astype(np.int64) * lists.n_items + item[inside]))


def _listed_among(lists: Shown, pairs: np.ndarray) -> np.ndarray:
    """Which places hold an item of these pairs (ascending) of their user, bool (U, k)."""
    listed = np.arange(len(lists.items))[:, None] * lists.n_items + lists.items
    if not len(pairs):
        return np.zeros(listed.shape, bool)
    at = np.minimum(np.searchsorted(pairs, listed), len(pairs) - 1)
    return (pairs[at] == listed) & (lists.items != NOTHING)


@dataclass(frozen=True)
class Answered:
    """Users with lists who bought of the catalogue afterwards, V of them.

    Attributes:
        rows: (V,) which of the users. attended: (V, H) attention on places whose item they bought, full list 1.
        hits, wanted: (V, H) how many such places, and items bought.
        differences: (V, I) share of attention minus share of later purchases, each 1 in all.
        columns: metrics of each user, (V,) each.
    """

    rows: np.ndarray
    attended: np.ndarray
    hits: np.ndarray
    wanted: np.ndarray
    differences: csr_array
    columns: dict[str, np.ndarray]


def answered(lists: Shown, after: pd.DataFrame) -> Answered | None:
    """What users bought afterwards held against their lists; None where fewer than two bought anything."""
    pairs = _distinct_pairs(lists, after)
    of_user, of_item = np.divmod(pairs, lists.n_items)
    rows = np.flatnonzero(np.bincount(of_user, minlength=1))
    if len(rows) < 2:
        return None
    hit = _listed_among(lists, pairs)[rows]
    groups = lists.groups[rows]
    wanted = np.bincount(
        of_user * lists.n_groups + lists.item_groups.codes[of_item],
        minlength=len(lists.items) * lists.n_groups,
    ).reshape(-1, lists.n_groups)[rows]
    differences = _differences(lists, rows, np.searchsorted(rows, of_user), of_item)
    return Answered(
        rows=rows,
        attended=by_group(groups, hit * lists.weights, lists.n_groups),
        hits=by_group(groups, hit.astype(float), lists.n_groups),
        wanted=wanted.astype(float),
        differences=differences,
        columns=_expected_columns(lists, rows, hit, wanted) | {"iaa": inequity_values(differences)},
    )


def _expected_columns(
    lists: Shown, rows: np.ndarray, hit: np.ndarray, wanted: np.ndarray
) -> dict[str, np.ndarray]:
    items, m = lists.items[rows], wanted.sum(axis=1)
    single = expected_exposure(items, hit, lists.weights, m, lists.n_items)
    target = group_target_exposure(lists.weights, wanted, lists.item_groups.sizes)
    seen = exposure(lists.groups[rows], lists.weights, lists.n_groups)
    grouped = group_expected_exposure(seen, target)
    off = seen.mean(axis=0) - target.mean(axis=0)
    pooled = float(group_expected_exposure(seen.mean(axis=0), target.mean(axis=0)).loss)
    return {
        "ee_l_items_user": single.loss,
        "ee_d_items_user": single.disparity,
        "ee_r_items_user": single.relevance,
        "ee_l_groups_user": grouped.loss,
        "ee_d_groups_user": grouped.disparity,
        "ee_r_groups_user": grouped.relevance,
        "ee_l_groups_pooled": influence_values(pooled, 2 * (seen - target) @ off),
    }


def _differences(lists: Shown, rows: np.ndarray, of_user: np.ndarray, of_item: np.ndarray) -> csr_array:
    """Share of attention minus share of later purchases of each item, (V, I).

    Args:
        of_user, of_item: pairs of a user (position in `rows`) and an item bought.
    """
    items = lists.items[rows]
    user, place = np.nonzero(items != NOTHING)
    amount = place_shares(items, lists.weights)[user, place]
    relevance = (1 / np.bincount(of_user))[of_user]
    cells = np.concatenate([user, of_user]), np.concatenate([items[user, place], of_item])
    return csr_array((np.concatenate([amount, -relevance]), cells), shape=(len(rows), lists.n_items))


def could_be_listed(lists: Shown, before: pd.DataFrame | None) -> np.ndarray:
    """Items of each group that each user's list could hold, (U, H).

    All of the catalogue, less what the user bought before if no list holds any such item: then lists leave it out.
    """
    every = np.tile(lists.item_groups.sizes.astype(float), (len(lists.users), 1))
    if before is None:
        return every
    pairs = _distinct_pairs(lists, before)
    if _listed_among(lists, pairs).any():
        return every
    of_user, of_item = np.divmod(pairs, lists.n_items)
    np.subtract.at(every, (of_user, lists.item_groups.codes[of_item]), 1)
    return every


def lift_contributions(lists: Shown, bought: Bought, popularity: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Of users who bought before: rows (V,), and mean popularity of list and profile (V, 2)."""
    before = bought.before[bought.before[ITEM] < lists.n_items]
    had = profile_popularity(lists.users, before[USER].to_numpy(), before[ITEM].to_numpy(), popularity)
    rows = np.flatnonzero(np.isfinite(had))
    return rows, np.column_stack([average_popularity(lists.items, popularity), had])[rows]
