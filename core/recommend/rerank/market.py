"""Everyone's candidates with prices on what they are: one pass gives everyone's best lists under any prices."""

from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor

from core.recommend.rerank.batch import Candidates

CHUNK = 1 << 14  # users of a pass at a time: keys stay in the cache


@dataclass(frozen=True)
class Kinds:
    """What is priced: items of one kind are alike to the prices, so of a user's candidates only k of each can matter.

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
    """Cut the candidates to their heads: the first k of each kind. Prices never reorder items of one kind.

    Args:
        weights: (k,) of places, falling, sum 1.
        user_groups: (U,) 0 .. G - 1, G where a user is in no group and so sees no price; None: all are group 0.
    """
    n_kinds, k = kinds.features.shape[1], len(weights)
    group = np.zeros(candidates.n_users, np.int32) if user_groups is None else user_groups.astype(np.int32)
    n_groups = 1 if user_groups is None else n_groups
    kind = np.where(candidates.filled, kinds.codes[candidates.items], n_kinds).astype(np.int32)
    head = _heads(kind, n_kinds, k)
    width = max(int(head.sum(axis=1).max(initial=0)), k)
    # Filled heads first, in their order; what is cut off or empty has no relevance
    order = np.argsort(~head, axis=1, kind="stable")[:, :width]
    there = np.take_along_axis(head, order, axis=1)
    relevance = np.where(there, np.take_along_axis(candidates.relevance, order, axis=1), -np.inf)
    kind = np.where(there, np.take_along_axis(kind, order, axis=1), n_kinds)
    cells = (group[:, None] * (n_kinds + 1) + kind).astype(np.int32)
    return Market(
        relevance=torch.from_numpy(_padded(relevance.astype(np.float32), k, -np.inf)).to(device),
        places=torch.from_numpy(_padded(order.astype(np.int32), k, 0)).to(device),
        cells=torch.from_numpy(_padded(cells, k, n_kinds)).to(device),
        features=kinds.features,
        sizes=np.bincount(group, minlength=n_groups + 1)[:n_groups],
        weights=weights,
        full=bool((there.sum(axis=1) >= k).all()),
    )


def _heads(kind: np.ndarray, n_kinds: int, k: int) -> np.ndarray:
    """Which places are among the first k of their kind in their row, bool (U, C); no empty ones."""
    head = np.zeros(kind.shape, bool)
    for number in range(n_kinds):
        mine = kind == number
        head |= mine & (np.cumsum(mine, axis=1, dtype=np.int16) <= k)
    return head


def _padded(values: np.ndarray, width: int, blank: float) -> np.ndarray:
    """At least `width` columns."""
    missing = max(width - values.shape[1], 0)
    return np.ascontiguousarray(np.pad(values, ((0, 0), (0, missing)), constant_values=blank))


def respond(
    market: Market, prices: np.ndarray, *, emphasis: np.ndarray | None = None, lists: bool = False
) -> Response:
    """Everyone's list of most relevance plus prices: the k highest sums, as places count less further down.

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
    for start in range(0, market.n_users, CHUNK):
        here = slice(start, start + CHUNK)
        cells, worth = market.cells[here], market.relevance[here]
        group = (cells[:, 0] // (n_kinds + 1)).long()
        if stress is not None:
            worth = worth * stress[group][:, None]
        top, at = torch.topk(worth + bonus[cells], k, dim=1)
        chosen = torch.gather(cells, 1, at)
        paid = bonus[chosen]
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


def sample(market: Market, size: int, rng: np.random.Generator) -> Market:
    """The market of some of its users, drawn at random; the same one where there are no more."""
    if market.n_users <= size:
        return market
    rows = torch.from_numpy(np.sort(rng.choice(market.n_users, size, replace=False))).to(market.cells.device)
    cells = market.cells[rows]
    group = (cells[:, 0] // (market.features.shape[1] + 1)).cpu().numpy()
    return Market(
        market.relevance[rows],
        market.places[rows],
        cells,
        market.features,
        np.bincount(group, minlength=len(market.sizes) + 1)[: len(market.sizes)],
        market.weights,
        market.full,
    )
