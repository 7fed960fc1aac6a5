"""Small shops for the tests of the dual engine, and its problem as a linear programme."""

import numpy as np
from scipy.optimize import linprog
from scipy.sparse import coo_array, vstack

from core.metrics import NOTHING
from core.recommend.rerank.batch import EMPTY, Candidates


def weights(k):
    found = 1 / np.log2(np.arange(2, k + 2))
    return found / found.sum()


def shop(seed, *, users=400, width=12, items=60, groups=3, short=0.0):
    """Candidates of whom the first groups are the most relevant, and the group of each item."""
    rng = np.random.default_rng(seed)
    codes = np.arange(items) % groups
    chosen = np.stack([rng.choice(items, width, replace=False) for _ in range(users)]).astype(np.int32)
    relevance = rng.random((users, width)) / (1 + codes[chosen])
    order = np.argsort(-relevance, axis=1)
    chosen, relevance = (np.take_along_axis(part, order, axis=1) for part in (chosen, relevance))
    cut = rng.integers(0, width + 1, users) if short else np.full(users, width)
    cut = np.where(rng.random(users) < short, cut, width)
    empty = np.arange(width) >= cut[:, None]
    return Candidates(
        np.where(empty, NOTHING, chosen).astype(np.int32),
        np.where(empty, EMPTY, relevance).astype(np.float32),
    ), codes


def best_possible(candidates, features, low, high, v, user_groups=None):
    """The optimum of the linear programme over (fractional) lists, by HiGHS.

    Args:
        features: (Q, I). low, high: (G, Q).
    """
    users, width = candidates.items.shape
    k, group = len(v), np.zeros(users, int) if user_groups is None else user_groups
    u, c, p = (part.ravel() for part in np.meshgrid(range(users), range(width), range(k), indexing="ij"))
    there = candidates.filled[u, c]
    u, c, p = u[there], c[there], p[there]
    worth = candidates.relevance[u, c] * v[p] / users
    n = np.arange(len(u))
    once = coo_array((np.ones(len(u)), (u * width + c, n)), shape=(users * width, len(u)))
    filled = coo_array((np.ones(len(u)), (u * k + p, n)), shape=(users * k, len(u)))
    rows, ends = [once, filled], [np.ones(users * width), np.ones(users * k)]
    for g in range(len(low)):
        mine = group[u] == g
        for amount, values in enumerate(features):
            seen = mine * v[p] * values[candidates.items[u, c]] / (group == g).sum()
            for sign, limit in ((-1, low[g, amount]), (1, high[g, amount])):
                if np.isfinite(limit):
                    rows.append(coo_array(sign * seen[None]))
                    ends.append([sign * limit])
    found = linprog(-worth, vstack(rows), np.concatenate(ends), bounds=(0, None), method="highs")
    return -found.fun if found.status == 0 else None
