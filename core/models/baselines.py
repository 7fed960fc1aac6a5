"""The simple rules that a trained model must beat, as strong as they can honestly be made."""

from collections.abc import Callable

import numpy as np
import pandas as pd
import scipy.sparse as sp
import torch

from core.data.inputs import ModelInputs
from core.models.task import REPEATS_MATTER
from core.schema.tables import ITEM, RANK, SCORE, USER

BATCH = 512  # users scored at a time: the scores of one batch fit into memory, those of all users need not
# Items most like each item, itself included. Where people repeat: chosen on validation from 2, 5, 20 and 100,
# for the own history dominates (1 would be nothing else). Where they do not: the usual 100.
NEIGHBOURS, NEIGHBOURS_WITHOUT_REPEATS = 2, 100

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
    """Every user gets the items whose nearest items the user bought most often.

    score(u, i) = sum_j n_uj cos(i, j) over the NEIGHBOURS items j most like i, i itself among them; cos between
    the columns of the counts n. Sarwar et al., Item-based collaborative filtering, WWW 2001. Cosine of counts
    and votes by count were best on validation among counts, their logarithm and mere presence.
    """
    counts = _user_items(inputs)
    norms = np.sqrt(np.asarray(counts.multiply(counts).sum(axis=0)).ravel())
    unit = (counts @ sp.diags_array(1 / np.maximum(norms, 1e-9))).tocsr()
    k = NEIGHBOURS if _repeat_share(counts) >= REPEATS_MATTER else NEIGHBOURS_WITHOUT_REPEATS
    votes = _neighbours(unit, k).T.tocsr()
    return lambda users: (counts[users] @ votes).toarray()


BASELINES: dict[str, Callable[[ModelInputs], Scorer]] = {
    "popularity": popularity,
    "p_topfreq": p_topfreq,
    "item_knn": item_knn,
}


def baseline_candidates(name: str, inputs: ModelInputs, *, k: int) -> pd.DataFrame:
    """Top k of every user by a baseline: `user`, `item` (int32), `rank` (int16), `score` (float32).

    Where hardly any purchase repeats an earlier one, what a user had before is left out, as the model does; lists
    are then shorter than k where the rest of the catalogue is.
    """
    score, seen = BASELINES[name](inputs), _user_items(inputs)
    exclude = _repeat_share(seen) < REPEATS_MATTER
    k = min(k, inputs.n_items)
    parts = []
    for start in range(0, inputs.n_users, BATCH):
        users = np.arange(start, min(start + BATCH, inputs.n_users))
        values = score(users)
        if exclude:
            values = np.array(values, dtype=float)
            values[seen[users].nonzero()] = -np.inf
        parts.append(_best(values, k))
    items, scores = (np.concatenate(part) for part in zip(*parts, strict=True))
    lists = pd.DataFrame(
        {
            USER: np.repeat(np.arange(inputs.n_users, dtype=np.int32), k),
            ITEM: items.ravel().astype(np.int32),
            RANK: np.tile(np.arange(1, k + 1, dtype=np.int16), inputs.n_users),
            SCORE: scores.ravel().astype(np.float32),
        }
    )
    return lists[np.isfinite(lists[SCORE])].reset_index(drop=True) if exclude else lists


def _best(scores: np.ndarray, k: int) -> tuple[np.ndarray, np.ndarray]:
    """Codes and scores of the k best of each row, best first; ties by code."""
    found = np.sort(torch.from_numpy(np.array(scores)).topk(k, dim=1).indices.numpy(), axis=1)
    values = np.take_along_axis(scores, found, axis=1)
    order = np.argsort(-values, axis=1, kind="stable")
    return np.take_along_axis(found, order, axis=1), np.take_along_axis(values, order, axis=1)


def _repeat_share(counts: sp.csr_array) -> float:
    """Share of events that repeat an earlier item of the same user."""
    return 1 - counts.nnz / max(counts.sum(), 1)


def _user_items(inputs: ModelInputs) -> sp.csr_array:
    """How often each user took each item, (n_users, n_items)."""
    history = inputs.history
    ones = np.ones(len(history.items), dtype=np.float32)
    counts = sp.csr_array((ones, (history.users, history.items)), shape=(inputs.n_users, inputs.n_items))
    counts.sum_duplicates()
    return counts


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


def _neighbours(unit: sp.csr_array, k: int) -> sp.csr_array:
    """Each item's most similar items with their cosine, (n_items, n_items); computed a block of items at a time."""
    n_items = unit.shape[1]
    transposed = unit.T.tocsr()
    blocks = []
    for start in range(0, n_items, BATCH):
        block = (transposed[start : start + BATCH] @ unit).toarray()
        items, cosines = _best(block, min(k, n_items))
        rows = np.repeat(np.arange(len(block)), items.shape[1])
        blocks.append(sp.csr_array((cosines.ravel(), (rows, items.ravel())), shape=block.shape))
    return sp.vstack(blocks, format="csr")
