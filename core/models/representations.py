"""What further models build on: U of users at moments, P of products, R of both."""

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor

from core.models.batch import Batch, collate
from core.models.history import History
from core.models.recommender import AttentionRecommender
from core.models.scoring import USERS_AT_ONCE, moments_at_once, past_of, scores
from core.models.task import Task


@dataclass(frozen=True)
class Representations:
    """Vectors of N (user, moment, item), in the order asked; D as wide as the recommender.

    Attributes:
        users: float32 (N, D), U; of a user without history what the attributes say.
        products: float32 (N, D), P; zeros for items outside of the catalogue.
        scores: float32 (N,), R: log-probability that the item is what the user takes next, among what may be
            listed then; 0 outside of the catalogue.
    """

    users: np.ndarray
    products: np.ndarray
    scores: np.ndarray


@torch.inference_mode()
def represent(
    model: AttentionRecommender,
    history: History,
    users: np.ndarray,
    times: np.ndarray,
    items: np.ndarray,
    *,
    task: Task,
    device: torch.device,
) -> Representations:
    """U, P and R from what was known strictly before each moment.

    Args:
        users, items: codes (N,); an item outside of the catalogue (-1 for none) has no P and no R.
        times: seconds since 1970 (N,).
    """
    model.eval()
    width = model.shape.width
    found = Representations(
        *(np.zeros((len(users), width), np.float32) for _ in range(2)), np.zeros(len(users), np.float32)
    )
    products = model.product()
    inside = (items >= 0) & (items < history.n_items)
    found.products[inside] = products.vectors.float().cpu().numpy()[items[inside]]
    for rows in _parts(np.flatnonzero(~inside), users, times, USERS_AT_ONCE):
        batch = collate(
            history, history.known(users[rows], times[rows]), length=model.shape.length, past="nothing"
        )
        found.users[rows] = model.users(batch.to(device), products).float().cpu().numpy()
    for rows in _parts(np.flatnonzero(inside), users, times, moments_at_once(history.n_items)):
        moments, past = history.known(users[rows], times[rows]), past_of(model, task)
        batch = collate(history, moments, length=model.shape.length, past=past).to(device)
        answer = model(batch, products)
        found.users[rows] = answer.users.float().cpu().numpy()
        asked = torch.arange(len(rows)), torch.from_numpy(items[rows].astype(np.int64))
        found.scores[rows] = _log_shares(scores(answer, batch), batch, asked, task).cpu().numpy()
    return found


def _log_shares(dense: Tensor, batch: Batch, asked: tuple[Tensor, Tensor], task: Task) -> Tensor:
    """Log-probability of one item at each moment, (N,), among all that may be listed then, and the item itself."""
    own = dense[asked]
    if task.exclude_seen:
        dense[batch.seen.moments, batch.seen.items] = -torch.inf
        dense[asked] = own
    return own - dense.logsumexp(dim=1)


def _parts(rows: np.ndarray, users: np.ndarray, times: np.ndarray, size: int) -> Iterator[np.ndarray]:
    """Rows in parts, by user and time."""
    order = rows[np.lexsort((times[rows], users[rows]))]
    for start in range(0, len(order), size):
        yield order[start : start + size]
