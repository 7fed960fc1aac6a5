"""Lists as tables (`user`, `item`, `rank`) and as a matrix (users x k)."""

from collections.abc import Sequence

import numpy as np
import pandas as pd

from core.data.inputs import Positives
from core.metrics import NOTHING, per_user_metrics
from core.schema.tables import ITEM, RANK, USER


def top_k(lists: pd.DataFrame, *, n_users: int, k: int) -> np.ndarray:
    """The first k of every list, int32 (n_users, k); NOTHING where a list is short or a user has none.

    Args:
        lists: `user`, `item`, `rank` (1 is the top) in any order. Ranks with gaps keep their order.
    """
    ordered = lists.sort_values([USER, RANK], kind="stable")
    users = ordered[USER].to_numpy()
    place = np.arange(len(users)) - np.searchsorted(users, users)  # position within the user's list
    kept = place < k
    ranked = np.full((n_users, k), NOTHING, dtype=np.int32)
    ranked[users[kept], place[kept]] = ordered[ITEM].to_numpy()[kept]
    return ranked


def accuracy(lists: pd.DataFrame, wanted: Positives, *, ks: Sequence[int]) -> pd.DataFrame:
    """Ranking metrics of every user with positives: columns `user` and metric@k (see core.metrics)."""
    ranked = top_k(lists, n_users=len(wanted.offsets) - 1, k=max(ks))
    return per_user_metrics(ranked, wanted.offsets, wanted.items, ks).reset_index()
