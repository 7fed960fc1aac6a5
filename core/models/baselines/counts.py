"""How often each user took each item: what every baseline starts from."""

import numpy as np
import scipy.sparse as sp

from core.data.inputs import ModelInputs


def user_items(inputs: ModelInputs) -> sp.csr_array:
    """How often each user took each item, float32 (n_users, n_items)."""
    history = inputs.history
    ones = np.ones(len(history.items), dtype=np.float32)
    counts = sp.csr_array((ones, (history.users, history.items)), shape=(inputs.n_users, inputs.n_items))
    counts.sum_duplicates()
    return counts


def repeat_share(counts: sp.csr_array) -> float:
    """Share of events that repeat an earlier item of the same user."""
    return 1 - counts.nnz / max(counts.sum(), 1)


def popular_share(inputs: ModelInputs) -> np.ndarray:
    """How often each item was taken, as a share of the most taken one, (n_items,)."""
    counts = np.bincount(inputs.history.items, minlength=inputs.n_items)
    return counts / max(counts.max(initial=0), 1)
