"""Lists as tables (`user`, `item`, `rank`) and as a matrix (users x k)."""

import numpy as np
import pandas as pd

from core.metrics import NOTHING
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
