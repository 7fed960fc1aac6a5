"""What counts as a purchase: what is learnt from, recommended and judged by."""

import pandas as pd

from core.schema.tables import EVENT, PURCHASE


def purchases(events: pd.DataFrame) -> pd.Series:
    """Which events count, bool (E,): the purchases, and in data without any (views or ratings only) every event.

    Args:
        events: with `event`; those of all splits, since the answer depends on whether there is any purchase.
    """
    purchased = events[EVENT] == PURCHASE
    return purchased if purchased.any() else ~purchased
