"""The best 200 items of every user: what re-ranking, lists and audits start from."""

from typing import Protocol

import numpy as np
import pandas as pd
import torch

from core.data.inputs import ModelInputs
from core.models.history import index_history
from core.models.rank import rank
from core.models.recommender import AttentionRecommender
from core.models.task import Task
from core.progress import Progress, quiet
from core.schema.settings import LONGEST_LIST
from core.schema.tables import ITEM, RANK, SCORE, USER

STAGE = "Candidates"


class Askable(Protocol):
    """A model with the task that it was trained on and the device that it lies on: trained just now, or transferred."""

    @property
    def model(self) -> AttentionRecommender: ...
    @property
    def task(self) -> Task: ...
    @property
    def device(self) -> str: ...


def candidates(
    trained: Askable, inputs: ModelInputs, *, k: int = LONGEST_LIST, progress: Progress = quiet
) -> pd.DataFrame:
    """The top k of every user of the dataset, given what `inputs` know.

    History up to validation gives lists to tune on; history up to the test window gives lists to report. Users
    without history get the most popular items. Lists are shorter than k where the catalogue ends once
    what a user dismissed is left out, and what a user took before where the model leaves that out.

    Returns:
        `user`, `item` (int32), `rank` (int16, from 1), `score` (float32, comparable within one user), sorted by
        user and rank.
    """
    history = index_history(inputs)
    users = np.arange(inputs.n_users)
    parts, finished = [], 0
    for here, items, scores in rank(
        trained.model,
        history,
        users,
        task=trained.task,
        k=k,
        device=torch.device(trained.device),
        dismissed=inputs.dismissed,
    ):
        parts.append(_rows(here, items, scores))
        finished += len(here)
        progress(STAGE, finished / len(users), f"{finished:,} of {len(users):,} users")
    if not parts:
        parts.append(_rows(users[:0], np.zeros((0, k), np.int32), np.zeros((0, k), np.float32)))
    return pd.concat(parts, ignore_index=True).sort_values([USER, RANK], ignore_index=True)


def _rows(users: np.ndarray, items: np.ndarray, scores: np.ndarray) -> pd.DataFrame:
    """One row per filled place of (b, k) lists."""
    row, place = np.nonzero(np.isfinite(scores))
    return pd.DataFrame(
        {
            USER: users[row].astype(np.int32),
            ITEM: items[row, place],
            RANK: (place + 1).astype(np.int16),
            SCORE: scores[row, place].astype(np.float32),
        }
    )
