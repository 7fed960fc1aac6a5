"""What each user is shown and had before, as shares of categories of items."""

import numpy as np
import pandas as pd

from core.schema.tables import ITEM, RANK, USER


def shares_shown(
    lists: pd.DataFrame, codes: np.ndarray, labels: np.ndarray, *, n_labels: int, weights: np.ndarray
) -> np.ndarray:
    """Share of each user's attention that each category of items gets, (U, C); rows sum to 1.

    Args:
        lists: `user`, `item`, `rank` (1 is the top); ranks beyond the weights and other users are ignored.
        codes: (U,) user codes. labels: (I,) category of each item, 0..C-1. weights: (k,) attention by rank.

    Returns:
        A user without a list has NaN.
    """
    kept = lists[(lists[RANK] >= 1) & (lists[RANK] <= len(weights))]
    return _shares(kept, codes, labels, n_labels, weights[kept[RANK].to_numpy() - 1])


def shares_had(history: pd.DataFrame, codes: np.ndarray, labels: np.ndarray, *, n_labels: int) -> np.ndarray:
    """Share of each category in each user's history, every line counting once, (U, C); NaN without a history.

    Args:
        history: `user`, `item` of the training window.
    """
    return _shares(history, codes, labels, n_labels, np.ones(len(history)))


def largest(shares: np.ndarray, most: int) -> np.ndarray:
    """The categories with the largest shares over all users, ascending: all of them, or `most` less one for the others.

    They are the same for all groups, so that groups that are alike stay alike.
    """
    n_labels = shares.shape[1]
    if n_labels <= most:
        return np.arange(n_labels)
    return np.sort(np.argsort(-np.nansum(shares, axis=0), kind="stable")[: most - 1])


def with_others(shares: np.ndarray, kept: np.ndarray) -> np.ndarray:
    """Shares of the kept categories, and of all others together where there are any, (U, C) -> (U, K or K + 1)."""
    others = np.setdiff1d(np.arange(shares.shape[1]), kept)
    found = shares[:, kept]
    return np.column_stack([found, shares[:, others].sum(axis=1)]) if len(others) else found


def _shares(
    lines: pd.DataFrame, codes: np.ndarray, labels: np.ndarray, n_labels: int, weights: np.ndarray
) -> np.ndarray:
    places = pd.Index(codes).get_indexer(lines[USER])
    known = places >= 0
    cells = places[known] * n_labels + labels[lines[ITEM].to_numpy()[known]]
    counts = np.bincount(cells, weights[known], minlength=len(codes) * n_labels)
    totals = counts.astype(float).reshape(len(codes), n_labels)  # of nothing, they would be whole numbers
    whole = totals.sum(axis=1, keepdims=True)
    return np.divide(totals, whole, out=np.full_like(totals, np.nan), where=whole > 0)
