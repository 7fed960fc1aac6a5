"""Learning from reactions to lists: clicks and purchases of what was shown against what was shown in vain."""

from dataclasses import dataclass

import numpy as np
import torch
import torch.nn.functional as F
from torch import Tensor

from core.data.reactions import Reactions
from core.models.batch import Batch, collate
from core.models.history import History
from core.models.product import Products
from core.models.recommender import AttentionRecommender
from core.schema.settings import TrainSettings

USERS_PER_BATCH = 0.25  # of its size: reading their histories is what costs
PER_USER = 16  # reactions drawn of each of them


@dataclass(frozen=True)
class ReactionExamples:
    """Reactions drawn for each batch; each is predicted from what was known when its list was shown.

    Attributes:
        shown: those of the training window, in the order of their users; offsets: int64 (n_users + 1,), where each
            user's begin.
        length: baskets that are read of each user.
        user_weights: float32 (n_users,), what a user's reactions count for; None where all count the same.
    """

    history: History
    shown: Reactions
    offsets: np.ndarray
    length: int
    user_weights: np.ndarray | None = None

    def loss(
        self, model: AttentionRecommender, products: Products, batch_size: int, rng: np.random.Generator
    ) -> Tensor:
        """Mean binary cross-entropy of some reactions, each of all as likely to be drawn as any other."""
        drawn = self.shown.among(self._rows(max(round(USERS_PER_BATCH * batch_size), 1), rng))
        moments = self.history.known(drawn.users, drawn.times)
        batch = collate(self.history, moments, length=self.length, past="items")
        device = products.vectors.device
        taken = torch.from_numpy(_taken(batch, drawn.items, self.history.n_items)).to(device)
        items, ranks, values = (
            torch.from_numpy(values).to(device) for values in (drawn.items, drawn.ranks, drawn.values)
        )
        logits = model.reactions(batch.to(device), products, items, ranks, taken).float()
        if self.user_weights is None:
            return F.binary_cross_entropy_with_logits(logits, values)
        each = F.binary_cross_entropy_with_logits(logits, values, reduction="none")
        weights = torch.from_numpy(self.user_weights[drawn.users]).to(device)
        return (each * weights).sum() / weights.sum().clamp(min=1e-9)

    def _rows(self, n: int, rng: np.random.Generator) -> np.ndarray:
        """PER_USER reactions, in the order of users, of each of n users as likely as they reacted often."""
        users = np.sort(self.shown.users[rng.integers(len(self.shown.users), size=n)])
        begin, count = self.offsets[users], np.diff(self.offsets)[users]
        return (
            begin[:, None] + np.floor(rng.random((n, PER_USER)) * count[:, None]).astype(np.int64)
        ).ravel()


def _taken(batch: Batch, items: np.ndarray, n_items: int) -> np.ndarray:
    """Whether each moment's user took its item (N,) before, bool (N,)."""
    asked = np.arange(len(items)) * n_items + items
    return np.isin(asked, batch.seen.moments.numpy() * n_items + batch.seen.items.numpy())


def reaction_examples(
    history: History,
    found: Reactions | None,
    settings: TrainSettings,
    *,
    user_weights: np.ndarray | None = None,
) -> ReactionExamples | None:
    """The reactions that training may draw; None where there are none, or they are not asked for."""
    if found is None or not settings.reactions_weight:
        return None
    shown = found.among(np.argsort(found.users, kind="stable"))
    offsets = np.searchsorted(shown.users, np.arange(history.n_users + 1))
    return ReactionExamples(history, shown, offsets, settings.history_length, user_weights)
