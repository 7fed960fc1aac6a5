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


def _shares(
    lines: pd.DataFrame, codes: np.ndarray, labels: np.ndarray, n_labels: int, weights: np.ndarray
) -> np.ndarray:
    places = pd.Index(codes).get_indexer(lines[USER])
    known = places >= 0
    cells = places[known] * n_labels + labels[lines[ITEM].to_numpy()[known]]
    totals = np.bincount(cells, weights[known], minlength=len(codes) * n_labels).reshape(len(codes), n_labels)
    whole = totals.sum(axis=1, keepdims=True)
    return np.divide(totals, whole, out=np.full_like(totals, np.nan), where=whole > 0)
