"""What data sets of item sequences share: a place in each user's order instead of a time."""

import numpy as np
import pandas as pd

from core.errors import TableError

# How published benchmarks judge: every item of the data set is ranked, the last of each user is the answer.
ALL_ITEMS = {"split": "leave_one_out", "minimum_item_users": 0, "minimum_user_events": 1}
ONLY_AN_ORDER = {"timing": "events.timestamp with real times; these are only an order"}
LAST_DAY = np.datetime64("2020-01-01", "us")


def times_in_order(users: pd.Series, positions: pd.Series, *, source: str, column: str) -> pd.Series:
    """A day for each place in a user's order, counted back from one last day that all users share.

    So everybody's last item lies on the same day, as does the one before, and so many days ago means so many
    items ago for each user, however long the history.

    Args:
        users: ids of users (E,).
        positions: numbers (E,) that rise in time within a user.
        source, column: named in the error.

    Raises:
        TableError: two items of a user have the same position.
    """
    codes = pd.factorize(users)[0]
    order = np.lexsort([positions, codes])
    mine, place = codes[order], positions.to_numpy()[order]
    same = (mine[1:] == mine[:-1]) & (place[1:] == place[:-1])
    if same.any():
        rows = np.sort(order[1:][same]) + 1
        raise TableError("stands twice for the same user", source=source, column=column, rows=rows.tolist())
    lengths = np.bincount(mine)
    from_last = np.repeat(np.cumsum(lengths), lengths) - 1 - np.arange(len(mine))
    days = np.empty(len(order), np.int64)
    days[order] = from_last
    return pd.Series(LAST_DAY - days.astype("timedelta64[D]"), index=users.index, dtype="datetime64[us]")
