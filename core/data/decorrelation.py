"""User attributes without what is linear in protected ones."""

import numpy as np
import pandas as pd

from core.data.content import category_codes


def one_hot(users: pd.DataFrame, names: list[str]) -> np.ndarray:
    """One column per known value of each attribute, float64 (n_users, F); Unknown is all zeros."""
    parts = [np.zeros((len(users), 0))]
    for name in names:
        codes = category_codes(users[name])
        parts.append((codes[:, None] == np.arange(1, codes.max(initial=0) + 1)).astype(float))
    return np.hstack(parts)


def decorrelated(values: np.ndarray, protected: np.ndarray) -> np.ndarray | None:
    """What values (n_users, F) say beyond protected attributes (n_users, P), float32 (n_users, F); None without any.

    The residuals of a least-squares fit on the protected attributes, mean added back (fairlearn's
    CorrelationRemover): no linear model can find the protected attributes in them, other models may.
    """
    from fairlearn.preprocessing import CorrelationRemover  # takes a second to import

    if not values.shape[1]:
        return None
    if protected.shape[1]:
        remover = CorrelationRemover(sensitive_feature_ids=list(range(protected.shape[1])))
        values = remover.fit_transform(np.hstack([protected, values]))
    return np.ascontiguousarray(values, np.float32)
