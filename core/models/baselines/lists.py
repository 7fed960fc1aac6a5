"""From the scores of a baseline to everybody's list."""

from collections.abc import Callable

import numpy as np
import pandas as pd
import torch

from core.data.inputs import ModelInputs
from core.models.baselines.counts import repeat_share, user_items
from core.models.task import REPEATS_MATTER
from core.schema.tables import ITEM, RANK, SCORE, USER

BATCH = 512  # users scored at a time: the scores of one batch fit into memory, those of all users need not

Scorer = Callable[[np.ndarray], np.ndarray]  # user codes (B,) -> scores (B, n_items)


def ranked(score: Scorer, inputs: ModelInputs, *, k: int, exclude_seen: bool | None = None) -> pd.DataFrame:
    """Top k of every user: `user`, `item` (int32), `rank` (int16), `score` (float32).

    Args:
        exclude_seen: leave out what a user had before; lists are then shorter than k where the rest of the
            catalogue is. Unset: where hardly any purchase repeats an earlier one, as the model does.
    """
    seen = user_items(inputs)
    exclude = repeat_share(seen) < REPEATS_MATTER if exclude_seen is None else exclude_seen
    k = min(k, inputs.n_items)
    parts = []
    for start in range(0, inputs.n_users, BATCH):
        users = np.arange(start, min(start + BATCH, inputs.n_users))
        values = score(users)
        if exclude:
            values = np.array(values, dtype=float)
            values[seen[users].nonzero()] = -np.inf
        parts.append(best(values, k))
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


def best(scores: np.ndarray, k: int) -> tuple[np.ndarray, np.ndarray]:
    """Codes and scores of the k best of each row, best first; ties by code."""
    found = np.sort(torch.from_numpy(np.array(scores)).topk(k, dim=1).indices.numpy(), axis=1)
    values = np.take_along_axis(scores, found, axis=1)
    order = np.argsort(-values, axis=1, kind="stable")
    return np.take_along_axis(found, order, axis=1), np.take_along_axis(values, order, axis=1)
