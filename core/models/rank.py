"""The best k items of everybody, one batch of users at a time."""

from collections.abc import Iterator

import numpy as np
import torch
from torch import Tensor

from core.data.reactions import Dismissed
from core.metrics import NOTHING
from core.models.batch import Batch, collate
from core.models.history import History, ranges
from core.models.recent_demand import following, recent_demand
from core.models.recommender import Answer, AttentionRecommender
from core.models.scoring import CANDIDATES, moments_at_once, past_of, scores
from core.models.task import Task


@torch.inference_mode()
def rank(
    model: AttentionRecommender,
    history: History,
    users: np.ndarray,
    *,
    task: Task,
    k: int,
    device: torch.device,
    among: np.ndarray | None = None,
    dismissed: Dismissed | None = None,
    demand: Tensor | None = None,
) -> Iterator[tuple[np.ndarray, np.ndarray, np.ndarray]]:
    """The best k items of each user as of now, a batch of users at a time, batches of like history length.

    Users without history get the most popular items. With `task.exclude_seen` what a user took is left out.

    Args:
        among: bool (n_items,), the only items that may be listed; unset: all.
        dismissed: pairs of users and items that no list may hold.
        demand: what `recent_demand` gives where `history` is a part of what is known; unset: asked of `history`.

    Yields:
        users (b,), items int32 (b, k'), scores float32 (b, k'), best first; k' = min(k, n_items). Places that
        cannot be filled because the rest may not be listed have score -inf.
    """
    model.eval()
    k = min(k, history.n_items)
    popular = torch.from_numpy(history.trends.log_counts).to(device)
    left_out = None if among is None else torch.from_numpy(~among).to(device)
    demand = recent_demand(model, history, task=task) if demand is None else demand
    products, at_once = following(model.product(), demand), moments_at_once(history.n_items)
    order = np.argsort(history.tokens[users], kind="stable")
    for start in range(0, len(users), at_once):
        here = np.sort(users[order[start : start + at_once]])
        moments = history.now(here, at_last_event=task.predict == "next")
        batch = collate(history, moments, length=model.shape.length, past=past_of(model, task)).to(device)
        answer = model(batch, products)
        dense = scores(answer, batch)  # (b, n_items)
        dense[batch.moment_slots < 0] = popular
        if left_out is not None:
            dense[:, left_out] = -torch.inf
        if task.exclude_seen:
            dense[batch.seen.moments, batch.seen.items] = -torch.inf
        if dismissed is not None:
            rows, gone = _dismissed_by(here, dismissed)
            dense[rows.to(device), gone.to(device)] = -torch.inf
        values, items = dense.topk(min(max(k, CANDIDATES), history.n_items) if model.ranker else k, dim=1)
        if model.ranker is not None:
            values, items = _ranked(model, answer, batch, values, items)
        yield here, items[:, :k].cpu().numpy().astype(np.int32), values[:, :k].cpu().numpy()


def ranked_items(
    model: AttentionRecommender, history: History, users: np.ndarray, *, k: int, **options
) -> np.ndarray:
    """The lists of `rank` in one table, int32 (n_users, k); NOTHING in places that cannot be filled, and of other users.

    Args:
        options: those of `rank`.
    """
    found = np.full((history.n_users, k), NOTHING, np.int32)
    for here, items, values in rank(model, history, users, k=k, **options):
        found[here, : items.shape[1]] = np.where(np.isfinite(values), items, NOTHING)
    return found


def _dismissed_by(users: np.ndarray, dismissed: Dismissed) -> tuple[Tensor, Tensor]:
    """Places among sorted users (b,), and items, of what these users dismissed, int64 (n,) each."""
    begin, end = (np.searchsorted(dismissed.users, users, side) for side in ("left", "right"))
    lines = ranges(begin, end - begin)
    rows = np.repeat(np.arange(len(users)), end - begin)
    return torch.from_numpy(rows), torch.from_numpy(dismissed.items[lines])


def _ranked(
    model: AttentionRecommender, answer: Answer, batch: Batch, values: Tensor, items: Tensor
) -> tuple[Tensor, Tensor]:
    """Candidates (b, C) in the order of the second stage; what cannot be listed stays behind."""
    moments = torch.arange(len(items), device=items.device)
    ranked = model.rank_candidates(answer, batch, moments, items, values)
    ranked = torch.where((values > -torch.inf) & (batch.moment_slots >= 0)[:, None], ranked.float(), values)
    order = ranked.argsort(dim=1, descending=True, stable=True)
    return ranked.gather(1, order), items.gather(1, order)
