"""Groups for shops that name no attributes of their users: by how much each had bought before anything is judged."""

import numpy as np
import pandas as pd

from core.data.purchases import purchases
from core.data.splits import TRAIN
from core.schema.tables import PURCHASES_SO_FAR, SPLIT, USER

NOTE = (
    "These data name no user attributes that could make groups, so users are grouped by how many purchases they had made "
    "before the validation window. No model reads that as an attribute."
)


def purchases_so_far(events: pd.DataFrame, *, n_users: int) -> pd.Series:
    """Purchases of each user in the training window, int64 (n_users,); nothing of what is judged later enters.

    How active users are is what user-oriented fairness divides them by: Li et al., User-oriented Fairness in
    Recommendation, WWW 2021, section 3.
    """
    learnt_from = purchases(events) & (events[SPLIT] == TRAIN)
    counts = np.bincount(events.loc[learnt_from, USER], minlength=n_users)
    return pd.Series(counts, name=PURCHASES_SO_FAR)
