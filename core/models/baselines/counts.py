"""How often each user took each item: what every baseline starts from."""

from collections.abc import Iterator

import numpy as np
import scipy.sparse as sp

from core.data.inputs import ModelInputs

ITEMS_AT_ONCE = 512


def user_items(inputs: ModelInputs) -> sp.csr_array:
    """How often each user took each item, float32 (n_users, n_items)."""
    history = inputs.history
    return count_pairs(history.users, history.items, shape=(inputs.n_users, inputs.n_items))


def count_pairs(users: np.ndarray, items: np.ndarray, *, shape: tuple[int, int]) -> sp.csr_array:
    """How often each user and item (E,) occur together, float32 (n_users, n_items)."""
    counts = sp.csr_array((np.ones(len(items), dtype=np.float32), (users, items)), shape=shape)
    counts.sum_duplicates()
    return counts


def item_cosines(taken: sp.csr_array) -> Iterator[np.ndarray]:
    """Cosine between the columns of `taken` (n_users, n_items), a block (b, n_items) of items at a time."""
    norms = np.sqrt(np.asarray(taken.multiply(taken).sum(axis=0)).ravel())
    unit = (taken @ sp.diags_array(1 / np.maximum(norms, 1e-9))).tocsr()
    transposed = unit.T.tocsr()
    for start in range(0, unit.shape[1], ITEMS_AT_ONCE):
        yield (transposed[start : start + ITEMS_AT_ONCE] @ unit).toarray()


def repeat_share(counts: sp.csr_array) -> float:
    """Share of events that repeat an earlier item of the same user."""
    return 1 - counts.nnz / max(counts.sum(), 1)


def popular_share(inputs: ModelInputs) -> np.ndarray:
    """How often each item was taken, as a share of the most taken one, (n_items,)."""
    counts = np.bincount(inputs.history.items, minlength=inputs.n_items)
    return counts / max(counts.max(initial=0), 1)
