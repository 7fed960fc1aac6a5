"""How much of a user's list depends on which group the model reads of them."""

import numpy as np
import torch

from core.data.fair_groups import FairGroups
from core.models.batch import collate
from core.models.history import History
from core.models.recent_demand import following, recent_demand
from core.models.recommender import AttentionRecommender
from core.models.scoring import moments_at_once, past_of, scores
from core.models.task import Task
from core.train.counterfactual import Flip


@torch.inference_mode()
def flip_change(
    model: AttentionRecommender,
    history: History,
    users: np.ndarray,
    *,
    groups: FairGroups,
    column: int,
    task: Task,
    device: torch.device,
    k: int,
    seed: int,
) -> np.ndarray:
    """Share of each user's first k items that change when another group is read, float64 (N,); users in order.

    Args:
        users: of known groups, with a history. column: place of the attribute among those that the model reads.
    """
    model.eval()
    flip = Flip(1.0, column, np.unique(groups.users[groups.users > 0]))
    rng, found = np.random.default_rng(seed), np.zeros(len(users))
    products = following(model.product(), recent_demand(model, history, task=task))
    at_once = moments_at_once(history.n_items)
    for start in range(0, len(users), at_once):
        here = users[start : start + at_once]
        moments = history.now(here, at_last_event=task.predict == "next")
        own = collate(history, moments, length=model.shape.length, past=past_of(model, task))
        lists = []
        for batch in (own.to(device), flip.applied(own, rng).to(device)):
            dense = scores(model(batch, products), batch)
            if task.exclude_seen:
                dense[batch.seen.moments, batch.seen.items] = -torch.inf
            lists.append(dense.topk(min(k, history.n_items), dim=1).indices)
        same = (lists[0][:, :, None] == lists[1][:, None, :]).any(dim=2).float().mean(dim=1)
        found[start : start + at_once] = 1 - same.cpu().numpy()
    return found
