"""What the recommender reads of single entries of lists: a user, a product, and all that their score is made of."""

from collections.abc import Iterator
from dataclasses import dataclass, fields, replace

import numpy as np
import torch
import torch.nn.functional as F
from torch import Tensor

from core.models.batch import Batch, collate
from core.models.history import History
from core.models.product import Products
from core.models.recommender import Answer, AttentionRecommender
from core.models.scoring import moments_at_once, past_of, scores
from core.models.task import Task


@dataclass(frozen=True)
class Items:
    """All products as a sum: what describes them, and what their buyers alone tell; (n_items, D) and biases (n_items,)."""

    content: Tensor
    own: Tensor
    bias: Tensor

    @property
    def products(self) -> Products:
        return Products(self.content + self.own, self.bias)


@dataclass(frozen=True)
class Pairs:
    """N entries: the inputs of their scores, float32, and the scores.

    Attributes:
        users, items: int64 (N,), codes. again: bool (N,), the user took the item before, so the repeat term speaks.
        states: (N, D), what the user's baskets say at the moment. vectors: (N, D), the user's behaviour vector U.
        repeats: (N, F), REPEAT_FEATURES as the model is told them; zeros where not `again`.
        content, own: (N, D) and bias: (N, 1), of the items.
        attended: (N, D), the baskets as the second stage looks at them for this item; prices: (N, P); best: (N, 1),
            the user's highest score of the first stage.
        first, scores: float64 (N,), of the first stage, and in the end.
    """

    users: np.ndarray
    items: np.ndarray
    again: np.ndarray
    states: Tensor
    vectors: Tensor
    repeats: Tensor
    content: Tensor
    own: Tensor
    bias: Tensor
    attended: Tensor
    prices: Tensor
    best: Tensor
    first: np.ndarray
    scores: np.ndarray

    def __len__(self) -> int:
        return len(self.users)

    def at(self, places: np.ndarray) -> "Pairs":
        """Only these entries, by places or a mask."""
        places = np.arange(len(self))[places].copy()
        return Pairs(*(getattr(self, field.name)[places] for field in fields(self)))


@torch.no_grad()
def all_items(model: AttentionRecommender) -> Items:
    """The products of a model that is no longer trained."""
    model.eval()
    product, content = model.product, model.product.content_vectors()
    if not product.shape.ids:
        return Items(content.vectors, torch.zeros_like(content.vectors), content.bias)
    known = product.known[:, None].to(content.vectors.dtype)
    return Items(
        content.vectors,
        product.item.weight.detach() * known,
        product.trained_bias(content.bias).detach(),
    )


@torch.no_grad()
def read_pairs(
    model: AttentionRecommender,
    history: History,
    users: np.ndarray,
    items: np.ndarray,
    *,
    task: Task,
    demand: Tensor,
) -> Pairs:
    """The entries as of now, in the order asked; on the CPU.

    Args:
        users, items: codes (N,). Every user has a history: others are not scored, they get what is most popular.
        demand: what `recent_demand` gives of the model and the history.
    """
    model.eval()
    described = all_items(model)
    described = replace(described, bias=described.bias + demand)
    order = np.argsort(users, kind="stable")
    parts = [
        _of_users(model, history, described, users[places], items[places], task)
        for places in _by_user(order, users[order], moments_at_once(history.n_items))
    ]
    found = Pairs(*(_joined([getattr(part, field.name) for part in parts]) for field in fields(Pairs)))
    return found.at(np.argsort(order))


def _by_user(order: np.ndarray, users: np.ndarray, at_once: int) -> Iterator[np.ndarray]:
    """Places of entries, of so many users at a time."""
    number = np.cumsum(np.diff(users, prepend=users[:1]) != 0) // at_once
    yield from np.split(order, np.flatnonzero(np.diff(number)) + 1)


def _of_users(
    model: AttentionRecommender,
    history: History,
    described: Items,
    users: np.ndarray,
    items: np.ndarray,
    task: Task,
) -> Pairs:
    own, moment = np.unique(users, return_inverse=True)
    moments = history.now(own, at_last_event=task.predict == "next")
    batch = collate(history, moments, length=model.shape.length, past=past_of(model, task))
    answer = model(batch, described.products)
    dense = scores(answer, batch)
    first = dense[moment, items]
    if task.exclude_seen:
        dense[batch.seen.moments, batch.seen.items] = -torch.inf
    best = dense.amax(dim=1, keepdim=True)[moment]
    again, repeats = _repeats(model, batch, moment, items)
    wanted = torch.from_numpy(items)
    products, prices = described.products.vectors[wanted], model.prices[wanted]
    attended, final = torch.zeros_like(products), first
    if model.ranker is not None:
        attended = _attended(model, answer, batch, moment, products)
        final = second_stage(model, answer.users[moment], products, attended, prices, first[:, None], best)
    return Pairs(
        users=users,
        items=items,
        again=again,
        states=answer.states[moment],
        vectors=answer.users[moment],
        repeats=repeats,
        content=described.content[wanted],
        own=described.own[wanted],
        bias=described.bias[wanted][:, None],
        attended=attended,
        prices=prices,
        best=best,
        first=first.double().numpy(),
        scores=final.double().numpy(),
    )


def _repeats(
    model: AttentionRecommender, batch: Batch, moment: np.ndarray, items: np.ndarray
) -> tuple[np.ndarray, Tensor]:
    """Which entries were taken before, bool (N,), and what the repeat term is told of them, (N, F)."""
    if model.repeat is None:
        return np.zeros(len(items), bool), torch.zeros(len(items), 0)
    n_items = model.shape.product.n_items
    known = batch.seen.moments.numpy() * n_items + batch.seen.items.numpy()
    order = np.argsort(known, kind="stable")
    asked = moment * n_items + items
    place = np.minimum(np.searchsorted(known[order], asked), max(len(known) - 1, 0))
    again = known[order][place] == asked if len(known) else np.zeros(len(items), bool)
    told = batch.seen.features.new_zeros(len(items), batch.seen.features.shape[1])
    told[again] = batch.seen.features[order[place[again]]]
    return again, told


def _attended(
    model: AttentionRecommender, answer: Answer, batch: Batch, moment: np.ndarray, products: Tensor
) -> Tensor:
    """The second stage's look at the baskets for each entry, (N, D)."""
    rows, slots = batch.moment_rows[moment], batch.moment_slots[moment]
    known = torch.arange(batch.length) <= (slots % batch.length)[:, None]  # (N, T)
    tokens = answer.tokens.view(batch.users, batch.length, -1)[rows]  # (N, T, D)
    ranker = model.ranker
    looked = F.scaled_dot_product_attention(
        ranker.query(products)[:, None], ranker.key(tokens), ranker.value(tokens), attn_mask=known[:, None]
    )
    return looked.squeeze(1)


def first_stage_again(model: AttentionRecommender, repeats: Tensor, states: Tensor) -> Tensor:
    """Scores of items taken before, (M, F), (M, D) -> (M,)."""
    term = model.repeat
    scaled = (repeats - term.mean) / term.spread
    return (term.out(F.gelu(term.hidden(scaled) + term.gate(states))) + term.direct(scaled)).squeeze(1)


def second_stage(
    model: AttentionRecommender,
    users: Tensor,
    products: Tensor,
    attended: Tensor,
    prices: Tensor,
    first: Tensor,
    best: Tensor,
) -> Tensor:
    """What the second stage makes of scores `first` (M, 1), where there is one: (M,)."""
    if model.ranker is None:
        return first.squeeze(1)
    parts = [users, products, users * products, attended, attended * products, prices, first - best]
    return (first + model.ranker.out(F.gelu(model.ranker.hidden(torch.cat(parts, dim=1))))).squeeze(1)


def _joined(parts: list):
    return torch.cat(parts) if isinstance(parts[0], Tensor) else np.concatenate(parts)
