"""EASE: the linear model in closed form that beats many deep ones where people do not repeat."""

import numpy as np
import scipy.sparse as sp
import torch
from torch import Tensor

from core.data.inputs import ModelInputs
from core.models.baselines.counts import popular_share, user_items
from core.models.baselines.lists import BATCH, Scorer

# The inverse takes n^3 operations and 8 n^2 bytes: up to 12,500 items (1.3 GB, 20 to 40 seconds on two cores) the
# whole catalogue; of a larger one the most taken items (0.3 GB, 3 seconds), the others after them by popularity.
WHOLE, MOST_TAKEN = 12_500, 6_000


def ease(inputs: ModelInputs) -> Scorer:
    """Every user gets the items that the others of the user predict best, by ridge regression.

    B = argmin |X - X B|^2 + L2 |B|^2 with a zero diagonal: with P = (X'X + L2 I)^-1, B_ij = -P_ij / P_jj, and
    score(u) = x_u B. Steck, Embarrassingly shallow autoencoders for sparse data, WWW 2019, equations 5 to 8. X
    holds log2(1 + count), which is 1 for an item taken once. L2 is the mean of the diagonal of X'X: 289 on
    MovieLens-1M and 15 on Beauty, of the five to six values tried on validation nowhere .0022 in NDCG@10 from
    the best.
    """
    counts = user_items(inputs)
    kept = _kept(counts)
    taken = counts[:, kept]
    taken.data = np.log2(1 + taken.data)
    weights, popular = _weights(_gram(taken)).numpy(), popular_share(inputs).astype(np.float32)

    def score(users: np.ndarray) -> np.ndarray:
        found = taken[users] @ weights + 1e-6 * popular[kept]  # popularity only breaks ties
        scores = found.min(axis=1, keepdims=True) - 2 + popular  # those left out come after all others
        scores[:, kept] = found
        return scores

    return score


def _kept(counts: sp.csr_array) -> np.ndarray:
    """Codes of the items that the model knows, ascending."""
    n_items = counts.shape[1]
    if n_items <= WHOLE:
        return np.arange(n_items)
    takers = np.bincount(counts.indices, minlength=n_items)
    return np.sort(np.argsort(-takers, kind="stable")[:MOST_TAKEN])


def _gram(taken: sp.csr_array) -> Tensor:
    """X'X, float32 (n, n), written a block of items at a time."""
    by_item = taken.T.tocsr()
    gram = torch.empty(2 * [taken.shape[1]])
    for start in range(0, len(gram), BATCH):
        gram[start : start + BATCH] = torch.from_numpy((by_item[start : start + BATCH] @ taken).toarray())
    return gram


def _weights(gram: Tensor) -> Tensor:
    """B from X'X, which is overwritten."""
    diagonal = gram.diagonal()
    diagonal += max(float(diagonal.mean()), 1.0) if len(gram) else 0.0
    inverse = torch.cholesky_inverse(torch.linalg.cholesky(gram), out=gram)
    inverse /= -inverse.diagonal().clone()
    return inverse.fill_diagonal_(0)
