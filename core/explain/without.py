"""What a user's list would be if some products had never been bought: the real model, asked again."""

from collections.abc import Collection, Sequence
from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor

from core.data.inputs import Sequences
from core.data.reactions import Dismissed
from core.models.batch import collate
from core.models.history import History, indexed
from core.models.rank import rank
from core.models.recent_demand import following
from core.models.recommender import AttentionRecommender
from core.models.scoring import CANDIDATES, past_of, scores
from core.models.task import Task


@dataclass(frozen=True)
class Standing:
    """How an item stands in V lists of k, (V,) each.

    Attributes:
        margin: its score above the best one outside of such a list without it; it is in the list while this is above zero.
            -inf where it is not even a candidate. score: its own. place: from 1.
    """

    margin: np.ndarray
    score: np.ndarray
    place: np.ndarray


@dataclass(frozen=True)
class Asked:
    """One user, one item, one length of list.

    `demand`: what `recent_demand` gives of the model and the history. `dismissed`: what no list may hold, of whomever.
    """

    model: AttentionRecommender
    history: History
    task: Task
    demand: Tensor
    user: int
    item: int
    k: int
    dismissed: Dismissed | None = None

    @property
    def products(self) -> np.ndarray:
        """The distinct products of the user's history, ascending."""
        return np.unique(self.history.items[self._lines])

    def without(self, removed: Sequence[Collection[int]]) -> Standing:
        """How the item stands when each of V sets of products is taken out of the history, wherever it stands there."""
        lines = self._lines
        items = self.history.items[lines]
        kept = np.array([~np.isin(items, list(products)) for products in removed]).reshape(-1, len(items))
        changed = variants(self.history, self.user, kept)
        margin, score = (np.full(len(kept), -np.inf) for _ in range(2))
        place = np.full(len(kept), CANDIDATES + 1)
        asked = np.arange(len(kept))
        options = {
            "k": CANDIDATES,
            "device": torch.device("cpu"),
            "dismissed": self._dismissed(len(kept)),
            "demand": self.demand,
        }
        for users, listed, values in rank(self.model, changed, asked, task=self.task, **options):
            for user, own, points in zip(users, listed, values, strict=True):
                at = np.flatnonzero(own == self.item)
                if not len(at) or not np.isfinite(points[at[0]]):
                    continue
                others = np.delete(points, at[0])
                beaten = others[self.k - 1] if len(others) >= self.k else -np.inf
                score[user], place[user] = points[at[0]], at[0] + 1
                margin[user] = points[at[0]] - beaten
        return Standing(margin, score, place)

    def _dismissed(self, variants: int) -> Dismissed | None:
        """What the user dismissed, as that of each of the variants."""
        if self.dismissed is None:
            return None
        items = self.dismissed.items[self.dismissed.users == self.user]
        return Dismissed(np.repeat(np.arange(variants), len(items)), np.tile(items, variants))

    def leading(self, most: int) -> np.ndarray:
        """At most so many products of the history, those first to which the score answers most.

        By gradient x input: what the item's first-stage score would lose to first order if the product's vector were
        zero in every basket. A guess of where to look, for a product's counts have no gradient; the item itself, if it
        is there, is the first.
        """
        products = self.products
        moments = self.history.now(np.array([self.user]), at_last_event=self.task.predict == "next")
        past = past_of(self.model, self.task)
        batch = collate(self.history, moments, length=self.model.shape.length, past=past)
        with torch.no_grad():
            known = following(self.model.product(), self.demand)
        vectors = known.vectors.clone().requires_grad_()
        answer = self.model(batch, known._replace(vectors=vectors))
        (slope,) = torch.autograd.grad(scores(answer, batch)[0, self.item], vectors)
        told = (slope * vectors).sum(dim=1).detach().abs().double().numpy()[products]
        told[products == self.item] = np.inf
        return products[np.argsort(-told, kind="stable")[:most]]

    @property
    def _lines(self) -> slice:
        return slice(*self.history.line_offsets[self.user : self.user + 2])


def variants(history: History, user: int, kept: np.ndarray) -> History:
    """V users who are this one with some events only; all else is known as it was, also how popular items are.

    Args:
        kept: bool (V, E), which of the user's E events each of them has.
    """
    begin, end = history.line_offsets[user : user + 2]
    which, line = np.nonzero(kept)
    tokens = np.repeat(np.arange(len(history.token_times)), np.diff(history.token_lines))[begin:end]
    lines = begin + line
    past = Sequences(
        offsets=np.concatenate([[0], np.cumsum(kept.sum(axis=1))]).astype(np.int64),
        items=history.items[lines].astype(np.int32),
        times=history.times[lines],
        baskets=(which * (len(history.token_times) + 1) + tokens[line]).astype(np.int64),
        events=history.events[lines].astype(np.int8),
    )
    return indexed(
        past,
        n_items=history.n_items,
        at=history.at,
        user_attributes=np.repeat(history.user_attributes[[user]], len(kept), axis=0),
        user_features=np.repeat(history.user_features[[user]], len(kept), axis=0),
        trends=history.trends,
    )
