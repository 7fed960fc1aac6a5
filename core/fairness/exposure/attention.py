"""Lists as a table of users and places, and the attention that each item group gets in each list."""

from dataclasses import dataclass
from typing import Literal

import numpy as np
import pandas as pd

from core.errors import SettingsError
from core.metrics import NOTHING
from core.schema.tables import ITEM, RANK, USER


@dataclass(frozen=True)
class Attention:
    """How attention falls with the place k = 1, 2, ...

    Attributes:
        model: logarithmic: 1 / log2(k + 1), as in DCG; geometric: gamma^(k - 1), as in rank-biased precision.
        gamma: chance that a reader goes on to the next place; geometric only, in (0, 1).
    """

    model: Literal["logarithmic", "geometric"] = "logarithmic"
    gamma: float = 0.5


@dataclass(frozen=True)
class ListCounts:
    """What was found in the rows of lists; all but the last two count rows that are left out.

    Attributes:
        other_users: of users who are not audited. bad_ranks: ranks that are no whole number from 1 upwards.
        beyond_k: below the last place that counts. outside_catalogue: items that are in no group.
        repeated_items: an item that the user has at a better place. shared_places: places that are taken.
        users_without_list: audited users without any row left. short_lists: users with some, but not k.
    """

    other_users: int = 0
    bad_ranks: int = 0
    beyond_k: int = 0
    outside_catalogue: int = 0
    repeated_items: int = 0
    shared_places: int = 0
    users_without_list: int = 0
    short_lists: int = 0


@dataclass(frozen=True)
class PlacedItems:
    """Attributes: users: (U,) codes of those with a list. items: (U, k) item codes by place, NOTHING where none of the catalogue."""

    users: np.ndarray
    items: np.ndarray
    counts: ListCounts


def position_weights(k: int, attention: Attention | None = None) -> np.ndarray:
    """Weights of places 1..k, (k,), that sum to 1: a full list of k gives attention 1, a shorter one less.

    logarithmic: v_k = 1 / log2(k + 1) (Järvelin & Kekäläinen, TOIS 2002). geometric: v_k = gamma^(k - 1) (Moffat &
    Zobel, TOIS 2008). Example: k = 2, logarithmic: (1, 0.6309) / 1.6309 = (0.6131, 0.3869).

    Raises:
        SettingsError: gamma is not between 0 and 1.
    """
    attention = attention or Attention()
    places = np.arange(1, k + 1)
    if attention.model == "logarithmic":
        weights = 1 / np.log2(places + 1)
    elif 0 < attention.gamma < 1:
        weights = attention.gamma ** (places - 1.0)
    else:
        raise SettingsError(f"gamma is {attention.gamma:g}; it must lie between 0 and 1.")
    return weights / weights.sum()


def place_items(lists: pd.DataFrame, users: np.ndarray, *, k: int, n_catalogue: int) -> PlacedItems:
    """The lists of some users by place; what cannot be placed is counted.

    An item keeps its rank when others are left out: ranks 1, 2, 5 leave places 3 and 4 empty, and so does an item
    outside of the catalogue. Users without any item left are counted and have no row.

    Args:
        lists: `user`, `item`, `rank` (1 is the top). users: (U,) distinct codes of the audited users.
    """
    frame = pd.DataFrame({name: lists[name].to_numpy(dtype=float) for name in (USER, ITEM, RANK)})
    found, dropped = frame, {}
    for name, keep in (
        ("other_users", lambda rows: rows[USER].isin(users)),
        ("bad_ranks", lambda rows: (rows[RANK] >= 1) & (rows[RANK] % 1 == 0)),
        ("beyond_k", lambda rows: rows[RANK] <= k),
        ("outside_catalogue", lambda rows: (rows[ITEM] >= 0) & (rows[ITEM] < n_catalogue)),
        ("repeated_items", lambda rows: ~rows.duplicated([USER, ITEM])),
        ("shared_places", lambda rows: ~rows.duplicated([USER, RANK])),
    ):
        kept = found[keep(found)]
        dropped[name] = len(found) - len(kept)
        found = kept.sort_values([USER, RANK], kind="stable") if name == "outside_catalogue" else kept
    table = np.full((len(users), k), NOTHING, dtype=np.int64)
    rows = pd.Index(users).get_indexer(found[USER].astype(np.int64))
    table[rows, found[RANK].to_numpy(dtype=np.int64) - 1] = found[ITEM].to_numpy(dtype=np.int64)
    length = (table != NOTHING).sum(axis=1)
    counts = ListCounts(
        **dropped,
        users_without_list=int((length == 0).sum()),
        short_lists=int(((length > 0) & (length < k)).sum()),
    )
    return PlacedItems(np.asarray(users)[length > 0], table[length > 0], counts)


def placed_groups(items: np.ndarray, codes: np.ndarray) -> np.ndarray:
    """The item group at each place, (U, k) -> (U, k); NOTHING where there is no item.

    Args:
        codes: (I,) group of each item of the catalogue.
    """
    return np.where(items == NOTHING, NOTHING, codes[items])


def exposure(groups: np.ndarray, weights: np.ndarray, n_groups: int) -> np.ndarray:
    """Attention that each item group gets from each list, float (U, H); a row sums to the weights of its places.

    e_uh = sum_k v_k 1[h(R_uk) = h]. Source: Singh & Joachims, KDD 2018.

    Args:
        groups: (U, k) group at each place. weights: (k,), or (U, k) such as weights of hits alone.
    """
    return by_group(groups, np.broadcast_to(weights, groups.shape), n_groups)


def by_group(groups: np.ndarray, values: np.ndarray, n_groups: int) -> np.ndarray:
    """Sums over the places of each group, (U, k) -> (U, H)."""
    users, places = np.nonzero(groups != NOTHING)
    cells = users * n_groups + groups[users, places]
    sums = np.bincount(cells, weights=values[users, places], minlength=len(groups) * n_groups)
    return sums.reshape(len(groups), n_groups)


def exposure_shares(groups: np.ndarray, weights: np.ndarray, n_groups: int) -> np.ndarray:
    """Each list's attention as shares, float (U, H), rows sum to 1: a short list counts as much as a full one.

    Args:
        groups: (U, k), no row empty.
    """
    found = exposure(groups, weights, n_groups)
    return found / found.sum(axis=1, keepdims=True)


def place_shares(items: np.ndarray, weights: np.ndarray) -> np.ndarray:
    """Share of its list's attention at each place, (U, k), 0 where there is no item; rows sum to 1."""
    filled = np.where(items == NOTHING, 0.0, weights)
    return filled / filled.sum(axis=1, keepdims=True)
