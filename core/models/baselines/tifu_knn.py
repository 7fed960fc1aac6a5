"""TIFU-KNN: what a user and similar users take again and again, counted with decay."""

import numpy as np
import scipy.sparse as sp
import torch

from core.data.inputs import ModelInputs
from core.models.baselines.counts import popular_share
from core.models.baselines.lists import Scorer

# The paper's choice for the supermarkets of Ta-Feng, on validation also the best for Complete Journey (NDCG@10 .4055;
# the choices for Instacart .4012 and for another set of dunnhumby .3635, further ones at most .4035).
GROUPS, WITHIN, BETWEEN, NEIGHBOURS, OWN = 7, 0.9, 0.7, 300, 0.7
POOL = 10_000  # users among whom neighbours are looked for, so that time and memory grow with the users only


def tifu_knn(inputs: ModelInputs) -> Scorer:
    """Every user gets OWN of the own decayed frequency and the rest of the mean of the nearest users'.

    A user's baskets are cut into GROUPS of like size in time order. Within a group of k, basket j counts
    WITHIN^(k - j) / k; of m groups, group i counts BETWEEN^(m - i) / m. Neighbours are the NEIGHBOURS users at the
    smallest Euclidean distance. Hu et al., Modeling personalized item frequency information for next-basket
    recommendation, SIGIR 2020, equations 1 to 4. Users without history get the mean of everybody, and nobody
    has them for a neighbour. Of more users than POOL every second, third, ... can be a neighbour.
    """
    frequency = decayed_frequency(inputs)
    known = np.flatnonzero(np.diff(frequency.indptr))
    known = known[:: -(-len(known) // POOL) or 1]
    others, place = frequency[known], np.full(inputs.n_users, -1)
    place[known] = np.arange(len(known))
    squares = np.asarray(others.multiply(others).sum(axis=1)).ravel()
    by_item, popular = others.T.tocsr(), 1e-6 * popular_share(inputs)  # which only breaks ties

    def score(users: np.ndarray) -> np.ndarray:
        own = frequency[users].toarray()
        distances = squares[:, None] - 2 * (others @ own.T)  # (V, B), the square of the own norm left out
        pooled = np.flatnonzero(place[users] >= 0)
        distances[place[users][pooled], pooled] = np.inf  # nobody is the own neighbour
        around = (by_item @ _shares(distances, np.diff(frequency.indptr)[users])).T
        return OWN * own + (1 - OWN) * around + popular

    return score


def decayed_frequency(inputs: ModelInputs) -> sp.csr_array:
    """How often each user took each item, earlier baskets counting less, float32 (n_users, n_items)."""
    history = inputs.history
    _, first, basket_of_line = np.unique(history.baskets, return_index=True, return_inverse=True)
    users = history.users[first]
    order = np.lexsort((first, users))  # baskets of each user in time order
    weights = np.empty(len(first))
    weights[order] = _weights(np.bincount(users, minlength=inputs.n_users))
    pairs = np.unique(basket_of_line * np.int64(inputs.n_items) + history.items)
    baskets, items = np.divmod(pairs, max(inputs.n_items, 1))
    shape = (inputs.n_users, inputs.n_items)
    taken = sp.csr_array((weights[baskets].astype(np.float32), (users[baskets], items)), shape=shape)
    taken.sum_duplicates()
    return taken


def _weights(baskets: np.ndarray) -> np.ndarray:
    """What each basket counts, for users with so many baskets, in the order of user and time.

    Groups of one user differ by at most one basket; the later ones are the larger.
    """
    n = np.repeat(baskets, baskets)
    since = np.repeat(np.cumsum(baskets), baskets) - 1 - np.arange(len(n))  # baskets that came later
    groups = np.minimum(n, GROUPS)
    small, larger = np.divmod(n, np.maximum(groups, 1))
    later = larger * (small + 1)  # baskets in the larger groups
    large = since < later
    size = np.where(large, small + 1, small)
    rest = np.where(large, since, since - later)
    group = np.where(large, 0, larger) + rest // np.maximum(size, 1)
    return WITHIN ** (rest % np.maximum(size, 1)) / size * BETWEEN**group / groups


def _shares(distances: np.ndarray, own_items: np.ndarray) -> np.ndarray:
    """What each other user contributes to each asked user's mean, float32 (V, B).

    Args:
        distances: (V, B), infinite from a user to itself.
        own_items: (B,), items that the asked users have; without any, everybody counts.
    """
    found = torch.from_numpy(distances).topk(min(NEIGHBOURS, len(distances)), dim=0, largest=False)
    others = found.values.isfinite().float()  # (k, B)
    share = others / others.sum(dim=0).clamp(min=1)
    shares = torch.zeros(distances.shape).scatter_(0, found.indices, share).numpy()
    shares[:, own_items == 0] = 1 / max(len(distances), 1)
    return shares
