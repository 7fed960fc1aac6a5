"""What everybody takes most often, and what each user takes most often."""

import numpy as np
import scipy.sparse as sp

from core.data.inputs import ModelInputs
from core.models.baselines.counts import popular_share, user_items
from core.models.baselines.lists import Scorer


def popularity(inputs: ModelInputs) -> Scorer:
    """Every user gets the items that are bought most often, by number of purchase lines."""
    counts = np.bincount(inputs.history.items, minlength=inputs.n_items).astype(np.float32)
    return lambda users: np.broadcast_to(counts, (len(users), inputs.n_items))


def p_topfreq(inputs: ModelInputs) -> Scorer:
    """Every user gets the own most frequent items; ties by recency, then by popularity, which also fills up.

    Known as P-TopFreq in next-basket recommendation (Li et al., A next basket recommendation reality check,
    TOIS 2023), where it beats many neural models.
    """
    counts, latest, popular = user_items(inputs), _latest(inputs), popular_share(inputs)

    def score(users: np.ndarray) -> np.ndarray:
        # Counts differ by at least 1, recency stays below 0.9, popularity below the step of recency in an hour.
        return counts[users].toarray() + 0.9 * latest[users].toarray() + 1e-4 * popular

    return score


def _latest(inputs: ModelInputs) -> sp.csr_array:
    """When each user last took each item, from 0 (start of the data) to 1 (now)."""
    history = inputs.history
    order = np.lexsort((history.times, history.items, history.users))
    users, items, times = history.users[order], history.items[order], history.times[order]
    pair = users.astype(np.int64) * inputs.n_items + items
    last = np.flatnonzero(np.append(pair[1:] != pair[:-1], True)) if len(pair) else np.zeros(0, int)
    start = history.times.min(initial=inputs.at)
    share = (times[last] - start) / max(inputs.at - start, 1)
    return sp.csr_array((share, (users[last], items[last])), shape=(inputs.n_users, inputs.n_items))
