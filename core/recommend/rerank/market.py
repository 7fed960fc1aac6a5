"""Everyone's candidates with prices on what they are: one pass gives everyone's best lists under any prices."""

from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor

from core.recommend.rerank.batch import Candidates
from core.recommend.rerank.heads import heads
from core.recommend.rerank.order import best_first

AT_ONCE = 1 << 12  # users whose candidates are cut at a time
NUMBERS = 1 << 18  # of a pass at a time: they stay in the cache


@dataclass(frozen=True)
class Kinds:
    """What is priced: items of one kind are alike to the prices.

    Attributes:
        codes: (I,) kind of each item, 0 .. J - 1.
        features: (Q, J) how much an item of each kind has of each of the Q amounts that prices are on: 0 and 1 for
            membership in item groups, a share for the percentile of a price.
    """

    codes: np.ndarray
    features: np.ndarray


@dataclass(frozen=True)
class Market:
    """Heads of the candidates of U users, at most M of each, on a device.

    Attributes:
        relevance: float32 (U, M), -inf where there is no candidate. places: int32 (U, M) in the candidates.
        cells: int32 (U, M), user group * (J + 1) + kind; kind J where there is no candidate.
        sizes: (G,) users of each group. weights: (k,) of places, sum 1.
        full: whether everybody has k candidates.
    """

    relevance: Tensor
    places: Tensor
    cells: Tensor
    features: np.ndarray
    sizes: np.ndarray
    weights: np.ndarray
    full: bool

    @property
    def n_users(self) -> int:
        return len(self.relevance)

    @property
    def shares(self) -> np.ndarray:
        """(G,) of all users."""
        return self.sizes / self.n_users


@dataclass(frozen=True)
class Response:
    """Everyone's best lists under some prices.

    Attributes:
        value: mean over users of sum_k v_k (emphasis * relevance + price). relevance: of sum_k v_k relevance.
        of_groups: (G,) the same of each user group. exposure: (G, Q) mean over the users of a group of
            sum_k v_k feature_q. places: int32 (U, k) of the lists in the
            candidates, best first; None unless asked for.
    """

    value: float
    relevance: float
    of_groups: np.ndarray
    exposure: np.ndarray
    places: np.ndarray | None


def open_market(
    candidates: Candidates,
    kinds: Kinds,
    weights: np.ndarray,
    *,
    user_groups: np.ndarray | None = None,
    n_groups: int = 1,
    device: str = "cpu",
) -> Market:
    """Cut the candidates to their `heads`, in their order.

    Args:
        weights: (k,) of places, falling, sum 1.
        user_groups: (U,) 0 .. G - 1, G where a user is in no group and so sees no price; None: all are group 0.
    """
    n_kinds, k = kinds.features.shape[1], len(weights)
    group = np.zeros(candidates.n_users, np.int32) if user_groups is None else user_groups.astype(np.int32)
    n_groups = 1 if user_groups is None else n_groups
    codes = np.append(kinds.codes, n_kinds).astype(np.int32)  # NOTHING is at the end
    parts = [slice(start, start + AT_ONCE) for start in range(0, candidates.n_users, AT_ONCE)]
    kept = [heads(codes.take(candidates.items[here]), kinds.features, k) for here in parts]
    length = np.concatenate([part.sum(axis=1) for part in kept] or [np.zeros(0, int)])
    shape = candidates.n_users, max(int(length.max(initial=0)), k)
    relevance, places = np.full(shape, -np.inf, np.float32), np.zeros(shape, np.int32)
    cells = np.repeat(group[:, None] * np.int32(n_kinds + 1) + np.int32(n_kinds), shape[1], axis=1)
    for here, part in zip(parts, kept, strict=True):
        old, new = np.flatnonzero(part), np.flatnonzero(np.arange(shape[1]) < length[here, None])
        kind = codes.take(candidates.items[here].take(old))
        relevance[here].ravel()[new] = candidates.relevance[here].take(old)
        places[here].ravel()[new] = old % part.shape[1]
        cells[here].ravel()[new] += kind - np.int32(n_kinds)
    return Market(
        relevance=torch.from_numpy(relevance).to(device),
        places=torch.from_numpy(places).to(device),
        cells=torch.from_numpy(cells).to(device),
        features=kinds.features,
        sizes=np.bincount(group, minlength=n_groups + 1)[:n_groups],
        weights=weights,
        full=bool((length >= k).all()),
    )


def respond(
    market: Market, prices: np.ndarray, *, emphasis: np.ndarray | None = None, lists: bool = False
) -> Response:
    """Everyone's list of most relevance plus prices: the k highest sums, as places count less further down; of equal sums
    the first in the candidates, but on a GPU.

    Args:
        prices: (G, Q) by user group on each amount. emphasis: (G,) above 0, what a group's relevance is multiplied with.
    """
    device, k = market.relevance.device, len(market.weights)
    n_groups, n_kinds = len(prices), market.features.shape[1]
    bonus = np.zeros((n_groups + 1, n_kinds + 1), np.float32)
    bonus[:-1, :-1] = prices @ market.features
    bonus = torch.from_numpy(bonus.ravel()).to(device)
    stress = (
        None if emphasis is None else torch.from_numpy(np.append(emphasis, 1).astype(np.float32)).to(device)
    )
    weights = torch.from_numpy(market.weights.astype(np.float32)).to(device)
    value = 0.0
    attention = torch.zeros(len(bonus), dtype=torch.float64, device=device)
    gained = torch.zeros(n_groups + 1, dtype=torch.float64, device=device)
    found = []
    at_once = max(NUMBERS // market.relevance.shape[1], 1)
    for start in range(0, market.n_users, at_once):
        here = slice(start, start + at_once)
        cells, worth = market.cells[here], market.relevance[here]
        group = (cells[:, 0] // (n_kinds + 1)).long()
        if stress is not None:
            worth = worth * stress[group][:, None]
        top, at = _highest(_of_each(bonus, cells).add_(worth), k)
        chosen = torch.gather(cells, 1, at)
        paid = _of_each(bonus, chosen)
        if not market.full:
            there = chosen % (n_kinds + 1) < n_kinds
            top, paid = top.where(there, 0), paid.where(there, 0)
        value += float((top @ weights).sum(dtype=torch.float64))
        gain = ((top - paid) @ weights).double()
        gained.index_add_(0, group, gain if stress is None else gain / stress[group])
        attention += torch.bincount(
            chosen.flatten(), weights.double().repeat(len(chosen)), minlength=len(bonus)
        )
        if lists:
            found.append(torch.gather(market.places[here], 1, at).cpu().numpy())
    gained = gained.cpu().numpy()
    by_kind = attention.cpu().numpy().reshape(n_groups + 1, -1)[:-1, :-1]
    exposure = by_kind @ market.features.T / np.maximum(market.sizes, 1)[:, None]
    n = max(market.n_users, 1)
    of_groups = gained[:-1] / np.maximum(market.sizes, 1)
    return Response(
        value / n, gained.sum() / n, of_groups, exposure, np.concatenate(found) if lists else None
    )


def _highest(worth: Tensor, k: int) -> tuple[Tensor, Tensor]:
    """The k highest of each row, and their places. On processors a sort of whole rows is several times as fast as topk."""
    if worth.device.type != "cpu":
        return torch.topk(worth, k, dim=1)
    at = torch.from_numpy(best_first(worth.numpy())[:, :k])
    return torch.gather(worth, 1, at), at


def _of_each(values: Tensor, cells: Tensor) -> Tensor:
    """values[cells], several times as fast."""
    return values.index_select(0, cells.flatten()).view(cells.shape)


def sample(market: Market, size: int, rng: np.random.Generator) -> Market:
    """The market of some of its users, drawn at random; the same one where there are no more."""
    if market.n_users <= size:
        return market
    rows = torch.from_numpy(np.sort(rng.choice(market.n_users, size, replace=False))).to(market.cells.device)
    cells = market.cells.index_select(0, rows)
    group = (cells[:, 0] // (market.features.shape[1] + 1)).cpu().numpy()
    return Market(
        market.relevance.index_select(0, rows),
        market.places.index_select(0, rows),
        cells,
        market.features,
        np.bincount(group, minlength=len(market.sizes) + 1)[: len(market.sizes)],
        market.weights,
        market.full,
    )
