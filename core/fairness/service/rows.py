"""Rows of orders and reviews by which service is judged, brought to sums of users."""

import numpy as np
import pandas as pd

from core.data.splits import TEST
from core.schema.tables import OUTCOME, SPLIT, UNBIASED


def judged_rows(predictions: pd.DataFrame, outcome: str) -> pd.DataFrame:
    """The rows of one outcome by which the model is judged: of the test split, and of an unbiased sample.

    Args:
        predictions: the table `service_predictions` of a run. Olist's orders are put together from samples, one of
            which holds far too many bad ones; `unbiased` marks those drawn at random.
    """
    kept = (predictions[OUTCOME] == outcome) & (predictions[SPLIT] == TEST) & predictions[UNBIASED]
    return predictions[kept].reset_index(drop=True)


def user_sums(users: np.ndarray, columns: np.ndarray, codes: np.ndarray) -> np.ndarray:
    """Sums over the rows of each user, (U, C); NaN for a user without rows.

    Args:
        users: (N,) user codes, others than those of `codes` are ignored. columns: (N, C). codes: (U,).
    """
    places = pd.Index(codes).get_indexer(users)
    kept = places >= 0
    sums = [np.bincount(places[kept], column[kept], len(codes)) for column in columns.T]
    there = np.bincount(places[kept], minlength=len(codes)) > 0
    return np.where(there[:, None], np.column_stack(sums), np.nan)
