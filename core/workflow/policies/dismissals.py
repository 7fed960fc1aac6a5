"""What was dismissed by now, also since the lists' candidates were made: no published list may hold it."""

import numpy as np
import pandas as pd

from core.data.dataset import table
from core.data.feedback.joining import together
from core.data.feedback.keeping import apart, feedback_of, ids_of, rows_of
from core.data.feedback.rules import IMPRESSIONS
from core.data.purchases import purchases
from core.data.reactions import Dismissed, dismissed
from core.schema.documents import Dataset
from core.schema.tables import DISMISSED, EVENT, ITEM, ITEM_ID, PURCHASED, TIMESTAMP, USER, USER_ID
from core.store.workspace import Workspace


def dismissed_by_now(workspace: Workspace, dataset: Dataset) -> Dismissed | None:
    """Pairs that customers dismissed and have not bought since, and that analysts flagged; None where there are none.

    All feedback of the line counts, whatever window it falls into: this is for lists that are shown, not for judging a model.
    """
    n_items = dataset.counts["catalogue"]
    users, items = ids_of(workspace, dataset)
    customers, analysts = (
        _coded(rows_of(workspace, side, IMPRESSIONS), users, items)
        for side in apart(feedback_of(workspace, dataset))
    )
    shown = [together(customers)]
    if IMPRESSIONS in dataset.tables:
        shown.append(table(workspace, dataset, IMPRESSIONS))
    shown = pd.concat(shown, ignore_index=True)
    if DISMISSED not in shown and analysts.empty:
        return None
    shown = shown[shown[ITEM].between(0, n_items - 1)]
    events = table(workspace, dataset, "events", [USER, ITEM, EVENT, TIMESTAMP])
    bought = events[purchases(events)]
    if PURCHASED in shown:
        bought = pd.concat([bought, shown[shown[PURCHASED].fillna(False).astype(bool)]], ignore_index=True)
    bought = bought[bought[ITEM] < n_items]
    return dismissed(shown, bought, None if analysts.empty else analysts, n_items=n_items)


def without_dismissed(rows: pd.DataFrame, gone: Dismissed, *, n_items: int) -> pd.DataFrame:
    """Rows of `user` and `item` but for dismissed pairs, in the same order."""
    pairs = rows[USER].to_numpy(np.int64) * n_items + rows[ITEM].to_numpy(np.int64)
    return rows[~np.isin(pairs, gone.users * n_items + gone.items)]


def _coded(rows: pd.DataFrame, users: pd.Index, items: pd.Index) -> pd.DataFrame:
    """Rows of feedback with codes beside ids, those alone whose user and item these data have."""
    coded = rows.assign(**{USER: users.get_indexer(rows[USER_ID]), ITEM: items.get_indexer(rows[ITEM_ID])})
    return coded[(coded[USER] >= 0) & (coded[ITEM] >= 0)].reset_index(drop=True)
