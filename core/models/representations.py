"""What further models build on: U of users at moments, P of products, R of both."""

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
import torch

from core.models.batch import collate
from core.models.history import History
from core.models.recommender import AttentionRecommender
from core.models.scoring import USERS_AT_ONCE, moments_at_once, scores


@dataclass(frozen=True)
class Representations:
    """Vectors of N (user, moment, item), in the order asked; D as wide as the recommender.

    Attributes:
        users: float32 (N, D), U; of a user without history what the attributes say.
        products: float32 (N, D), P; zeros for items outside of the catalogue.
        scores: float32 (N,), R: log-probability that the item is what the user takes next; 0 outside of the catalogue.
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
            history, history.known(users[rows], times[rows]), length=model.shape.length, with_repeats=False
        )
        found.users[rows] = model.users(batch.to(device), products).float().cpu().numpy()
    for rows in _parts(np.flatnonzero(inside), users, times, moments_at_once(history.n_items)):
        moments, wanted = history.known(users[rows], times[rows]), model.repeat is not None
        batch = collate(history, moments, length=model.shape.length, with_repeats=wanted).to(device)
        answer = model(batch, products)
        found.users[rows] = answer.users.float().cpu().numpy()
        share = scores(answer, batch).log_softmax(dim=1).cpu().numpy()
        found.scores[rows] = share[np.arange(len(rows)), items[rows]]
    return found


def _parts(rows: np.ndarray, users: np.ndarray, times: np.ndarray, size: int) -> Iterator[np.ndarray]:
    """Rows in parts, by user and time."""
    order = rows[np.lexsort((times[rows], users[rows]))]
    for start in range(0, len(order), size):
        yield order[start : start + size]
