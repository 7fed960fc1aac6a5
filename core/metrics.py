"""Ranking metrics of single users. Means, intervals and comparisons come later, in core.fairness."""

from collections.abc import Sequence

import numpy as np
import pandas as pd

NOTHING = -1  # fills up a list that is shorter than the others


def hits(ranked: np.ndarray, offsets: np.ndarray, items: np.ndarray) -> np.ndarray:
    """Which listed items are positives of their user, bool (U, K).

    Args:
        ranked: (U, K) item codes, best first; NOTHING where a list is short.
        offsets, items: positives of user u are `items[offsets[u]:offsets[u + 1]]`.
    """
    n_users = len(ranked)
    width = int(max(ranked.max(initial=0), items.max(initial=0))) + 1
    users = np.repeat(np.arange(n_users, dtype=np.int64), np.diff(offsets))
    wanted = np.append(np.sort(users * width + items), np.iinfo(np.int64).max)
    listed = np.arange(n_users, dtype=np.int64)[:, None] * width + ranked
    return (wanted[np.searchsorted(wanted, listed)] == listed) & (ranked != NOTHING)


def per_user_metrics(
    ranked: np.ndarray, offsets: np.ndarray, items: np.ndarray, ks: Sequence[int]
) -> pd.DataFrame:
    """NDCG@k, Recall@k and MRR@k of every user with positives; users without any have no row.

    With binary relevance and T the user's positives:

        NDCG@k = sum_{r<=k} hit_r / log2(r + 1)  /  sum_{r<=min(k, |T|)} 1 / log2(r + 1)
        Recall@k = hits in the top k / |T|
        MRR@k = 1 / rank of the first hit, 0 if none is in the top k

    All lie in [0, 1]; higher is better. Example: T = {a, b}, list (x, a): NDCG@2 = 0.6309 / 1.6309 = 0.3869,
    Recall@2 = 0.5, MRR@2 = 0.5. Source: Järvelin & Kekäläinen, TOIS 2002 (binary gain, log2 discount).

    Args:
        ranked: (U, K) item codes, best first, K >= max(ks); NOTHING where a list is short.
        offsets, items: positives of user u are `items[offsets[u]:offsets[u + 1]]`, distinct.

    Returns:
        index: user code; columns `ndcg@k`, `recall@k`, `mrr@k` for each k, float64.
    """
    count = np.diff(offsets)  # (U,)
    users = np.flatnonzero(count)
    return metrics_of_hits(hits(ranked, offsets, items)[users], count[users], users, ks)


def metrics_of_hits(hit: np.ndarray, count: np.ndarray, users: np.ndarray, ks: Sequence[int]) -> pd.DataFrame:
    """The same of V users whose hits are known.

    Args:
        hit: bool (V, K). count: (V,) positives of each, at least one. users: (V,) codes.
    """
    discount = 1 / np.log2(np.arange(2, max(hit.shape[1], max(ks)) + 2))  # (K,)
    gained = np.cumsum(hit * discount[: hit.shape[1]], axis=1)  # (V, K)
    ideal = np.cumsum(discount)
    found = np.cumsum(hit, axis=1)
    first = np.where(hit.any(axis=1), hit.argmax(axis=1), hit.shape[1]) + 1  # (V,) rank of the first hit
    columns = {}
    for k in ks:
        columns[f"ndcg@{k}"] = gained[:, k - 1] / ideal[np.minimum(count, k) - 1]
        columns[f"recall@{k}"] = found[:, k - 1] / count
        columns[f"mrr@{k}"] = np.where(first <= k, 1 / first, 0.0) * hit[:, :k].any(axis=1)
    return pd.DataFrame(columns, index=pd.Index(users, name="user"))
