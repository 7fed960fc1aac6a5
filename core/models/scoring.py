"""Dense scores of one batch of moments, and how many of them are asked at once."""

import torch
from torch import Tensor

from core.models.batch import Batch, Past
from core.models.recommender import Answer, AttentionRecommender
from core.models.task import Task
from core.schema.settings import LONGEST_LIST

SCORES_AT_ONCE = 8_000_000  # users x items in memory, 32 MB
USERS_AT_ONCE = 512
CANDIDATES = LONGEST_LIST  # of the first stage that the second one ranks


def scores(answer: Answer, batch: Batch) -> Tensor:
    """Scores of the whole catalogue at every moment, float32 (N, n_items)."""
    dense = torch.nn.functional.linear(answer.states, *answer.products).float()
    if answer.repeats is not None:
        dense[batch.seen.moments, batch.seen.items] = answer.repeats.float()
    return dense


def past_of(model: AttentionRecommender, task: Task) -> Past:
    """What has to be told of the items that users took before."""
    if model.repeat is not None:
        return "features"
    return "items" if task.exclude_seen else "nothing"


def moments_at_once(n_items: int) -> int:
    """How many moments are asked together, so that their dense scores fit into memory."""
    return max(1, min(USERS_AT_ONCE, SCORES_AT_ONCE // max(n_items, 1)))
