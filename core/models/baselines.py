"""The simple rules that a trained model must beat, as strong as they can honestly be made."""

from collections.abc import Callable

import numpy as np
import pandas as pd
import scipy.sparse as sp
import torch

from core.data.inputs import ModelInputs
from core.schema.tables import ITEM, RANK, SCORE, USER

BATCH = 512  # users scored at a time: the scores of one batch fit into memory, those of all users need not
NEIGHBOURS = (
    5  # of each item, itself included; chosen on validation from 5, 20, 100 (1 is the own history again)
)

Scorer = Callable[[np.ndarray], np.ndarray]  # user codes (B,) -> scores (B, n_items)


def popularity(inputs: ModelInputs) -> Scorer:
    """Every user gets the items that are bought most often, by number of purchase lines."""
    counts = np.bincount(inputs.history.items, minlength=inputs.n_items).astype(np.float32)
    return lambda users: np.broadcast_to(counts, (len(users), inputs.n_items))


def p_topfreq(inputs: ModelInputs) -> Scorer:
    """Every user gets the own most frequent items; ties by recency, then by popularity, which also fills up.

    Known as P-TopFreq in next-basket recommendation (Li et al., A next basket recommendation reality check,
    TOIS 2023), where it beats many neural models.
    """
    counts = _user_items(inputs)
    latest = _latest(inputs)
    popular = _unit(np.bincount(inputs.history.items, minlength=inputs.n_items))

    def score(users: np.ndarray) -> np.ndarray:
        # Counts differ by at least 1, recency stays below 0.9, popularity below the step of recency in an hour.
        return counts[users].toarray() + 0.9 * latest[users].toarray() + 1e-4 * popular

    return score


def item_knn(inputs: ModelInputs) -> Scorer:
    """Every user gets the items most like those bought, weighted by how often those were bought.

    score(u, i) = sum_j log(1 + n_uj) cos(i, j) over the NEIGHBOURS items i most like j, the item itself among
    them; cos between the columns of log(1 + counts). Sarwar et al., Item-based collaborative filtering, WWW 2001.
    """
    counts = _user_items(inputs).log1p()
    norms = np.sqrt(np.asarray(counts.multiply(counts).sum(axis=0)).ravel())
    unit = (counts @ sp.diags_array(1 / np.maximum(norms, 1e-9))).tocsr()
    neighbours = _neighbours(unit)
    return lambda users: (counts[users] @ neighbours).toarray()


BASELINES: dict[str, Callable[[ModelInputs], Scorer]] = {
    "popularity": popularity,
    "p_topfreq": p_topfreq,
    "item_knn": item_knn,
}


def baseline_candidates(name: str, inputs: ModelInputs, *, k: int) -> pd.DataFrame:
    """Top k of every user by a baseline: `user`, `item` (int32), `rank` (int16), `score` (float32)."""
    score = BASELINES[name](inputs)
    k = min(k, inputs.n_items)
    parts = []
    for start in range(0, inputs.n_users, BATCH):
        users = np.arange(start, min(start + BATCH, inputs.n_users))
        parts.append(_best(score(users), k))
    items, scores = (np.concatenate(part) for part in zip(*parts, strict=True))
    return pd.DataFrame(
        {
            USER: np.repeat(np.arange(inputs.n_users, dtype=np.int32), k),
            ITEM: items.ravel().astype(np.int32),
            RANK: np.tile(np.arange(1, k + 1, dtype=np.int16), inputs.n_users),
            SCORE: scores.ravel().astype(np.float32),
        }
    )


def _best(scores: np.ndarray, k: int) -> tuple[np.ndarray, np.ndarray]:
    """Codes and scores of the k best of each row, (B, k) each, best first."""
    values, items = torch.from_numpy(np.ascontiguousarray(scores)).topk(k, dim=1)
    return items.numpy(), values.numpy()


def _user_items(inputs: ModelInputs) -> sp.csr_array:
    """How often each user took each item, (n_users, n_items)."""
    history = inputs.history
    ones = np.ones(len(history.items), dtype=np.float32)
    return sp.csr_array((ones, (history.users, history.items)), shape=(inputs.n_users, inputs.n_items))


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


def _unit(counts: np.ndarray) -> np.ndarray:
    return counts / max(counts.max(initial=0), 1)


def _neighbours(unit: sp.csr_array) -> sp.csr_array:
    """Each item's most similar items with their cosine, (n_items, n_items); computed a block of items at a time."""
    n_items = unit.shape[1]
    transposed = unit.T.tocsr()
    blocks = []
    for start in range(0, n_items, BATCH):
        block = (transposed[start : start + BATCH] @ unit).toarray()
        items, cosines = _best(block, min(NEIGHBOURS, n_items))
        rows = np.repeat(np.arange(len(block)), items.shape[1])
        blocks.append(sp.csr_array((cosines.ravel(), (rows, items.ravel())), shape=block.shape))
    return sp.vstack(blocks, format="csr")
