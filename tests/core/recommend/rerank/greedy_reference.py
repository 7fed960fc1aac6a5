"""Small batches of candidates, and the slow way to build a list: every candidate tried at every place, in float64."""

from collections.abc import Callable
from itertools import permutations

import numpy as np
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from core.metrics import NOTHING
from core.recommend.rerank.batch import EMPTY, Candidates, scaled

ITEMS, GROUPS, USERS, WIDTH = 12, 3, 4, 6
ROUNDING = 1e-5
CODES = np.arange(ITEMS) % GROUPS

Gain = Callable[[list[int], int], float]  # what an item adds after the items of a list


def batch_of(relevance: np.ndarray, filled: np.ndarray, order: np.ndarray) -> Candidates:
    """Relevances are sorted; of each row's order of items the first `filled` are its candidates."""
    width = relevance.shape[1]
    there = np.arange(width) < filled[:, None]
    return Candidates(
        np.where(there, order[:, :width], NOTHING).astype(np.int32),
        np.where(there, -np.sort(-relevance, axis=1), EMPTY).astype(np.float32),
    )


def drawn(
    rng: np.random.Generator, *, users: int = 60, width: int = 20, items: int = 100, short: bool = True
) -> Candidates:
    """Candidates of users of whom some have few, and some none, where `short`."""
    order = np.argsort(rng.random((users, items)), axis=1)
    filled = rng.integers(0, width + 1, users) if short else np.full(users, width)
    return batch_of(rng.random((users, width)), filled, order)


@st.composite
def batches(draw) -> Candidates:
    """A few users with many equal relevances, some without candidates."""
    grid = st.integers(0, 4).map(lambda n: n / 4)
    relevance = draw(arrays(float, (USERS, WIDTH), elements=grid))
    filled = draw(arrays(int, USERS, elements=st.integers(0, WIDTH)))
    rng = np.random.default_rng(draw(st.integers(0, 2**16)))
    return batch_of(relevance, filled, np.argsort(rng.random((USERS, ITEMS)), axis=1))


def tastes(*, users: int = USERS, groups: int = GROUPS) -> st.SearchStrategy[np.ndarray]:
    """Shares of each user, with zeros; unknown for some users."""
    counts = arrays(float, (users, groups), elements=st.integers(0, 3).map(float))
    return counts.map(_as_shares)


def _as_shares(counts: np.ndarray) -> np.ndarray:
    total = counts.sum(axis=1, keepdims=True)
    return np.divide(counts, total, out=np.full_like(counts, np.nan), where=total > 0)


def shares(rng: np.random.Generator, users: int, groups: int) -> np.ndarray:
    """Shares of each user, uneven ones."""
    return rng.dirichlet(np.full(groups, 0.4), users)


def rows(candidates: Candidates) -> list[tuple[list[int], list[float]]]:
    """Each user's items, and their relevance from 1 to 0, in plain Python."""
    share = scaled(candidates.relevance.astype(float))
    count = candidates.filled.sum(axis=1)
    return [(candidates.items[u, :n].tolist(), share[u, :n].tolist()) for u, n in enumerate(count)]


def best_first(items: list[int], k: int, gain: Gain) -> list[int]:
    """The list that takes the item of the highest gain at each place, the first among equals."""
    built: list[int] = []
    left = list(items)
    while left and len(built) < k:
        values = [gain(built, item) for item in left]
        built.append(left.pop(values.index(max(values))))
    return built


def assert_greedy(built: list[int], items: list[int], gain: Gain) -> None:
    """Each place holds the best of the items that are left, up to the rounding of float32."""
    for place, item in enumerate(built):
        left = [other for other in items if other not in built[:place]]
        assert gain(built[:place], item) >= max(gain(built[:place], other) for other in left) - ROUNDING


def best_value(items: list[int], k: int, value: Callable[[list[int]], float]) -> float:
    """The highest value that any list of k of the items has, by trying them all."""
    return max(value(list(chosen)) for chosen in permutations(items, min(k, len(items))))


def assert_reordered(found: Candidates, candidates: Candidates, k: int) -> None:
    """Everyone keeps the same items, each once; empty places are last; what is not chosen keeps its order."""
    np.testing.assert_array_equal(np.sort(found.items, axis=1), np.sort(candidates.items, axis=1))
    np.testing.assert_array_equal(found.filled, candidates.filled)
    np.testing.assert_array_equal(found.relevance, candidates.relevance)
    for new, old in zip(found.items.tolist(), candidates.items.tolist(), strict=True):
        rest = [item for item in old if item != NOTHING and item not in new[:k]]
        assert new[k:] == rest + [NOTHING] * (len(new[k:]) - len(rest))
